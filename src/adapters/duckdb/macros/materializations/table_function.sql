{#- A table macro: a view with parameters, whose tables are looked up when it is called. `parameters` is a text or a list. -#}
{% materialization table_function, adapter='duckdb' %}
    {%- set target_relation = api.Relation.create(database=database, schema=schema, identifier=model['alias'], type='view') -%}
    {%- set parameters = config.get('parameters') or [] -%}
    {%- if parameters is string or parameters is number -%}
        {%- set parameters = [parameters] -%}
    {%- endif -%}

    {{- run_hooks(pre_hooks, inside_transaction=False) -}}
    {{- run_hooks(pre_hooks, inside_transaction=True) -}}

    {%- call statement('main') -%}
        create or replace function {{ target_relation.render() }}({{ parameters | join(', ') }}) as table (
            {{ sql }}
        );
    {%- endcall -%}

    {{- run_hooks(post_hooks, inside_transaction=True) -}}

    {%- do persist_docs(target_relation, model) -%}
    {%- do adapter.commit() -%}

    {{- run_hooks(post_hooks, inside_transaction=False) -}}

    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
