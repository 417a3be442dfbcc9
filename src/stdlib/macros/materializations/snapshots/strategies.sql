{#-
  How a snapshot tells that a row has changed. A strategy returns a dictionary: unique_key, updated_at, row_changed,
  scd_id, hard_deletes, invalidate_hard_deletes; its expressions see the aliases it is handed for the two sides.
-#}

{#- The macro of a strategy, by name or as package.name. -#}
{% macro strategy_dispatch(name) -%}
    {%- set scope = context -%}
    {%- set short_name = name -%}
    {%- if '.' in name -%}
        {%- set package_name = name.split('.', 1)[0] -%}
        {%- set short_name = name.split('.', 1)[1] -%}
        {%- if package_name not in context -%}
            {{ exceptions.raise_compiler_error("The snapshot strategy '" ~ name ~ "' names a package that does not exist: " ~ package_name) }}
        {%- endif -%}
        {%- set scope = context[package_name] -%}
    {%- endif -%}

    {%- set macro_name = 'snapshot_' ~ short_name ~ '_strategy' -%}
    {%- if macro_name not in scope -%}
        {{ exceptions.raise_compiler_error(
            "The snapshot strategy '" ~ name ~ "' was not found: no macro is named " ~ macro_name
        ) }}
    {%- endif -%}
    {{ return(scope[macro_name]) }}
{%- endmacro %}


{#- One hash over several values, the id of a version. Stored, so its form must never change. -#}
{% macro snapshot_hash_arguments(args) -%}
    {{ adapter.dispatch('snapshot_hash_arguments', 'dbt')(args) }}
{%- endmacro %}

{% macro default__snapshot_hash_arguments(args) -%}
    {%- set parts = [] -%}
    {%- for arg in args -%}
        {%- do parts.append("coalesce(cast(" ~ arg ~ " as varchar), '')") -%}
    {%- endfor -%}
    md5({{ parts | join(" || '|' || ") }})
{%- endmacro %}


{#- What both built-in strategies return. -#}
{% macro snapshot_strategy_result(updated_at, row_changed) -%}
    {%- set unique_key = config.get('unique_key') -%}
    {%- set hard_deletes = adapter.get_hard_deletes_behavior(config) -%}
    {{ return({
        'unique_key': unique_key,
        'updated_at': updated_at,
        'row_changed': row_changed,
        'scd_id': snapshot_hash_arguments(api.Relation.scd_args(unique_key, updated_at)),
        'invalidate_hard_deletes': hard_deletes == 'invalidate',
        'hard_deletes': hard_deletes
    }) }}
{%- endmacro %}


{#- Changed if the source is newer than the stored version began. Not compared with the stored updated_at column: it may be missing after a change of strategy. -#}
{% macro snapshot_timestamp_strategy(node, snapshotted_rel, current_rel, model_config, target_exists) -%}
    {%- set columns = config.get('snapshot_table_column_names') or get_snapshot_table_column_names() -%}
    {%- set updated_at = config.get('updated_at') -%}
    {%- set row_changed = '(' ~ snapshotted_rel ~ '.' ~ columns.dbt_valid_from ~ ' < ' ~ current_rel ~ '.' ~ updated_at ~ ')' -%}
    {{ return(snapshot_strategy_result(updated_at, row_changed)) }}
{%- endmacro %}


{% macro snapshot_string_as_time(timestamp) -%}
    {{ adapter.dispatch('snapshot_string_as_time', 'dbt')(timestamp) }}
{%- endmacro %}

{% macro default__snapshot_string_as_time(timestamp) -%}
    {{ exceptions.raise_not_implemented('snapshot_string_as_time: ' ~ adapter.type() ~ ' has no such macro') }}
{%- endmacro %}


{#- A pair: whether the query has a checked column the snapshot lacks, and the checked columns both have, quoted. -#}
{% macro snapshot_check_all_get_existing_columns(node, target_exists, check_cols_config) -%}
    {%- if not target_exists -%}
        {{ return((false, [])) }}
    {%- endif -%}

    {%- if check_cols_config == 'all' -%}
        {%- set checked = get_columns_in_query(node['compiled_code']) -%}
    {%- elif check_cols_config is iterable and check_cols_config is not string and check_cols_config -%}
        {#- Asked of the engine, which answers in the spelling that the table has. -#}
        {%- set checked_sql %}
            select {{ check_cols_config | join(', ') }} from (
                {{ node['compiled_code'] }}
            ) subq
        {%- endset -%}
        {%- set checked = get_columns_in_query(checked_sql) -%}
    {%- else -%}
        {%- do exceptions.raise_compiler_error('check_cols has to be a list of columns or `all`, found: ' ~ check_cols_config) -%}
    {%- endif -%}

    {%- set target = adapter.get_relation(database=node.database, schema=node.schema, identifier=node.alias) -%}
    {%- set stored = get_list_of_column_names(adapter.get_columns_in_relation(target)) -%}
    {%- set shared = [] -%}
    {%- for name in checked if name in stored -%}
        {%- do shared.append(adapter.quote(name)) -%}
    {%- endfor -%}
    {#- A column that is never stored would mark every row as changed in every run. -#}
    {{ return((shared | length < checked | length and snapshot_on_schema_change() != 'ignore', shared)) }}
{%- endmacro %}


{#- Changed if any checked column differs, null being a value like others. A new column marks every row as changed. -#}
{% macro snapshot_check_strategy(node, snapshotted_rel, current_rel, model_config, target_exists) -%}
    {%- set column_added, check_cols = snapshot_check_all_get_existing_columns(node, target_exists, config.get('check_cols')) -%}
    {%- set differences = [] -%}
    {%- for column in check_cols -%}
        {%- set old = snapshotted_rel ~ '.' ~ column -%}
        {%- set new = current_rel ~ '.' ~ column -%}
        {%- do differences.append(old ~ ' != ' ~ new) -%}
        {%- do differences.append('(' ~ old ~ ' is null and ' ~ new ~ ' is not null)') -%}
        {%- do differences.append('(' ~ old ~ ' is not null and ' ~ new ~ ' is null)') -%}
    {%- endfor -%}

    {%- if column_added -%}
        {%- set row_changed = '(' ~ get_true_sql() | trim ~ ')' -%}
    {%- else -%}
        {%- set row_changed = '(' ~ (differences | join(' or ') or '1 = 0') ~ ')' -%}
    {%- endif -%}
    {{ return(snapshot_strategy_result(config.get('updated_at') or snapshot_get_time() | trim, row_changed)) }}
{%- endmacro %}
