{{ config(materialized='table') }}

select
    berth,
    cast(arrived_at as date) as day,
    cast(count(*) as integer) as calls,
    cast(sum(tons) as bigint) as tons,
    sum(date_diff('minute', arrived_at, left_at)) as minutes
from {{ ref('calls') }}
group by berth, cast(arrived_at as date)
