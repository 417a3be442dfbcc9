{% macro url_parameter(column, name) -%}
    nullif(regexp_extract({{ column }}, '[?&]{{ name }}=([^&]*)', 1), '')
{%- endmacro %}
