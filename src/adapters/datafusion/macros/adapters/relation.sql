{#- Relations: listing, and where temporary ones live. -#}
{% macro datafusion__list_relations_without_caching(schema_relation) -%}
    {%- call statement('list_relations_without_caching', fetch_result=True) %}
        select
            '{{ schema_relation.database }}' as database,
            table_name as name,
            table_schema as schema,
            case when table_type = 'VIEW' then 'view' else 'table' end as type
        from information_schema.tables
        where lower(table_schema) = '{{ schema_relation.schema | lower }}'
    {%- endcall -%}
    {{ return(load_result('list_relations_without_caching').table) }}
{%- endmacro %}


{#- A name of its own for every use, without a schema: temporary tables belong to the connection, and models share connections. -#}
{% macro datafusion__make_temp_relation(base_relation, suffix) -%}
    {{ return(base_relation.incorporate(path={
        'identifier': base_relation.identifier ~ suffix ~ py_current_timestring(),
        'schema': none,
        'database': none
    })) }}
{%- endmacro %}


{#- Said once, since packages set them for everybody. -#}
{% macro datafusion__apply_grants(relation, grant_config, should_revoke=True) -%}
    {%- if grant_config -%}
        {%- do adapter.warn_once('A lake has no grants: the `grants` config is ignored. Who may read its files is for the storage to say') -%}
    {%- endif -%}
{%- endmacro %}


{% macro datafusion__create_indexes(relation) -%}
    {%- if config.get('indexes') -%}
        {%- do adapter.warn_once('A lake has no indexes: the `indexes` config is ignored. `partition_by` is what keeps scans small') -%}
    {%- endif -%}
{%- endmacro %}
