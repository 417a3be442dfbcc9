{#-
  A snapshot: every version a row ever had, with the time it was valid. The first run stores the query as it is;
  later runs stage the changes (rows to add, rows to close, rows that vanished) and merge them.
-#}
{% materialization snapshot, default %}
    {%- set target_exists, target_relation = get_or_create_relation(
        database=model.database,
        schema=model.schema,
        identifier=model.get('alias') or model.get('name'),
        type='table'
    ) -%}
    {%- if not target_relation.is_table -%}
        {%- do exceptions.relation_wrong_type(target_relation, 'table') -%}
    {%- endif -%}

    {{- run_hooks(pre_hooks, inside_transaction=False) -}}
    {{- run_hooks(pre_hooks, inside_transaction=True) -}}

    {#- A rebuild begins with nothing. -#}
    {%- set change_log = render(config.get('rebuild_from')) if config.get('rebuild_from') else none -%}
    {%- set strategy_macro = strategy_dispatch(config.get('strategy')) -%}
    {%- set strategy = strategy_macro(model, 'snapshotted_data', 'source_data', model['config'], target_exists and not change_log) -%}

    {%- if change_log -%}
        {%- do snapshot_rebuild(target_relation, target_exists, strategy, change_log, model['compiled_code']) -%}
    {%- else -%}
    {%- do snapshot_refuse_duplicate_keys(target_relation, model['compiled_code'], strategy.unique_key) -%}

    {%- if not target_exists -%}
        {%- set change_sql = build_snapshot_table(strategy, model['compiled_code']) -%}
        {%- set final_sql = create_table_as(False, target_relation, change_sql) -%}
    {%- else -%}
        {%- set columns = config.get('snapshot_table_column_names') or get_snapshot_table_column_names() -%}
        {%- do adapter.assert_valid_snapshot_target_given_strategy(target_relation, columns, strategy) -%}

        {%- set change_sql = snapshot_staging_table(strategy, sql, target_relation) -%}
        {%- set staging_table = build_snapshot_staging_table(strategy, sql, target_relation) -%}
        {%- do adapter.expand_target_column_types(from_relation=staging_table, to_relation=target_relation) -%}

        {#- Columns that steer the merge and are not part of the snapshot; some engines fold names to upper case. -#}
        {%- set steering = ['dbt_change_type', 'DBT_CHANGE_TYPE', 'dbt_unique_key', 'DBT_UNIQUE_KEY'] -%}
        {%- if strategy.unique_key | is_list -%}
            {%- for _ in strategy.unique_key -%}
                {%- do steering.append('dbt_unique_key_' ~ loop.index) -%}
                {%- do steering.append('DBT_UNIQUE_KEY_' ~ loop.index) -%}
            {%- endfor -%}
        {%- endif -%}

        {%- if config.get('strategy') == 'timestamp' -%}
            {%- do snapshot_warn_of_late_rows(target_relation, model['compiled_code'], strategy) -%}
        {%- endif -%}
        {%- do snapshot_keep_intervals_in_order(staging_table, target_relation, strategy) -%}
        {%- set insert_columns = snapshot_follow_columns(staging_table, target_relation, steering) -%}
        {%- set final_sql = snapshot_merge_sql(target=target_relation, source=staging_table, insert_cols=insert_columns) -%}
    {%- endif -%}

    {{- check_time_data_types(change_sql) -}}

    {%- call statement('main') -%}
        {{ final_sql }}
    {%- endcall -%}
    {%- endif -%}

    {%- do apply_grants(target_relation, config.get('grants'), should_revoke=should_revoke(target_exists, full_refresh_mode=False)) -%}
    {%- do persist_docs(target_relation, model) -%}
    {%- if not target_exists and not change_log -%}
        {%- do create_indexes(target_relation) -%}
    {%- endif -%}

    {{- run_hooks(post_hooks, inside_transaction=True) -}}

    {%- do adapter.commit() -%}

    {%- if staging_table is defined -%}
        {%- do post_snapshot(staging_table) -%}
    {%- endif -%}

    {{- run_hooks(post_hooks, inside_transaction=False) -}}

    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
