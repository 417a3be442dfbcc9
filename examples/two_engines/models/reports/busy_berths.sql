{{ config(materialized='table') }}

-- A column a berth, a row a day.
pivot (select day, berth, tons from {{ source('lake', 'berth_days') }})
on berth
using sum(tons)
order by day
