{#- The strategy that is used when none is named: delete what has a newer version, then insert. Without a key it only inserts. -#}
{% macro duckdb__get_incremental_default_sql(arg_dict) -%}
    {{ return(get_incremental_delete_insert_sql(arg_dict)) }}
{%- endmacro %}


{#- A single key may be any expression; predicates see the table by its own name there, and by the alias with a list of key columns. A null matches nothing. -#}
{% macro duckdb__get_delete_insert_merge_sql(target, source, unique_key, dest_columns, incremental_predicates) -%}
    {%- set columns = get_quoted_csv(dest_columns | map(attribute='name')) -%}
    {%- if unique_key %}
        {%- do refuse_unknown_keys(source, [unique_key] if unique_key is string else unique_key) -%}
        {%- if unique_key is string %}
    delete from {{ target }}
    where ({{ unique_key }}) in (select ({{ unique_key }}) from {{ source }})
        {%- else -%}
            {%- set matches = [] -%}
            {%- for key in unique_key -%}
                {%- do matches.append('DBT_INTERNAL_SOURCE.' ~ key ~ ' = DBT_INCREMENTAL_TARGET.' ~ key) -%}
            {%- endfor %}
    delete from {{ target }} as DBT_INCREMENTAL_TARGET
    where exists (select 1 from {{ source }} as DBT_INTERNAL_SOURCE where {{ matches | join(' and ') }})
        {%- endif %}
        {%- for predicate in normalize_incremental_predicates(incremental_predicates) %}
        and {{ predicate }}
        {%- endfor %};
    {%- endif %}

    insert into {{ target }} ({{ columns }})
    (
        select {{ columns }}
        from {{ source }}
    )
{%- endmacro %}
