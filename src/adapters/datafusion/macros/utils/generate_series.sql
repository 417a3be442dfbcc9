{#- The numbers from 1 to an upper bound. -#}
{% macro datafusion__generate_series(upper_bound) -%}
    select generated_number
    from generate_series(1, {{ upper_bound }}) as numbers(generated_number)
{%- endmacro %}
