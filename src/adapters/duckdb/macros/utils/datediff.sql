{#-
  How many boundaries of a part lie between two moments. Weeks begin on Sunday here, and DuckDB would count whole weeks:
  the distance is taken between the Mondays of the following days.
-#}
{% macro duckdb__datediff(first_date, second_date, datepart) -%}
    {%- set bounds = ['(' ~ first_date ~ ')::timestamp', '(' ~ second_date ~ ')::timestamp'] -%}
    {%- if datepart | lower == 'week' -%}
        {%- set bounds = ["date_trunc('week', " ~ bounds[0] ~ " + interval 1 day)", "date_trunc('week', " ~ bounds[1] ~ " + interval 1 day)"] -%}
    {%- endif -%}
    date_diff('{{ datepart }}', {{ bounds | join(', ') }})
{%- endmacro %}
