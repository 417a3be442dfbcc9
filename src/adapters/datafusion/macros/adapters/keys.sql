{#-
  Keys of contracts. Delta Lake keeps columns not null and checks rows, but knows no keys: unique, primary and foreign keys are
  looked for in the table by queries, in the transaction that has written it.
-#}
{% macro datafusion__enforce_keys(relation) -%}
    {%- if execute and (config.get('contract') or {}).enforced -%}
        {%- for key in datafusion__declared_keys() -%}
            {%- if key.type == 'foreign_key' -%}
                {%- do datafusion__enforce_foreign_key(relation, key) -%}
            {%- else -%}
                {%- do datafusion__enforce_unique(relation, key) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}


{#- The keys of columns and of the model, in one form: type, columns, and of a foreign key where to: to, to_columns. -#}
{% macro datafusion__declared_keys() -%}
    {%- set keys = [] -%}
    {%- for column in model.columns.values() -%}
        {%- set name = adapter.quote(column['name']) if column.get('quote') else column['name'] -%}
        {%- for constraint in column.get('constraints') or [] if constraint.type in ['unique', 'primary_key', 'foreign_key'] -%}
            {%- do keys.append(dict(constraint, columns=[name])) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- for constraint in model.constraints or [] if constraint.type in ['unique', 'primary_key', 'foreign_key'] -%}
        {%- do keys.append(constraint) -%}
    {%- endfor -%}
    {{ return(keys) }}
{%- endmacro %}


{% macro datafusion__enforce_unique(relation, key) -%}
    {%- set columns = key.columns | join(', ') -%}
    {%- set word = 'primary key' if key.type == 'primary_key' else 'unique' -%}
    {%- set nulls = key.columns | join(' is null or ') ~ ' is null' -%}
    {%- if key.type == 'primary_key' -%}
        {%- set found = run_query('select count(*) from ' ~ relation ~ ' where ' ~ nulls).rows[0][0] -%}
        {%- if found -%}
            {%- do datafusion__key_violated(relation, word, columns, [found ~ (' rows have' if found > 1 else ' row has') ~ ' no value']) -%}
        {%- endif -%}
    {%- endif -%}
    {%- set found = run_query(
        'select ' ~ columns ~ ', count(*) from ' ~ relation ~ ' where not (' ~ nulls ~ ') group by ' ~ columns
        ~ ' having count(*) > 1 order by ' ~ columns ~ ' limit 3'
    ) -%}
    {%- set examples = [] -%}
    {%- for row in found.rows -%}
        {%- set pairs = [] -%}
        {%- for column in key.columns -%}
            {%- do pairs.append(column ~ ' = ' ~ row[loop.index0]) -%}
        {%- endfor -%}
        {%- do examples.append(pairs | join(', ') ~ ': ' ~ row[key.columns | length] ~ ' rows') -%}
    {%- endfor -%}
    {%- if examples -%}
        {%- do datafusion__key_violated(relation, word, columns, examples) -%}
    {%- endif -%}
{%- endmacro %}


{#- A foreign key names its parent as `to` and `to_columns`, or as an expression: `parent (id)`. A null refers to nothing. -#}
{% macro datafusion__enforce_foreign_key(relation, key) -%}
    {%- set to, to_columns = key.get('to'), key.get('to_columns') or [] -%}
    {%- if not to_columns -%}
        {%- set written = (key.get('expression') or '').split('(', 1) -%}
        {%- if written | length != 2 -%}
            {%- do exceptions.raise_compiler_error('A foreign key says where it refers to: `to` and `to_columns`, found: ' ~ key) -%}
        {%- endif -%}
        {%- set to = written[0] | trim -%}
        {%- set to_columns = (written[1] | trim).rstrip(')').split(',') | map('trim') | list -%}
    {%- endif -%}
    {%- set filters = [] -%}
    {%- set matches = [] -%}
    {%- for column in key.columns -%}
        {%- do filters.append('child.' ~ column ~ ' is not null') -%}
        {%- do matches.append('parent.' ~ to_columns[loop.index0] ~ ' = child.' ~ column) -%}
    {%- endfor -%}
    {%- set shown = 'child.' ~ key.columns | join(', child.') -%}
    {%- set found = run_query(
        'select distinct ' ~ shown ~ ' from ' ~ relation ~ ' as child left join ' ~ to ~ ' as parent on ' ~ matches | join(' and ')
        ~ ' where ' ~ filters | join(' and ') ~ ' and parent.' ~ to_columns[0] ~ ' is null order by ' ~ shown ~ ' limit 3'
    ) -%}
    {%- set examples = [] -%}
    {%- for row in found.rows -%}
        {%- do examples.append(row.values() | join(', ') ~ ' is not in ' ~ to) -%}
    {%- endfor -%}
    {%- if examples -%}
        {%- do datafusion__key_violated(relation, 'foreign key', key.columns | join(', '), examples) -%}
    {%- endif -%}
{%- endmacro %}


{% macro datafusion__key_violated(relation, word, columns, examples) -%}
    {%- do exceptions.raise_compiler_error(
        'The contract declares ' ~ word ~ ' (' ~ columns ~ '), and the rows break it; nothing was changed in ' ~ relation ~ '\n'
        ~ examples | join('\n')
    ) -%}
{%- endmacro %}
