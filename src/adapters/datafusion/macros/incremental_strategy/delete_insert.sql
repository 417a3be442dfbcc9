{#- The strategy that is used when none is named: delete what has a newer version, then insert. Without a key it only inserts. -#}
{% macro datafusion__get_incremental_default_sql(arg_dict) -%}
    {{ return(get_incremental_delete_insert_sql(arg_dict)) }}
{%- endmacro %}


{#-
  The delete is a merge with the keys of the new rows, so that files without any of them are not read. A single key may be any
  expression. The keys have names of their own: what a predicate names without a table is the target's. A null matches nothing.
-#}
{% macro datafusion__get_delete_insert_merge_sql(target, source, unique_key, dest_columns, incremental_predicates) -%}
    {%- set columns = get_quoted_csv(dest_columns | map(attribute='name')) -%}
    {%- if unique_key %}
        {%- set keys = [unique_key] if unique_key is string else unique_key -%}
        {%- do refuse_unknown_keys(source, keys) -%}
        {%- set selected = [] -%}
        {%- set conditions = [] -%}
        {%- for key in keys -%}
            {%- do selected.append('(' ~ key ~ ') as dbt_key_' ~ loop.index) -%}
            {%- do conditions.append('DBT_INTERNAL_SOURCE.dbt_key_' ~ loop.index ~ ' = (' ~ key ~ ')') -%}
        {%- endfor -%}
        {%- do conditions.extend(normalize_incremental_predicates(incremental_predicates)) %}
    merge into {{ target }}{{ ' as DBT_INCREMENTAL_TARGET' if unique_key is not string }}
    using (
        select distinct {{ selected | join(', ') }}
        from {{ source }}
    ) as DBT_INTERNAL_SOURCE
    on ({{ conditions | join(') and (') }})
    when matched then delete;
    {%- endif %}

    insert into {{ target }} ({{ columns }})
    (
        select {{ columns }}
        from {{ source }}
    )
{%- endmacro %}
