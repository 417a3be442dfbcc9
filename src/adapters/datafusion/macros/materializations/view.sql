{#- A view: its text in the catalog of the lake, replaced in place. -#}
{% materialization view, adapter='datafusion' %}
    {%- set existing_relation = load_cached_relation(this) -%}
    {%- set target_relation = this.incorporate(type='view') -%}

    {{- run_hooks(pre_hooks, inside_transaction=False) -}}
    {{- run_hooks(pre_hooks, inside_transaction=True) -}}

    {%- do datafusion__make_room_for(target_relation) -%}
    {%- call statement('main') -%}
        {{ get_create_view_as_sql(target_relation, sql) }}
    {%- endcall -%}

    {%- do apply_grants(target_relation, config.get('grants'), should_revoke=should_revoke(existing_relation, full_refresh_mode=True)) -%}
    {%- do persist_docs(target_relation, model) -%}

    {{- run_hooks(post_hooks, inside_transaction=True) -}}

    {%- do adapter.commit() -%}

    {{- run_hooks(post_hooks, inside_transaction=False) -}}

    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
