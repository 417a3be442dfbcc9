{#- The present moment. Snapshots store it without a time zone, to the microsecond: a table keeps no more. -#}
{% macro datafusion__current_timestamp() -%}
    now()
{%- endmacro %}

{% macro datafusion__snapshot_get_time() -%}
    cast({{ current_timestamp() }} as timestamp)
{%- endmacro %}

{% macro datafusion__snapshot_string_as_time(timestamp) -%}
    {{ return("cast('" ~ timestamp ~ "' as timestamp)") }}
{%- endmacro %}
