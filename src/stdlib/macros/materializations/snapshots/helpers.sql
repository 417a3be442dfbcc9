{#- The building blocks of the snapshot materialization; adapters and projects override single ones. -#}
{% macro create_columns(relation, columns) -%}
    {{ adapter.dispatch('create_columns', 'dbt')(relation, columns) }}
{%- endmacro %}

{% macro default__create_columns(relation, columns) -%}
    {%- for column in columns -%}
        {%- call statement() -%}
            alter table {{ relation.render() }} add column {{ adapter.quote(column.name) }} {{ column.expanded_data_type }}
        {%- endcall -%}
    {%- endfor -%}
{%- endmacro %}


{% macro post_snapshot(staging_relation) -%}
    {{ adapter.dispatch('post_snapshot', 'dbt')(staging_relation) }}
{%- endmacro %}

{#- Temporary tables live as long as the connection, which serves many nodes. -#}
{% macro default__post_snapshot(staging_relation) -%}
    {{ return(drop_relation(staging_relation)) }}
{%- endmacro %}


{% macro get_true_sql() -%}
    {{ adapter.dispatch('get_true_sql', 'dbt')() }}
{%- endmacro %}

{% macro default__get_true_sql() -%}
    {{ return('TRUE') }}
{%- endmacro %}


{#- The names of the added columns, by their usual names: `snapshot_meta_column_names` renames single ones. -#}
{% macro get_snapshot_table_column_names() -%}
    {%- set renamed = config.get('snapshot_meta_column_names') or {} -%}
    {%- set names = {} -%}
    {%- for name in ['dbt_valid_to', 'dbt_valid_from', 'dbt_scd_id', 'dbt_updated_at', 'dbt_is_deleted'] -%}
        {%- do names.update({name: renamed[name] or name}) -%}
    {%- endfor -%}
    {{ return(names) }}
{%- endmacro %}


{% macro build_snapshot_table(strategy, sql) -%}
    {{ adapter.dispatch('build_snapshot_table', 'dbt')(strategy, sql) }}
{%- endmacro %}

{#- The first run: every row is its own current version. -#}
{% macro default__build_snapshot_table(strategy, sql) -%}
    {%- set columns = config.get('snapshot_table_column_names') or get_snapshot_table_column_names() -%}
    select
        *,
        {{ strategy.scd_id }} as {{ columns.dbt_scd_id }},
        {{ strategy.updated_at }} as {{ columns.dbt_updated_at }},
        {{ strategy.updated_at }} as {{ columns.dbt_valid_from }},
        {{ get_dbt_valid_to_current(strategy, columns) }}
        {%- if strategy.hard_deletes == 'new_record' %},
        'False' as {{ columns.dbt_is_deleted }}
        {%- endif %}
    from (
        {{ sql }}
    ) sbq
{%- endmacro %}


{% macro build_snapshot_staging_table(strategy, sql, target_relation) -%}
    {%- set temp_relation = make_temp_relation(target_relation) -%}
    {%- set staging_sql = snapshot_staging_table(strategy, sql, target_relation) -%}
    {%- call statement('build_snapshot_staging_relation') -%}
        {{ create_table_as(True, temp_relation, staging_sql) }}
    {%- endcall -%}
    {{ return(temp_relation) }}
{%- endmacro %}


{#- The end of a current version. The nullif is never anything but null; it gives the null its type. -#}
{% macro get_dbt_valid_to_current(strategy, columns) -%}
    coalesce(nullif({{ strategy.updated_at }}, {{ strategy.updated_at }}), {{ config.get('dbt_valid_to_current') or 'null' }})
        as {{ columns.dbt_valid_to }}
{%- endmacro %}


{% macro get_updated_at_column_data_type(snapshot_sql) -%}
    {%- for column in get_column_schema_from_query(snapshot_sql) if column.column | lower == 'dbt_updated_at' -%}
        {{ return(column.dtype) }}
    {%- endfor -%}
    {{ return(none) }}
{%- endmacro %}


{#- Warns if the times of the source and the engine's own are of two types, which makes comparisons surprising. -#}
{% macro check_time_data_types(sql) -%}
    {%- set updated_at_type = get_updated_at_column_data_type(sql) -%}
    {%- set now_type = get_snapshot_get_time_data_type() -%}
    {%- if now_type is not none and updated_at_type is not none and now_type != updated_at_type -%}
        {%- if exceptions.warn_snapshot_timestamp_data_types is defined -%}
            {%- do exceptions.warn_snapshot_timestamp_data_types(now_type, updated_at_type) -%}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}


{#- The unique key as select columns of fixed names, whether it is one expression or a list. -#}
{% macro unique_key_fields(unique_key) -%}
    {%- if unique_key | is_list -%}
        {%- for key in unique_key -%}
            {{ key }} as dbt_unique_key_{{ loop.index }}{{ ', ' if not loop.last }}
        {%- endfor -%}
    {%- else -%}
        {{ unique_key }} as dbt_unique_key
    {%- endif -%}
{%- endmacro %}


{% macro unique_key_join_on(unique_key, identifier, from_identifier) -%}
    {%- if unique_key | is_list -%}
        {%- for key in unique_key -%}
            {%- set column = '.dbt_unique_key_' ~ loop.index -%}
            {{ equals(identifier ~ column, from_identifier ~ column) | trim }}{{ ' and ' if not loop.last }}
        {%- endfor -%}
    {%- else -%}
        {{ identifier }}.dbt_unique_key = {{ from_identifier }}.dbt_unique_key
    {%- endif -%}
{%- endmacro %}


{#- Whether an outer join found nothing on that side: the first key column tells. -#}
{% macro unique_key_is_null(unique_key, identifier) -%}
    {{ identifier }}.dbt_unique_key{{ '_1' if unique_key | is_list }} is null
{%- endmacro %}

{% macro unique_key_is_not_null(unique_key, identifier) -%}
    {{ identifier }}.dbt_unique_key{{ '_1' if unique_key | is_list }} is not null
{%- endmacro %}
