{#- A user-defined function. Which macro spells it depends on its kind and language; the relation knows the name. -#}
{% materialization function, default, supported_languages=['sql', 'python', 'javascript'] %}
    {%- set existing_relation = load_cached_relation(this) -%}
    {%- set target_relation = this.incorporate(type=this.Function) -%}

    {{- run_hooks(pre_hooks) -}}

    {#- Through a variable: the name is only known now, and static readers of `dispatch` expect a literal. -#}
    {%- set dispatch = adapter.dispatch -%}
    {%- set sql_macro = dispatch(this.get_function_macro_name(this.get_function_config(model)), 'dbt') -%}
    {%- do function_execute_build_sql(sql_macro(target_relation), existing_relation, target_relation) -%}

    {{- run_hooks(post_hooks) -}}

    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
