{#- Seeds: creating or emptying the table, and loading rows through bound inserts. Adapters override what they do faster. -#}
{% macro create_csv_table(model, agate_table) -%}
    {{ adapter.dispatch('create_csv_table', 'dbt')(model, agate_table) }}
{%- endmacro %}

{#- Column types come from the data unless `column_types` names one. -#}
{% macro default__create_csv_table(model, agate_table) -%}
    {%- set declared_types = model['config'].get('column_types', {}) -%}
    {%- set quote_columns = model['config'].get('quote_columns', None) -%}
    {%- set columns = [] -%}
    {%- for name in agate_table.column_names -%}
        {%- set type = declared_types.get(name) or adapter.convert_type(agate_table, loop.index0) -%}
        {%- do columns.append(adapter.quote_seed_column(name | string, quote_columns) ~ ' ' ~ type) -%}
    {%- endfor -%}
    {%- set sql = 'create table ' ~ this.render() ~ ' (' ~ columns | join(', ') ~ ')' -%}
    {%- call statement('_') -%}
        {{ sql }}
    {%- endcall -%}
    {{ return(sql) }}
{%- endmacro %}


{% macro reset_csv_table(model, full_refresh, old_relation, agate_table) -%}
    {{ adapter.dispatch('reset_csv_table', 'dbt')(model, full_refresh, old_relation, agate_table) }}
{%- endmacro %}

{% macro default__reset_csv_table(model, full_refresh, old_relation, agate_table) -%}
    {%- if full_refresh -%}
        {%- do adapter.drop_relation(old_relation) -%}
        {{ return(create_csv_table(model, agate_table)) }}
    {%- endif -%}
    {%- do adapter.truncate_relation(old_relation) -%}
    {{ return('truncate table ' ~ old_relation.render()) }}
{%- endmacro %}


{#- What is written down as the SQL of the seed; it has been run by then. -#}
{% macro get_csv_sql(create_or_truncate_sql, insert_sql) -%}
    {{ adapter.dispatch('get_csv_sql', 'dbt')(create_or_truncate_sql, insert_sql) }}
{%- endmacro %}

{% macro default__get_csv_sql(create_or_truncate_sql, insert_sql) -%}
    {{ create_or_truncate_sql }};
    -- rows of the seed
    {{ insert_sql }}
{%- endmacro %}


{% macro get_binding_char() -%}
    {{ adapter.dispatch('get_binding_char', 'dbt')() }}
{%- endmacro %}

{% macro default__get_binding_char() -%}
    {{ return(adapter.get_binding_char()) }}
{%- endmacro %}


{% macro get_batch_size() -%}
    {{ return(adapter.dispatch('get_batch_size', 'dbt')()) }}
{%- endmacro %}

{% macro default__get_batch_size() -%}
    {{ return(10000) }}
{%- endmacro %}


{% macro get_seed_column_quoted_csv(model, column_names) -%}
    {%- set quote_columns = model['config'].get('quote_columns', None) -%}
    {%- set quoted = [] -%}
    {%- for name in column_names -%}
        {%- do quoted.append(adapter.quote_seed_column(name, quote_columns)) -%}
    {%- endfor -%}
    {{ return(quoted | join(', ')) }}
{%- endmacro %}


{% macro load_csv_rows(model, agate_table) -%}
    {{ adapter.dispatch('load_csv_rows', 'dbt')(model, agate_table) }}
{%- endmacro %}

{#- In bulk, by the engine's own reader of files; `fast: false` in the config asks for bound inserts. -#}
{% macro default__load_csv_rows(model, agate_table) -%}
    {%- if not config.get('fast', true) -%}
        {{ return(basic_load_csv_rows(model, get_batch_size(), adapter.convert_datetimes_to_strs(agate_table))) }}
    {%- endif -%}
    {%- do adapter.load_seed_rows(this, agate_table, model['config'].get('column_types', {})) -%}
    {{ return('-- ' ~ agate_table.rows | length ~ ' rows loaded in bulk from ' ~ model['original_file_path']) }}
{%- endmacro %}


{#- Inserts a batch of rows per statement, all values bound; returns the first statement to show. -#}
{% macro basic_load_csv_rows(model, batch_size, agate_table) -%}
    {%- set columns = get_seed_column_quoted_csv(model, agate_table.column_names) -%}
    {%- set placeholders = [] -%}
    {%- for _ in agate_table.column_names -%}
        {%- do placeholders.append(get_binding_char() | trim) -%}
    {%- endfor -%}
    {%- set row_sql = '(' ~ placeholders | join(',') ~ ')' -%}

    {%- set statements = [] -%}
    {%- for rows in agate_table.rows | batch(batch_size) -%}
        {%- set bindings = [] -%}
        {%- set row_sqls = [] -%}
        {%- for row in rows -%}
            {%- do bindings.extend(row) -%}
            {%- do row_sqls.append(row_sql) -%}
        {%- endfor -%}
        {%- set sql = 'insert into ' ~ this.render() ~ ' (' ~ columns ~ ') values ' ~ row_sqls | join(',') -%}
        {%- do adapter.add_query(sql, bindings=bindings, abridge_sql_log=True) -%}
        {%- if loop.first -%}
            {%- do statements.append(sql) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(statements[0]) }}
{%- endmacro %}
