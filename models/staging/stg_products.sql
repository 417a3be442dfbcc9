select
    sku,
    name as product_name,
    category,
    {{ cents_to_euros('price_cents') }} as price,
    {{ cents_to_euros('cost_cents') }} as cost,
    price_changed_on
from {{ ref('raw_products') }}
