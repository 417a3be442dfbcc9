{#- One batch of a microbatch model: what the table holds of the batch's time goes, what the query returned for it comes. -#}
{% macro default__get_incremental_microbatch_sql(arg_dict) -%}
    {%- set event_time = config.get('event_time') -%}
    {%- if not event_time -%}
        {{ exceptions.raise_compiler_error('The microbatch strategy needs the config `event_time`') }}
    {%- elif config.get('unique_key') -%}
        {{ exceptions.raise_compiler_error(
            "The microbatch strategy does not support 'unique_key': a batch is replaced as a whole, by " ~ event_time
            ~ '. Remove the key, or use the merge strategy.'
        ) }}
    {%- endif -%}

    {%- set batch = model.get('batch') or {} -%}
    {%- set start = batch.get('event_time_start') -%}
    {%- set end = batch.get('event_time_end') -%}
    {%- if start is none or end is none -%}
        {{ exceptions.raise_compiler_error(
            'The microbatch strategy runs batch by batch, and this run has no batch'
        ) }}
    {%- endif -%}

    {#- Batches of numbers, and of dates that are kept as numbers or text, bring their bounds as SQL. -#}
    {%- set from = batch.get('start_sql') or "'" ~ start ~ "'" -%}
    {%- set to = batch.get('end_sql') or "'" ~ end ~ "'" -%}
    {%- set in_batch = event_time ~ ' >= ' ~ from ~ ' and ' ~ event_time ~ ' < ' ~ to -%}
    {%- do arg_dict.update({'in_batch': in_batch}) -%}
    {%- set columns = get_quoted_csv(arg_dict['dest_columns'] | map(attribute='name')) %}
    delete from {{ arg_dict['target_relation'] }}
    where {{ in_batch }}
        {%- for predicate in normalize_incremental_predicates(arg_dict.get('incremental_predicates')) %}
        and ({{ predicate }})
        {%- endfor %};

    insert into {{ arg_dict['target_relation'] }} ({{ columns }})
    select {{ columns }}
    from {{ arg_dict['temp_relation'] }}
    where {{ in_batch }};
{%- endmacro %}

{#-
  Tells of rows that the query returned and that lie outside of the batch: they have not been inserted. They are counted only if
  fewer rows were inserted than staged, or if the engine does not say how many were.
-#}
{% macro warn_of_rows_outside_batch(arg_dict) -%}
    {%- if arg_dict.get('in_batch') -%}
        {%- set staged, inserted = load_result('stage'), load_result('main') -%}
        {%- set staged = staged.response.rows_affected if staged else none -%}
        {%- set outside = run_query(
            'select count(*) from ' ~ arg_dict['temp_relation'] ~ ' where not coalesce(' ~ arg_dict['in_batch'] ~ ', 1 = 0)'
        ).rows[0][0] if staged is none or staged != inserted.response.rows_affected else 0 -%}
        {%- if outside -%}
            {%- set batch = model['batch'] -%}
            {%- do exceptions.warn(
                'In ' ~ this ~ ', ' ~ outside ~ (' rows' if outside > 1 else ' row') ~ ' of the batch from ' ~ batch['event_time_start']
                ~ ' to ' ~ batch['event_time_end'] ~ (' are' if outside > 1 else ' is') ~ ' left out: the ' ~ config.get('event_time')
                ~ ' lies outside of it. The event_time of a model has to be the one that its inputs are filtered by.'
            ) -%}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}
