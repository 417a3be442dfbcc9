{#-
  How macros talk to the engine: `statement` runs the text of its call block, `run_query` runs a text and
  hands back its table, `noop_statement` records a result for work that was done elsewhere.
-#}
{% macro statement(name=None, fetch_result=False, auto_begin=True, language='sql') -%}
    {%- if execute -%}
        {%- set code = caller() -%}
        {%- if name == 'main' -%}
            {%- do log('Running ' ~ language ~ ' of ' ~ model['unique_id']) -%}
            {%- do write(code) -%}
        {%- endif -%}

        {%- if language == 'sql' -%}
            {%- set response, table = adapter.execute(code, auto_begin=auto_begin, fetch=fetch_result) -%}
        {%- elif language == 'python' -%}
            {%- set response = submit_python_job(model, code) -%}
            {%- set table = None -%}
        {%- else -%}
            {%- do exceptions.raise_compiler_error("statement does not support the language '" ~ language ~ "'") -%}
        {%- endif -%}

        {%- if name is not none -%}
            {%- do store_result(name, response=response, agate_table=table) -%}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}


{% macro noop_statement(name=None, message=None, code=None, rows_affected=None, res=None) -%}
    {%- set sql = caller() -%}
    {%- if name == 'main' -%}
        {%- do log('Noting the SQL of ' ~ model['unique_id']) -%}
        {%- do write(sql) -%}
    {%- endif -%}
    {%- if name is not none -%}
        {%- do store_raw_result(name, message=message, code=code, rows_affected=rows_affected, agate_table=res) -%}
    {%- endif -%}
{%- endmacro %}


{% macro run_query(sql) -%}
    {%- call statement('run_query_statement', fetch_result=True, auto_begin=False) -%}
        {{ sql }}
    {%- endcall -%}
    {{ return(load_result('run_query_statement').table) }}
{%- endmacro %}
