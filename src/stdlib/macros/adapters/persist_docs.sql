{#- Descriptions written into the database as comments, as far as `persist_docs` asks for it. -#}

{% macro alter_column_comment(relation, column_dict) -%}
    {{ return(adapter.dispatch('alter_column_comment', 'dbt')(relation, column_dict)) }}
{%- endmacro %}

{% macro default__alter_column_comment(relation, column_dict) -%}
    {%- set existing = adapter.get_columns_in_relation(relation) | map(attribute='name') | map('lower') | list -%}
    {%- for name, column in column_dict.items() if name | lower in existing %}
    comment on column {{ relation }}.{{ adapter.quote(name) if column['quote'] else name }} is {{ comment_literal(column['description']) }};
    {%- endfor -%}
{%- endmacro %}


{% macro alter_relation_comment(relation, relation_comment) -%}
    {{ return(adapter.dispatch('alter_relation_comment', 'dbt')(relation, relation_comment)) }}
{%- endmacro %}

{% macro default__alter_relation_comment(relation, relation_comment) -%}
    comment on {{ relation.type }} {{ relation }} is {{ comment_literal(relation_comment) }}
{%- endmacro %}


{#- Any text as a literal. -#}
{% macro comment_literal(comment) -%}
    {%- if comment is not string -%}
        {%- do exceptions.raise_compiler_error('A comment has to be a text, found: ' ~ comment) -%}
    {%- endif -%}
    '{{ comment | replace("'", "''") }}'
{%- endmacro %}


{% macro persist_docs(relation, model, for_relation=true, for_columns=true) -%}
    {{ return(adapter.dispatch('persist_docs', 'dbt')(relation, model, for_relation, for_columns)) }}
{%- endmacro %}

{% macro default__persist_docs(relation, model, for_relation, for_columns) -%}
    {%- if for_relation and config.persist_relation_docs() and model.description -%}
        {%- do run_query(alter_relation_comment(relation, model.description)) -%}
    {%- endif -%}

    {%- if for_columns and config.persist_column_docs() and model.columns -%}
        {%- set existing = get_list_of_column_names(adapter.get_columns_in_relation(relation)) -%}
        {%- set sql = alter_column_comment(relation, validate_doc_columns(relation, model.columns, existing)) -%}
        {%- if sql and sql | trim -%}
            {%- do run_query(sql) -%}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}


{#- The documented columns that exist (unquoted names match in any case); a warning names the others. -#}
{% macro validate_doc_columns(relation, column_dict, existing_column_names) -%}
    {%- set folded = existing_column_names | map('lower') | list -%}
    {%- set known = {} -%}
    {%- set unknown = [] -%}
    {%- for name, column in column_dict.items() -%}
        {%- if name in existing_column_names or (not column['quote'] and name | lower in folded) -%}
            {%- do known.update({name: column}) -%}
        {%- else -%}
            {%- do unknown.append(name) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if unknown -%}
        {%- do exceptions.warn(
            'In relation ' ~ relation.render() ~ ': The following columns are specified in the schema but are not present'
            ~ ' in the database: ' ~ unknown | join(', ')
        ) -%}
    {%- endif -%}
    {{ return(known) }}
{%- endmacro %}
