{#- Checks the merge configs before any SQL is made of them, and reports all that is wrong at once. -#}
{% macro validate_merge_config(config, target_relation=none) -%}
    {%- set fields = {
        'merge_update_condition': 'string',
        'merge_insert_condition': 'string',
        'merge_on_using_columns': 'sequence',
        'merge_update_columns': 'sequence',
        'merge_update_set_expressions': 'mapping',
        'merge_exclude_columns': 'sequence',
        'merge_returning_columns': 'sequence'
    } -%}
    {%- set checks = {'string': validate_string_field, 'sequence': validate_string_list_field, 'mapping': validate_dict_field} -%}
    {%- set errors = [] -%}
    {%- for name, kind in fields.items() -%}
        {%- do checks[kind](config.get(name), name, errors) -%}
    {%- endfor -%}
    {%- do validate_merge_clauses(config, fields, errors) -%}
    {%- if not errors -%}
        {%- do validate_ducklake_restrictions(config, target_relation, errors) -%}
    {%- endif -%}
    {%- if errors -%}
        {{ exceptions.raise_compiler_error('The merge configs of this model are wrong:\n' ~ errors | join('\n')) }}
    {%- endif -%}
{%- endmacro %}


{% macro validate_merge_clauses(config, base_configuration_fields, errors) -%}
    {%- set clauses = config.get('merge_clauses') -%}
    {%- if clauses is none -%}
        {{ return(none) }}
    {%- elif clauses is not mapping -%}
        {%- do errors.append('merge_clauses has to be a dictionary, found: ' ~ clauses) -%}
        {{ return(none) }}
    {%- endif -%}

    {%- if 'when_matched' not in clauses and 'when_not_matched' not in clauses -%}
        {%- do errors.append('merge_clauses has neither when_matched nor when_not_matched') -%}
    {%- endif -%}
    {%- for kind in ['when_matched', 'when_not_matched'] if kind in clauses -%}
        {%- do validate_merge_clause_list(clauses, kind, errors) -%}
    {%- endfor -%}

    {%- set ignored = [] -%}
    {%- for name in base_configuration_fields
        if name not in ['merge_on_using_columns', 'merge_returning_columns'] and config.get(name) -%}
        {%- do ignored.append(name) -%}
    {%- endfor -%}
    {%- if ignored -%}
        {%- do errors.append(
            'merge_clauses replaces these configs, which have to go: '
            ~ ignored | join(', ')
        ) -%}
    {%- endif -%}
{%- endmacro %}


{% macro validate_merge_clause_list(merge_clauses, clause_type, errors) -%}
    {%- set clauses = merge_clauses.get(clause_type) -%}
    {%- if not clauses | is_list -%}
        {%- do errors.append('merge_clauses.' ~ clause_type ~ ' has to be a list') -%}
    {%- elif not clauses -%}
        {%- do errors.append('merge_clauses.' ~ clause_type ~ ' is empty') -%}
    {%- else -%}
        {%- for clause in clauses if clause is not mapping -%}
            {%- do errors.append('merge_clauses.' ~ clause_type ~ ' may only hold dictionaries, found: ' ~ clause) -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}


{#- DuckLake merges know one update or delete per statement, and return no rows. -#}
{% macro validate_ducklake_restrictions(config, target_relation, errors) -%}
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
