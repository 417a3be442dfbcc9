{#- The statements that bring a batch of rows into an existing table: merge, delete and insert, overwrite. -#}

{#- `predicates` is a former name of the last parameter. -#}
{% macro get_merge_sql(target, source, unique_key, dest_columns, incremental_predicates=none) -%}
    {%- set filters = kwargs.get('predicates', incremental_predicates) -%}
    {{ adapter.dispatch('get_merge_sql', 'dbt')(target, source, unique_key, dest_columns, filters) }}
{%- endmacro %}

{#- The aliases of the two sides are part of the interface: predicates in user configs name them. -#}
{% macro default__get_merge_sql(target, source, unique_key, dest_columns, incremental_predicates=none) -%}
    {%- set conditions = [incremental_predicates] if incremental_predicates is string else (incremental_predicates or []) | list -%}
    {%- if not unique_key -%}
        {%- do conditions.append('FALSE') -%}
    {%- elif unique_key | is_list -%}
        {%- for key in unique_key -%}
            {%- do conditions.append('DBT_INTERNAL_SOURCE.' ~ key ~ ' = DBT_INTERNAL_DEST.' ~ key) -%}
        {%- endfor -%}
    {%- else -%}
        {%- do conditions.append(
            get_merge_unique_key_match('DBT_INTERNAL_SOURCE.' ~ unique_key | trim, 'DBT_INTERNAL_DEST.' ~ unique_key | trim)
        ) -%}
    {%- endif -%}

    {%- set columns = get_quoted_csv(dest_columns | map(attribute='name')) -%}
    {%- set assignments = [] -%}
    {%- for column in get_merge_update_columns(
        config.get('merge_update_columns'), config.get('merge_exclude_columns'), dest_columns
    ) -%}
        {%- do assignments.append(column ~ ' = DBT_INTERNAL_SOURCE.' ~ column) -%}
    {%- endfor %}
    {{ config.get('sql_header') or '' }}
    merge into {{ target }} as DBT_INTERNAL_DEST
    using {{ source }} as DBT_INTERNAL_SOURCE
    on ({{ conditions | join(') and (') }})
    {%- if unique_key %}
    when matched then update set
        {{ assignments | join(', ') }}
    {%- endif %}
    when not matched then insert ({{ columns }})
    values ({{ columns }})
{%- endmacro %}


{% macro get_merge_unique_key_match(source_unique_key, target_unique_key) -%}
    {{ return(adapter.dispatch('get_merge_unique_key_match', 'dbt')(source_unique_key, target_unique_key)) }}
{%- endmacro %}

{% macro default__get_merge_unique_key_match(source_unique_key, target_unique_key) -%}
    {{ return(equals(source_unique_key, target_unique_key) | trim) }}
{%- endmacro %}


{% macro get_delete_insert_merge_sql(target, source, unique_key, dest_columns, incremental_predicates) -%}
    {{ adapter.dispatch('get_delete_insert_merge_sql', 'dbt')(target, source, unique_key, dest_columns, incremental_predicates) }}
{%- endmacro %}

{% macro default__get_delete_insert_merge_sql(target, source, unique_key, dest_columns, incremental_predicates) -%}
    {%- set columns = get_quoted_csv(dest_columns | map(attribute='name')) -%}
    {%- if unique_key -%}
        {%- set key = unique_key if unique_key is string else unique_key | join(', ') %}
    delete from {{ target }} as DBT_INTERNAL_DEST
    where ({{ key }}) in (
        select distinct {{ key }}
        from {{ source }} as DBT_INTERNAL_SOURCE
    )
        {%- for predicate in ([incremental_predicates] if incremental_predicates is string else incremental_predicates or []) %}
        and {{ predicate }}
        {%- endfor %};
    {%- endif %}
    insert into {{ target }} ({{ columns }})
    (
        select {{ columns }}
        from {{ source }}
    )
{%- endmacro %}


{% macro get_insert_overwrite_merge_sql(target, source, dest_columns, predicates, include_sql_header=false) -%}
    {{ adapter.dispatch('get_insert_overwrite_merge_sql', 'dbt')(target, source, dest_columns, predicates, include_sql_header) }}
{%- endmacro %}

{#- Nothing matches: what the predicates cover is deleted, everything new is inserted. -#}
{% macro default__get_insert_overwrite_merge_sql(target, source, dest_columns, predicates, include_sql_header) -%}
    {%- set columns = get_quoted_csv(dest_columns | map(attribute='name')) %}
    {{ config.get('sql_header') or '' if include_sql_header }}
    merge into {{ target }} as DBT_INTERNAL_DEST
    using {{ source }} as DBT_INTERNAL_SOURCE
    on FALSE
    when not matched by source
        {{ 'and ' ~ predicates | join(' and ') if predicates }}
        then delete
    when not matched then insert ({{ columns }})
    values ({{ columns }})
{%- endmacro %}
