{#- A query with one row per date part from a start (included) to an end (excluded). -#}
{% macro get_intervals_between(start_date, end_date, datepart) -%}
    {{ return(adapter.dispatch('get_intervals_between', 'dbt')(start_date, end_date, datepart)) }}
{%- endmacro %}

{#- Asks the engine, since the bounds are SQL expressions. While parsing nothing runs: 1 stands in. -#}
{% macro default__get_intervals_between(start_date, end_date, datepart) -%}
    {%- call statement('get_intervals_between', fetch_result=True) %}
        select {{ dbt.datediff(start_date, end_date, datepart) }}
    {%- endcall -%}
    {%- set answer = load_result('get_intervals_between') -%}
    {{ return(answer['data'][0][0] if answer and answer['data'] else 1) }}
{%- endmacro %}


{% macro date_spine(datepart, start_date, end_date) -%}
    {{ return(adapter.dispatch('date_spine', 'dbt')(datepart, start_date, end_date)) }}
{%- endmacro %}

{% macro default__date_spine(datepart, start_date, end_date) %}
    {%- set column_name = 'date_' ~ datepart %}
    with steps as (
        {{ dbt.generate_series(dbt.get_intervals_between(start_date, end_date, datepart)) }}
    ),

    spine as (
        select {{ dbt.dateadd(datepart, 'row_number() over (order by 1) - 1', start_date) }} as {{ column_name }}
        from steps
    )

    select *
    from spine
    where {{ column_name }} <= {{ end_date }}
{% endmacro %}
