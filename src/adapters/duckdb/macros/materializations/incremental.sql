{#-
  An incremental table, in SQL or Python. Staging, schema changes and the strategy's statements are one transaction:
  a run that fails leaves neither rows nor columns behind.
-#}
{% materialization incremental, adapter='duckdb', supported_languages=['sql', 'python'] %}
    {%- set language = model['language'] -%}
    {%- set existing_relation = load_cached_relation(this) -%}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set intermediate_relation = make_intermediate_relation(target_relation) -%}

    {%- set full_refresh_mode = should_full_refresh() or (existing_relation is not none and existing_relation.is_view) -%}
    {%- set on_schema_change = incremental_validate_on_schema_change(config.get('on_schema_change'), default='ignore') -%}
    {%- set partitioned_by = none -%}
    {%- set sorted_by = none -%}
    {%- if existing_relation is none or full_refresh_mode -%}
        {%- set partitioned_by = duckdb__get_partitioned_by(target_relation, false) -%}
        {%- set sorted_by = duckdb__get_sorted_by(target_relation, false) -%}
    {%- endif -%}

    {#- Left behind by a run that was killed. -#}
    {%- do drop_leftover_relation(intermediate_relation) -%}
    {%- do drop_leftover_backup(target_relation) -%}

    {%- set to_drop = [] -%}
    {%- set strategy_arguments = {} -%}

    {{- run_hooks(pre_hooks, inside_transaction=False) -}}
    {{- run_hooks(pre_hooks, inside_transaction=True) -}}

    {%- if existing_relation is none or full_refresh_mode -%}
        {%- set built_relation = target_relation if existing_relation is none else intermediate_relation -%}
        {%- set build_sql = create_table_as(
            False, built_relation, compiled_code, language, partitioned_by=partitioned_by, sorted_by=sorted_by
        ) -%}
    {%- else -%}
        {%- set place = duckdb__dispatch_temporary_relation(
            target_relation, adapter.batch_id_for_model(model) if adapter.is_motherduck() else ''
        ) -%}
        {%- set temp_relation = place.relation -%}
        {%- do to_drop.append(temp_relation) -%}
        {#- Not run_query: this begins the transaction that the schema changes below belong to. -#}
        {%- call statement('stage', language=language) -%}
            {{- create_table_as(place.temporary, temp_relation, compiled_code, language) }}
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
        {%- set language = 'sql' -%}
    {%- endif -%}

    {%- call statement('main', language=language) -%}
        {{- build_sql }}
    {%- endcall -%}
    {%- do warn_of_rows_outside_batch(strategy_arguments) -%}

    {%- if existing_relation is not none and full_refresh_mode -%}
        {{- drop_relation_if_exists(load_cached_relation(this)) -}}
        {%- do adapter.rename_relation(intermediate_relation, target_relation) -%}
    {%- endif -%}

    {%- do apply_grants(target_relation, config.get('grants'), should_revoke=should_revoke(existing_relation, full_refresh_mode)) -%}
    {%- if existing_relation is none or full_refresh_mode -%}
        {%- do create_indexes(target_relation) -%}
    {%- endif -%}
    {%- do persist_docs(target_relation, model) -%}

    {{- run_hooks(post_hooks, inside_transaction=True) -}}

    {%- do adapter.commit() -%}

    {%- for relation in to_drop -%}
        {%- do adapter.drop_relation(relation) -%}
    {%- endfor -%}

    {{- run_hooks(post_hooks, inside_transaction=False) -}}

    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
