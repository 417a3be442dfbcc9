{#- A data test: counts the rows its query returns. Stored failures are written first and counted from there. -#}
{% materialization test, default %}
    {%- set relations = [] -%}
    {%- set limit = config.get('limit') -%}
    {%- set sql_header = (config.get('sql_header') if flags.REQUIRE_SQL_HEADER_IN_TEST_CONFIGS) or '' -%}
    {%- set main_sql = get_limit_subquery_sql(sql, limit) -%}

    {%- if should_store_failures() -%}
        {#- The command line flag alone leaves the config empty. -#}
        {%- set kind = config.get('store_failures_as') or 'table' -%}
        {%- if kind not in ['table', 'view'] -%}
            {{ exceptions.raise_compiler_error(
                "store_failures_as has to be ephemeral, table or view, found: " ~ kind
            ) }}
        {%- endif -%}

        {%- set old_relation = adapter.get_relation(database=database, schema=schema, identifier=model['alias']) -%}
        {%- set target_relation = api.Relation.create(database=database, schema=schema, identifier=model['alias'], type=kind) -%}
        {%- if old_relation -%}
            {%- do adapter.drop_relation(old_relation) -%}
        {%- endif -%}
        {%- call statement(auto_begin=True) -%}
            {{ sql_header }}
            {{ get_create_sql(target_relation, main_sql) }}
        {%- endcall -%}
        {%- do relations.append(target_relation) -%}
        {%- do adapter.commit() -%}

        {%- set main_sql = 'select * from ' ~ target_relation -%}
    {%- endif -%}

    {#- The limit has been applied above. It is passed as none, since overriding macros may require the parameter. -#}
    {%- call statement('main', fetch_result=True) -%}
        {{ sql_header }}
        {{ get_test_sql(main_sql, config.get('fail_calc'), config.get('warn_if'), config.get('error_if'), limit=none) }}
    {%- endcall -%}

    {{ return({'relations': relations}) }}
{% endmaterialization %}
