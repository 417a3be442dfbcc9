{#- The general form; dateadd knows quarters. -#}
{% macro duckdb__last_day(date, datepart) -%}
    {{ dbt.default_last_day(date, datepart) }}
{%- endmacro %}
