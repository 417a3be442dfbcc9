{#-
  An incremental table. Staging, schema changes and the strategy's statements are one transaction and one commit of the table:
  a run that fails leaves neither rows nor columns behind, and readers never see the middle.
-#}
{% materialization incremental, adapter='datafusion' %}
    {%- set existing_relation = load_cached_relation(this) -%}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set builds_anew = existing_relation is none or existing_relation.is_view or should_full_refresh() -%}
    {%- set on_schema_change = incremental_validate_on_schema_change(config.get('on_schema_change'), default='ignore') -%}
    {%- set to_drop = [] -%}
    {%- set strategy_arguments = {} -%}

    {{- run_hooks(pre_hooks, inside_transaction=False) -}}
    {{- run_hooks(pre_hooks, inside_transaction=True) -}}

    {%- if builds_anew -%}
        {%- do datafusion__make_room_for(target_relation) -%}
        {%- set build_sql = get_create_table_as_sql(False, target_relation, sql) -%}
    {%- else -%}
        {%- set temp_relation = make_temp_relation(target_relation) -%}
        {%- do to_drop.append(temp_relation) -%}
        {#- Not run_query: this begins the transaction that the schema changes below belong to. -#}
        {%- call statement('stage') -%}
            {{- get_create_table_as_sql(True, temp_relation, sql) }}
        {%- endcall -%}
        {%- do adapter.expand_target_column_types(from_relation=temp_relation, to_relation=target_relation) -%}

        {%- set dest_columns = process_schema_changes(on_schema_change, temp_relation, existing_relation)
                               or adapter.get_columns_in_relation(existing_relation) -%}
        {%- set strategy_macro = adapter.get_incremental_strategy_macro(context, config.get('incremental_strategy') or 'default') -%}
        {%- do strategy_arguments.update({
            'target_relation': target_relation,
            'temp_relation': temp_relation,
            'unique_key': config.get('unique_key'),
            'dest_columns': dest_columns,
            'incremental_predicates': config.get('predicates', none) or config.get('incremental_predicates', none)
        }) -%}
        {%- set build_sql = strategy_macro(strategy_arguments) -%}
    {%- endif -%}

    {%- call statement('main') -%}
        {{- build_sql }}
    {%- endcall -%}
    {%- do warn_of_rows_outside_batch(strategy_arguments) -%}
    {%- do datafusion__enforce_keys(target_relation) -%}

    {%- do apply_grants(target_relation, config.get('grants'), should_revoke=should_revoke(existing_relation, builds_anew)) -%}
    {%- do create_indexes(target_relation) -%}
    {%- do persist_docs(target_relation, model) -%}

    {{- run_hooks(post_hooks, inside_transaction=True) -}}

    {%- do adapter.commit() -%}

    {%- for relation in to_drop -%}
        {%- do adapter.drop_relation(relation) -%}
    {%- endfor -%}

    {{- run_hooks(post_hooks, inside_transaction=False) -}}

    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
