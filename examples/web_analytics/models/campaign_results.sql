{{ config(materialized='table') }}

select
    campaigns.campaign,
    campaigns.title,
    campaigns.channel,
    campaigns.budget,
    count(visits.visit_id)::integer as visits,
    count(visits.visit_id) filter (where visits.booked)::integer as bookings
from {{ source('files', 'campaigns') }} as campaigns
left join {{ ref('visits') }} as visits on campaigns.campaign = visits.campaign
group by all
