{#- Columns of relations. What does not exist has none; temporary relations are not in the catalog. -#}
{% macro datafusion__get_columns_in_relation(relation) -%}
    {%- set known = not relation.schema or not relation.database or load_cached_relation(relation) -%}
    {%- call statement('get_columns_in_relation', fetch_result=True) %}
        {%- if known %}
        describe {{ relation.render() }}
        {%- else %}
        select column_name, data_type
        from information_schema.columns
        where lower(table_name) = '{{ relation.identifier | lower }}' and lower(table_schema) = '{{ relation.schema | lower }}'
        order by ordinal_position
        {%- endif %}
    {%- endcall -%}
    {%- set columns = [] -%}
    {%- for row in load_result('get_columns_in_relation').table -%}
        {%- do columns.append(api.Column(row[0], row[1])) -%}
    {%- endfor -%}
    {{ return(columns) }}
{%- endmacro %}
