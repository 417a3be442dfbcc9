{#- A CSV file as a table. The table is kept and emptied between runs; a full refresh makes it anew. -#}
{% materialization seed, default %}
    {%- set full_refresh_mode = should_full_refresh() -%}
    {%- set old_relation = adapter.get_relation(database=database, schema=schema, identifier=model['alias']) -%}
    {%- set exists_as_table = old_relation is not none and old_relation.is_table -%}
    {%- set target_relation = this.incorporate(type='table') -%}

    {%- set agate_table = load_agate_table() -%}
    {%- set row_count = agate_table.rows | length -%}
    {%- do store_result('agate_table', response='OK', agate_table=agate_table) -%}

    {{- run_hooks(pre_hooks, inside_transaction=False) -}}
    {{- run_hooks(pre_hooks, inside_transaction=True) -}}

    {%- if old_relation is not none and old_relation.is_view -%}
        {{ exceptions.raise_compiler_error("A seed cannot be loaded into the view " ~ old_relation.render()) }}
    {%- elif exists_as_table -%}
        {%- set table_sql = reset_csv_table(model, full_refresh_mode, old_relation, agate_table) -%}
    {%- else -%}
        {%- set table_sql = create_csv_table(model, agate_table) -%}
    {%- endif -%}
    {%- set rows_sql = load_csv_rows(model, agate_table) if row_count > 0 else '' -%}

    {%- set code = 'CREATE' if full_refresh_mode else 'INSERT' -%}
    {%- call noop_statement('main', code ~ ' ' ~ row_count, code, row_count) -%}
        {{ get_csv_sql(table_sql, rows_sql) }};
    {%- endcall -%}

    {%- do apply_grants(target_relation, config.get('grants'), should_revoke=should_revoke(old_relation, full_refresh_mode)) -%}
    {%- do persist_docs(target_relation, model) -%}
    {%- if full_refresh_mode or not exists_as_table -%}
        {%- do create_indexes(target_relation) -%}
    {%- endif -%}

    {{- run_hooks(post_hooks, inside_transaction=True) -}}

    {%- do adapter.commit() -%}

    {{- run_hooks(post_hooks, inside_transaction=False) -}}

    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
