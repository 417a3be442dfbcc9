-- A product has exactly one present price.
select sku, count(*) as prices
from {{ ref('product_prices') }}
where dbt_valid_to is null
group by sku
having count(*) <> 1
