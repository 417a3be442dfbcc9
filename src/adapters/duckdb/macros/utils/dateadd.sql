{#-
  Moving dates and timestamps. The number may be any expression, so it multiplies an interval of one part; DuckDB reads
  `interval` only before a literal. Quarters are not a part of its own there.
-#}
{% macro duckdb__dateadd(datepart, interval, from_date_or_timestamp) -%}
    {%- set sizes = {'quarter': (3, 'month'), 'week': (7, 'day')} -%}
    {%- set size = sizes.get(datepart | lower, (1, datepart | lower)) -%}
    {%- set steps = 'cast(' ~ interval ~ ' as bigint)' -%}
    {%- if size[0] != 1 -%}
        {%- set steps = '(' ~ steps ~ ' * ' ~ size[0] ~ ')' -%}
    {%- endif -%}
    {%- set moment = duckdb__without_time_zone(from_date_or_timestamp) -%}
    {%- if moment -%}
    ({{ moment }} + {{ steps }} * interval 1 {{ size[1] }})::timestamptz
    {%- else -%}
    ({{ from_date_or_timestamp }} + {{ steps }} * interval 1 {{ size[1] }})
    {%- endif -%}
{%- endmacro %}


{#-
  Arithmetic with a time zone needs an extension that is not in every build of the engine. For the present moment, the
  only such value that can be told from its text, the detour over a timestamp gives the same result without it.
-#}
{% macro duckdb__without_time_zone(expression) -%}
    {%- set moments = ['now()', 'current_timestamp', 'current_timestamp()', 'get_current_timestamp()', 'transaction_timestamp()'] -%}
    {%- if expression | string | trim | lower in moments -%}
        {{ return((expression | string | trim) ~ '::timestamp') }}
    {%- endif -%}
    {{ return(none) }}
{%- endmacro %}
