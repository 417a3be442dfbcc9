{#-
  The staging query of a snapshot: one row per change, told apart by dbt_change_type.
    insert  a version to add: a new row, a changed row, a row that came back, or the record of a deletion
    update  a version to close because its row changed
    delete  a version to close because its row vanished (hard_deletes: invalidate or new_record)
  All branches have the same columns in the same order, as they are put together by position.
-#}
{% macro snapshot_staging_table(strategy, source_sql, target_relation) -%}
    {{ adapter.dispatch('snapshot_staging_table', 'dbt')(strategy, source_sql, target_relation) }}
{%- endmacro %}

{% macro default__snapshot_staging_table(strategy, source_sql, target_relation) -%}
    {%- set columns = config.get('snapshot_table_column_names') or get_snapshot_table_column_names() -%}
    {%- set key = strategy.unique_key -%}
    {%- set same_key = unique_key_join_on(key, 'snapshotted_data', 'source_data') -%}
    {%- set records_deletes = strategy.hard_deletes == 'new_record' -%}
    {%- set sees_deletes = records_deletes or strategy.hard_deletes == 'invalidate' -%}
    {%- set now = snapshot_get_time() -%}
    {%- set is_deleted = 'snapshotted_data.' ~ columns.dbt_is_deleted -%}
    {%- set changed = strategy.row_changed ~ (" or " ~ is_deleted ~ " = 'True'" if records_deletes else '') %}
    with snapshot_query as (
        {{ source_sql }}
    ),

    snapshotted_data as (
        select *, {{ unique_key_fields(key) }}
        from {{ target_relation }}
        where {{ snapshot_version_is_open(columns.dbt_valid_to) }}
    ),

    insertions_source_data as (
        select
            *,
            {{ unique_key_fields(key) }},
            {{ strategy.updated_at }} as {{ columns.dbt_updated_at }},
            {{ strategy.updated_at }} as {{ columns.dbt_valid_from }},
            {{ get_dbt_valid_to_current(strategy, columns) }},
            {{ strategy.scd_id }} as {{ columns.dbt_scd_id }}
        from snapshot_query
    ),

    updates_source_data as (
        select
            *,
            {{ unique_key_fields(key) }},
            {{ strategy.updated_at }} as {{ columns.dbt_updated_at }},
            {{ strategy.updated_at }} as {{ columns.dbt_valid_from }},
            {{ strategy.updated_at }} as {{ columns.dbt_valid_to }}
        from snapshot_query
    ),
    {%- if sees_deletes %}

    deletes_source_data as (
        select *, {{ unique_key_fields(key) }}
        from snapshot_query
    ),
    {%- endif %}

    changes as (
        select
            'insert' as dbt_change_type,
            source_data.*
            {%- if records_deletes %},
            'False' as {{ columns.dbt_is_deleted }}
            {%- endif %}
        from insertions_source_data as source_data
        left join snapshotted_data on {{ same_key }}
        where {{ unique_key_is_null(key, 'snapshotted_data') }}
            or ({{ unique_key_is_not_null(key, 'snapshotted_data') }} and ({{ changed }}))

        union all

        select
            'update' as dbt_change_type,
            source_data.*,
            snapshotted_data.{{ columns.dbt_scd_id }}
            {%- if records_deletes %},
            {{ is_deleted }}
            {%- endif %}
        from updates_source_data as source_data
        join snapshotted_data on {{ same_key }}
        where {{ changed }}
        {%- if sees_deletes %}

        union all

        select
            'delete' as dbt_change_type,
            source_data.*,
            {{ now }} as {{ columns.dbt_updated_at }},
            {{ now }} as {{ columns.dbt_valid_from }},
            {{ now }} as {{ columns.dbt_valid_to }},
            snapshotted_data.{{ columns.dbt_scd_id }}
            {%- if records_deletes %},
            {{ is_deleted }}
            {%- endif %}
        from snapshotted_data
        left join deletes_source_data as source_data on {{ same_key }}
        where {{ unique_key_is_null(key, 'source_data') }}
            {%- if records_deletes %}
            and not {{ is_deleted }} = 'True'
            {%- endif %}
        {%- endif %}
        {%- if records_deletes %}

        union all

        {{ snapshot_deletion_records(strategy, source_sql, target_relation, columns, same_key) }}
        {%- endif %}
    )

    select * from changes
{%- endmacro %}


{#- A version that says "gone since now", with the last known values of the row. Rows already marked get no second one. -#}
{% macro snapshot_deletion_records(strategy, source_sql, target_relation, columns, same_key) -%}
    {%- set key = strategy.unique_key -%}
    {%- set now = snapshot_get_time() -%}
    {%- set stored = get_list_of_column_names(get_columns_in_relation(target_relation)) -%}
    select
        'insert' as dbt_change_type,
        {%- for name in get_columns_in_query(source_sql) %}
        {{ 'snapshotted_data' if name in stored else 'source_data' }}.{{ adapter.quote(name) }},
        {%- endfor %}
        {%- if key | is_list %}
            {%- for _ in key %}
        snapshotted_data.dbt_unique_key_{{ loop.index }},
            {%- endfor %}
        {%- else %}
        snapshotted_data.dbt_unique_key,
        {%- endif %}
        {{ now }} as {{ columns.dbt_updated_at }},
        {{ now }} as {{ columns.dbt_valid_from }},
        snapshotted_data.{{ columns.dbt_valid_to }},
        {{ snapshot_hash_arguments(['snapshotted_data.' ~ columns.dbt_scd_id, now]) }} as {{ columns.dbt_scd_id }},
        'True' as {{ columns.dbt_is_deleted }}
    from snapshotted_data
    left join deletes_source_data as source_data on {{ same_key }}
    where {{ unique_key_is_null(key, 'source_data') }}
        and not snapshotted_data.{{ columns.dbt_is_deleted }} = 'True'
{%- endmacro %}
