{#- The last day of the part a date lies in: one day before the next part starts. -#}
{% macro last_day(date, datepart) -%}
    {{ return(adapter.dispatch('last_day', 'dbt')(date, datepart)) }}
{%- endmacro %}

{#- Callable by itself (one underscore), for adapters that differ in some parts only. -#}
{% macro default_last_day(date, datepart) -%}
    {%- set next_start = dbt.dateadd(datepart, '1', dbt.date_trunc(datepart, date)) -%}
    cast({{ dbt.dateadd('day', '-1', next_start) }} as date)
{%- endmacro %}

{% macro default__last_day(date, datepart) -%}
    {{ dbt.default_last_day(date, datepart) }}
{%- endmacro %}
