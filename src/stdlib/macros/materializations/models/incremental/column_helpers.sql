{#- Column lists for incremental models: quoting, comparing, choosing what a merge updates. -#}
{% macro get_quoted_csv(column_names) -%}
    {%- set quoted = [] -%}
    {%- for name in column_names -%}
        {%- do quoted.append(adapter.quote(name)) -%}
    {%- endfor -%}
    {{ return(quoted | join(', ')) }}
{%- endmacro %}


{#- The columns of the first list whose names the second lacks, however they are written: no table has `Id` beside `id`. Types are not looked at. -#}
{% macro diff_columns(source_columns, target_columns) -%}
    {%- set known = target_columns | map(attribute='column') | map('lower') | list -%}
    {%- set missing = [] -%}
    {%- for column in source_columns if column.name | lower not in known -%}
        {%- do missing.append(column) -%}
    {%- endfor -%}
    {{ return(missing) }}
{%- endmacro %}


{% macro diff_column_data_types(source_columns, target_columns) -%}
    {{ return(adapter.dispatch('diff_column_data_types', 'dbt')(source_columns, target_columns)) }}
{%- endmacro %}

{#- The columns of both lists whose types differ, unless the target can hold the source's values as it is. -#}
{% macro default__diff_column_data_types(source_columns, target_columns) -%}
    {%- set changed = [] -%}
    {%- for source in source_columns -%}
        {%- for target in target_columns if target.name | lower == source.name | lower -%}
            {%- if source.expanded_data_type != target.expanded_data_type and not source.can_expand_to(other_column=target) -%}
                {%- do changed.append({'column_name': target.name, 'new_type': source.expanded_data_type}) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(changed) }}
{%- endmacro %}


{% macro get_merge_update_columns(merge_update_columns, merge_exclude_columns, dest_columns) -%}
    {{ return(adapter.dispatch('get_merge_update_columns', 'dbt')(merge_update_columns, merge_exclude_columns, dest_columns)) }}
{%- endmacro %}

{#- What a merge updates: the listed columns, or all but the excluded ones (compared in lower case), or all. -#}
{% macro default__get_merge_update_columns(merge_update_columns, merge_exclude_columns, dest_columns) -%}
    {%- if merge_update_columns and merge_exclude_columns -%}
        {{ exceptions.raise_compiler_error(
            'merge_update_columns and merge_exclude_columns exclude each other: keep one of them'
        ) }}
    {%- elif merge_update_columns -%}
        {{ return(merge_update_columns) }}
    {%- endif -%}
    {%- set excluded = (merge_exclude_columns or []) | map('lower') | list -%}
    {%- set updated = [] -%}
    {%- for column in dest_columns if column.column | lower not in excluded -%}
        {%- do updated.append(column.quoted) -%}
    {%- endfor -%}
    {{ return(updated) }}
{%- endmacro %}
