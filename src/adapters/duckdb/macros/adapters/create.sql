{#-
  Creating tables and views. DuckDB cannot declare constraints in `create table as`: a contracted table is declared
  first and filled by an insert, and so is a DuckLake table with partitions or an order.
-#}
{% macro create_table_as(temporary, relation, compiled_code, language='sql', partitioned_by=none, sorted_by=none) -%}
    {%- if partitioned_by or sorted_by -%}
        {{ return(adapter.dispatch('create_table_as', 'dbt')(
            temporary, relation, compiled_code, language, partitioned_by=partitioned_by, sorted_by=sorted_by
        )) }}
    {%- endif -%}
    {{ return(adapter.dispatch('create_table_as', 'dbt')(temporary, relation, compiled_code, language)) }}
{%- endmacro %}

{% macro duckdb__create_table_as(temporary, relation, compiled_code, language='sql', partitioned_by=none, sorted_by=none) -%}
    {%- if language == 'python' -%}
        {{ return(py_write_table(
            temporary=temporary, relation=relation, compiled_code=compiled_code, partitioned_by=partitioned_by, sorted_by=sorted_by
        )) }}
    {%- elif language != 'sql' -%}
        {%- do exceptions.raise_compiler_error("A DuckDB table cannot be made from the language '" ~ language ~ "'") -%}
    {%- endif -%}

    {#- A contract holds for temporary tables too, but DuckDB gives those no constraints. -#}
    {%- set contracted = (config.get('contract') or {}).enforced -%}
    {%- if contracted -%}
        {%- do get_assert_columns_equivalent(compiled_code) -%}
    {%- endif -%}
    {%- set declared = contracted and not temporary -%}
    {%- set name = relation.include(database=(not temporary), schema=(not temporary)) %}
    {{ config.get('sql_header') or '' }}
    create {{ 'temporary ' if temporary }}table {{ name }}
    {%- if declared %}
    {{ get_table_columns_and_constraints() }};
    {{ duckdb__table_layout(relation, partitioned_by, sorted_by) }}
    insert into {{ relation }} {{ get_column_names() }} (
        {{ get_select_subquery(compiled_code) }}
    );
    {%- elif partitioned_by or sorted_by %}
    as (
        select * from (
            {{ compiled_code }}
        ) as model_subq
        limit 0
    );
    {{ duckdb__table_layout(relation, partitioned_by, sorted_by) }}
    insert into {{ relation }} (
        {{ compiled_code }}
    );
    {%- else %}
    as (
        {{ compiled_code }}
    );
    {%- endif %}
{%- endmacro %}


{% macro duckdb__create_view_as(relation, sql) -%}
    {%- if (config.get('contract') or {}).enforced -%}
        {%- do get_assert_columns_equivalent(sql) -%}
    {%- endif %}
    {{ config.get('sql_header') or '' }}
    create view {{ relation }} as (
        {{ sql }}
    );
{%- endmacro %}


{#- The Python code that stores what a Python model returned; `con` is the end of the pipe to the warehouse. -#}
{% macro py_write_table(temporary, relation, compiled_code, partitioned_by=none, sorted_by=none) -%}
{%- set layout = [] -%}
{%- for layout_sql in duckdb__table_layout(relation, partitioned_by, sorted_by).split(';') if layout_sql | trim -%}
    {%- do layout.append(layout_sql | trim) -%}
{%- endfor -%}
{{ compiled_code }}

def materialize(df, con):
    con.create_table({{ relation | string | tojson }}, df, temporary={{ 'True' if temporary else 'False' }}, layout={{ layout | tojson }})
{% endmacro %}
