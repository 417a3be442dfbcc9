{#-
  Fixture rows of unit tests as queries of typed literals. Column names of fixtures match in any case. A column that a
  row leaves out is null.
-#}

{#- The input of a unit test. Without given types they are read from the relation itself, or from its deferred twin. -#}
{% macro get_fixture_sql(rows, column_name_to_data_types) -%}
    {%- set types = column_name_to_data_types or {} -%}
    {%- set quoted = {} -%}
    {%- if not types -%}
        {%- set relation = defer_relation if defer_relation and not load_relation(this) else this -%}
        {%- for column in get_columns_for_unit_tests(relation) -%}
            {%- do types.update({column.name | lower: column.data_type}) -%}
            {%- do quoted.update({column.name | lower: column.quoted}) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- if not types -%}
        {{ exceptions.raise_compiler_error(
            "Not able to get columns for unit test '" ~ model.name ~ "' from relation " ~ this
            ~ " because the relation doesn't exist"
        ) }}
    {%- endif -%}

    {%- set nulls = {} -%}
    {%- for name, type in types.items() -%}
        {%- do nulls.update({name: safe_cast('null', type) | trim}) -%}
    {%- endfor -%}

    {{- validate_fixture_rows(rows, row_number) -}}

    {%- set selects = [] -%}
    {%- for row in rows -%}
        {%- set values = nulls.copy() -%}
        {%- do values.update(format_row(row, types)) -%}
        {%- do selects.append(select_of_fixture_row(values, quoted)) -%}
    {%- endfor -%}
-- Fixture for {{ model.name }}
    {{ selects | join('\nunion all\n') if selects else select_of_fixture_row(nulls, quoted) ~ ' limit 0' }}
{%- endmacro %}


{#- The expected rows, in the types the tested query returns. -#}
{% macro get_expected_sql(rows, column_name_to_data_types, column_name_to_quoted) -%}
    {%- if not rows -%}
    select * from dbt_internal_unit_test_actual limit 0
    {%- else -%}
        {%- set selects = [] -%}
        {%- for row in rows -%}
            {%- do selects.append(select_of_fixture_row(format_row(row, column_name_to_data_types), column_name_to_quoted)) -%}
        {%- endfor -%}
    {{ selects | join('\nunion all\n') }}
    {%- endif -%}
{%- endmacro %}


{% macro select_of_fixture_row(values, column_name_to_quoted) -%}
    {%- set selected = [] -%}
    {%- for name, value in values.items() -%}
        {%- do selected.append(value ~ ' as ' ~ (column_name_to_quoted.get(name) or adapter.quote(name))) -%}
    {%- endfor -%}
    {{ return('select ' ~ selected | join(', ')) }}
{%- endmacro %}


{#- One row with every value cast to the type of its column. -#}
{% macro format_row(row, column_name_to_data_types) -%}
    {%- set formatted = {} -%}
    {%- for name, value in row.items() -%}
        {%- set type = column_name_to_data_types.get(name | lower) -%}
        {%- if type is none -%}
            {%- set fixture = 'expected output' if model.resource_type == 'unit_test' else "'" ~ model.name ~ "'" -%}
            {{ exceptions.raise_compiler_error(
                "Invalid column name: '" ~ name | lower ~ "' in unit test fixture for " ~ fixture ~ "."
                ~ "\nAccepted columns for " ~ fixture ~ " are: " ~ (column_name_to_data_types.keys() | list)
            ) }}
        {%- endif -%}

        {%- set literal = value -%}
        {%- if value is none -%}
            {%- set literal = 'null' -%}
        {%- elif value is string -%}
            {%- set literal = dbt.string_literal(dbt.escape_single_quotes(value)) -%}
            {#- A length would cut the text silently and make unequal values look equal. -#}
            {%- if 'varying' in type -%}
                {%- set type = type.split('(')[0] -%}
            {%- endif -%}
        {%- endif -%}
        {%- do formatted.update({name | lower: safe_cast(literal, type)}) -%}
    {%- endfor -%}
    {{ return(formatted) }}
{%- endmacro %}


{% macro validate_fixture_rows(rows, row_number) -%}
    {{ return(adapter.dispatch('validate_fixture_rows', 'dbt')(rows, row_number)) }}
{%- endmacro %}

{#- For adapters whose engine refuses some fixture values. -#}
{% macro default__validate_fixture_rows(rows, row_number) -%}
{%- endmacro %}
