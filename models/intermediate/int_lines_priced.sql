{{ config(materialized='ephemeral') }}

select
    lines.order_line_id,
    lines.order_id,
    lines.sku,
    products.category,
    lines.quantity,
    lines.quantity * products.price as revenue,
    lines.quantity * (products.price - products.cost) as margin
from {{ ref('stg_order_lines') }} as lines
inner join {{ ref('stg_products') }} as products on lines.sku = products.sku
