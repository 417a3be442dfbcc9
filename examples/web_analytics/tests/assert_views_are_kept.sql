-- Every view counts exactly once, in the visits as well as in the pages of the day.
select *
from (
    select
        (select count(*) from {{ ref('page_views') }}) as views,
        (select sum(views) from {{ ref('visits') }}) as views_in_visits,
        (select sum(views) from {{ ref('daily_pages') }}) as views_in_pages
)
where views <> views_in_visits or views <> views_in_pages
