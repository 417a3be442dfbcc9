{#- Cutting down a date or timestamp; the present moment without the help of time zone functions. -#}
{% macro duckdb__date_trunc(datepart, date) -%}
    {%- set moment = duckdb__without_time_zone(date) -%}
    {%- if moment -%}
    date_trunc('{{ datepart }}', {{ moment }})::timestamptz
    {%- else -%}
    date_trunc('{{ datepart }}', {{ date }})
    {%- endif -%}
{%- endmacro %}
