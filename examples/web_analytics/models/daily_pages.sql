{{ config(materialized='incremental', incremental_strategy='merge', unique_key=['day', 'page']) }}

select
    viewed_at::date as day,
    page,
    count(*)::integer as views,
    count(distinct visitor)::integer as visitors
from {{ ref('page_views') }}
{% if is_incremental() %}
-- The last day in the table may have been incomplete.
where viewed_at >= (select max(day) from {{ this }})
{% endif %}
group by 1, 2
