{{ config(materialized='incremental', incremental_strategy='merge', unique_key='call_id', partition_by='berth') }}

select * from {{ source('exports', 'port_calls') }}
