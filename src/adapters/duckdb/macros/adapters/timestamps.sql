{#-
  The present moment. `now()` has a time zone; snapshots store it without one. The cast works on every build of the
  engine, unlike arithmetic on values with a time zone, which needs an extension.
-#}
{% macro duckdb__current_timestamp() -%}
    now()
{%- endmacro %}

{% macro duckdb__snapshot_get_time() -%}
    {{ current_timestamp() }}::timestamp
{%- endmacro %}

{% macro duckdb__snapshot_string_as_time(timestamp) -%}
    {{ return("'" ~ timestamp ~ "'::timestamp") }}
{%- endmacro %}
