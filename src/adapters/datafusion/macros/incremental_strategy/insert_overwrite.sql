{#-
  Replaces exactly the partitions that the new rows belong to; others stay. The values are asked for first and written into the
  statement: with them, whole files go without being read. Rows with a null in a partition column form a partition as well.
-#}
{% macro datafusion__get_incremental_insert_overwrite_sql(arg_dict) -%}
    {%- set target = arg_dict['target_relation'] -%}
    {%- set source = arg_dict['temp_relation'] -%}
    {%- set partitions = incremental_partitions(arg_dict['dest_columns']) -%}
    {%- set columns = get_quoted_csv(arg_dict['dest_columns'] | map(attribute='name')) -%}
    {%- do refuse_unknown_keys(source, partitions) -%}
    {%- set where = datafusion__partitions_of(source, target, partitions) -%}
    {%- if where %}
    delete from {{ target }}
    where ({{ where }})
        {%- for predicate in normalize_incremental_predicates(arg_dict.get('incremental_predicates')) %}
        and ({{ predicate }})
        {%- endfor %};
    {%- endif %}

    insert into {{ target }} ({{ columns }})
    (
        select {{ columns }}
        from {{ source }}
    )
{%- endmacro %}


{#- A condition on the target that holds in the partitions of the new rows; empty if there are no rows. -#}
{% macro datafusion__partitions_of(source, target, partitions) -%}
    {%- if not execute -%}
        {{ return('') }}
    {%- endif -%}
    {%- set types = {} -%}
    {%- for column in adapter.get_columns_in_relation(target) -%}
        {%- do types.update({column.name | lower: column.dtype, adapter.quote(column.name) | lower: column.dtype}) -%}
    {%- endfor -%}
    {%- set names, values, texts = [], [], [] -%}
    {%- for expression in partitions -%}
        {%- set name = 'partition_' ~ loop.index -%}
        {%- do names.append(name) -%}
        {%- do values.append(expression ~ ' as ' ~ name) -%}
        {%- do texts.append('cast(' ~ name ~ ' as varchar) as ' ~ name) -%}
    {%- endfor -%}
    {#- Few values become text, not those of all rows. -#}
    {%- set found = run_query(
        'select ' ~ texts | join(', ') ~ ' from (select distinct ' ~ values | join(', ') ~ ' from ' ~ source
        ~ ') as partitions order by ' ~ names | join(', ')
    ) -%}
    {%- set conditions = [] -%}
    {%- for row in found.rows -%}
        {%- set parts = [] -%}
        {%- for expression in partitions -%}
            {%- set value = row[loop.index0] -%}
            {%- set type = types.get(expression | trim | lower) -%}
            {%- if value is none -%}
                {%- do parts.append(expression ~ ' is null') -%}
            {%- elif type is none -%}
                {%- do parts.append('cast(' ~ expression ~ " as varchar) = '" ~ value | replace("'", "''") ~ "'") -%}
            {%- else -%}
                {%- do parts.append(expression ~ " = cast('" ~ value | replace("'", "''") ~ "' as " ~ type ~ ')') -%}
            {%- endif -%}
        {%- endfor -%}
        {%- do conditions.append(parts | join(' and ')) -%}
    {%- endfor -%}
    {{ return('(' ~ conditions | join(') or (') ~ ')' if conditions else '') }}
{%- endmacro %}
