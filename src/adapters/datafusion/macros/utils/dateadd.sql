{#- Moving dates and timestamps. The number may be any expression, so a function makes an interval of it. -#}
{% macro datafusion__dateadd(datepart, interval, from_date_or_timestamp) -%}
    date_add({{ from_date_or_timestamp }}, to_{{ datepart | lower }}s({{ interval }}))
{%- endmacro %}
