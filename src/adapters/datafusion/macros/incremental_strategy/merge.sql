{#-
  The merge strategy. The clauses of the config become those that SQL knows: columns by name are spelled out, `error` is looked
  for by a query before anything is written.
-#}
{% macro datafusion__get_merge_sql(target, source, unique_key, dest_columns, incremental_predicates=none) -%}
    {%- do validate_merge_config(config, target) -%}
    {%- set clauses = merge_clauses_of_model() -%}
    {%- do refuse_ambiguous_merge(target, source, unique_key, clauses.when_not_matched) -%}
    {%- set keys = config.get('merge_on_using_columns') or unique_key or [] -%}
    {%- set conditions = merge_key_conditions(keys) if keys else ['false'] -%}
    {%- do conditions.extend(normalize_incremental_predicates(incremental_predicates)) -%}
    {%- set on = '(' ~ conditions | join(') and (') ~ ')' -%}
    {%- set sides = {'source': adapter.get_columns_in_relation(source), 'target': adapter.get_columns_in_relation(target)} -%}
    {%- do datafusion__refuse_error_rows(target, source, on, clauses) %}
    {{ config.get('sql_header') or '' }}
    merge into {{ target }} as DBT_INTERNAL_DEST
    using {{ source }} as DBT_INTERNAL_SOURCE
    on {{ on }}
    {%- for clause in datafusion__effective_clauses(clauses.when_matched) %}
    when matched{{ merge_condition(clause) }} then {{ datafusion__merge_update_action(clause, dest_columns, sides) }}
    {%- endfor %}
    {%- for clause in datafusion__effective_clauses(clauses.when_not_matched) %}
    when not matched
        {%- if clause.get('by') %} by {{ clause.get('by') | lower }}{% endif -%}
        {{ merge_condition(clause) }} then {{ datafusion__merge_insert_action(clause, sides) }}
    {%- endfor %}
{%- endmacro %}


{#-
  The clauses that do something. One that does nothing keeps its rows from those behind it: these get the opposite of its condition.
  One that is an error has none by now.
-#}
{% macro datafusion__effective_clauses(clauses) -%}
    {%- set effective = [] -%}
    {%- set kept_out = [] -%}
    {%- for clause in clauses -%}
        {%- set by = (clause.get('by') or '') | lower -%}
        {%- set condition = (merge_condition(clause) | trim)[3:] | trim -%}
        {%- if clause.get('action') == 'do_nothing' -%}
            {%- do kept_out.append({'by': by, 'condition': condition or 'true'}) -%}
        {%- elif clause.get('action') != 'error' -%}
            {%- set conditions = ['(' ~ condition ~ ')'] if condition else [] -%}
            {%- for other in kept_out if other.by == by -%}
                {%- do conditions.append('(' ~ other.condition ~ ') is not true') -%}
            {%- endfor -%}
            {%- do effective.append(dict(clause, condition=conditions | join(' and ') or none)) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(effective) }}
{%- endmacro %}


{% macro datafusion__validate_merge_restrictions(config, target_relation, errors) -%}
    {%- if config.get('merge_returning_columns') -%}
        {%- do errors.append('merge_returning_columns: a merge into a table of the lake returns no rows') -%}
    {%- endif -%}
{%- endmacro %}


{#- Pairs of a target's and a source's column: those of one name, or of one place. -#}
{% macro datafusion__merge_pairs(sides, by_position=false) -%}
    {%- set pairs = [] -%}
    {%- if by_position -%}
        {%- for column in sides.target if loop.index0 < sides.source | length -%}
            {%- do pairs.append((adapter.quote(column.name), adapter.quote(sides.source[loop.index0].name))) -%}
        {%- endfor -%}
    {%- else -%}
        {%- set names = {} -%}
        {%- for column in sides.target -%}
            {%- do names.update({column.name | lower: column.name}) -%}
        {%- endfor -%}
        {%- for column in sides.source -%}
            {%- if column.name | lower not in names -%}
                {%- do exceptions.raise_compiler_error(
                    'The query returns a column ' ~ column.name ~ ' that the table lacks. Set on_schema_change: append_new_columns, '
                    ~ 'or run with --full-refresh.'
                ) -%}
            {%- endif -%}
            {%- do pairs.append((adapter.quote(names[column.name | lower]), adapter.quote(column.name))) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(pairs) }}
{%- endmacro %}


{#- What both kinds of clauses can do. -#}
{% macro datafusion__merge_common_action(clause) -%}
    {%- if clause.get('action') == 'delete' -%}
        delete
    {%- else -%}
        {%- do exceptions.raise_compiler_error('merge_clauses: unknown action or mode in ' ~ clause) -%}
    {%- endif -%}
{%- endmacro %}


{#- For matched rows. An explicit update takes the expressions that are given, and the source's value for the other columns. -#}
{% macro datafusion__merge_update_action(clause, dest_columns, sides) -%}
    {%- set mode = clause.get('mode') -%}
    {%- set assignments = [] -%}
    {%- if clause.get('action') != 'update' -%}
        {{ return(datafusion__merge_common_action(clause)) }}
    {%- elif mode in ['by_name', 'by_position', 'star'] -%}
        {%- for column, value in datafusion__merge_pairs(sides, by_position=(mode == 'by_position')) -%}
            {%- do assignments.append(column ~ ' = DBT_INTERNAL_SOURCE.' ~ value) -%}
        {%- endfor -%}
    {%- elif mode == 'explicit' -%}
        {%- set update = clause.get('update') or {} -%}
        {%- set expressions = update.get('set_expressions') or {} -%}
        {%- for column, expression in expressions.items() -%}
            {%- do assignments.append(column ~ ' = ' ~ expression) -%}
        {%- endfor -%}
        {%- for column in get_merge_update_columns(update.get('include'), update.get('exclude'), dest_columns)
            if column | replace('"', '') | replace("'", '') not in expressions -%}
            {%- do assignments.append(column ~ ' = DBT_INTERNAL_SOURCE.' ~ column) -%}
        {%- endfor -%}
    {%- else -%}
        {{ return(datafusion__merge_common_action({'action': clause})) }}
    {%- endif -%}
    update set {{ assignments | join(', ') }}
{%- endmacro %}


{#- For rows of one side alone: new rows of the source, or rows of the target the source no longer has. -#}
{% macro datafusion__merge_insert_action(clause, sides) -%}
    {%- set mode = clause.get('mode') -%}
    {%- if clause.get('action') == 'update' -%}
        {%- set assignments = [] -%}
        {%- for column, expression in (clause.get('set_expressions') or {}).items() -%}
            {%- do assignments.append(column ~ ' = ' ~ expression) -%}
        {%- endfor -%}
    update set {{ assignments | join(', ') }}
    {%- elif clause.get('action') != 'insert' -%}
        {{ return(datafusion__merge_common_action(clause)) }}
    {%- elif mode in ['by_name', 'by_position', 'star'] -%}
        {%- set columns = [] -%}
        {%- set values = [] -%}
        {%- for column, value in datafusion__merge_pairs(sides, by_position=(mode == 'by_position')) -%}
            {%- do columns.append(column) -%}
            {%- do values.append('DBT_INTERNAL_SOURCE.' ~ value) -%}
        {%- endfor -%}
    insert ({{ columns | join(', ') }}) values ({{ values | join(', ') }})
    {%- elif mode == 'explicit' -%}
        {%- set insert = clause.get('insert') or {} -%}
    insert ({{ (insert.get('columns') or []) | join(', ') }}) values ({{ (insert.get('values') or []) | join(', ') }})
    {%- else -%}
        {{ return(datafusion__merge_common_action({'action': clause})) }}
    {%- endif -%}
{%- endmacro %}


{#- Rows that would reach a clause `error`: those that no clause before it takes. -#}
{% macro datafusion__refuse_error_rows(target, source, on, clauses) -%}
    {%- for kind in ['when_matched', 'when_not_matched'] -%}
        {%- set earlier = [] -%}
        {%- for clause in clauses[kind] -%}
            {%- set by_source = (clause.get('by') or '') | lower == 'source' -%}
            {%- set side = 'matched' if kind == 'when_matched' else ('source' if by_source else 'target') -%}
            {%- set condition = (merge_condition(clause) | trim)[3:] | trim or 'true' -%}
            {%- if clause.get('action') == 'error' and execute -%}
                {%- set taken = [] -%}
                {%- for other in earlier if other.side == side -%}
                    {%- do taken.append(' and (' ~ other.condition ~ ') is not true') -%}
                {%- endfor -%}
                {%- set target_side = '(select *, true as dbt_in_target from ' ~ target ~ ') as DBT_INTERNAL_DEST' -%}
                {%- set source_side = '(select *, true as dbt_in_source from ' ~ source ~ ') as DBT_INTERNAL_SOURCE' -%}
                {%- set missing = {
                    'matched': 'true', 'target': 'DBT_INTERNAL_DEST.dbt_in_target is null', 'source': 'DBT_INTERNAL_SOURCE.dbt_in_source is null'
                } -%}
                {%- set join = {'matched': ' join ', 'target': ' right join ', 'source': ' left join '} -%}
                {%- set found = run_query(
                    'select count(*) from ' ~ target_side ~ join[side] ~ source_side ~ ' on ' ~ on ~ ' where ' ~ missing[side]
                    ~ ' and (' ~ condition ~ ')' ~ taken | join('')
                ).rows[0][0] -%}
                {%- if found -%}
                    {%- do exceptions.raise_compiler_error(
                        (clause.get('error_message') or 'merge_clauses: rows reached the action error') ~ ' (' ~ found ~ ' rows); nothing was merged into ' ~ target
                    ) -%}
                {%- endif -%}
            {%- endif -%}
            {%- do earlier.append({'side': side, 'condition': condition}) -%}
        {%- endfor -%}
    {%- endfor -%}
{%- endmacro %}
