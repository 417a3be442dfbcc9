{#-
  The merge strategy. Simple configs (merge_update_columns and the like) are turned into the same list of clauses that
  `merge_clauses` spells out, and one writer turns every clause into SQL. Rows are matched BY NAME unless told otherwise.
-#}
{% macro duckdb__get_incremental_merge_sql(args_dict) -%}
    {{ return(duckdb__get_merge_sql(
        args_dict['target_relation'],
        args_dict['temp_relation'],
        args_dict['unique_key'],
        args_dict['dest_columns'],
        args_dict.get('incremental_predicates')
    )) }}
{%- endmacro %}


{% macro duckdb__get_merge_sql(target, source, unique_key, dest_columns, incremental_predicates=none) -%}
    {%- do validate_merge_config(config, target) -%}
    {%- set update_columns = config.get('merge_update_columns') or [] -%}
    {%- set exclude_columns = config.get('merge_exclude_columns') or [] -%}
    {%- set set_expressions = config.get('merge_update_set_expressions') or {} -%}
    {%- set defaults = merge_clause_defaults(
        config.get('merge_update_condition'), config.get('merge_insert_condition'), update_columns, exclude_columns, set_expressions
    ) -%}
    {%- set default_update = defaults.when_matched_update_explicit if update_columns or exclude_columns or set_expressions
                             else defaults.when_matched_update_by_name -%}
    {%- set clauses = config.get('merge_clauses') or {} -%}
    {%- set returning = config.get('merge_returning_columns') or [] -%}
    {%- set update_clauses = clauses.get('when_matched', [default_update]) -%}
    {%- set insert_clauses = clauses.get('when_not_matched', [defaults.when_not_matched_insert_by_name]) -%}
    {%- do duckdb__refuse_ambiguous_merge(target, source, unique_key, insert_clauses) %}
    {{ config.get('sql_header') or '' }}
    MERGE INTO {{ target }} AS DBT_INTERNAL_DEST
    USING {{ source }} AS DBT_INTERNAL_SOURCE
    {{ duckdb__merge_join_clause(
        unique_key, config.get('merge_on_using_columns') or [], normalize_incremental_predicates(incremental_predicates)
    ) }}
    {%- for clause in update_clauses %}
    WHEN MATCHED{{ duckdb__merge_condition(clause) }} THEN {{ duckdb__merge_update_action(clause, dest_columns) }}
    {%- endfor %}
    {%- for clause in insert_clauses %}
    WHEN NOT MATCHED
        {%- if clause.get('by') %} BY {{ clause.get('by') | upper }}{% endif -%}
        {{ duckdb__merge_condition(clause) }} THEN {{ duckdb__merge_insert_action(clause) }}
    {%- endfor %}
    {%- if returning %}
    RETURNING {{ returning if returning is string else returning | join(', ') }}
    {%- endif %}
{%- endmacro %}


{#- A row per key, among the rows that any of the clauses inserts. The engine itself refuses to change a row twice. -#}
{% macro duckdb__refuse_ambiguous_merge(target, source, unique_key, insert_clauses) -%}
    {%- set keys = config.get('merge_on_using_columns') or unique_key or [] -%}
    {%- set inserting = [] -%}
    {%- set conditions = [] -%}
    {%- for clause in insert_clauses if clause.get('action') == 'insert' and (clause.get('by') or '') | lower != 'source' -%}
        {%- set condition = clause.get('condition') -%}
        {%- do inserting.append(clause) -%}
        {%- if condition -%}
            {%- do conditions.append(condition if condition is string else '(' ~ condition | join(') and (') ~ ')') -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if keys and inserting -%}
        {%- do duckdb__refuse_duplicate_keys(
            target, source, [keys] if keys is string else keys, conditions if conditions | length == inserting | length else []
        ) -%}
    {%- endif -%}
{%- endmacro %}


{#- USING for columns of the same name on both sides, else ON; predicates of the model narrow either. Without a key nothing matches. -#}
{% macro duckdb__merge_join_clause(unique_key, merge_on_using_columns, incremental_predicates) -%}
    {%- set conditions = [] -%}
    {%- if merge_on_using_columns -%}
        USING ({{ merge_on_using_columns | join(', ') }})
    {%- elif not unique_key -%}
        {%- do conditions.append('FALSE') -%}
    {%- else -%}
        {%- for key in (unique_key if unique_key | is_list else [unique_key]) -%}
            {%- do conditions.append('DBT_INTERNAL_SOURCE.' ~ key ~ ' = DBT_INTERNAL_DEST.' ~ key) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- do conditions.extend(incremental_predicates or []) -%}
    {%- if conditions %}
    ON ({{ conditions | join(') AND (') }})
    {%- endif -%}
{%- endmacro %}


{% macro duckdb__merge_condition(clause) -%}
    {%- set condition = clause.get('condition') -%}
    {%- if condition is string and condition %} AND {{ condition }}
    {%- elif condition %} AND ({{ condition | join(') AND (') }})
    {%- endif -%}
{%- endmacro %}


{#- What both kinds of clauses can do. -#}
{% macro duckdb__merge_common_action(clause) -%}
    {%- set action = clause.get('action') -%}
    {%- set message = clause.get('error_message') -%}
    {%- if action == 'delete' -%}
        DELETE
    {%- elif action == 'do_nothing' -%}
        DO NOTHING
    {%- elif action == 'error' -%}
        ERROR{{ " '" ~ message | replace("'", "''") ~ "'" if message }}
    {%- else -%}
        {%- do exceptions.raise_compiler_error('merge_clauses: unknown action or mode in ' ~ clause) -%}
    {%- endif -%}
{%- endmacro %}


{#- For matched rows. An explicit update takes the expressions that are given, and the source's value for the other columns. -#}
{% macro duckdb__merge_update_action(clause, dest_columns) -%}
    {%- set forms = {'by_name': 'UPDATE BY NAME', 'by_position': 'UPDATE BY POSITION', 'star': 'UPDATE SET *'} -%}
    {%- if clause.get('action') != 'update' -%}
        {{ return(duckdb__merge_common_action(clause)) }}
    {%- elif clause.get('mode') in forms -%}
        {{ return(forms[clause.get('mode')]) }}
    {%- elif clause.get('mode') != 'explicit' -%}
        {{ return(duckdb__merge_common_action({'action': clause})) }}
    {%- endif -%}

    {%- set update = clause.get('update') or {} -%}
    {%- set expressions = update.get('set_expressions') or {} -%}
    {%- set assignments = [] -%}
    {%- for column, expression in expressions.items() -%}
        {%- do assignments.append(column ~ ' = ' ~ expression) -%}
    {%- endfor -%}
    {%- for column in get_merge_update_columns(update.get('include'), update.get('exclude'), dest_columns)
        if column | replace('"', '') | replace("'", '') not in expressions -%}
        {%- do assignments.append(column ~ ' = DBT_INTERNAL_SOURCE.' ~ column) -%}
    {%- endfor -%}
    UPDATE SET {{ assignments | join(', ') }}
{%- endmacro %}


{#- For rows of one side alone: new rows of the source, or rows of the target the source no longer has. -#}
{% macro duckdb__merge_insert_action(clause) -%}
    {%- set forms = {'by_name': 'INSERT BY NAME', 'by_position': 'INSERT BY POSITION', 'star': 'INSERT *'} -%}
    {%- if clause.get('action') == 'update' -%}
        {%- set assignments = [] -%}
        {%- for column, expression in (clause.get('set_expressions') or {}).items() -%}
            {%- do assignments.append(column ~ ' = ' ~ expression) -%}
        {%- endfor -%}
        UPDATE SET {{ assignments | join(', ') }}
    {%- elif clause.get('action') != 'insert' -%}
        {{ return(duckdb__merge_common_action(clause)) }}
    {%- elif clause.get('mode') in forms -%}
        {{ return(forms[clause.get('mode')]) }}
    {%- elif clause.get('mode') == 'explicit' -%}
        {%- set insert = clause.get('insert') or {} -%}
        INSERT ({{ (insert.get('columns') or []) | join(', ') }}) VALUES ({{ (insert.get('values') or []) | join(', ') }})
    {%- else -%}
        {{ return(duckdb__merge_common_action({'action': clause})) }}
    {%- endif -%}
{%- endmacro %}
