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
        {%- do validate_merge_restrictions(config, target_relation, errors) -%}
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
        {%- do errors.append('merge_clauses must be a dictionary, found: ' ~ clauses) -%}
        {{ return(none) }}
    {%- endif -%}

    {%- if 'when_matched' not in clauses and 'when_not_matched' not in clauses -%}
        {%- do errors.append("merge_clauses must contain at least one of 'when_matched' or 'when_not_matched'") -%}
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
            'with merge_clauses, basic merge configurations will be ignored; remove: '
            ~ ignored | join(', ')
        ) -%}
    {%- endif -%}
{%- endmacro %}


{% macro validate_merge_clause_list(merge_clauses, clause_type, errors) -%}
    {%- set clauses = merge_clauses.get(clause_type) -%}
    {%- if not clauses | is_list -%}
        {%- do errors.append('merge_clauses.' ~ clause_type ~ ' must be a list') -%}
    {%- elif not clauses -%}
        {%- do errors.append('merge_clauses.' ~ clause_type ~ ' is empty') -%}
    {%- else -%}
        {%- for clause in clauses if clause is not mapping -%}
            {%- do errors.append('merge_clauses.' ~ clause_type ~ ' elements must be dictionaries, found: ' ~ clause) -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}


{#- What an engine's merge cannot do, although the config is right. -#}
{% macro validate_merge_restrictions(config, target_relation, errors) -%}
    {{ return(adapter.dispatch('validate_merge_restrictions', 'dbt')(config, target_relation, errors)) }}
{%- endmacro %}

{% macro default__validate_merge_restrictions(config, target_relation, errors) -%}
{%- endmacro %}
