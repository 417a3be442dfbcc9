{#-
  What is looked at before a snapshot is changed: keys that are not unique, rows that come late, columns that have changed.
  Everything happens in the transaction of the snapshot, so that a refusal leaves the table as it was.
-#}

{#- Two rows of one key have no history that could be told. A null is no key. -#}
{% macro snapshot_refuse_duplicate_keys(target, source_sql, unique_key) -%}
    {%- set keys = unique_key if unique_key | is_list else [unique_key] -%}
    {%- set ordinals = [] -%}
    {%- set filters = [] -%}
    {%- for key in keys -%}
        {%- do ordinals.append(loop.index | string) -%}
        {%- do filters.append('(' ~ key ~ ') is not null') -%}
    {%- endfor -%}
    {%- set duplicates_sql %}
        select {{ keys | join(', ') }}, count(*) as rows_of_key
        from (
            {{ source_sql }}
        ) as sbq
        where {{ filters | join(' and ') }}
        group by {{ ordinals | join(', ') }}
        having count(*) > 1
        order by {{ ordinals | join(', ') }}
        limit 4
    {%- endset -%}
    {%- set examples = [] -%}
    {%- for row in run_query(duplicates_sql).rows -%}
        {%- set pairs = [] -%}
        {%- for key in keys -%}
            {%- do pairs.append(key ~ ' = ' ~ row[loop.index0]) -%}
        {%- endfor -%}
        {%- do examples.append(pairs | join(', ') ~ ': ' ~ row[keys | length] ~ ' rows' if loop.index < 4 else '...') -%}
    {%- endfor -%}
    {%- if examples -%}
        {%- do exceptions.raise_duplicate_snapshot_keys(target, keys, examples) -%}
    {%- endif -%}
{%- endmacro %}


{#- With the timestamp strategy a row that is older than its stored version is no change. Silence would hide lost updates. -#}
{% macro snapshot_warn_of_late_rows(target, source_sql, strategy) -%}
    {%- set columns = config.get('snapshot_table_column_names') or get_snapshot_table_column_names() -%}
    {%- set late_sql %}
        select count(*)
        from (select *, {{ unique_key_fields(strategy.unique_key) }} from {{ target }}
            where {{ snapshot_version_is_open(columns.dbt_valid_to) }}) as snapshotted_data
        join (select {{ strategy.updated_at }} as dbt_source_updated_at, {{ unique_key_fields(strategy.unique_key) }} from (
            {{ source_sql }}
        ) as sbq) as source_data
            on {{ unique_key_join_on(strategy.unique_key, 'snapshotted_data', 'source_data') }}
        where source_data.dbt_source_updated_at < snapshotted_data.{{ columns.dbt_updated_at }}
    {%- endset -%}
    {%- set late = run_query(late_sql).rows[0][0] -%}
    {%- if late -%}
        {%- do exceptions.warn(
            'In ' ~ target ~ ', ' ~ late ~ (' rows have' if late > 1 else ' row has') ~ ' an earlier ' ~ strategy.updated_at
            ~ ' than the stored version: not taken for a change. Snapshot with strategy: check, or mend the column.'
        ) -%}
    {%- endif -%}
{%- endmacro %}


{#- Of each key the earliest moment at which its next version may begin: the last end, or the last beginning, that it has. -#}
{% macro snapshot_floors(target, strategy) -%}
    {%- set columns = config.get('snapshot_table_column_names') or get_snapshot_table_column_names() -%}
    {%- set key = strategy.unique_key -%}
    {%- set starts, ends = columns.dbt_valid_from, columns.dbt_valid_to -%}
    {%- set names = [] -%}
    {%- if key | is_list -%}
        {%- for _ in key -%}{%- do names.append('dbt_unique_key_' ~ loop.index) -%}{%- endfor -%}
    {%- else -%}
        {%- do names.append('dbt_unique_key') -%}
    {%- endif -%}
        select
            {{ names | join(', ') }},
            max(case when dbt_open = 1 then {{ starts }} else {{ ends }} end) as dbt_floor,
            max(dbt_open) as dbt_open
        from (
            select {{ unique_key_fields(key) }}, {{ starts }}, {{ ends }},
                case when {{ snapshot_version_is_open(ends) }} then 1 else 0 end as dbt_open
            from {{ target }}
        ) as versions
        group by {{ names | join(', ') }}
{%- endmacro %}

{#- How many new versions begin before that, and how many of these although one is current. -#}
{% macro snapshot_early_starts(staging, floors, strategy) -%}
    {%- set columns = config.get('snapshot_table_column_names') or get_snapshot_table_column_names() -%}
    {{ return(run_query(
        'select count(*), count(case when floors.dbt_open = 1 then 1 end) from ' ~ staging ~ ' as staged join (' ~ floors
        ~ ') as floors on ' ~ unique_key_join_on(strategy.unique_key, 'staged', 'floors')
        ~ " where staged.dbt_change_type = 'insert' and staged." ~ columns.dbt_valid_from ~ ' < floors.dbt_floor'
    ).rows[0]) }}
{%- endmacro %}


{#-
  Keeps the intervals of one key in order. A new version may not begin before the last one ended (a row that came back) or
  began (an updated_at that went backwards), and none may end before it began.
-#}
{% macro snapshot_keep_intervals_in_order(staging, target, strategy) -%}
    {{ return(adapter.dispatch('snapshot_keep_intervals_in_order', 'dbt')(staging, target, strategy)) }}
{%- endmacro %}

{#-
  In SQL that every engine knows, without an update that joins: it looks first, for there is rarely anything to mend.
-#}
{% macro default__snapshot_keep_intervals_in_order(staging, target, strategy) -%}
    {%- set columns = config.get('snapshot_table_column_names') or get_snapshot_table_column_names() -%}
    {%- set key = strategy.unique_key -%}
    {%- set starts, ends, id = columns.dbt_valid_from, columns.dbt_valid_to, columns.dbt_scd_id -%}
    {%- set floors = snapshot_floors(target, strategy) -%}
    {%- set early = snapshot_early_starts(staging, floors, strategy) -%}
    {%- if early[0] -%}
        {%- set floor = '(select max(floors.dbt_floor) from (' ~ floors ~ ') as floors where '
                        ~ unique_key_join_on(key, 'floors', 'staged') ~ ')' -%}
        {%- call statement('snapshot_starts_in_order') %}
            update {{ staging }} as staged set {{ starts }} = {{ floor }}
            where staged.dbt_change_type = 'insert' and staged.{{ starts }} < {{ floor }}
        {%- endcall -%}
    {%- endif -%}
    {%- if early[1] -%}
        {%- do snapshot_warn_of_early_starts(target, early[1]) -%}
    {%- endif -%}

    {%- set versions = ' from ' ~ target ~ ' as versions where versions.' ~ id ~ ' = staged.' ~ id ~ ' and '
                       ~ snapshot_version_is_open('versions.' ~ ends) -%}
    {%- set begins = '(select max(versions.' ~ starts ~ ')' ~ versions ~ ')' -%}
    {%- set ends_early = "staged.dbt_change_type in ('update', 'delete') and staged." ~ ends ~ ' < ' ~ begins -%}
    {%- if run_query('select count(*) from ' ~ staging ~ ' as staged where ' ~ ends_early).rows[0][0] -%}
        {%- call statement('snapshot_ends_in_order') %}
            update {{ staging }} as staged set {{ ends }} = {{ begins }}
            where {{ ends_early }}
        {%- endcall -%}
    {%- endif -%}
{%- endmacro %}


{% macro snapshot_warn_of_early_starts(target, count) -%}
    {%- do exceptions.warn(
        'In ' ~ target ~ ', ' ~ count ~ (' rows have' if count > 1 else ' row has') ~ ' changed with a time before the '
        ~ 'start of the stored version: the new version begins where that one began, which ends at once.'
    ) -%}
{%- endmacro %}


{#- What to do when the columns of the query have changed. Unless it is said, new ones are added, as ever. -#}
{% macro snapshot_on_schema_change() -%}
    {%- if 'on_schema_change' in (model.unrendered_config or {}) -%}
        {{ return(config.get('on_schema_change') or 'append_new_columns') }}
    {%- endif -%}
    {{ return('append_new_columns') }}
{%- endmacro %}


{#-
  Follows the columns of the query as `on_schema_change` says, and returns the columns to fill, quoted. `steering` are the
  columns of the staging table that are not part of the snapshot.
-#}
{% macro snapshot_follow_columns(staging, target, steering) -%}
    {%- set mode = snapshot_on_schema_change() -%}
    {%- set columns = config.get('snapshot_table_column_names') or get_snapshot_table_column_names() -%}
    {%- set added = adapter.get_missing_columns(staging, target) | rejectattr('name', 'in', steering) | list -%}
    {%- set staged = adapter.get_columns_in_relation(staging) | rejectattr('name', 'in', steering) | list -%}
    {%- set stored = {} -%}
    {%- set gone = [] -%}
    {%- set staged_names = staged | map(attribute='name') | map('lower') | list -%}
    {%- for column in adapter.get_columns_in_relation(target) -%}
        {%- do stored.update({column.name | lower: column}) -%}
        {%- if column.name | lower not in staged_names and column.name not in columns.values() -%}
            {%- do gone.append(column) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- set retyped = [] -%}
    {%- for column in staged if column.name not in columns.values() -%}
        {%- set old = stored.get(column.name | lower) -%}
        {%- if old and old.data_type != column.data_type -%}
            {%- do retyped.append({'name': old.name, 'old': old.data_type, 'new': column.data_type}) -%}
        {%- endif -%}
    {%- endfor -%}

    {%- if mode == 'fail' and (added or gone or retyped) -%}
        {%- set differences = [] -%}
        {%- for column in added -%}{%- do differences.append('new: ' ~ column.name ~ ' ' ~ column.dtype) -%}{%- endfor -%}
        {%- for column in gone -%}{%- do differences.append('gone: ' ~ column.name) -%}{%- endfor -%}
        {%- for change in retyped -%}
            {%- do differences.append('retyped: ' ~ change.name ~ ' from ' ~ change.old ~ ' to ' ~ change.new) -%}
        {%- endfor -%}
        {{ exceptions.raise_compiler_error(
            'The columns of the query have changed and ' ~ target ~ ' has on_schema_change: fail. Nothing was changed.\n'
            ~ differences | join('\n')
            ~ '\nSet on_schema_change to append_new_columns or sync_all_columns, or alter the table by hand.'
        ) }}
    {%- endif -%}

    {%- if mode in ('append_new_columns', 'sync_all_columns') -%}
        {%- do create_columns(target, added) -%}
    {%- endif -%}
    {%- if mode == 'sync_all_columns' -%}
        {%- if gone -%}
            {%- do alter_relation_add_remove_columns(target, none, gone) -%}
        {%- endif -%}
        {%- for change in retyped -%}
            {%- do alter_column_type(target, change.name, change.new) -%}
        {%- endfor -%}
    {%- else -%}
        {%- for change in retyped -%}
            {%- do exceptions.warn(
                'In ' ~ target ~ ', ' ~ change.name ~ ' stays ' ~ change.old ~ ' though the query now returns ' ~ change.new
                ~ ': values are cast. Set on_schema_change: sync_all_columns to change the stored type.'
            ) -%}
        {%- endfor -%}
    {%- endif -%}

    {%- set ignored = added | map(attribute='name') | list if mode == 'ignore' else [] -%}
    {%- set filled = [] -%}
    {%- for column in staged if column.name not in ignored -%}
        {%- do filled.append(adapter.quote(column.name)) -%}
    {%- endfor -%}
    {{ return(filled) }}
{%- endmacro %}
