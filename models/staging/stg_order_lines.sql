-- depends_on: {{ ref('raw_order_lines') }}
select
    id as order_line_id,
    order_id,
    sku,
    quantity
from {{ source('till', 'order_lines') }}
