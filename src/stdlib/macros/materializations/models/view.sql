{#-
  A view. The new view is built beside what exists and takes its place inside the transaction, so that no
  reader ever misses the name and a failing query leaves the old relation alone.
-#}
{% materialization view, default %}
    {%- set existing_relation = load_cached_relation(this) -%}
    {%- set target_relation = this.incorporate(type='view') -%}
    {%- set intermediate_relation = make_intermediate_relation(target_relation) -%}

    {{- run_hooks(pre_hooks, inside_transaction=False) -}}

    {#- Left behind by a run that was killed. -#}
    {%- do drop_leftover_relation(intermediate_relation) -%}
    {%- do drop_leftover_backup(target_relation) -%}

    {{- run_hooks(pre_hooks, inside_transaction=True) -}}

    {%- call statement('main') -%}
        {{ get_create_view_as_sql(intermediate_relation, sql) }}
    {%- endcall -%}

    {#- Asked again, since a hook may have dropped it. -#}
    {{- drop_relation_if_exists(load_cached_relation(this)) -}}
    {%- do adapter.rename_relation(intermediate_relation, target_relation) -%}

    {%- do apply_grants(target_relation, config.get('grants'), should_revoke=should_revoke(existing_relation, full_refresh_mode=True)) -%}
    {%- do persist_docs(target_relation, model) -%}

    {{- run_hooks(post_hooks, inside_transaction=True) -}}

    {%- do adapter.commit() -%}

    {{- run_hooks(post_hooks, inside_transaction=False) -}}

    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
