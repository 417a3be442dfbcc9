{#- A table: one statement replaces it, one commit publishes it, and its earlier versions stay readable. -#}
{% materialization table, adapter='datafusion' %}
    {%- set existing_relation = load_cached_relation(this) -%}
    {%- set target_relation = this.incorporate(type='table') -%}

    {{- run_hooks(pre_hooks, inside_transaction=False) -}}
    {{- run_hooks(pre_hooks, inside_transaction=True) -}}

    {%- do datafusion__make_room_for(target_relation) -%}
    {%- call statement('main') -%}
        {{- get_create_table_as_sql(False, target_relation, sql) }}
    {%- endcall -%}
    {%- do datafusion__enforce_keys(target_relation) -%}
    {%- do create_indexes(target_relation) -%}

    {{- run_hooks(post_hooks, inside_transaction=True) -}}

    {%- do apply_grants(target_relation, config.get('grants'), should_revoke=should_revoke(existing_relation, full_refresh_mode=True)) -%}
    {%- do persist_docs(target_relation, model) -%}

    {%- do adapter.commit() -%}

    {{- run_hooks(post_hooks, inside_transaction=False) -}}

    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
