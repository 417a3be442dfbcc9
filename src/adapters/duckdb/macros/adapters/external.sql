{#- Relations kept in files: where they are, how they are written, and views on those a run does not build itself. -#}
{% macro external_location(relation, config) -%}
    {%- set suffix = '.' ~ config.get('format', 'parquet') if not external_partitions(config) else '' -%}
    {{- adapter.external_root() }}/{{ relation.identifier }}{{ suffix -}}
{%- endmacro %}


{#- The columns that the folders of an external model are named after. They may stand in `options`, as for COPY, or beside them. -#}
{% macro external_partitions(config) -%}
    {%- set written = (config.get('options') or {}).get('partition_by') -%}
    {%- if not written and config.get('materialized') == 'external' -%}
        {%- set written = config.get('partition_by') -%}
    {%- endif -%}
    {%- set columns = [] -%}
    {%- if written is string -%}
        {%- set written = (render(written) | trim).strip('()').split(',') -%}
    {%- endif -%}
    {%- for column in written or [] -%}
        {%- do columns.append(column | trim) -%}
    {%- endfor -%}
    {{ return(columns) }}
{%- endmacro %}


{% macro location_exists(location) -%}
    {{ return(adapter.location_exists(location)) }}
{%- endmacro %}


{% macro write_to_file(relation, location, options) -%}
    {%- call statement('write_to_file') -%}
        copy {{ relation }} to '{{ location }}' ({{ options }})
    {%- endcall -%}
{%- endmacro %}


{% macro store_relation(plugin, relation, location, format, config) -%}
    {%- do adapter.store_relation(plugin, relation, adapter.get_columns_in_relation(relation), location, format, config) -%}
{%- endmacro %}


{#- The write options with their Jinja rendered. Format and delimiter may also stand beside the options. -#}
{% macro render_write_options(config) -%}
    {%- set options = config.get('options', {}) -%}
    {%- if options is not mapping -%}
        {%- do exceptions.raise_compiler_error('`options` has to be a dictionary of write options') -%}
    {%- endif -%}
    {%- set rendered = {} -%}
    {%- for name, value in options.items() -%}
        {%- do rendered.update({name: render(value) if value is string else value}) -%}
    {%- endfor -%}
    {%- set partitions = external_partitions(config) -%}
    {%- if partitions -%}
        {%- do rendered.update({'partition_by': partitions | join(', ')}) -%}
    {%- endif -%}
    {%- for name in ['format', 'delimiter'] if config.get(name) -%}
        {%- do rendered.update({name: render(config.get(name))}) -%}
    {%- endfor -%}
    {{ return(rendered) }}
{%- endmacro %}


{#- For on-run-start: an in-memory database forgets the views of external models that an earlier run has written. -#}
{% macro register_upstream_external_models() -%}
    {%- if execute -%}
        {%- set seen = [] -%}
        {%- set schemas = [] -%}
        {%- for id in selected_resources if id in graph['nodes'] -%}
            {%- for parent_id in graph['nodes'][id]['depends_on']['nodes']
                if parent_id not in seen and parent_id not in selected_resources -%}
                {%- do seen.append(parent_id) -%}
                {%- set parent = graph['nodes'].get(parent_id) -%}
                {%- if parent and parent.resource_type in ('model', 'seed') and parent.config.materialized == 'external' -%}
                    {%- set relation = api.Relation.create(
                        database=parent['database'], schema=parent['schema'], identifier=parent['alias']
                    ) -%}
                    {%- if relation.schema not in schemas -%}
                        {%- do schemas.append(relation.schema) -%}
                        {%- call statement('main') -%}
                            create schema if not exists {{ relation.without_identifier() }}
                        {%- endcall -%}
                    {%- endif -%}
                    {%- set location = render(parent.config.get('location') or external_location(relation, parent.config)) -%}
                    {%- set read_location = adapter.external_read_location(location, render_write_options(parent.config)) -%}
                    {%- set format = external_format(location, parent.config.get('format')) -%}
                    {%- call statement('main') -%}
                        create or replace view {{ relation }} as (
                            select * from {{ external_reader(read_location, format, parent.config) }}
                        )
                    {%- endcall -%}
                {%- endif -%}
            {%- endfor -%}
        {%- endfor -%}
        {%- if schemas -%}
            {%- do adapter.commit() -%}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}
