"""The life of a line of hours: declared, then validated, corrected or rejected; or set apart.

A company declares; the facilitator validates, corrects or rejects. A line that cannot be right is
set apart (quarantine) with every reason, whatever was decided on it, unless it was rejected. Only
validated hours enter a published figure.

The company's return and the facilitator's log may both hold the line. Of the lines of one claim
(one person, month, contract, kind of hours, company where it is known, and declared hours), one
that is decided supersedes those that are not, and the latest decision those before it; what is
superseded is set apart as a duplicate, a rejected line included.

For any set of lines, in lines and in hours:

    declared = validated + corrected away + rejected + pending + quarantined

"Corrected away" is signed: a correction upwards makes it negative.

The SQL reads three relations:

- `hour_lines`, one row per line: line_id, clause_key (the contract, or the contracts of a pooled
  commitment, that the line names; null: none known), company_id, pseudonym (null: no usable id),
  month (its first day), declared_hours, validated_hours DECIMAL(18,2), line_state, decided_date,
  hour_kind, modality, work_contract_type, hire_date, source_file, source_pointer. Other columns
  are kept.
- `clause_terms`, one row per clause_key: start_date, end_date (null: not known),
  permanent_hire_months (null: no permanent hire counts longer than the rule).
- `eligibility_periods`: see `spaser.hours.eligibility.PERIODS_SQL`; its contract_uid is a
  clause_key.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from enum import StrEnum


class Outcome(StrEnum):
    """Where a line ends; every line has exactly one."""

    VALIDATED = "validated"
    CORRECTED = "corrected"
    REJECTED = "rejected"
    PENDING = "pending"
    QUARANTINED = "quarantined"


class Reason(StrEnum):
    """Why a line is set apart; the finding rule is `hours_` and this name."""

    UNKNOWN_CONTRACT = "unknown_contract"
    UNKNOWN_MONTH = "unknown_month"
    UNKNOWN_HOURS = "unknown_hours"
    NEGATIVE = "negative"
    DECISION_UNCLEAR = "decision_unclear"
    OUTSIDE_CONTRACT = "outside_contract"
    AFTER_REPORT_DAY = "after_report_day"
    DUPLICATE = "duplicate"
    DUPLICATE_DIFFERS = "duplicate_differs"
    UNKNOWN_PERSON = "unknown_person"
    NOT_ELIGIBLE = "not_eligible"
    ELIGIBILITY_ENDED = "eligibility_ended"
    OVER_MONTH_LIMIT = "over_month_limit"


BUCKETS = ("validated", "corrected_away", "rejected", "pending", "quarantined")
"""The columns `hours_…` whose sum is what was declared."""

_DECISION = """
    case
        when line_state = 'rejected'
            then case when coalesce(validated_hours, 0) = 0 then 'rejected' else 'unclear' end
        when line_state = 'corrected'
            then case when validated_hours is not null then 'corrected' else 'unclear' end
        when line_state = 'validated' then
            case when validated_hours is null or validated_hours = declared_hours
                then 'validated' else 'corrected' end
        when line_state is null and validated_hours <> 0 then
            case when validated_hours = declared_hours then 'validated' else 'corrected' end
        when line_state is null or line_state = 'declared' then
            case when line_state = 'declared' and validated_hours <> 0
                then 'unclear' else 'pending' end
        else 'unclear'
    end"""
"""What was decided. Without a state the hours say it, but a zero is no refusal: many tools fill it
in before anyone decides."""


_REPEATED = """groups as (
    select pseudonym, month, clause_key, kind_of_hours, min(line_id) as alike
    from decided
    where pseudonym is not null and month is not null and clause_key is not null
    group by pseudonym, month, clause_key, kind_of_hours having count(*) > 1
), claimed as (
    -- A company that a line does not name is the one that the lines of the same hours name.
    select line_id, alike, declared_hours, decision, modality, decided_date, company_id,
        coalesce(company_id, case when min(company_id) over same = max(company_id) over same
            then min(company_id) over same end) as company,
        decision <> 'pending' and line_state is distinct from 'declared' as is_decided,
        case decision when 'pending' then null when 'validated' then declared_hours
            else validated_hours end as decided_hours
    from decided join groups using (pseudonym, month, clause_key, kind_of_hours)
    window same as (partition by alike, declared_hours)
), ordered as (
    select *, row(company, declared_hours, decided_hours, decision, modality) as content,
        case when is_decided then coalesce(decided_date < max(decided_date)
                filter (where is_decided) over claim, false)
            else bool_or(is_decided) over claim end as is_superseded
    from claimed
    window claim as (partition by alike, declared_hours, company)
), standing as (
    -- What is rejected may contradict another decision on these hours, never other hours.
    select line_id,
        min(content) over claim <> max(content) over claim
            or (decision <> 'rejected' and min(content) filter (where decision <> 'rejected')
                over every <> max(content) filter (where decision <> 'rejected') over every)
            as differs,
        row_number() over (partition by alike, content order by company_id is null, line_id)
            as copy_number
    from ordered where not is_superseded
    window claim as (partition by alike, declared_hours, company),
        every as (partition by alike)
), repeated as (
    select line_id, differs, copy_number > 1 and not differs as is_duplicate from standing
    union all
    select line_id, false, true from ordered where is_superseded
)"""
"""Which of the lines of one person, month, contract and kind of hours repeat another in all that
counts or are superseded by it (`is_duplicate`), and which stand and contradict each other, nothing
saying which is right (`differs`). A line that is alone has no row."""


def classify_sql(month_limit: Decimal, at: date | None = None) -> str:
    """Every line with its outcome.

    Grain and columns of `hour_lines`, and beside them:

    - `decision` (validated, corrected, rejected, pending, unclear) and `is_declared_assumed` (only
      the validated hours were given: they are taken as declared);
    - `outcome` (see `Outcome`); `quarantine_reasons` (list in the order of `Reason`, or empty);
    - `hours_declared` and `hours_validated`, `hours_corrected_away`, `hours_rejected`,
      `hours_pending`, `hours_quarantined`, DECIMAL(18,2), whose sum is `hours_declared`; all are
      null where the hours are unknown.

    The rows are in no order. `month_limit`: the hours of a person in a month above which all of
    that month is set apart. Lines set apart for another reason weigh on each other only. `at`: the
    day of the report, when months that begin later cannot have been worked; none when not known.
    """
    future = "false" if at is None else f"l.month > date '{at}'"
    limit = f"cast('{month_limit:f}' as decimal(18,2))"
    return f"""
with stated as (
    select * replace (coalesce(declared_hours, validated_hours) as declared_hours),
        declared_hours is null and validated_hours is not null as is_declared_assumed
    from hour_lines
), decided as (
    select *, {_DECISION} as decision,
        coalesce(hour_kind, 'work') as kind_of_hours
    from stated
), {_REPEATED}, worked as (
    select distinct pseudonym, clause_key, month, work_contract_type, hire_date
    from decided
    where pseudonym is not null and month is not null
), covered as (
    select w.pseudonym, w.clause_key, w.month, w.work_contract_type, w.hire_date,
        bool_or(month < coalesce(least(end_stated, greatest(end_by_rule,
            -- Hours of a permanent hire count longer where the contract says so.
            case when work_contract_type = 'permanent' and hire_date >= eligible_from
                    and hire_date < end_by_rule
                then cast(hire_date + to_months(permanent_hire_months) as date) end)),
            date '9999-12-31')) as is_covered
    from worked as w
    join eligibility_periods as p on p.pseudonym = w.pseudonym
        and (p.contract_uid is null or p.contract_uid = w.clause_key)
        and eligible_from <= last_day(month)
    left join clause_terms as c on c.clause_key = w.clause_key
    group by all
), judged as (
    select l.*, coalesce(is_duplicate, false) as is_duplicate, coalesce(differs, false) as differs,
        case when decision in ('validated', 'corrected')
            then coalesce(validated_hours, declared_hours) else declared_hours end as weight,
        list_filter([
            case when c.clause_key is null then 'unknown_contract' end,
            case when l.month is null then 'unknown_month' end,
            case when declared_hours is null then 'unknown_hours' end,
            case when declared_hours < 0 or validated_hours < 0 then 'negative' end,
            case when decision = 'unclear' then 'decision_unclear' end,
            case when last_day(l.month) < start_date or l.month > end_date
                then 'outside_contract' end,
            case when {future} then 'after_report_day' end,
            case when r.is_duplicate then 'duplicate' end,
            case when r.differs then 'duplicate_differs' end,
            case when l.pseudonym is null then 'unknown_person' end,
            -- Eligibility may be for one contract: without it, nothing can be said.
            case when c.clause_key is not null and l.pseudonym is not null
                and l.month is not null and is_covered is null then 'not_eligible' end,
            case when c.clause_key is not null and not is_covered then 'eligibility_ended' end
        ], lambda reason: reason is not null) as reasons
    from decided as l
    left join clause_terms as c on c.clause_key = l.clause_key
    left join repeated as r on r.line_id = l.line_id
    left join covered as v on v.pseudonym = l.pseudonym and v.month = l.month
        and v.clause_key is not distinct from l.clause_key
        and v.work_contract_type is not distinct from l.work_contract_type
        and v.hire_date is not distinct from l.hire_date
), months as (
    select pseudonym, month, sum(weight) as all_hours,
        sum(weight) filter (where len(reasons) = 0) as good_hours
    from judged
    where decision <> 'rejected' and pseudonym is not null and month is not null
        and not is_duplicate and weight > 0
    group by pseudonym, month
    having all_hours > {limit}
), limited as (
    select j.* replace (case
            when case when len(reasons) = 0 then good_hours else all_hours end > {limit}
            then list_append(reasons, 'over_month_limit') else reasons end as reasons)
    from judged as j left join months as m on m.pseudonym = j.pseudonym and m.month = j.month
), ended as (
    select *,
        case when decision = 'rejected' and not is_duplicate and not differs then 'rejected'
            when len(reasons) > 0 then 'quarantined' else decision end as outcome
    from limited
)
select * exclude (kind_of_hours, is_duplicate, differs, weight, reasons),
    case when outcome = 'quarantined' then reasons else [] end as quarantine_reasons,
    declared_hours as hours_declared,
    {_bucket("outcome in ('validated', 'corrected')", "coalesce(validated_hours, declared_hours)")}
        as hours_validated,
    {_bucket("outcome = 'corrected'", "declared_hours - validated_hours")} as hours_corrected_away,
    {_bucket("outcome = 'rejected'", "declared_hours")} as hours_rejected,
    {_bucket("outcome = 'pending'", "declared_hours")} as hours_pending,
    {_bucket("outcome = 'quarantined'", "declared_hours")} as hours_quarantined
from ended
"""


def _bucket(condition: str, hours: str) -> str:
    return (
        f"cast(case when declared_hours is null then null when {condition} then {hours} else 0 end "
        "as decimal(18,2))"
    )


def published_sql(classified: str) -> str:
    """The lines that a published figure may count: validated, whole or corrected, above zero.

    `classified`: the relation that `classify_sql` gave. Grain: one row per line; the figure is
    `hours_validated`.
    """
    return (
        f"select * from {classified} "
        "where outcome in ('validated', 'corrected') and hours_validated > 0"
    )


def balance_sql(classified: str, keys: Sequence[str] = ()) -> str:
    """What became of what was declared, for the whole or by some columns (operation, contract…).

    Columns: the keys; `lines` and `lines_<outcome>`; `lines_without_hours` (hours unknown, in no
    sum); `hours_declared` and `hours_<bucket>`; `difference_lines` and `difference_hours`, which
    are zero when the balance closes.
    """
    outcomes = [outcome.value for outcome in Outcome]
    lines = ", ".join(
        f"count(*) filter (where outcome = '{name}') as lines_{name}" for name in outcomes
    )
    hours = ", ".join(
        f"cast(coalesce(sum(hours_{name}), 0) as decimal(18,2)) as hours_{name}"
        for name in ("declared", *BUCKETS)
    )
    grouping = ", ".join(keys)
    return f"""
select *, lines - {" - ".join(f"lines_{name}" for name in outcomes)} as difference_lines,
    hours_declared - {" - ".join(f"hours_{name}" for name in BUCKETS)} as difference_hours
from (
    select {grouping + ", " if keys else ""}count(*) as lines, {lines},
        count(*) filter (where hours_declared is null) as lines_without_hours, {hours}
    from {classified}
    {f"group by {grouping}" if keys else ""}
)
{f"order by {grouping}" if keys else ""}
"""


def findings_sql(classified: str) -> str:
    """One finding per line set apart and reason, in the raw columns of findings.

    It points at the file and the line and names the contract, else the commitment; never the
    person, the hours, nor any text of the log, where a name could be.
    """
    return f"""
select 'hours_' || reason as rule, source_file, source_pointer, 'curated.hours' as table_name,
    coalesce(contract_uid, commitment_id) as key, cast(null as varchar) as field,
    cast(null as varchar) as value, cast(null as varchar) as detail
from (select unnest(quarantine_reasons) as reason, * from {classified})
order by rule, source_file, source_pointer
"""
