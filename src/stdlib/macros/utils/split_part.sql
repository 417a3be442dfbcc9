{#- One piece of a text cut at a delimiter, counted from 1. -#}
{% macro split_part(string_text, delimiter_text, part_number) -%}
    {{ return(adapter.dispatch('split_part', 'dbt')(string_text, delimiter_text, part_number)) }}
{%- endmacro %}

{% macro default__split_part(string_text, delimiter_text, part_number) -%}
    split_part({{ string_text }}, {{ delimiter_text }}, {{ part_number }})
{%- endmacro %}

{#- Counts from the end, for engines whose split_part only knows positive numbers. -#}
{% macro _split_part_negative(string_text, delimiter_text, part_number) -%}
    {%- set delimiters = 'length(' ~ string_text ~ ') - length(replace(' ~ string_text ~ ', ' ~ delimiter_text ~ ", ''))" -%}
    split_part({{ string_text }}, {{ delimiter_text }}, {{ delimiters }} + 2 + {{ part_number }})
{%- endmacro %}
