{#-
  Closing versions and adding versions are two statements and one commit: both happen in the transaction of the snapshot.
  Times get the type that they have in the table: where rows of the source tell dates, the moment at which one vanished is a date.
-#}
{% macro datafusion__snapshot_merge_sql(target, source, insert_cols) -%}
    {%- set columns = config.get('snapshot_table_column_names') or get_snapshot_table_column_names() -%}
    {%- set times = {} -%}
    {%- for column in adapter.get_columns_in_relation(target)
        if column.name in [columns.dbt_valid_from, columns.dbt_valid_to, columns.dbt_updated_at] -%}
        {%- do times.update({column.name: column.dtype}) -%}
    {%- endfor -%}
    {%- set inserted = [] -%}
    {%- for name in insert_cols -%}
        {%- set type = times[name | replace('"', '')] -%}
        {%- do inserted.append('cast(' ~ name ~ ' as ' ~ type ~ ') as ' ~ name if type else name) -%}
    {%- endfor -%}
    merge into {{ target }} as DBT_INTERNAL_DEST
    using (
        select {{ columns.dbt_scd_id }}, cast({{ columns.dbt_valid_to }} as {{ times[columns.dbt_valid_to] }}) as {{ columns.dbt_valid_to }}
        from {{ source }}
        where dbt_change_type in ('update', 'delete')
    ) as DBT_INTERNAL_SOURCE
    on DBT_INTERNAL_SOURCE.{{ columns.dbt_scd_id }} = DBT_INTERNAL_DEST.{{ columns.dbt_scd_id }}
        and {{ snapshot_version_is_open('DBT_INTERNAL_DEST.' ~ columns.dbt_valid_to) }}
    when matched then update set {{ columns.dbt_valid_to }} = DBT_INTERNAL_SOURCE.{{ columns.dbt_valid_to }};

    insert into {{ target }} ({{ insert_cols | join(', ') }})
    select {{ inserted | join(', ') }}
    from {{ source }}
    where dbt_change_type = 'insert';
{%- endmacro %}


{#- The staged rows are made anew with their times moved; nothing is done where all are in order. -#}
{% macro datafusion__snapshot_keep_intervals_in_order(staging, target, strategy) -%}
    {%- set columns = config.get('snapshot_table_column_names') or get_snapshot_table_column_names() -%}
    {%- set key = strategy.unique_key -%}
    {%- set starts, ends, id = columns.dbt_valid_from, columns.dbt_valid_to, columns.dbt_scd_id -%}
    {%- set floors = snapshot_floors(target, strategy) -%}
    {%- set early = snapshot_early_starts(staging, floors, strategy) -%}
    {%- set open_versions %}
        select {{ id }}, {{ starts }} as dbt_start
        from {{ target }}
        where {{ snapshot_version_is_open(ends) }}
    {%- endset -%}
    {%- set late = run_query(
        'select count(*) from ' ~ staging ~ ' as staged join (' ~ open_versions ~ ') as versions on staged.' ~ id ~ ' = versions.' ~ id
        ~ " where staged.dbt_change_type in ('update', 'delete') and staged." ~ ends ~ ' < versions.dbt_start'
    ).rows[0][0] -%}
    {%- if early[1] -%}
        {%- do snapshot_warn_of_early_starts(target, early[1]) -%}
    {%- endif -%}
    {%- if early[0] or late -%}
        {%- set staged = [] -%}
        {%- for column in adapter.get_columns_in_relation(staging) -%}
            {%- set name = adapter.quote(column.name) -%}
            {%- if column.name == starts -%}
                {%- do staged.append("case when staged.dbt_change_type = 'insert' and staged." ~ name ~ ' < floors.dbt_floor'
                    ~ ' then floors.dbt_floor else staged.' ~ name ~ ' end as ' ~ name) -%}
            {%- elif column.name == ends -%}
                {%- do staged.append("case when staged.dbt_change_type in ('update', 'delete') and staged." ~ name
                    ~ ' < versions.dbt_start then versions.dbt_start else staged.' ~ name ~ ' end as ' ~ name) -%}
            {%- else -%}
                {%- do staged.append('staged.' ~ name) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- call statement('snapshot_intervals_in_order') %}
            create or replace temporary table {{ staging }} as (
                select {{ staged | join(', ') }}
                from {{ staging }} as staged
                left join ({{ floors }}) as floors on {{ unique_key_join_on(key, 'staged', 'floors') }}
                left join ({{ open_versions }}) as versions on staged.{{ id }} = versions.{{ id }}
            )
        {%- endcall -%}
    {%- endif -%}
{%- endmacro %}


{#- A table of another name would stay in its folder, where nobody looks for it: the rows go into the stored table's. -#}
{% macro datafusion__snapshot_put_rebuilt(intermediate, target, target_exists) -%}
    {%- call statement('put_rebuilt') -%}
        {{ create_table_as(False, target, 'select * from ' ~ intermediate) }}
    {%- endcall -%}
    {%- do adapter.drop_relation(intermediate) -%}
{%- endmacro %}
