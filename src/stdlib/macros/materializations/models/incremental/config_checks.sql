{#- Checks of single configs. Each adds what it finds to a list; a missing config is fine. -#}
{% macro validate_string_field(field_value, field_name, errors) -%}
    {%- if field_value is not none and field_value is not string -%}
        {%- do errors.append(field_name ~ ' must be a string, found: ' ~ field_value) -%}
    {%- endif -%}
{%- endmacro %}


{% macro validate_string_list_field(field_value, field_name, errors) -%}
    {%- if field_value is not none and not field_value | is_list -%}
        {%- do errors.append(field_name ~ ' must be a list') -%}
    {%- elif field_value is not none -%}
        {%- for item in field_value if item is not string -%}
            {%- do errors.append(field_name ~ ' may only hold texts, found: ' ~ item) -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}


{% macro validate_dict_field(field_value, field_name, errors) -%}
    {%- if field_value is not none and field_value is not mapping -%}
        {%- do errors.append(field_name ~ ' must be a dictionary, found: ' ~ field_value) -%}
    {%- endif -%}
{%- endmacro %}


{% macro normalize_incremental_predicates(incremental_predicates) -%}
    {{ return(normalize_string_or_list(incremental_predicates, 'incremental_predicates')) }}
{%- endmacro %}
