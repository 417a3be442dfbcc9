{#-
  What happens when the query of an incremental model no longer returns the columns of its table: `ignore`, `fail`,
  `append_new_columns`, `sync_all_columns`, or `full_refresh`: change what can be changed in place, else build the model anew.
-#}
{% macro incremental_validate_on_schema_change(on_schema_change, default='ignore') -%}
    {%- if on_schema_change in ['sync_all_columns', 'append_new_columns', 'fail', 'ignore', 'full_refresh'] -%}
        {{ return(on_schema_change) }}
    {%- endif -%}
    {%- do log('on_schema_change does not know `' ~ on_schema_change ~ '`; taken as ' ~ default) -%}
    {{ return(default) }}
{%- endmacro %}


{% macro check_for_schema_changes(source_relation, target_relation) -%}
    {{ return(adapter.dispatch('check_for_schema_changes', 'dbt')(source_relation, target_relation)) }}
{%- endmacro %}

{% macro default__check_for_schema_changes(source_relation, target_relation) -%}
    {%- set source_columns = adapter.get_columns_in_relation(source_relation) -%}
    {%- set target_columns = adapter.get_columns_in_relation(target_relation) -%}
    {%- set added = diff_columns(source_columns, target_columns) -%}
    {%- set removed = diff_columns(target_columns, source_columns) -%}
    {%- set retyped = diff_column_data_types(source_columns, target_columns) -%}
    {%- set changed = (added or removed or retyped) | length > 0 -%}

    {%- do log('In ' ~ target_relation ~ ': schema changed: ' ~ changed ~ '; new columns: ' ~ added
        ~ '; missing columns: ' ~ removed ~ '; new types: ' ~ retyped) -%}
    {{ return({
        'schema_changed': changed,
        'source_not_in_target': added,
        'target_not_in_source': removed,
        'source_columns': source_columns,
        'target_columns': target_columns,
        'new_target_types': retyped
    }) }}
{%- endmacro %}


{% macro sync_column_schemas(on_schema_change, target_relation, schema_changes_dict) -%}
    {{ return(adapter.dispatch('sync_column_schemas', 'dbt')(on_schema_change, target_relation, schema_changes_dict)) }}
{%- endmacro %}

{% macro default__sync_column_schemas(on_schema_change, target_relation, schema_changes_dict) -%}
    {#- Where `full_refresh` gets here, nothing is to be removed. -#}
    {%- set everything = on_schema_change in ['sync_all_columns', 'full_refresh'] -%}
    {%- set to_add = schema_changes_dict['source_not_in_target'] -%}
    {%- set to_remove = schema_changes_dict['target_not_in_source'] if everything else [] -%}
    {%- set to_retype = schema_changes_dict['new_target_types'] if everything else [] -%}

    {%- if everything or on_schema_change == 'append_new_columns' -%}
        {%- if to_add or to_remove -%}
            {%- do alter_relation_add_remove_columns(target_relation, to_add, to_remove or none) -%}
        {%- endif -%}
        {%- for change in to_retype -%}
            {%- do alter_column_type(target_relation, change['column_name'], change['new_type']) -%}
        {%- endfor -%}
    {%- endif -%}

    {%- do log('In ' ~ target_relation ~ ': on_schema_change is ' ~ on_schema_change ~ '; columns added: ' ~ to_add
        ~ '; removed: ' ~ to_remove ~ '; retyped: ' ~ to_retype) -%}
{%- endmacro %}


{% macro process_schema_changes(on_schema_change, source_relation, target_relation) -%}
    {{ return(adapter.dispatch('process_schema_changes', 'dbt')(on_schema_change, source_relation, target_relation)) }}
{%- endmacro %}

{#- Returns the columns to write: those of the query, or nothing where the table keeps deciding. -#}
{% macro default__process_schema_changes(on_schema_change, source_relation, target_relation) -%}
    {%- if on_schema_change == 'ignore' -%}
        {{ return({}) }}
    {%- endif -%}

    {%- set changes = check_for_schema_changes(source_relation, target_relation) -%}
    {%- if not changes['source_columns'] -%}
        {#- The relation was built a moment ago, so it has columns: the catalog did not show them. Syncing to "no columns" would empty the table. -#}
        {%- set finding = 'No columns could be read for ' ~ source_relation ~ ', which this run has just built for '
                          ~ target_relation ~ ' (on_schema_change=' ~ on_schema_change ~ '). ' -%}
        {%- if on_schema_change != 'append_new_columns' -%}
            {%- do exceptions.raise_compiler_error(
                finding ~ 'Nothing was changed. Use on_schema_change=ignore or --full-refresh until the catalog lists it.'
            ) -%}
        {%- endif -%}
        {%- do exceptions.warn(finding ~ 'The existing columns are written; new ones cannot be seen in this run.') -%}
    {%- endif -%}

    {%- if changes['schema_changed'] and on_schema_change == 'fail' -%}
        {%- do exceptions.raise_compiler_error(
            'The source and target schemas on this incremental model are out of sync: '
            ~ target_relation ~ ' has on_schema_change: fail.'
            ~ '\nSource columns not in target: ' ~ describe_columns(changes['source_not_in_target'])
            ~ '\nTarget columns not in source: ' ~ describe_columns(changes['target_not_in_source'])
            ~ '\nNew column types: ' ~ describe_type_changes(changes)
            ~ '\nSet on_schema_change to append_new_columns or sync_all_columns, run with --full-refresh, or alter the table by hand.'
        ) -%}
    {%- elif changes['schema_changed'] -%}
        {%- do refuse_impossible_schema_changes(on_schema_change, target_relation, changes) -%}
        {%- do sync_column_schemas(on_schema_change, target_relation, changes) -%}
    {%- endif -%}
    {{ return(changes['source_columns']) }}
{%- endmacro %}


{#- `name TYPE, name TYPE` or `none`. -#}
{% macro describe_columns(columns) -%}
    {%- set texts = [] -%}
    {%- for column in columns -%}
        {%- do texts.append(column.name ~ ' ' ~ column.dtype) -%}
    {%- endfor -%}
    {{ return(texts | join(', ') or 'none') }}
{%- endmacro %}

{% macro describe_type_changes(changes) -%}
    {%- set texts = [] -%}
    {%- for change in changes['new_target_types'] -%}
        {%- set old = changes['target_columns'] | selectattr('name', 'equalto', change['column_name']) | first -%}
        {%- do texts.append(change['column_name'] ~ ' ' ~ old.dtype ~ ' to ' ~ change['new_type']) -%}
    {%- endfor -%}
    {{ return(texts | join(', ') or 'none') }}
{%- endmacro %}


{#- Stops before anything is altered if a change cannot be made in the table as it is, or would lose values in it. -#}
{% macro refuse_impossible_schema_changes(on_schema_change, target_relation, changes) -%}
    {%- if on_schema_change not in ['sync_all_columns', 'full_refresh'] -%}
        {{ return(none) }}
    {%- endif -%}
    {%- set reasons = [] -%}
    {%- if on_schema_change == 'full_refresh' and changes['target_not_in_source'] -%}
        {%- do reasons.append('the query no longer returns ' ~ describe_columns(changes['target_not_in_source'])) -%}
    {%- endif -%}
    {%- do reasons.extend(get_schema_change_obstacles(target_relation, changes)) -%}
    {%- if reasons -%}
        {%- do exceptions.raise_rebuild_needed(target_relation, reasons) -%}
    {%- endif -%}
{%- endmacro %}


{#- Texts, one per removed or retyped column that the engine cannot change in place without loss. -#}
{% macro get_schema_change_obstacles(target_relation, changes) -%}
    {{ return(adapter.dispatch('get_schema_change_obstacles', 'dbt')(target_relation, changes)) }}
{%- endmacro %}

{#- A type may change in place if every value there comes back unchanged from the new type: 1.5 made an integer does not. -#}
{% macro default__get_schema_change_obstacles(target_relation, changes) -%}
    {%- set obstacles = [] -%}
    {%- for change in changes['new_target_types'] -%}
        {%- set column = changes['target_columns'] | selectattr('name', 'equalto', change['column_name']) | first -%}
        {%- set name = adapter.quote(column.name) -%}
        {%- set found = run_query(
            'select ' ~ name ~ '::varchar, count(*) over () from ' ~ target_relation ~ ' where ' ~ name ~ ' is not null and try_cast(try_cast('
            ~ name ~ ' as ' ~ change['new_type'] ~ ') as ' ~ column.dtype ~ ') is distinct from ' ~ name ~ ' limit 3'
        ) -%}
        {%- if found.rows -%}
            {%- do obstacles.append(
                column.name ~ ' ' ~ column.dtype ~ ' to ' ~ change['new_type'] ~ ' would change '
                ~ found.rows[0][1] ~ ' of its values, such as ' ~ found.columns[0].values() | join(', ')
            ) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(obstacles) }}
{%- endmacro %}
