-- No line of a receipt gets lost on the way to the fact table.
with lines as (

    select order_id, sum(quantity) as items
    from {{ ref('stg_order_lines') }}
    group by order_id

)

select orders.order_id, orders.items, lines.items as items_of_lines
from {{ ref('fct_orders') }} as orders
full join lines on orders.order_id = lines.order_id
where orders.items is distinct from lines.items
