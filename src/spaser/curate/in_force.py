"""Which value of each field is in force: the department's own register or DECP's.

The precedence is the scheme's: the first register's value where it is known, else the other's.
What belongs together is taken together: an amount with its tax basis and rate, a list with what is
known of its reading. Source of the principle: ARCHITECTURE §4, DOMAIN §4.2 (the own register is the
reference, DECP the control).
"""

from __future__ import annotations

from collections.abc import Iterable

from spaser.cards import Catalogue, Origin
from spaser.scheme import Precedence
from spaser.warehouse import Connection

MATCHED = ("id", "description", "decided")
"""Levels of `curated.reconciliation` at which two contracts are one."""

AMOUNT_FIELDS = ("amount", "amount_with_tax", "vat_rate", "tax_basis", "maximum_amount")
"""Taken from one register, whole: an amount without its basis is no amount."""

PLACE = ("source_file", "source_pointer", "source", "record_number")


def create_views(connection: Connection, catalogue: Catalogue, precedence: Precedence) -> None:
    """Create `sides`, `pairs`, `set_aside` and `entries_in_force` (see `curated.entries`)."""
    connection.execute(_SIDES)
    connection.execute(
        f"""create or replace temp table pairs as
        select distinct own_uid, decp_uid from curated.reconciliation
        where level in {MATCHED} and own_uid is not null and decp_uid is not null"""
    )
    covered = "true" if precedence.only_in_decp == "set_aside" else "false"
    connection.execute(
        f"""create or replace temp table set_aside as
        select distinct decp_uid from curated.reconciliation
        where {covered} and decp_uid is not null
            and decp_uid not in (select decp_uid from pairs)"""
    )
    connection.execute(
        f"create or replace view entries_in_force as {_query(catalogue, precedence)}"
    )


_SIDES = """
create or replace view sides as
select p.uid, p.record_kind, p.origin,
    p.notified_date as first_notified_date, p.published_date as first_published_date,
    p.publication_count, p.lot_number as key_lot_number,
    r.* exclude (record_kind, origin, tax_basis),
    coalesce(r.amount_tax, r.tax_basis, case p.origin when 'decp' then 'ht' else 'unknown' end)
        as tax_basis
from curated.records r join curated.publications p using (record_number)
where p.role = 'retained'
"""


def _query(catalogue: Catalogue, precedence: Precedence) -> str:
    names = [name for field in catalogue.fields.values() for name in field.columns()]
    taken_from_decp = _taken_from_decp(catalogue, precedence)
    both = ",\n".join(
        f"{_chosen(precedence, field, name)} as {name}"
        for field, definition in catalogue.fields.items()
        for name in definition.columns()
    )
    alone = ", ".join(f"d.{name}" for name in names)
    return f"""
select o.uid, o.record_kind, {", ".join(f"o.{name}" for name in PLACE)}, o.flat_amendments,
    o.origin, d.uid as decp_uid,
    case when {_first("notified_date", precedence)} then o.first_notified_date
        else coalesce(d.first_notified_date, o.first_notified_date) end as first_notified_date,
    least(o.first_published_date, d.first_published_date) as first_published_date,
    o.publication_count, o.key_lot_number,
    {taken_from_decp} as decp_fields,
    {both}
from sides o left join pairs p on p.own_uid = o.uid left join sides d
    on d.uid = p.decp_uid and d.origin = 'decp' and d.record_kind = o.record_kind
where o.origin = 'own'
union all by name
select case when t.uid is null then d.uid else d.uid || '#decp' end as uid, d.record_kind,
    {", ".join(f"d.{name}" for name in PLACE)}, d.flat_amendments, d.origin,
    d.uid as decp_uid, d.first_notified_date, d.first_published_date, d.publication_count,
    d.key_lot_number, null::varchar[] as decp_fields, {alone}
from sides d
left join (select distinct uid, record_kind from sides where origin = 'own') t
    on t.uid = d.uid and t.record_kind = d.record_kind
where d.origin = 'decp' and d.uid not in (select decp_uid from pairs)
    and d.uid not in (select decp_uid from set_aside)
"""


def _first(field: str, precedence: Precedence) -> str:
    """Whether the own register's value comes first; where DECP has none it does anyway."""
    return "true" if precedence.of(field) == "own" else "d.uid is null"


def _chosen(precedence: Precedence, field: str, name: str) -> str:
    """The SQL of a typed column: of the side that knows the field, in the order of precedence."""
    first, second = _order(precedence.of("amount" if field in AMOUNT_FIELDS else field))
    if field in AMOUNT_FIELDS:
        known = f"{first}.amount_text is not null or {first}.amount_with_tax_text is not null"
        taken = f"{first}.{name} else {second}.{name}"
        return f"case when {known} or {second}.uid is null then {taken} end"
    if name == field:
        return f"coalesce({first}.{name}, {second}.{name})"
    return f"case when {first}.{field} is not null then {first}.{name} else {second}.{name} end"


def _order(origin: Origin) -> tuple[str, str]:
    return ("o", "d") if origin == "own" else ("d", "o")


def _taken_from_decp(catalogue: Catalogue, precedence: Precedence) -> str:
    """The list of the fields whose value is DECP's."""
    return _listed(
        f"case when {_is_decp(precedence, field)} then '{field}' end"
        for field in catalogue.fields
        if field not in AMOUNT_FIELDS[1:]
    )


def _is_decp(precedence: Precedence, field: str) -> str:
    if precedence.of(field) == "decp":
        return f"d.{field} is not null"
    if field == "amount":
        return (
            "o.amount_text is null and o.amount_with_tax_text is null and d.amount_text is not null"
        )
    return f"o.{field} is null and d.{field} is not null"


def _listed(items: Iterable[str]) -> str:
    return f"list_filter([{', '.join(items)}], lambda f: f is not null)"
