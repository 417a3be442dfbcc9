{#- Indexes. Their names carry a hash that is new at every run, so that the old index may still exist beside the new one. -#}
{% macro duckdb__get_create_index_sql(relation, index_dict) -%}
    {%- set index = adapter.parse_index(index_dict) -%}
    create {{ 'unique ' if index.unique }}index {{ adapter.quote(index.render(relation)) }} on {{ relation }} ({{ index.columns | join(', ') }})
{%- endmacro %}


{#- Opens no transaction: it is also called for cleaning up, after the commit. -#}
{% macro drop_indexes_on_relation(relation) -%}
    {%- call statement('get_indexes_on_relation', fetch_result=True, auto_begin=False) %}
        select index_name
        from duckdb_indexes()
        where database_name = '{{ relation.database }}'
            and schema_name = '{{ relation.schema }}'
            and table_name = '{{ relation.identifier }}'
    {%- endcall -%}
    {%- for row in load_result('get_indexes_on_relation').table -%}
        {%- call statement('drop_index_' ~ loop.index, auto_begin=False) -%}
            drop index "{{ relation.database }}"."{{ relation.schema }}"."{{ row[0] }}"
        {%- endcall -%}
    {%- endfor -%}
{%- endmacro %}
