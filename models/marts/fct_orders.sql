{{ config(materialized='incremental', incremental_strategy='delete+insert', unique_key='order_id') }}

select
    order_id,
    customer_id,
    ordered_on,
    status,
    items,
    revenue,
    margin
from {{ ref('int_order_totals') }}
{% if is_incremental() %}
-- The till corrects receipts for up to three days: read those again.
where ordered_on >= (select max(ordered_on) - interval 3 day from {{ this }})
{% endif %}
