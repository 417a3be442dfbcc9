{#-
  A unit test: the query over its fixtures beside the expected rows. The types of the result come from an empty table
  made of the query, so that expected values are cast to what the model really returns.
-#}
{% materialization unit, default %}
    {%- set sql_header = (config.get('sql_header') if flags.REQUIRE_SQL_HEADER_IN_TEST_CONFIGS) or '' -%}
    {%- set expected_rows = config.get('expected_rows') -%}

    {%- set temp_relation = make_temp_relation(this.incorporate(type='table')) -%}
    {%- do run_query(get_create_table_as_sql(True, temp_relation, get_empty_subquery_sql(sql))) -%}
    {%- set types = {} -%}
    {%- set quoted = {} -%}
    {%- for column in get_columns_for_unit_tests(temp_relation) -%}
        {%- do types.update({column.name | lower: column.data_type}) -%}
        {%- do quoted.update({column.name | lower: column.quoted}) -%}
    {%- endfor -%}

    {#- Only what the expectation names is compared; without rows, everything. -#}
    {%- set compared = [] -%}
    {%- for name in (expected_rows[0].keys() if expected_rows else get_columns_in_query(sql)) -%}
        {%- do compared.append(quoted[name | lower]) -%}
    {%- endfor -%}

    {%- set expected_sql = config.get('expected_sql') or get_expected_sql(expected_rows, types, quoted) -%}
    {%- call statement('main', fetch_result=True) -%}
        {{ sql_header }}
        {{ get_unit_test_sql(sql, expected_sql, compared) }}
    {%- endcall -%}

    {%- do adapter.drop_relation(temp_relation) -%}

    {{ return({'relations': []}) }}
{% endmaterialization %}
