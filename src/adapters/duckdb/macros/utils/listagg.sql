{#- Joined text; a limited one is joined from the first elements of a list. -#}
{% macro duckdb__listagg(measure, delimiter_text, order_by_clause, limit_num) -%}
    {%- set ordering = ' ' ~ order_by_clause if order_by_clause else '' -%}
    {%- if limit_num -%}
    list_aggregate(array_agg({{ measure }}{{ ordering }})[1:{{ limit_num }}], 'string_agg', {{ delimiter_text }})
    {%- else -%}
    string_agg({{ measure }}, {{ delimiter_text }}{{ ordering }})
    {%- endif -%}
{%- endmacro %}
