with sales as (

    select
        ordered_on,
        count(*)::integer as receipts,
        sum(items)::integer as items,
        sum(revenue)::decimal(12, 2) as revenue
    from {{ ref('fct_orders') }}
    group by ordered_on

)

select
    sales.ordered_on,
    sales.receipts,
    sales.items,
    sales.revenue,
    ferries.passengers,
    round(sales.revenue / nullif(ferries.passengers, 0) * 100, 2)::decimal(12, 2) as revenue_per_100_passengers
from sales
left join {{ ref('stg_ferries') }} as ferries on sales.ordered_on = ferries.arrived_on
