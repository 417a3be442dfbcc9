{{ config(materialized='table') }}

with gaps as (

    select
        *,
        viewed_at - lag(viewed_at) over visitor_views as gap
    from {{ ref('page_views') }}
    window visitor_views as (partition by visitor order by viewed_at, view_id)

),

numbered as (

    select
        *,
        count(*) filter (where gap is null or gap > interval '{{ var("session_gap_minutes") }} minutes')
            over (partition by visitor order by viewed_at, view_id) as visit_number
    from gaps

)

select
    visitor || '-' || visit_number as visit_id,
    visitor,
    min(viewed_at) as started_at,
    max(viewed_at) as last_view_at,
    count(*)::integer as views,
    arg_min(page, view_id) as landing_page,
    arg_max(page, view_id) as exit_page,
    arg_min(campaign, view_id) as campaign,
    bool_or(page = '/thanks') as booked
from numbered
group by visitor, visit_number
