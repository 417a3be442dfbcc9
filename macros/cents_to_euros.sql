{% macro cents_to_euros(column, digits=2) -%}
    ({{ column }} / 100.0)::decimal(12, {{ digits }})
{%- endmacro %}
