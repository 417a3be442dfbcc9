{#- Any row's value as it is, null or not. -#}
{% macro datafusion__any_value(expression) -%}
    first_value({{ expression }})
{%- endmacro %}


{#- Joined text; a limited one is joined from the first elements of a list. -#}
{% macro datafusion__listagg(measure, delimiter_text, order_by_clause, limit_num) -%}
    {%- set ordering = ' ' ~ order_by_clause if order_by_clause else '' -%}
    {%- if limit_num -%}
    array_to_string(array_slice(array_agg({{ measure }}{{ ordering }}) filter (where {{ measure }} is not null), 1, {{ limit_num }}), {{ delimiter_text }})
    {%- else -%}
    string_agg({{ measure }}, {{ delimiter_text }}{{ ordering }})
    {%- endif -%}
{%- endmacro %}
