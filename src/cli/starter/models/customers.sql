with completed_orders as (

    select * from {{ ref('stg_orders') }}
    where status = 'completed'

)

select
    customers.customer_id,
    customers.customer_name,
    count(completed_orders.order_id) as order_count,
    coalesce(sum(completed_orders.amount), 0) as revenue,
    max(completed_orders.ordered_on) as last_ordered_on
from {{ ref('stg_customers') }} as customers
left join completed_orders
    on customers.customer_id = completed_orders.customer_id
group by 1, 2
