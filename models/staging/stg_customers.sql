select
    id as customer_id,
    first_name,
    last_name,
    first_name || ' ' || last_name as full_name,
    nullif(email, '') as email,
    quarter,
    joined_on
from {{ ref('raw_customers') }}
