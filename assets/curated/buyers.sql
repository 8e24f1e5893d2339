-- Every buyer found in the registers or named by the scheme.
with found as (
    select buyer_id, max(buyer_name) as buyer_name, count(*) as records
    from curated.records where buyer_id is not null group by buyer_id
)
select coalesce(s.buyer_id, f.buyer_id) as buyer_id,
    coalesce(s.buyer_name, f.buyer_name) as buyer_name,
    s.buyer_id is not null as named_in_scheme,
    s.buyer_id is not null or (select all_buyers from reference.scheme) as in_scheme,
    coalesce(f.records, 0) as record_count
from found f full join reference.buyers s on s.buyer_id = f.buyer_id
order by buyer_id
