-- The present prices, and since when they hold.
select
    sku,
    product_name,
    category,
    price,
    price - cost as margin,
    cast(dbt_valid_from as date) as price_since
from {{ ref('product_prices') }}
where dbt_valid_to is null
