-- One row per contract that a commitment names: does one of its rows commit more than zero hours?
with told as (
    select unnest(contract_uids) as uid,
        coalesce(
            committed_hours > 0,
            people_count > 0 and hours_per_person > 0,
            amount > 0 and labour_share > 0 and insertion_rate > 0 and hourly_cost > 0,
            -- So many hours per tranche invoiced: a number, whatever will be invoiced.
            tranche_amount > 0 and hours_per_tranche > 0
        ) as has_hours
    from curated.commitments
)
select uid,
    case when bool_or(has_hours) then true when bool_and(has_hours is not null) then false end
        as has_insertion_hours
from told group by uid order by uid
