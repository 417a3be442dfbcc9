{#- Descriptions as comments. Dollar quotes keep any text as it is. -#}
{% macro duckdb_escape_comment(comment) -%}
    {%- set quote = '$dbt_comment$' -%}
    {%- if comment is not string -%}
        {%- do exceptions.raise_compiler_error('A comment has to be a text, found: ' ~ comment) -%}
    {%- elif quote in comment -%}
        {%- do exceptions.raise_compiler_error('A comment may not contain ' ~ quote) -%}
    {%- endif -%}
    {{ quote }}{{ comment }}{{ quote }}
{%- endmacro %}


{% macro duckdb__alter_relation_comment(relation, comment) -%}
    comment on {{ relation.type }} {{ relation }} is {{ duckdb_escape_comment(comment) }}
{%- endmacro %}


{% macro duckdb__alter_column_comment(relation, column_dict) -%}
    {%- set existing = adapter.get_columns_in_relation(relation) | map(attribute='name') | map('lower') | list -%}
    {%- for name, column in column_dict.items() if name | lower in existing %}
    comment on column {{ relation }}.{{ adapter.quote(name) if column['quote'] else name }} is {{ duckdb_escape_comment(column['description']) }};
    {%- endfor -%}
{%- endmacro %}
