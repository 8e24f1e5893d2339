-- Required fields filled, by field, buyer and year; `*` stands for all buyers of the scheme.
with contracts as (
    select c.buyer_id, c.year, c.missing_fields
    from curated.contracts c join curated.buyers b on b.buyer_id = c.buyer_id and b.in_scheme
    where c.year is not null
), counted as (
    select buyer_id, year, count(*) as required from contracts group by buyer_id, year
    union all
    select '*', year, count(*) from contracts group by year
), missing as (
    select buyer_id, year, field, count(*) as n
    from (select buyer_id, year, unnest(missing_fields) as field from contracts) group by all
), missing_all as (
    select buyer_id, year, field, n from missing
    union all
    select '*', year, field, sum(n) from missing group by year, field
)
select c.buyer_id, cast(c.year as integer) as year, f.field, c.required,
    cast(c.required - coalesce(m.n, 0) as bigint) as filled
from counted c cross join reference.required_fields f
left join missing_all m on m.buyer_id = c.buyer_id and m.year = c.year and m.field = f.field
order by c.buyer_id, c.year, f.field
