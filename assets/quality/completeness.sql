-- Required fields filled, by field, buyer, directorate and year; `*` stands for all buyers of the
-- scheme, and for all directorates. A buyer whose registers name no directorate in the year has no
-- row but that of all; where some contracts have one, those without are those of `unknown`.
with contracts as (
    select c.buyer_id, c.directorate, c.year, c.missing_fields
    from curated.contracts c join curated.buyers b on b.buyer_id = c.buyer_id and b.in_scheme
    where c.year is not null
), counted as (
    select buyer_id, directorate, year, count(*) as required from contracts group by all
), missing as (
    select buyer_id, directorate, year, field, count(*) as n
    from (select buyer_id, directorate, year, unnest(missing_fields) as field from contracts)
    group by all
), divided as (
    select distinct buyer_id, year from counted where directorate is not null
), required_all as (
    select coalesce(buyer_id, '*') as buyer_id, '*' as directorate, year, sum(required) as required
    from counted group by grouping sets ((buyer_id, year), (year))
    union all
    select coalesce(buyer_id, '*'), directorate, year, sum(required) from (
        select buyer_id, coalesce(directorate, 'unknown') as directorate, year, required
        from counted semi join divided using (buyer_id, year)
    ) group by grouping sets ((buyer_id, directorate, year), (directorate, year))
), missing_all as (
    select coalesce(buyer_id, '*') as buyer_id, '*' as directorate, year, field, sum(n) as n
    from missing group by grouping sets ((buyer_id, year, field), (year, field))
    union all
    select coalesce(buyer_id, '*'), directorate, year, field, sum(n) from (
        select buyer_id, coalesce(directorate, 'unknown') as directorate, year, field, n
        from missing semi join divided using (buyer_id, year)
    ) group by grouping sets ((buyer_id, directorate, year, field), (directorate, year, field))
)
select r.buyer_id, r.directorate, cast(r.year as integer) as year, f.field,
    cast(r.required as bigint) as required, cast(r.required - coalesce(m.n, 0) as bigint) as filled
from required_all r cross join reference.required_fields f
left join missing_all m on m.buyer_id = r.buyer_id and m.directorate = r.directorate
    and m.year = r.year and m.field = f.field
order by r.buyer_id, r.directorate, r.year, f.field
