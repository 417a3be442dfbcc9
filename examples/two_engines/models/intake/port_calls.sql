{{ config(materialized='external', location='exports/port_calls.parquet') }}

-- The last word on a call counts.
select
    call_id::integer as call_id,
    ship,
    berth,
    arrived_at::timestamp as arrived_at,
    left_at::timestamp as left_at,
    tons::integer as tons
from {{ source('office', 'calls') }}
qualify row_number() over (partition by call_id order by filename desc) = 1
