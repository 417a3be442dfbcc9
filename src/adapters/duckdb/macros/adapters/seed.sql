{#- Loading the rows of a seed: handed over in bulk where the engine can take them, by its CSV reader, or by bound inserts. -#}
{% macro duckdb__get_binding_char() -%}
    {{ return(adapter.get_binding_char()) }}
{%- endmacro %}

{% macro duckdb__get_batch_size() -%}
    {{ return(10000) }}
{%- endmacro %}


{#- `fast: false` in the config asks for bound inserts. -#}
{% macro duckdb__load_csv_rows(model, agate_table) -%}
    {%- if not config.get('fast', true) -%}
        {{ return(basic_load_csv_rows(model, get_batch_size(), adapter.convert_datetimes_to_strs(agate_table))) }}
    {%- elif adapter.load_seed_rows is defined -%}
        {%- do adapter.load_seed_rows(this, agate_table, model['config'].get('column_types', {})) -%}
        {{ return('-- ' ~ agate_table.rows | length ~ ' rows loaded in bulk from ' ~ model['original_file_path']) }}
    {%- endif -%}
    {%- set sql = "copy " ~ this.render() ~ " from '" ~ adapter.get_seed_file_path(model) | replace("'", "''")
                  ~ "' (format csv, header true, delimiter '" ~ config.get('delimiter', ',') | replace("'", "''") ~ "')" -%}
    {%- do adapter.add_query(sql, abridge_sql_log=True) -%}
    {{ return(sql) }}
{%- endmacro %}
