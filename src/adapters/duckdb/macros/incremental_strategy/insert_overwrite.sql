{#-
  Replaces exactly the partitions that the new rows belong to; others stay. The config `partition_by` (or `partitioned_by`)
  names columns or expressions of them. Rows with a null there form a partition as well.
-#}
{% macro duckdb__get_incremental_insert_overwrite_sql(arg_dict) -%}
    {%- set partitions = incremental_partitions(arg_dict['dest_columns']) -%}
    {%- set target = arg_dict['target_relation'] -%}
    {%- set source = arg_dict['temp_relation'] -%}
    {#- Structs compare null with null as equal. -#}
    {%- set fields = [] -%}
    {%- for expression in partitions -%}
        {%- do fields.append("'" ~ loop.index ~ "': " ~ expression) -%}
    {%- endfor -%}
    {%- set partition = '{' ~ fields | join(', ') ~ '}' -%}
    {%- set columns = get_quoted_csv(arg_dict['dest_columns'] | map(attribute='name')) -%}
    {%- do refuse_unknown_keys(source, partitions) %}
    delete from {{ target }}
    where {{ partition }} in (select distinct {{ partition }} from {{ source }})
        {%- for predicate in normalize_incremental_predicates(arg_dict.get('incremental_predicates')) %}
        and ({{ predicate }})
        {%- endfor %};

    insert into {{ target }} ({{ columns }})
    (
        select {{ columns }}
        from {{ source }}
    )
{%- endmacro %}
