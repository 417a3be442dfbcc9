{#- The numbers from 1 to an upper bound, built from binary digits so that any engine can do it. -#}
{% macro get_powers_of_two(upper_bound) -%}
    {{ return(adapter.dispatch('get_powers_of_two', 'dbt')(upper_bound)) }}
{%- endmacro %}

{#- How many binary digits are needed to count to the upper bound; at least one. -#}
{% macro default__get_powers_of_two(upper_bound) -%}
    {%- if upper_bound <= 0 -%}
        {{ exceptions.raise_compiler_error("A series needs an upper bound of at least 1, found " ~ upper_bound) }}
    {%- endif -%}
    {%- for digits in range(1, 100) -%}
        {%- if 2 ** digits >= upper_bound -%}
            {{ return(digits) }}
        {%- endif -%}
    {%- endfor -%}
{%- endmacro %}


{% macro generate_series(upper_bound) -%}
    {{ return(adapter.dispatch('generate_series', 'dbt')(upper_bound)) }}
{%- endmacro %}

{% macro default__generate_series(upper_bound) %}
    {%- set weights = [] -%}
    {%- set tables = [] -%}
    {%- for i in range(dbt.get_powers_of_two(upper_bound)) -%}
        {%- do weights.append('bit' ~ i ~ '.digit * ' ~ 2 ** i) -%}
        {%- do tables.append('digits as bit' ~ i) -%}
    {%- endfor %}
    with digits as (
        select 0 as digit
        union all
        select 1
    ),

    numbers as (
        select {{ weights | join(' + ') }} + 1 as generated_number
        from {{ tables | join(' cross join ') }}
    )

    select generated_number
    from numbers
    where generated_number <= {{ upper_bound }}
    order by generated_number
{% endmacro %}
