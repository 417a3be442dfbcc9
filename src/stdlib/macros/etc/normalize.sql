{#- A config that may be one text or a list of texts, as a list. -#}
{% macro normalize_string_or_list(raw, field_name) -%}
    {%- if raw is none -%}
        {{ return([]) }}
    {%- endif -%}
    {%- set items = [raw] if raw is string else raw -%}
    {%- if not items | is_list -%}
        {{ exceptions.raise_compiler_error(field_name ~ ' has to be a text or a list of texts') }}
    {%- endif -%}
    {%- for item in items if item is not string -%}
        {{ exceptions.raise_compiler_error(field_name ~ ' may only hold texts') }}
    {%- endfor -%}
    {{ return(items | list) }}
{%- endmacro %}
