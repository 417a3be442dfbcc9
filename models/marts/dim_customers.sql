with sums as (

    select
        customer_id,
        count(*) as orders,
        sum(revenue) as revenue,
        min(ordered_on) as first_order_on,
        max(ordered_on) as last_order_on
    from {{ ref('fct_orders') }}
    where customer_id is not null
    group by customer_id

)

select
    customers.customer_id,
    customers.full_name,
    customers.quarter,
    customers.joined_on,
    coalesce(sums.orders, 0)::integer as orders,
    coalesce(sums.revenue, 0)::decimal(12, 2) as revenue,
    sums.first_order_on,
    sums.last_order_on,
    case
        when sums.orders >= 3 then 'regular'
        when sums.orders >= 1 then 'guest'
        else 'not seen yet'
    end as loyalty
from {{ ref('stg_customers') }} as customers
left join sums on customers.customer_id = sums.customer_id
