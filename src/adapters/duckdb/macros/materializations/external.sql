{#-
  A file with a view on it. The rows go into a table beside, from there into the file, and the view takes its place in
  the schema. A file of no rows would tell nothing of its columns, so it gets one of nulls, which the view leaves out.
-#}
{% materialization external, adapter='duckdb', supported_languages=['sql', 'python'] %}
    {%- set location = render(config.get('location', default=external_location(this, config))) -%}
    {%- set write_settings = render_write_options(config) -%}
    {%- set format = external_format(location, config.get('format')) -%}
    {%- set write_options = adapter.external_write_options(location, write_settings) -%}
    {%- set read_location = adapter.external_read_location(location, write_settings) -%}

    {%- set language = model['language'] -%}
    {%- set existing_relation = load_cached_relation(this) -%}
    {%- set target_relation = this.incorporate(type='view') -%}
    {%- set temp_relation = make_intermediate_relation(this.incorporate(type='table'), suffix='__dbt_tmp') -%}
    {%- set intermediate_relation = make_intermediate_relation(target_relation, suffix='__dbt_int') -%}

    {#- Left behind by a run that was killed. -#}
    {%- do drop_leftover_relation(intermediate_relation) -%}
    {{- drop_relation_if_exists(load_cached_relation(temp_relation)) -}}

    {{- run_hooks(pre_hooks, inside_transaction=False) -}}
    {{- run_hooks(pre_hooks, inside_transaction=True) -}}

    {%- call statement('create_table', language=language) -%}
        {{- create_table_as(False, temp_relation, compiled_code, language) }}
    {%- endcall -%}

    {%- set columns = [] -%}
    {%- for column in adapter.get_columns_in_relation(temp_relation) -%}
        {%- do columns.append(adapter.quote(column.name)) -%}
    {%- endfor -%}
    {%- set is_empty = run_query('select count(*) from ' ~ temp_relation).rows[0][0] == 0 -%}
    {%- if is_empty -%}
        {%- do run_query('insert into ' ~ temp_relation ~ ' (' ~ columns[0] ~ ') values (null)') -%}
    {%- endif -%}
    {{- write_to_file(temp_relation, location, write_options) -}}

    {%- call statement('main') -%}
        create or replace view {{ intermediate_relation }} as (
            select * from {{ external_reader(read_location, format) }}
            {%- if is_empty %}
            where {{ columns | join(' is not null and ') }} is not null
            {%- endif %}
        )
    {%- endcall -%}

    {{- drop_relation_if_exists(load_cached_relation(this)) -}}
    {%- do adapter.rename_relation(intermediate_relation, target_relation) -%}

    {{- run_hooks(post_hooks, inside_transaction=True) -}}

    {%- do apply_grants(target_relation, config.get('grants'), should_revoke=should_revoke(existing_relation, full_refresh_mode=True)) -%}
    {%- do persist_docs(target_relation, model) -%}
    {{- drop_relation_if_exists(temp_relation) -}}

    {%- do adapter.commit() -%}

    {%- set plugin = 'glue|' ~ config.get('glue_database', 'default') if config.get('glue_register') else config.get('plugin') -%}
    {%- if plugin is not none -%}
        {%- do store_relation(plugin, target_relation, location, format, config) -%}
    {%- endif -%}

    {{- run_hooks(post_hooks, inside_transaction=False) -}}

    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}


{#- The configured format, else the one the file name ends in, else Parquet. -#}
{% macro external_format(location, configured) -%}
    {%- set known = ['csv', 'parquet', 'json'] -%}
    {%- if configured and configured not in known -%}
        {{ exceptions.raise_compiler_error('An external model is written as ' ~ known | join(', ') ~ '; found: ' ~ configured) }}
    {%- endif -%}
    {%- set ending = location.split('.')[-1] | lower -%}
    {{ return(configured or (ending if ending in known else 'parquet')) }}
{%- endmacro %}


{#- The table function that reads the file, with the read options of its format. -#}
{% macro external_reader(location, format) -%}
    {%- set usual = {'parquet': {'union_by_name': False}, 'json': {'auto_detect': True}, 'csv': {'auto_detect': True}} -%}
    {%- set arguments = ["'" ~ location ~ "'"] -%}
    {%- for name, value in config.get(format ~ '_read_options', usual[format]).items() -%}
        {%- do arguments.append(name ~ '=' ~ ("'" ~ value ~ "'" if value is string else value)) -%}
    {%- endfor -%}
    read_{{ format }}({{ arguments | join(', ') }})
{%- endmacro %}
