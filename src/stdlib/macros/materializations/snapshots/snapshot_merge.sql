{#- Brings staged changes into the snapshot: closes the versions that ended, adds the new ones. -#}
{% macro snapshot_merge_sql(target, source, insert_cols) -%}
    {{ adapter.dispatch('snapshot_merge_sql', 'dbt')(target, source, insert_cols) }}
{%- endmacro %}

{% macro default__snapshot_merge_sql(target, source, insert_cols) -%}
    {%- set columns = config.get('snapshot_table_column_names') or get_snapshot_table_column_names() -%}
    {%- set insert_list = insert_cols | join(', ') -%}
    merge into {{ target.render() }} as DBT_INTERNAL_DEST
    using {{ source }} as DBT_INTERNAL_SOURCE
    on DBT_INTERNAL_SOURCE.{{ columns.dbt_scd_id }} = DBT_INTERNAL_DEST.{{ columns.dbt_scd_id }}
    when matched
        and {{ snapshot_version_is_open('DBT_INTERNAL_DEST.' ~ columns.dbt_valid_to) }}
        and DBT_INTERNAL_SOURCE.dbt_change_type in ('update', 'delete')
        then update set {{ columns.dbt_valid_to }} = DBT_INTERNAL_SOURCE.{{ columns.dbt_valid_to }}
    when not matched
        and DBT_INTERNAL_SOURCE.dbt_change_type = 'insert'
        then insert ({{ insert_list }})
        values ({{ insert_list }})
{%- endmacro %}


{#- The current version of a row has no end, or the end that `dbt_valid_to_current` stands for it. -#}
{% macro snapshot_version_is_open(valid_to) -%}
    {%- set marker = config.get('dbt_valid_to_current') -%}
    {%- if marker -%}
    ({{ equals(valid_to | trim, marker | trim) }} or {{ valid_to | trim }} is null)
    {%- else -%}
    {{ valid_to | trim }} is null
    {%- endif -%}
{%- endmacro %}
