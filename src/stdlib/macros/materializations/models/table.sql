{#-
  A table. The new one is always built beside the old, since its query may read the old one. The swap is one
  transaction; indexes follow the rename, because some engines rename no table that has some.
-#}
{% materialization table, default %}
    {%- set existing_relation = load_cached_relation(this) -%}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set intermediate_relation = make_intermediate_relation(target_relation) -%}

    {#- Left behind by a run that was killed. -#}
    {%- do drop_leftover_relation(intermediate_relation) -%}
    {%- do drop_leftover_backup(target_relation) -%}

    {{- run_hooks(pre_hooks, inside_transaction=False) -}}
    {{- run_hooks(pre_hooks, inside_transaction=True) -}}

    {%- call statement('main') -%}
        {{ get_create_table_as_sql(False, intermediate_relation, sql) }}
    {%- endcall -%}
    {{- drop_relation_if_exists(load_cached_relation(this)) -}}
    {%- do adapter.rename_relation(intermediate_relation, target_relation) -%}
    {%- do create_indexes(target_relation) -%}

    {{- run_hooks(post_hooks, inside_transaction=True) -}}

    {%- do apply_grants(target_relation, config.get('grants'), should_revoke=should_revoke(existing_relation, full_refresh_mode=True)) -%}
    {%- do persist_docs(target_relation, model) -%}

    {%- do adapter.commit() -%}

    {{- run_hooks(post_hooks, inside_transaction=False) -}}

    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
