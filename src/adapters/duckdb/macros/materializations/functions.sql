{#-
  User-defined functions. DuckDB has them as macros: their code is put in place of the call, so there is no language, no
  volatility and no comment to speak of. The result is cast to the type that the function promises.
-#}
{% macro duckdb__scalar_function_sql(target_relation) -%}
    create or replace function {{ target_relation.render() }}({{ formatted_scalar_function_args_sql() }}) as cast((
        {{ model.compiled_code }}
    ) as {{ model.returns.data_type }})
{%- endmacro %}

{#- A macro may hold an aggregate as well as anything else. -#}
{% macro duckdb__aggregate_function_sql(target_relation) -%}
    {{ duckdb__scalar_function_sql(target_relation) }}
{%- endmacro %}

{% macro duckdb__table_function_sql(target_relation) -%}
    create or replace function {{ target_relation.render() }}({{ formatted_scalar_function_args_sql() }}) as table (
        {{ model.compiled_code }}
    )
{%- endmacro %}

{% macro duckdb__formatted_scalar_function_args_sql() -%}
    {%- set args = [] -%}
    {%- for arg in model.arguments -%}
        {%- set default = arg.get('default_value') -%}
        {%- do args.append(
            arg.name ~ ' ' ~ arg.data_type ~ (' := ' ~ (default | tojson if default is boolean else default) if default is not none else '')
        ) -%}
    {%- endfor -%}
    {{ args | join(', ') }}
{%- endmacro %}

{% macro duckdb__scalar_function_python(target_relation) -%}
    {%- do exceptions.raise_compiler_error(
        'DuckDB keeps no functions in Python: write ' ~ model.name ~ ' in SQL, or compute it in a Python model'
    ) -%}
{%- endmacro %}
