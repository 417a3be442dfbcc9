select
    orders.order_id,
    orders.customer_id,
    orders.ordered_on,
    orders.status,
    coalesce(sum(lines.quantity), 0)::integer as items,
    -- A refunded receipt keeps its items, but earned nothing.
    case when orders.is_refunded then 0 else coalesce(sum(lines.revenue), 0) end as revenue,
    case when orders.is_refunded then 0 else coalesce(sum(lines.margin), 0) end as margin
from {{ ref('stg_orders') }} as orders
left join {{ ref('int_lines_priced') }} as lines on orders.order_id = lines.order_id
group by orders.order_id, orders.customer_id, orders.ordered_on, orders.status, orders.is_refunded
