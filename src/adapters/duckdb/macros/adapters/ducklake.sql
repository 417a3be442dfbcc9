{#- Partitions and sort order of DuckLake tables, from the configs `partitioned_by` and `sorted_by`. -#}

{#- The columns a layout config asks for, or nothing: temporary tables, tables that are only on their way, and engines without layouts have none. -#}
{% macro duckdb__layout_columns(relation, temporary, names) -%}
    {%- set configured = config.get(names[0]) or config.get(names[1]) -%}
    {%- if temporary or configured is none or configured == '' -%}
        {{ return([]) }}
    {%- endif -%}
    {%- set columns = normalize_string_or_list(configured, names | join('/')) -%}
    {%- if not columns -%}
        {%- do exceptions.raise_compiler_error(names | join('/') ~ ' names no column') -%}
    {%- endif -%}
    {%- if this is defined and config.get('materialized') in ['table', 'incremental']
        and relation.identifier and this.identifier and relation.identifier != this.identifier -%}
        {{ return([]) }}
    {%- elif not adapter.is_ducklake(relation) -%}
        {%- if names[0] == 'partitioned_by' and config.get('incremental_strategy') == 'insert_overwrite' -%}
            {{ return([]) }}
        {%- endif -%}
        {%- do adapter.warn_once(names | join('/') ~ ' is a DuckLake config and has no effect on ' ~ relation) -%}
        {{ return([]) }}
    {%- endif -%}
    {{ return(columns) }}
{%- endmacro %}


{#- Partitions may be expressions, so they are not quoted; a sort order is made of columns. -#}
{% macro duckdb__get_partitioned_by(relation, temporary) -%}
    {{ return(duckdb__layout_columns(relation, temporary, ['partitioned_by', 'partition_by']) | join(', ') or none) }}
{%- endmacro %}

{% macro duckdb__get_sorted_by(relation, temporary) -%}
    {%- set quoted = [] -%}
    {%- for column in duckdb__layout_columns(relation, temporary, ['sorted_by', 'sort_by']) -%}
        {%- do quoted.append(adapter.quote(column | replace('"', '""'))) -%}
    {%- endfor -%}
    {{ return(quoted | join(', ') or none) }}
{%- endmacro %}


{% macro duckdb__alter_table_set_partitioned_by(relation, partitioned_by) -%}
    alter table {{ relation }} set partitioned by ({{ partitioned_by }});
{%- endmacro %}

{% macro duckdb__alter_table_set_sorted_by(relation, sorted_by) -%}
    alter table {{ relation }} set sorted by ({{ sorted_by }});
{%- endmacro %}

{% macro duckdb__table_layout(relation, partitioned_by, sorted_by) -%}
    {{ duckdb__alter_table_set_partitioned_by(relation, partitioned_by) if partitioned_by }}
    {{ duckdb__alter_table_set_sorted_by(relation, sorted_by) if sorted_by }}
{%- endmacro %}
