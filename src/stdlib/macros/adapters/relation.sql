{#- Relations: the names used while one is being replaced, and looking one up. -#}
{% macro make_intermediate_relation(base_relation, suffix='__dbt_tmp') -%}
    {{ return(adapter.dispatch('make_intermediate_relation', 'dbt')(base_relation, suffix)) }}
{%- endmacro %}

{#- Not the dispatched make_temp_relation: an adapter may build that outside the schema, and this one is renamed later. -#}
{% macro default__make_intermediate_relation(base_relation, suffix) -%}
    {{ return(default__make_temp_relation(base_relation, suffix)) }}
{%- endmacro %}


{#- Concurrent batches of one model each need a name of their own. -#}
{% macro make_temp_relation(base_relation, suffix='__dbt_tmp') -%}
    {%- if suffix == '__dbt_tmp' and model.batch -%}
        {%- set suffix = suffix ~ '_' ~ model.batch.id -%}
    {%- endif -%}
    {{ return(adapter.dispatch('make_temp_relation', 'dbt')(base_relation, suffix)) }}
{%- endmacro %}

{% macro default__make_temp_relation(base_relation, suffix) -%}
    {{ return(base_relation.incorporate(path={'identifier': base_relation.identifier ~ suffix})) }}
{%- endmacro %}


{% macro make_backup_relation(base_relation, backup_relation_type, suffix='__dbt_backup') -%}
    {{ return(adapter.dispatch('make_backup_relation', 'dbt')(base_relation, backup_relation_type, suffix)) }}
{%- endmacro %}

{% macro default__make_backup_relation(base_relation, backup_relation_type, suffix) -%}
    {{ return(base_relation.incorporate(
        path={'identifier': base_relation.identifier ~ suffix},
        type=backup_relation_type
    )) }}
{%- endmacro %}


{% macro truncate_relation(relation) -%}
    {{ return(adapter.dispatch('truncate_relation', 'dbt')(relation)) }}
{%- endmacro %}

{% macro default__truncate_relation(relation) -%}
    {%- call statement('truncate_relation') -%}
        truncate table {{ relation.render() }}
    {%- endcall -%}
{%- endmacro %}


{#- A pair: whether the relation exists, and the relation itself (made up if it does not). -#}
{% macro get_or_create_relation(database, schema, identifier, type) -%}
    {{ return(adapter.dispatch('get_or_create_relation', 'dbt')(database, schema, identifier, type)) }}
{%- endmacro %}

{% macro default__get_or_create_relation(database, schema, identifier, type) -%}
    {%- set existing = adapter.get_relation(database=database, schema=schema, identifier=identifier) -%}
    {%- if existing -%}
        {{ return([true, existing]) }}
    {%- endif -%}
    {{ return([false, api.Relation.create(database=database, schema=schema, identifier=identifier, type=type)]) }}
{%- endmacro %}


{% macro load_cached_relation(relation) -%}
    {{ return(adapter.get_relation(
        database=relation.database,
        schema=relation.schema,
        identifier=relation.identifier
    )) }}
{%- endmacro %}

{#- The former name of load_cached_relation. -#}
{% macro load_relation(relation) -%}
    {{ return(load_cached_relation(relation)) }}
{%- endmacro %}


{#-
  Removes what a killed run left under a name that a build uses on its way.
  A table that something of the project itself is stored in is no leftover, whatever it is called.
-#}
{% macro drop_leftover_relation(relation) -%}
    {%- set found = load_cached_relation(relation) -%}
    {%- if found is none -%}
        {{ return(none) }}
    {%- endif -%}
    {%- for owner in graph.nodes.values() | list + graph.sources.values() | list
        if (owner.identifier or owner.alias or '') | lower == found.identifier | lower
            and (owner.schema or '') | lower == found.schema | lower
            and owner.resource_type in ['model', 'seed', 'snapshot', 'source']
            and owner.get('config', {}).get('materialized') != 'ephemeral' -%}
        {%- do exceptions.raise_compiler_error(
            'To build ' ~ this ~ ', its rows first go into ' ~ found ~ ', but ' ~ owner.unique_id
            ~ ' is stored there. Give one of the two another name.'
        ) -%}
    {%- endfor -%}
    {%- do adapter.drop_relation(found) -%}
{%- endmacro %}


{#-
  Removes the view that a killed run of dbt kept as backup. No backups are made here, and a table of that name may be
  somebody's, so tables stay.
-#}
{% macro drop_leftover_backup(relation) -%}
    {%- set found = load_cached_relation(make_backup_relation(relation, 'view')) -%}
    {%- if found is not none and found.is_view -%}
        {%- do drop_leftover_relation(found) -%}
    {%- endif -%}
{%- endmacro %}
