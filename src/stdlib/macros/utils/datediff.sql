{#- How many boundaries of a part lie between two moments. -#}
{% macro datediff(first_date, second_date, datepart) -%}
    {{ return(adapter.dispatch('datediff', 'dbt')(first_date, second_date, datepart)) }}
{%- endmacro %}

{#- Weeks begin on Sunday, where engines count whole weeks: the distance is taken between the Mondays of the following days. -#}
{% macro default__datediff(first_date, second_date, datepart) -%}
    {%- set bounds = ['cast(' ~ first_date ~ ' as timestamp)', 'cast(' ~ second_date ~ ' as timestamp)'] -%}
    {%- if datepart | lower == 'week' -%}
        {%- set bounds = ["date_trunc('week', " ~ bounds[0] ~ " + interval '1 day')", "date_trunc('week', " ~ bounds[1] ~ " + interval '1 day')"] -%}
    {%- endif -%}
    date_diff('{{ datepart }}', {{ bounds | join(', ') }})
{%- endmacro %}
