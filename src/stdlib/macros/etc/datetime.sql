{#- Dates at compile time: parsing, ranges of days, the present moment as digits. -#}
{% macro convert_datetime(date_str, date_fmt) -%}
    {%- set complaint = "'" ~ date_str ~ "' is no date of the form '" ~ date_fmt ~ "'" -%}
    {{ return(try_or_compiler_error(complaint, modules.datetime.datetime.strptime, date_str.strip(), date_fmt)) }}
{%- endmacro %}


{#- Every day from start to end, both included; unformatted when out_fmt is empty. -#}
{% macro dates_in_range(start_date_str, end_date_str=none, in_fmt="%Y%m%d", out_fmt="%Y%m%d") -%}
    {%- set first = convert_datetime(start_date_str, in_fmt) -%}
    {%- set last = first if end_date_str is none else convert_datetime(end_date_str, in_fmt) -%}
    {%- if last < first -%}
        {%- do exceptions.raise_compiler_error("The range starts after its end: " ~ first ~ " to " ~ last, model) -%}
    {%- endif -%}

    {%- set days = [] -%}
    {%- for offset in range((last - first).days + 1) -%}
        {%- set day = first + modules.datetime.timedelta(days=offset) -%}
        {%- do days.append(day.strftime(out_fmt) if out_fmt else day) -%}
    {%- endfor -%}
    {{ return(days) }}
{%- endmacro %}


{% macro partition_range(raw_partition_date, date_fmt='%Y%m%d') -%}
    {%- set bounds = (raw_partition_date | string).split(',') -%}
    {%- if bounds | length > 2 -%}
        {%- do exceptions.raise_compiler_error(
            "A partition range is one date, or two with a comma between them; found: " ~ raw_partition_date
        ) -%}
    {%- endif -%}
    {{ return(dates_in_range(bounds[0], bounds[1] if bounds | length == 2 else none, in_fmt=date_fmt)) }}
{%- endmacro %}


{% macro py_current_timestring() -%}
    {{ return(modules.datetime.datetime.now().strftime("%Y%m%d%H%M%S%f")) }}
{%- endmacro %}
