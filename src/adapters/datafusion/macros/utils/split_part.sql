{#- The pieces as a list, which also counts from the end and has no value where there is no piece. -#}
{% macro datafusion__split_part(string_text, delimiter_text, part_number) -%}
    array_element(string_to_array({{ string_text }}, {{ delimiter_text }}), {{ part_number }})
{%- endmacro %}
