{#-
  A file with a view on it. The rows go into a table beside, from there into the file, and the view takes its place in
  the schema. A file of no rows would tell nothing of its columns, so it gets one of nulls, which the view leaves out.

  A single file is written under another name and renamed, so that readers see the old one or the new one. With
  `incremental_strategy: insert_overwrite`, partitions are written beside the folder and then take the place of those of the
  same names; the others stay. A full refresh replaces the folder.
-#}
{% materialization external, adapter='duckdb', supported_languages=['sql', 'python'] %}
    {%- set location = render(config.get('location', default=external_location(this, config))) -%}
    {%- set write_settings = render_write_options(config) -%}
    {%- set format = external_format(location, config.get('format')) -%}
    {%- set write_options = adapter.external_write_options(location, write_settings) -%}
    {%- set read_location = adapter.external_read_location(location, write_settings) -%}

    {%- set partitions = external_partitions(config) -%}
    {%- set overwrites = config.get('incremental_strategy') == 'insert_overwrite' -%}
    {%- if overwrites and not partitions -%}
        {{ exceptions.raise_compiler_error("An external model with the strategy 'insert_overwrite' needs `partition_by`: the columns whose values name the folders to replace") }}
    {%- endif -%}
    {%- set plugin = 'glue|' ~ config.get('glue_database', 'default') if config.get('glue_register') else config.get('plugin') -%}
    {%- if plugin is not none and plugin.startswith('glue') -%}
        {{ exceptions.raise_compiler_error('The file cannot be registered in AWS Glue from here: take `glue_register` or `plugin` out of the config of ' ~ model.unique_id) }}
    {%- endif -%}
    {%- set adds = overwrites and external_is_incremental() -%}

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

    {%- if adds and existing_relation is none -%}
        {#- The database is new, or in memory, and the model may read what it has written. -#}
        {%- call statement('earlier') -%}
            create or replace view {{ target_relation }} as (select * from {{ external_reader(read_location, format) }})
        {%- endcall -%}
        {%- do adapter.cache_added(target_relation) -%}
    {%- endif -%}

    {%- call statement('create_table', language=language) -%}
        {{- create_table_as(False, temp_relation, compiled_code, language) }}
    {%- endcall -%}

    {%- set columns = [] -%}
    {%- for column in adapter.get_columns_in_relation(temp_relation) -%}
        {%- do columns.append(adapter.quote(column.name)) -%}
    {%- endfor -%}
    {%- set is_empty = run_query('select count(*) from ' ~ temp_relation).rows[0][0] == 0 -%}
    {%- if is_empty and not adds -%}
        {%- do run_query('insert into ' ~ temp_relation ~ ' (' ~ columns[0] ~ ') values (null)') -%}
    {%- endif -%}
    {%- if overwrites and not (is_empty and adds) -%}
        {%- set staged = location.rstrip('/') ~ '__dbt_tmp' -%}
        {%- set levels = partitions | length -%}
        {%- do adapter.prepare_partitions(location, staged, levels) -%}
        {{- write_to_file(temp_relation, staged, write_options) -}}
        {%- do adapter.place_partitions(location, staged, levels if adds else 0) -%}
    {%- elif not overwrites -%}
        {{- write_to_file(temp_relation, location, external_whole_files(location, write_settings, write_options)) -}}
    {%- endif -%}

    {%- call statement('main') -%}
        create or replace view {{ intermediate_relation }} as (
            select * from {{ external_reader(read_location, format) }}
            {%- if is_empty and not adds %}
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


{#- Write options under which a file appears at once or not at all; nothing changes for folders and for remote storage. -#}
{% macro external_whole_files(location, write_settings, write_options) -%}
    {%- set many = ['partition_by', 'per_thread_output', 'file_size_bytes', 'row_groups_per_file', 'use_tmp_file'] -%}
    {%- if '://' in location or write_settings.keys() | select('in', many) | list -%}
        {{ return(write_options) }}
    {%- endif -%}
    {{ return(write_options ~ ', use_tmp_file true') }}
{%- endmacro %}


{#- Whether an external model adds to what it has written. An earlier run without rows has left one row of nulls, which is nothing. -#}
{% macro external_is_incremental() -%}
    {%- set location = render(config.get('location', default=external_location(this, config))) -%}
    {%- set format = external_format(location, config.get('format')) -%}
    {%- set read_location = adapter.external_read_location(location, render_write_options(config)) -%}
    {%- if should_full_refresh() or not adapter.location_exists(read_location) -%}
        {{ return(False) }}
    {%- endif -%}
    {%- set row = run_query('select * from ' ~ external_reader(read_location, format) ~ ' limit 1') -%}
    {%- for value in (row.rows[0] if row.rows else []) if value is not none -%}
        {{ return(True) }}
    {%- endfor -%}
    {{ return(False) }}
{%- endmacro %}

{% macro duckdb__is_incremental() -%}
    {%- if model.config.materialized == 'external' and model.config.incremental_strategy == 'insert_overwrite' -%}
        {{ return(external_is_incremental()) }}
    {%- endif -%}
    {{ return(default__is_incremental()) }}
{%- endmacro %}


{#- The table function that reads the file, with the read options of its format. -#}
{% macro external_reader(location, format, config=none) -%}
    {%- set config = config or model.config -%}
    {%- set usual = {'parquet': {'union_by_name': False}, 'json': {'auto_detect': True}, 'csv': {'auto_detect': True}} -%}
    {%- set arguments = ["'" ~ location ~ "'"] -%}
    {%- for name, value in (config.get(format ~ '_read_options') or usual[format]).items() -%}
        {%- do arguments.append(name ~ '=' ~ ("'" ~ value ~ "'" if value is string else value)) -%}
    {%- endfor -%}
    read_{{ format }}({{ arguments | join(', ') }})
{%- endmacro %}
