select
    arrived_on,
    ferries,
    passengers
from {{ ref('raw_ferries') }}
