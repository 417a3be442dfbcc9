{#- Moving dates and timestamps. The number may be any expression, so it multiplies an interval of one part; a quarter is three months. -#}
{% macro datafusion__dateadd(datepart, interval, from_date_or_timestamp) -%}
    {%- set sizes = {'quarter': (3, 'month'), 'week': (7, 'day')} -%}
    {%- set size = sizes.get(datepart | lower, (1, datepart | lower)) -%}
    {%- set steps = 'cast(' ~ interval ~ ' as bigint)' -%}
    {%- if size[0] != 1 -%}
        {%- set steps = '(' ~ steps ~ ' * ' ~ size[0] ~ ')' -%}
    {%- endif -%}
    (cast({{ from_date_or_timestamp }} as timestamp) + {{ steps }} * interval '1 {{ size[1] }}')
{%- endmacro %}


{#- How many boundaries of a part lie between two moments. Weeks begin on Sunday here: the distance is taken between the Mondays of the following days. -#}
{% macro datafusion__datediff(first_date, second_date, datepart) -%}
    {%- set bounds = ['cast(' ~ first_date ~ ' as timestamp)', 'cast(' ~ second_date ~ ' as timestamp)'] -%}
    {%- if datepart | lower == 'week' -%}
        {%- set bounds = ["date_trunc('week', " ~ bounds[0] ~ " + interval '1 day')", "date_trunc('week', " ~ bounds[1] ~ " + interval '1 day')"] -%}
    {%- endif -%}
    date_diff('{{ datepart }}', {{ bounds | join(', ') }})
{%- endmacro %}
