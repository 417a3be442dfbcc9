{#-
  A snapshot told anew from a change log: the versions that it would have if it had run after every single change.
  The log is a query with the columns of the snapshot's own query and
    dbt_changed_at  when the row took these values
    dbt_is_deleted  optional: true where the row vanished at that time; its other values do not count
-#}
{% macro snapshot_rebuild(target_relation, target_exists, strategy, change_log, source_sql) -%}
    {%- set intermediate_relation = make_intermediate_relation(target_relation) -%}
    {%- do drop_leftover_relation(intermediate_relation) -%}
    {%- set log_columns = get_columns_in_query(change_log) | map('lower') | list -%}
    {%- set columns = get_column_schema_from_query(source_sql) -%}
    {%- set missing = [] -%}
    {%- for name in columns | map(attribute='column') | list + ['dbt_changed_at'] if name | lower not in log_columns -%}
        {%- do missing.append(name) -%}
    {%- endfor -%}
    {%- if missing -%}
        {{ exceptions.raise_compiler_error(
            'The change log has no column ' ~ missing | join(', ') ~ '. It needs the columns of the snapshot and dbt_changed_at; '
            ~ 'dbt_is_deleted is optional.'
        ) }}
    {%- endif -%}
    {%- if config.get('strategy') not in ('timestamp', 'check') -%}
        {{ exceptions.raise_compiler_error(
            'A snapshot is rebuilt with the strategies timestamp and check, not with ' ~ config.get('strategy')
        ) }}
    {%- endif -%}
    {%- set deletes = 'dbt_is_deleted' in log_columns -%}
    {%- set keys = strategy.unique_key if strategy.unique_key | is_list else [strategy.unique_key] -%}
    {%- set wanted = snapshot_checked_names() -%}
    {%- set unknown = wanted | reject('in', columns | map(attribute='column') | map('lower') | list) | list -%}
    {%- if unknown -%}
        {{ exceptions.raise_compiler_error(
            'check_cols names ' ~ unknown | join(', ') ~ ', which the snapshot does not have'
        ) }}
    {%- endif -%}
    {%- do snapshot_refuse_duplicate_keys(target_relation, change_log, keys + ['dbt_changed_at']) -%}
    {%- set timeless = run_query('select count(*) from (\n' ~ change_log ~ '\n) as change_log where dbt_changed_at is null').rows[0][0] -%}
    {%- if timeless -%}
        {{ exceptions.raise_compiler_error(
            'In the change log, ' ~ timeless ~ ' rows have no dbt_changed_at: when they took their values is not known. '
            ~ 'Nothing was changed. Give them a time or leave them out.'
        ) }}
    {%- endif -%}

    {%- call statement('main') -%}
        {{ create_table_as(False, intermediate_relation, snapshot_rebuild_sql(strategy, change_log, columns, deletes, source_sql)) }}
    {%- endcall -%}

    {%- set changes = run_query('select count(*) from (\n' ~ change_log ~ '\n) as change_log').rows[0][0] -%}
    {%- set told = run_query('select count(*) from ' ~ intermediate_relation).rows[0][0] -%}
    {%- set before = run_query('select count(*) from ' ~ target_relation).rows[0][0] if target_exists else none -%}
    {%- do log(
        'Rebuilding ' ~ target_relation.schema ~ '.' ~ target_relation.identifier ~ ': ' ~ changes ~ ' changes make ' ~ told ~ ' versions, in place of '
        ~ (before if before is not none else 'no') ~ ' stored ones', info=true
    ) -%}
    {%- do snapshot_put_rebuilt(intermediate_relation, target_relation, target_exists) -%}
    {%- do create_indexes(target_relation) -%}
{%- endmacro %}


{#- The columns that a list in check_cols names, in lower case and without the quotes that they may have there. -#}
{% macro snapshot_checked_names() -%}
    {%- set wanted = config.get('check_cols') if config.get('strategy') == 'check' else none -%}
    {%- set names = [] -%}
    {%- for name in (wanted if wanted is iterable and wanted is not string else []) -%}
        {%- do names.append(name | trim | replace('"', '') | lower) -%}
    {%- endfor -%}
    {{ return(names) }}
{%- endmacro %}


{#- Puts the rebuilt table in the place of the stored one. -#}
{% macro snapshot_put_rebuilt(intermediate, target, target_exists) -%}
    {{ return(adapter.dispatch('snapshot_put_rebuilt', 'dbt')(intermediate, target, target_exists)) }}
{%- endmacro %}

{% macro default__snapshot_put_rebuilt(intermediate, target, target_exists) -%}
    {%- if target_exists -%}
        {%- do drop_relation_if_exists(target) -%}
    {%- endif -%}
    {%- do adapter.rename_relation(intermediate, target) -%}
{%- endmacro %}


{#-
  A version begins at the time of its change, but never before the version before it: `dbt_start` is the latest of all times up
  to there. What does not begin a version is left out: a deletion of what is gone, a row that is as it was (check) or not newer
  than what is stored (timestamp).
-#}
{% macro snapshot_rebuild_sql(strategy, change_log, columns, deletes, source_sql) -%}
    {%- set names = config.get('snapshot_table_column_names') or get_snapshot_table_column_names() -%}
    {%- set keys = strategy.unique_key if strategy.unique_key | is_list else [strategy.unique_key] -%}
    {%- set key = [] -%}
    {%- for _ in keys -%}{%- do key.append('dbt_key_' ~ loop.index) -%}{%- endfor -%}
    {%- set key = key | join(', ') -%}
    {%- set in_order = 'partition by ' ~ key ~ ' order by dbt_changed_at' -%}
    {%- set own_time = config.get('updated_at') -%}
    {%- set now_type = get_snapshot_get_time_data_type() -%}
    {%- set time_type = get_updated_at_column_data_type(
        'select ' ~ strategy.updated_at ~ ' as dbt_updated_at from (' ~ source_sql ~ ') as sbq') -%}
    {%- set quoted = [] -%}
    {%- set checked = [] -%}
    {%- set wanted = snapshot_checked_names() -%}
    {%- for column in columns -%}
        {%- do quoted.append(adapter.quote(column.column)) -%}
        {%- if config.get('strategy') == 'check' and (config.get('check_cols') == 'all' or column.column | lower in wanted) -%}
            {%- do checked.append(adapter.quote(column.column)) -%}
        {%- endif -%}
    {%- endfor %}
    with dbt_log as (
        select
            {% for column in columns -%}
            cast({{ adapter.quote(column.column) }} as {{ column.data_type }}) as {{ adapter.quote(column.column) }},
            {% endfor -%}
            {% for expression in keys -%}
            {{ expression }} as dbt_key_{{ loop.index }},
            {% endfor -%}
            cast(dbt_changed_at as {{ now_type }}) as dbt_changed_at,
            {{ 'coalesce(cast(dbt_is_deleted as boolean), false)' if deletes else '1 = 0' }} as dbt_gone
            {%- if own_time %},
            {{ own_time }} as dbt_own_time
            {%- endif %}
        from (
            {{ change_log }}
        ) as change_log
    ),

    dbt_events as (
        select
            *,
            lag(dbt_gone) over ({{ in_order }}) as dbt_was_gone,
            cast({% if own_time %}case when dbt_gone then dbt_changed_at else dbt_own_time end{% else %}dbt_changed_at{% endif %}
                as {{ time_type }}) as dbt_time
        from dbt_log
        {%- if strategy.hard_deletes not in ('invalidate', 'new_record') %}
        where not dbt_gone
        {%- endif %}
    ),

    dbt_seen as (
        select
            *,
            {% for column in checked -%}
            lag({{ column }}) over ({{ in_order }}) as dbt_last_{{ loop.index }},
            {% endfor -%}
            max(dbt_time) over ({{ in_order }} rows between unbounded preceding and 1 preceding) as dbt_floor
        from dbt_events
        where not dbt_gone or not coalesce(dbt_was_gone, 1 = 1)
    ),

    dbt_kept as (
        select
            *,
            case when dbt_floor > dbt_time then dbt_floor else dbt_time end as dbt_start
        from dbt_seen
        where dbt_gone
            or coalesce(dbt_was_gone, 1 = 1)
            {%- if config.get('strategy') == 'timestamp' %}
            or dbt_time > dbt_floor
            {%- endif %}
            {%- for column in checked %}
            or {{ column }} is distinct from dbt_last_{{ loop.index }}
            {%- endfor %}
    ),

    dbt_versions as (
        select
            *,
            lead(dbt_start) over ({{ in_order }}) as dbt_end,
            {{ snapshot_hash_arguments(api.Relation.scd_args(strategy.unique_key, 'dbt_time')) }} as dbt_id,
            sum(case when dbt_gone then 0 else 1 end) over ({{ in_order }} rows between unbounded preceding and current row)
                as dbt_number
        from dbt_kept
    )
    {%- set end = 'coalesce(versions.dbt_end, ' ~ (config.get('dbt_valid_to_current') or 'null') ~ ') as ' ~ names.dbt_valid_to %}

    select
        {% for column in quoted %}versions.{{ column }}, {% endfor %}
        versions.dbt_id as {{ names.dbt_scd_id }},
        versions.dbt_time as {{ names.dbt_updated_at }},
        versions.dbt_start as {{ names.dbt_valid_from }},
        {{ end }}
        {%- if strategy.hard_deletes == 'new_record' %},
        'False' as {{ names.dbt_is_deleted }}
        {%- endif %}
    from dbt_versions as versions
    where not versions.dbt_gone
    {%- if strategy.hard_deletes == 'new_record' %}

    union all

    select
        {% for column in quoted %}stored.{{ column }}, {% endfor %}
        {{ snapshot_hash_arguments(['stored.dbt_id', 'versions.dbt_changed_at']) }},
        versions.dbt_time,
        versions.dbt_start,
        {{ end }},
        'True'
    from dbt_versions as versions
    join dbt_versions as stored on stored.dbt_number = versions.dbt_number and not stored.dbt_gone
        {%- for _ in keys %} and stored.dbt_key_{{ loop.index }} = versions.dbt_key_{{ loop.index }}{% endfor %}
    where versions.dbt_gone
    {%- endif %}
{%- endmacro %}
