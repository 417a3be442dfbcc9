{#- The SQL of scalar functions, in pieces that adapters replace one by one. -#}
{% macro scalar_function_sql(target_relation) -%}
    {{ return(adapter.dispatch('scalar_function_sql', 'dbt')(target_relation)) }}
{%- endmacro %}

{% macro default__scalar_function_sql(target_relation) -%}
    {{ scalar_function_create_replace_signature_sql(target_relation) }}
    {{ scalar_function_body_sql() }};
{%- endmacro %}


{% macro scalar_function_create_replace_signature_sql(target_relation) -%}
    {{ return(adapter.dispatch('scalar_function_create_replace_signature_sql', 'dbt')(target_relation)) }}
{%- endmacro %}

{% macro default__scalar_function_create_replace_signature_sql(target_relation) -%}
    CREATE OR REPLACE FUNCTION {{ target_relation.render() }} ({{ formatted_scalar_function_args_sql() }})
    RETURNS {{ model.returns.data_type }}
    {{ scalar_function_volatility_sql() }}
    AS
{%- endmacro %}


{% macro formatted_scalar_function_args_sql() -%}
    {{ return(adapter.dispatch('formatted_scalar_function_args_sql', 'dbt')()) }}
{%- endmacro %}

{% macro default__formatted_scalar_function_args_sql() -%}
    {%- set args = [] -%}
    {%- for arg in model.arguments -%}
        {%- do args.append(arg.name ~ ' ' ~ arg.data_type) -%}
    {%- endfor -%}
    {{ args | join(', ') }}
{%- endmacro %}


{% macro formatted_scalar_function_args_javascript() -%}
    {{ return(adapter.dispatch('formatted_scalar_function_args_javascript', 'dbt')()) }}
{%- endmacro %}

{% macro default__formatted_scalar_function_args_javascript() -%}
    {%- do exceptions.raise_compiler_error(
        adapter.type() ~ ' has no functions in JavaScript'
    ) -%}
{%- endmacro %}


{% macro scalar_function_body_sql() -%}
    {{ return(adapter.dispatch('scalar_function_body_sql', 'dbt')()) }}
{%- endmacro %}

{% macro default__scalar_function_body_sql() -%}
    $$
        {{ model.compiled_code }}
    $$ LANGUAGE SQL
{%- endmacro %}


{% macro scalar_function_volatility_sql() -%}
    {{ return(adapter.dispatch('scalar_function_volatility_sql', 'dbt')()) }}
{%- endmacro %}

{#- Without a volatility the database decides. -#}
{% macro default__scalar_function_volatility_sql() -%}
    {%- set words = {'deterministic': 'IMMUTABLE', 'stable': 'STABLE', 'non-deterministic': 'VOLATILE'} -%}
    {%- set volatility = model.config.get('volatility') -%}
    {%- if volatility in words -%}
        {{ words[volatility] }}
    {%- elif volatility is not none -%}
        {%- do unsupported_volatility_warning(volatility) -%}
    {%- endif -%}
{%- endmacro %}


{% macro scalar_function_volatility_javascript() -%}
    {{ return(adapter.dispatch('scalar_function_volatility_javascript', 'dbt')()) }}
{%- endmacro %}

{% macro default__scalar_function_volatility_javascript() -%}
    {%- if model.config.get('volatility') is not none -%}
        {%- do exceptions.warn('JavaScript functions have no volatility on ' ~ adapter.type() ~ ': the config is ignored') -%}
    {%- endif -%}
{%- endmacro %}


{% macro unsupported_volatility_warning(volatility) -%}
    {{ return(adapter.dispatch('unsupported_volatility_warning', 'dbt')(volatility)) }}
{%- endmacro %}

{% macro default__unsupported_volatility_warning(volatility) -%}
    {%- do exceptions.warn(
        adapter.type() ~ ' does not know the volatility `' ~ volatility ~ '` of function `' ~ model.name ~ '`: it is ignored'
    ) -%}
{%- endmacro %}
