{#- What new rows are told apart by, and what is looked at before anything is applied. -#}

{#-
  A key that only the target has would be read from there by the subquery of a delete, match every row and empty the
  table. So the keys are first asked of the new rows alone; the engine names what is missing.
-#}
{% macro refuse_unknown_keys(source, keys) -%}
    {%- if execute -%}
        {%- do run_query('select ' ~ keys | join(', ') ~ ' from ' ~ source ~ ' limit 0') -%}
    {%- endif -%}
{%- endmacro %}


{#-
  Two rows of one key would both be inserted where the target has none. Looked at are the rows that may be inserted:
  `conditions` are those of the merge's insert clauses, where one without condition is none. A null is no key.
-#}
{% macro refuse_duplicate_keys(target, source, keys, conditions) -%}
    {%- if not execute -%}
        {{ return(none) }}
    {%- endif -%}
    {%- set columns = [] -%}
    {%- set filters = [] -%}
    {%- for key in keys -%}
        {%- do columns.append('DBT_INTERNAL_SOURCE.' ~ key) -%}
        {%- do filters.append('DBT_INTERNAL_SOURCE.' ~ key ~ ' is not null') -%}
    {%- endfor -%}
    {%- if conditions -%}
        {%- do filters.append('((' ~ conditions | join(') or (') ~ '))') -%}
    {%- endif -%}
    {%- set found = run_query(
        'select ' ~ columns | join(', ') ~ ', count(*) from ' ~ source ~ ' as DBT_INTERNAL_SOURCE where ' ~ filters | join(' and ')
        ~ ' group by ' ~ columns | join(', ') ~ ' having count(*) > 1 order by ' ~ columns | join(', ') ~ ' limit 3'
    ) -%}
    {%- set examples = [] -%}
    {%- for row in found.rows -%}
        {%- set pairs = [] -%}
        {%- for key in keys -%}
            {%- do pairs.append(key ~ ' = ' ~ row[loop.index0]) -%}
        {%- endfor -%}
        {%- do examples.append(pairs | join(', ') ~ ': ' ~ row[keys | length] ~ ' rows') -%}
    {%- endfor -%}
    {%- if examples -%}
        {%- do exceptions.raise_duplicate_keys(target, keys, examples) -%}
    {%- endif -%}
{%- endmacro %}


{#- The columns or expressions of `partition_by` (or `partitioned_by`). A mapping names one as its `field`. -#}
{% macro incremental_partitions(columns=[]) -%}
    {%- set configured = config.get('partition_by') or config.get('partitioned_by') -%}
    {%- if configured is mapping -%}
        {%- set configured = configured.get('field') -%}
    {%- endif -%}
    {%- set partitions = normalize_string_or_list(configured, 'partition_by') -%}
    {%- if not partitions -%}
        {%- do exceptions.missing_config(model, 'partition_by') -%}
    {%- endif -%}
    {%- set names = columns | map(attribute='name') | list -%}
    {%- set spelled = [] -%}
    {%- for partition in partitions -%}
        {%- do spelled.append(adapter.quote(partition) if partition in names else partition) -%}
    {%- endfor -%}
    {{ return(spelled) }}
{%- endmacro %}
