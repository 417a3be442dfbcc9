select
    view_id::integer as view_id,
    visitor,
    viewed_at::timestamp as viewed_at,
    split_part(url, '?', 1) as page,
    {{ url_parameter('url', 'utm_campaign') }} as campaign,
    device
from {{ source('files', 'page_views') }}
