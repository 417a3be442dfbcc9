{#- Snapshots by an update that closes versions and an insert that adds them, both in the transaction of the snapshot. -#}
{% macro duckdb__snapshot_merge_sql(target, source, insert_cols) -%}
    {%- set columns = config.get('snapshot_table_column_names') or get_snapshot_table_column_names() -%}
    update {{ target }} as DBT_INTERNAL_TARGET
    set {{ columns.dbt_valid_to }} = DBT_INTERNAL_SOURCE.{{ columns.dbt_valid_to }}
    from {{ source }} as DBT_INTERNAL_SOURCE
    where DBT_INTERNAL_SOURCE.{{ columns.dbt_scd_id }}::text = DBT_INTERNAL_TARGET.{{ columns.dbt_scd_id }}::text
        and DBT_INTERNAL_SOURCE.dbt_change_type in ('update', 'delete')
        and {{ snapshot_version_is_open('DBT_INTERNAL_TARGET.' ~ columns.dbt_valid_to) }};

    insert into {{ target }} ({{ insert_cols | join(', ') }})
    select {{ insert_cols | join(', ') }}
    from {{ source }}
    where dbt_change_type = 'insert';
{%- endmacro %}


{% macro build_snapshot_staging_table(strategy, sql, target_relation) -%}
    {%- set place = duckdb__dispatch_temporary_relation(target_relation) -%}
    {%- set staging_sql = snapshot_staging_table(strategy, sql, target_relation) -%}
    {%- call statement('build_snapshot_staging_relation') -%}
        {{ create_table_as(place.temporary, place.relation, staging_sql) }}
    {%- endcall -%}
    {{ return(place.relation) }}
{%- endmacro %}


{#- Temporary tables live as long as the connection, which serves many nodes. -#}
{% macro duckdb__post_snapshot(temporary_relation) -%}
    {{ return(drop_relation(temporary_relation)) }}
{%- endmacro %}
