{#- Values that have no counterpart in another relation. Nulls pass. -#}
{% macro default__test_relationships(model, column_name, to, field) %}
with child as (
    select {{ column_name }} as from_field
    from {{ model }}
    where {{ column_name }} is not null
),

parent as (
    select {{ field }} as to_field
    from {{ to }}
)

select child.from_field
from child
left join parent on parent.to_field = child.from_field
where parent.to_field is null
{% endmacro %}
