{#-
  Creating tables and views. A lake replaces a relation in one commit, its history stays, and the query may read what it
  replaces: nothing is built beside and renamed. Only a relation of the other kind has to go first.
-#}
{% macro datafusion__create_table_as(temporary, relation, compiled_code, language='sql') -%}
    {%- if language != 'sql' -%}
        {%- do exceptions.raise_compiler_error("A table of the lake cannot be made from the language '" ~ language ~ "'") -%}
    {%- endif -%}
    {%- set contracted = (config.get('contract') or {}).enforced -%}
    {%- if contracted -%}
        {%- do get_assert_columns_equivalent(compiled_code) -%}
    {%- endif -%}
    {{ config.get('sql_header') or '' }}
    {%- if temporary %}
    create or replace temporary table {{ relation.include(database=false, schema=false) }}
    {%- if contracted %}
    {{ get_table_columns_and_constraints() }}
    {%- endif %} as (
        {{ get_select_subquery(compiled_code) if contracted else compiled_code }}
    );
    {%- else %}
    create or replace table {{ relation }}
    {%- if contracted %}
    {{ get_table_columns_and_constraints() }}
    {%- endif %}
    {{- datafusion__table_layout(relation) }}
    as (
        {{ get_select_subquery(compiled_code) if contracted else compiled_code }}
    );
    {%- endif %}
{%- endmacro %}


{% macro datafusion__create_view_as(relation, sql) -%}
    {%- set contracted = (config.get('contract') or {}).enforced -%}
    {%- if contracted -%}
        {%- do get_assert_columns_equivalent(sql) -%}
    {%- endif %}
    {{ config.get('sql_header') or '' }}
    create or replace view {{ relation }} as (
        {{ datafusion__as_declared(sql) if contracted else sql }}
    );
{%- endmacro %}


{#-
  A contract's types against a query's. Queries return whole numbers in the widest type, whatever they were computed from: a
  contract that names a narrower one, or a wider one, is kept, and values are cast to it. One that does not fit is an error.
-#}
{% macro datafusion__get_assert_columns_equivalent(sql) -%}
    {%- if not model['columns'] -%}
        {{ exceptions.raise_contract_error([], []) }}
    {%- endif -%}
    {%- set declared = get_column_schema_from_query(get_empty_schema_sql(model['columns'])) -%}
    {%- set returned = [] -%}
    {%- set broken = [] -%}
    {%- for column in get_column_schema_from_query(sql, config.get('sql_header', none)) -%}
        {%- set twin = declared | selectattr('name', 'equalto', column.name) | list | first -%}
        {%- if twin and datafusion__is_whole(twin) and datafusion__is_whole(column) -%}
            {%- do returned.append(twin) -%}
        {%- else -%}
            {%- do returned.append(column) -%}
            {%- if not twin or format_columns([twin]) != format_columns([column]) -%}
                {%- do broken.append(column.name) -%}
            {%- endif -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if broken or returned | length != declared | length -%}
        {%- do exceptions.raise_contract_error(format_columns(declared), format_columns(returned)) -%}
    {%- endif -%}
{%- endmacro %}


{#- A query for a view, with its whole numbers in the types that the contract declares. -#}
{% macro datafusion__as_declared(sql) -%}
    {%- set declared = get_column_schema_from_query(get_empty_schema_sql(model['columns'])) -%}
    {%- set columns = [] -%}
    {%- set cast = [] -%}
    {%- for column in get_column_schema_from_query(sql, config.get('sql_header', none)) -%}
        {%- set name = adapter.quote(column.name) -%}
        {%- set twin = declared | selectattr('name', 'equalto', column.name) | list | first -%}
        {%- if twin and twin.data_type != column.data_type and datafusion__is_whole(twin) and datafusion__is_whole(column) -%}
            {%- do cast.append(name) -%}
            {%- do columns.append('cast(' ~ name ~ ' as ' ~ twin.data_type ~ ') as ' ~ name) -%}
        {%- else -%}
            {%- do columns.append(name) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if cast -%}
        select {{ columns | join(', ') }} from (
        {{ sql }}
        ) as model_subq
    {%- else -%}
        {{ sql }}
    {%- endif -%}
{%- endmacro %}


{#- Whether a column holds whole numbers. -#}
{% macro datafusion__is_whole(column) -%}
    {%- set name = column.data_type | lower -%}
    {{ return(name.split(' ')[0] in ['tinyint', 'smallint', 'integer', 'bigint'] or (name.startswith('decimal(') and name.endswith(',0)'))) }}
{%- endmacro %}


{#- The clauses for the folders and for the properties of a table, of those that models configure themselves. -#}
{% macro datafusion__table_layout(relation) -%}
    {%- set own = this is defined and relation.identifier == this.identifier and relation.schema == this.schema -%}
    {%- if own and model.resource_type in ['model', 'snapshot'] -%}
        {%- set partitions = [] -%}
        {%- set configured = config.get('partition_by') or config.get('partitioned_by') -%}
        {%- for column in (incremental_partitions() if configured else []) -%}
            {%- set name = datafusion__partition_column(column) -%}
            {%- if name is not none -%}
                {%- do partitions.append(name) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- set properties = [] -%}
        {%- for name, value in (config.get('table_properties') or config.get('tblproperties') or {}).items() -%}
            {%- do properties.append("'" ~ name ~ "' = '" ~ (value | string | replace("'", "''")) ~ "'") -%}
        {%- endfor -%}
        {%- if partitions %}
    partitioned by ({{ partitions | join(', ') }})
        {%- endif -%}
        {%- if properties %}
    with ({{ properties | join(', ') }})
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}


{#-
  Folders are named after the values of columns. An expression names none: insert_overwrite finds the rows of such a partition
  all the same, in files of several.
-#}
{% macro datafusion__partition_column(column) -%}
    {%- set name = column | trim -%}
    {%- if name.startswith('"') and name.endswith('"') -%}
        {{ return(name) }}
    {%- elif '(' not in name and ' ' not in name and '::' not in name -%}
        {{ return(adapter.quote(name)) }}
    {%- elif config.get('incremental_strategy') != 'insert_overwrite' -%}
        {%- do exceptions.raise_compiler_error(
            'partition_by: ' ~ name ~ ' is no column. A table of the lake is partitioned by columns: select the expression under a name, and use that.'
        ) -%}
    {%- endif -%}
    {{ return(none) }}
{%- endmacro %}


{#-
  Drops what has the relation's name and is of another kind, since only a relation of the same kind is replaced in place.
  Asked again, since a hook may have dropped it.
-#}
{% macro datafusion__make_room_for(target_relation) -%}
    {%- set found = load_cached_relation(target_relation) -%}
    {%- if found is not none and found.type != target_relation.type -%}
        {%- do adapter.drop_relation(found) -%}
    {%- endif -%}
{%- endmacro %}
