-- depends_on: {{ ref('raw_orders') }}
select
    id as order_id,
    customer_id,
    ordered_on,
    status,
    status = 'refunded' as is_refunded
from {{ source('till', 'orders') }}
where ordered_on >= date '{{ var("opening_date") }}'
