{#- Replacing a view in one statement, and a whole materialization made of it for engines whose DDL is not transactional. -#}
{% macro get_replace_view_sql(relation, sql) -%}
    {{- adapter.dispatch('get_replace_view_sql', 'dbt')(relation, sql) -}}
{%- endmacro %}

{% macro default__get_replace_view_sql(relation, sql) -%}
    {{ exceptions.raise_compiler_error('`get_replace_view_sql` is not known to ' ~ adapter.type()) }}
{%- endmacro %}


{#- A materialization body: adapters call it from their own `view` materialization. -#}
{% macro create_or_replace_view() -%}
    {%- set identifier = model['alias'] -%}
    {%- set old_relation = adapter.get_relation(database=database, schema=schema, identifier=identifier) -%}
    {%- set target_relation = api.Relation.create(identifier=identifier, schema=schema, database=database, type='view') -%}

    {{- run_hooks(pre_hooks) -}}

    {%- if old_relation is not none and old_relation.is_table -%}
        {%- do handle_existing_table(should_full_refresh(), old_relation) -%}
    {%- endif -%}

    {%- call statement('main') -%}
        {{ get_create_view_as_sql(target_relation, sql) }}
    {%- endcall -%}

    {%- set was_view = old_relation is not none and old_relation.is_view -%}
    {%- do apply_grants(target_relation, config.get('grants'), should_revoke=should_revoke(was_view, full_refresh_mode=True)) -%}

    {{- run_hooks(post_hooks) -}}

    {{ return({'relations': [target_relation]}) }}
{%- endmacro %}


{#- A table where the view is to be. Some adapters ask for a full refresh before they drop it. -#}
{% macro handle_existing_table(full_refresh, old_relation) -%}
    {{ adapter.dispatch('handle_existing_table', 'dbt')(full_refresh, old_relation) }}
{%- endmacro %}

{% macro default__handle_existing_table(full_refresh, old_relation) -%}
    {%- do log('Dropping the ' ~ old_relation.type ~ ' ' ~ old_relation.render()) -%}
    {%- do adapter.drop_relation(old_relation) -%}
{%- endmacro %}
