{#- The numbers from 1 to an upper bound. -#}
{% macro datafusion__generate_series(upper_bound) -%}
    select value as generated_number
    from generate_series(1, {{ upper_bound }})
{%- endmacro %}
