{#-
  The clauses that a merge consists of, from `merge_clauses` or from the simpler configs (merge_update_columns and the
  like), and what is looked at before. Every engine spells the clauses in its own way.
-#}

{#- A dictionary: when_matched and when_not_matched, each a list of clauses in the form of `merge_clauses`. -#}
{% macro merge_clauses_of_model() -%}
    {%- set update_columns = config.get('merge_update_columns') or [] -%}
    {%- set exclude_columns = config.get('merge_exclude_columns') or [] -%}
    {%- set set_expressions = config.get('merge_update_set_expressions') or {} -%}
    {%- set defaults = merge_clause_defaults(
        config.get('merge_update_condition'), config.get('merge_insert_condition'), update_columns, exclude_columns, set_expressions
    ) -%}
    {%- set default_update = defaults.when_matched_update_explicit if update_columns or exclude_columns or set_expressions
                             else defaults.when_matched_update_by_name -%}
    {%- set clauses = config.get('merge_clauses') or {} -%}
    {{ return({
        'when_matched': clauses.get('when_matched', [default_update]),
        'when_not_matched': clauses.get('when_not_matched', [defaults.when_not_matched_insert_by_name])
    }) }}
{%- endmacro %}


{#- What the clauses are when `merge_clauses` does not say otherwise. -#}
{% macro merge_clause_defaults(
    merge_update_condition,
    merge_insert_condition,
    merge_update_columns=[],
    merge_exclude_columns=[],
    merge_update_set_expressions={}
) -%}
    {{ return({
        'when_matched_update_by_name': {
            'action': 'update', 'mode': 'by_name', 'condition': merge_update_condition
        },
        'when_matched_update_explicit': {
            'action': 'update', 'mode': 'explicit', 'condition': merge_update_condition,
            'update': {
                'include': merge_update_columns,
                'exclude': merge_exclude_columns,
                'set_expressions': merge_update_set_expressions
            }
        },
        'when_not_matched_insert_by_name': {
            'action': 'insert', 'mode': 'by_name', 'condition': merge_insert_condition
        }
    }) }}
{%- endmacro %}


{#- A row per key, among the rows that any of the clauses inserts. Engines themselves refuse to change a row twice. -#}
{% macro refuse_ambiguous_merge(target, source, unique_key, insert_clauses) -%}
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
        {%- do refuse_duplicate_keys(
            target, source, [keys] if keys is string else keys, conditions if conditions | length == inserting | length else []
        ) -%}
    {%- endif -%}
{%- endmacro %}


{#- The equalities of the two sides' keys. -#}
{% macro merge_key_conditions(unique_key) -%}
    {%- set conditions = [] -%}
    {%- for key in (unique_key if unique_key | is_list else [unique_key]) -%}
        {%- do conditions.append('DBT_INTERNAL_SOURCE.' ~ key ~ ' = DBT_INTERNAL_DEST.' ~ key) -%}
    {%- endfor -%}
    {{ return(conditions) }}
{%- endmacro %}


{% macro merge_condition(clause) -%}
    {%- set condition = clause.get('condition') -%}
    {%- if condition is string and condition %} AND {{ condition }}
    {%- elif condition %} AND ({{ condition | join(') AND (') }})
    {%- endif -%}
{%- endmacro %}
