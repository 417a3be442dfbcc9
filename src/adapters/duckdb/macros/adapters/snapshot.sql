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


{#- By updates that join. -#}
{% macro duckdb__snapshot_keep_intervals_in_order(staging, target, strategy) -%}
    {%- set columns = config.get('snapshot_table_column_names') or get_snapshot_table_column_names() -%}
    {%- set key = strategy.unique_key -%}
    {%- set starts, ends, id = columns.dbt_valid_from, columns.dbt_valid_to, columns.dbt_scd_id -%}
    {%- set floors = snapshot_floors(target, strategy) -%}
    {%- set early = snapshot_early_starts(staging, floors, strategy) -%}
    {%- if early[0] -%}
        {%- call statement('snapshot_starts_in_order') %}
            update {{ staging }} as staged set {{ starts }} = floors.dbt_floor
            from ({{ floors }}) as floors
            where {{ unique_key_join_on(key, 'staged', 'floors') }}
                and staged.dbt_change_type = 'insert' and staged.{{ starts }} < floors.dbt_floor
        {%- endcall -%}
    {%- endif -%}
    {%- if early[1] -%}
        {%- do snapshot_warn_of_early_starts(target, early[1]) -%}
    {%- endif -%}
    {%- call statement('snapshot_ends_in_order') %}
        update {{ staging }} as staged set {{ ends }} = versions.{{ starts }}
        from {{ target }} as versions
        where staged.{{ id }} = versions.{{ id }}
            and {{ snapshot_version_is_open('versions.' ~ ends) }}
            and staged.dbt_change_type in ('update', 'delete')
            and staged.{{ ends }} < versions.{{ starts }}
    {%- endcall -%}
{%- endmacro %}
