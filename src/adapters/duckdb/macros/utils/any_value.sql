{#- DuckDB's any_value skips nulls; arbitrary takes the first row as it is. -#}
{% macro duckdb__any_value(expression) -%}
    arbitrary({{ expression }})
{%- endmacro %}
