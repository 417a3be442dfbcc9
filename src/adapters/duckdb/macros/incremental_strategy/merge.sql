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
    {%- set clauses = merge_clauses_of_model() -%}
    {%- set returning = config.get('merge_returning_columns') or [] -%}
    {%- do refuse_ambiguous_merge(target, source, unique_key, clauses.when_not_matched) %}
    {{ config.get('sql_header') or '' }}
    MERGE INTO {{ target }} AS DBT_INTERNAL_DEST
    USING {{ source }} AS DBT_INTERNAL_SOURCE
    {{ duckdb__merge_join_clause(
        unique_key, config.get('merge_on_using_columns') or [], normalize_incremental_predicates(incremental_predicates)
    ) }}
    {%- for clause in clauses.when_matched %}
    WHEN MATCHED{{ merge_condition(clause) }} THEN {{ duckdb__merge_update_action(clause, dest_columns) }}
    {%- endfor %}
    {%- for clause in clauses.when_not_matched %}
    WHEN NOT MATCHED
        {%- if clause.get('by') %} BY {{ clause.get('by') | upper }}{% endif -%}
        {{ merge_condition(clause) }} THEN {{ duckdb__merge_insert_action(clause) }}
    {%- endfor %}
    {%- if returning %}
    RETURNING {{ returning if returning is string else returning | join(', ') }}
    {%- endif %}
{%- endmacro %}


{#- USING for columns of the same name on both sides, else ON; predicates of the model narrow either. Without a key nothing matches. -#}
{% macro duckdb__merge_join_clause(unique_key, merge_on_using_columns, incremental_predicates) -%}
    {%- set conditions = [] -%}
    {%- if merge_on_using_columns -%}
        USING ({{ merge_on_using_columns | join(', ') }})
    {%- elif not unique_key -%}
        {%- do conditions.append('FALSE') -%}
    {%- else -%}
        {%- do conditions.extend(merge_key_conditions(unique_key)) -%}
    {%- endif -%}
    {%- do conditions.extend(incremental_predicates or []) -%}
    {%- if conditions %}
    ON ({{ conditions | join(') AND (') }})
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


{#- DuckLake merges know one update or delete per statement, and return no rows. -#}
{% macro duckdb__validate_merge_restrictions(config, target_relation, errors) -%}
    {%- if not target_relation or not adapter.is_ducklake(target_relation) -%}
        {{ return(none) }}
    {%- endif -%}
    {%- if config.get('merge_returning_columns') -%}
        {%- do errors.append('merge_returning_columns: a merge into a DuckLake table returns no rows') -%}
    {%- endif -%}
    {%- set clauses = config.get('merge_clauses') or {} -%}
    {%- set changing = [] -%}
    {%- for clause in clauses.get('when_matched', []) + clauses.get('when_not_matched', [])
        if clause.get('action') in ['update', 'delete'] -%}
        {%- do changing.append(clause) -%}
    {%- endfor -%}
    {%- if changing | length > 1 -%}
        {%- do errors.append(
            'merge_clauses: DuckLake takes one update or delete per merge, found ' ~ changing | length
        ) -%}
    {%- endif -%}
{%- endmacro %}
