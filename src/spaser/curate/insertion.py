"""Commitments, invoices, follow-up, hour lines and participants: rows tied to the register.

Each table is the SQL of its card over relations that this module makes first:

- `received_<feeds>`: the typed rows that count. The same file given twice counts once. So does a
  row that a later export repeats, in whatever writing (the n-th equal row of one file is the n-th
  of another), but for hour lines and participants: a repeated hour line is judged with the hours,
  by its person.
- `contract_links`: one row per reference as written (buyer_id, contract_reference, lot_number),
  with `contract_uids` (empty when nothing is found), `contract_uid` (where one contract is named
  and found), `pooled_uids` (where several are named and all are found), `contract_buyer`, and what
  was not found (`unknown_parts`) or needs a lot (`unclear_parts`).
- `linked_<feeds>`, for the tables whose rows name a company: `received_<feeds>` with what each row
  stands for in the register (`linked_contract`, `linked_contracts`, `linked_buyer`; `linked_pool`:
  the contracts of a pooled commitment that it names), among the commitments (`linked_commitment`)
  and among the companies (`linked_company`).

A contract is never guessed: what the register does not single out is null, and a finding says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from spaser.cards import PEOPLE_FEEDS, Catalogue, Feeds, RegisterField
from spaser.curate import typed
from spaser.findings import Balance, write_balances
from spaser.warehouse import Connection, Tables

READ: dict[str, Feeds] = {
    "curated/commitments": "commitments",
    "curated/invoiced": "invoiced",
    "curated/clause_events": "clause_events",
    "curated/hour_lines": "hours",
    "curated/participants": "participants",
}
"""The tables read from staged sources, and what their sources feed."""

_NAMING_A_COMPANY = ("curated/commitments", "curated/clause_events", "curated/hour_lines")
"""The tables whose rows name a company."""


def build(
    connection: Connection,
    tables: Tables,
    catalogue: Catalogue,
    card_key: str,
    spellings: typed.Spellings | None = None,
) -> int:
    """Write one table of `READ` and its balance; returns its number of rows.

    A table without sources is written empty. The step of the balance is the table's name: its rows
    that are not kept are repetitions, called merged. Participants read from hour lines are a step
    of their own (`participants_of_hours`).
    """
    feeds = READ[card_key]
    received = typed.read_table(connection, tables, catalogue, feeds, spellings)
    connection.execute(_MACROS)
    _keep_once(connection, catalogue, feeds)
    connection.execute(_REGISTER.format(feeds=feeds))
    written = _written(catalogue, feeds)
    connection.execute(_CONTRACT_LINKS.format(written=written))
    if card_key in _NAMING_A_COMPANY:
        _link_rows(connection, catalogue, card_key)
    if card_key == "curated/participants":
        connection.execute(_TELLING_LINES)
    table = catalogue.tables[card_key].table
    kept = tables.write(connection, table, catalogue.sql(card_key))
    [(counted,)] = connection.execute(f"select count(*) from received_{feeds}").fetchall()
    name = table.removeprefix("curated.")
    balances = [Balance(name, received, counted, received - counted, 0)]
    if card_key == "curated/participants":
        balances.append(_from_hours(connection, kept - counted))
    write_balances(connection, tables, name, balances)
    return kept


def _written(catalogue: Catalogue, feeds: Feeds) -> str:
    """The query of the references that rows write, those that hours are carried to included."""
    source = f"from received_{feeds}"
    query = f"""select buyer_id, contract_reference, lot_number {source}
        where contract_reference is not null"""
    if "to_contract_reference" in catalogue.staged_fields(feeds):
        query += f"""
        union select buyer_id, to_contract_reference, null {source}
        where to_contract_reference is not null"""
    return f"select distinct * from ({query})"


def _from_hours(connection: Connection, kept: int) -> Balance:
    """What became of the hour lines that say something of a person."""
    [(lines,)] = connection.execute("select count(*) from telling_lines").fetchall()
    return Balance("participants_of_hours", lines, kept, lines - kept, 0)


def _keep_once(connection: Connection, catalogue: Catalogue, feeds: Feeds) -> None:
    """Create `received_<feeds>` and, for the findings, `repeated_<feeds>` (source_file, row_count).

    Hour lines and participants keep the rows that repeat another file's: the former are judged one
    by one, and of the latter a repetition changes nothing.
    """
    connection.execute(
        f"""create or replace temp view first_files as
        select file_sha256, min(source_file) as source_file from typed_{feeds}
        group by file_sha256"""
    )
    once = f"from typed_{feeds} semi join first_files using (file_sha256, source_file)"
    repeated = f"""create or replace temp view repeated_{feeds} as
        select source_file, count(*) as row_count from numbered_rows
        where source_file <> first_file group by source_file"""
    if feeds in PEOPLE_FEEDS:
        connection.execute(f"create or replace temp view received_{feeds} as select * {once}")
        return
    content = ", ".join(_content(catalogue.staged_fields(feeds)))
    connection.execute(
        f"""create or replace temp view numbered_rows as
        select *, min(source_file) over (partition by {content}, nth) as first_file
        from (select *, row_number() over (
            partition by source_file, {content} order by position) as nth {once})"""
    )
    connection.execute(
        f"""create or replace temp view received_{feeds} as
        select * exclude (nth, first_file) from numbered_rows where source_file = first_file"""
    )
    connection.execute(repeated)


def _content(fields: Mapping[str, RegisterField]) -> Iterator[str]:
    """What makes two rows one: the values read. The text counts where it could not be read."""
    basis = ", tax_basis" if "tax_basis" in fields else ""
    for name, field in fields.items():
        if field.kind == "amount":
            # An amount is asked for without VAT: to say so changes nothing.
            yield f"case when {name} is null then {name}_text end"
            yield f"case when {name} is not null then coalesce({name}_tax{basis}, 'ht') end"
            yield name
        else:
            yield from field.columns()


def _link_rows(connection: Connection, catalogue: Catalogue, card_key: str) -> None:
    """Create `linked_<feeds>`: the rows, with the commitment and the company they stand for."""
    feeds = READ[card_key]
    fields = catalogue.staged_fields(feeds)
    operation = "t.operation" if "operation" in fields else "cast(null as varchar)"
    known = "select * from curated.commitments"
    if card_key == "curated/commitments":
        # Commitments are linked before they are a table: of them only the company is asked.
        known = _NO_COMMITMENT
    connection.execute(f"create or replace temp view known_commitments as {known}")
    connection.execute(_ROW_LINKS.format(feeds=feeds, operation=operation))
    connection.execute(_LINKED_ROWS.format(feeds=feeds, operation=operation))


_NO_COMMITMENT = """
select cast(null as varchar) as commitment_id, cast([] as varchar[]) as contract_uids,
    cast(null as varchar) as buyer_id, cast(null as varchar) as contract_reference,
    cast(null as varchar) as lot_number, cast(null as varchar) as operation,
    cast(null as varchar) as company_id, cast(null as varchar) as company_name
where false
"""

_MACROS = r"""
create or replace temp macro reference_key(written) as
    nullif(regexp_replace(strip_accents(lower(written)), '[^a-z0-9]', '', 'g'), '');
create or replace temp macro lot_key(written) as regexp_replace(
    regexp_replace(reference_key(written), '^lots?', ''), '^(numero|no|n)?0*([0-9])', '\2');
create or replace temp macro company_key(written) as
    nullif(trim(regexp_replace(strip_accents(lower(nullif(written, '[retiré]'))),
        '[^a-z0-9]+', ' ', 'g')), '');
create or replace temp macro siret_written(written) as
    case when regexp_full_match(regexp_replace(written, '[^0-9A-Za-z]', '', 'g'), '[0-9]{14}')
        then regexp_replace(written, '[^0-9A-Za-z]', '', 'g') end;
create or replace temp macro written_parts(written) as list_filter(
    list_transform(string_split(written, ';'), lambda part: trim(part)), lambda part: part <> '');
create or replace temp macro usable_amount(eur, tax) as
    case when tax is distinct from 'ttc' then eur end;
"""
"""Two references are one when they have the same letters and digits; so are two companies' names,
word by word (where ingest removed a person's name, there is none). A lot is its number, without
« Lot n° » nor the zeros before it. Several contracts or lots are separated by semicolons."""

_REGISTER = """
create or replace temp table register_contracts as
select uid, buyer_id, reference_key(contract_id) as reference, lot_key(lot_number) as lot
from curated.contracts
where (select count(*) from typed_{feeds}) > 0
"""

_CONTRACT_LINKS = """
create or replace temp table contract_links as
with written as (
    {written}
), parts as (
    select buyer_id, contract_reference, lot_number, part, reference_key(part) as reference,
        list_transform(written_parts(lot_number), lambda lot: lot_key(lot)) as lots
    from (select *, unnest(written_parts(contract_reference)) as part from written)
), found as (
    select p.*, c.uid, c.buyer_id as contract_buyer, c.lot, true as is_exact
    from parts p join register_contracts c on c.uid = p.part
    union all
    select p.*, c.uid, c.buyer_id, c.lot, false
    from parts p join register_contracts c
        on c.reference = p.reference and (p.buyer_id is null or c.buyer_id = p.buyer_id)
), candidates as (
    select *, bool_or(is_exact) over whole as has_exact,
        count(*) over whole as candidate_count,
        min(contract_buyer) over whole is distinct from max(contract_buyer) over whole
            as has_several_buyers
    from found
    window whole as (partition by buyer_id, contract_reference, lot_number, part)
), singled as (
    select *,
        case when has_exact then is_exact
            when has_several_buyers then false
            -- A register that does not part a contract into lots has one contract for all of them.
            when len(lots) > 0
                then coalesce(list_contains(lots, lot), candidate_count = 1)
            else candidate_count = 1 end as is_meant
    from candidates
), judged as (
    select p.buyer_id, p.contract_reference, p.lot_number, p.part,
        list(distinct s.uid order by s.uid) filter (where s.is_meant) as uids,
        min(s.contract_buyer) filter (where s.is_meant) as contract_buyer,
        count(s.uid) filter (where not s.has_several_buyers) > 0 as is_near
    from parts p left join singled s
        on s.buyer_id is not distinct from p.buyer_id
        and s.contract_reference = p.contract_reference
        and s.lot_number is not distinct from p.lot_number and s.part = p.part
    group by all
), links as (
    select buyer_id, contract_reference, lot_number,
        list_sort(list_distinct(flatten(list(coalesce(uids, []) order by part)))) as contract_uids,
        min(contract_buyer) as contract_buyer,
        string_agg(part, ' ; ' order by part) filter (where uids is null and not is_near)
            as unknown_parts,
        string_agg(part, ' ; ' order by part) filter (where uids is null and is_near)
            as unclear_parts
    from judged group by buyer_id, contract_reference, lot_number
)
select * exclude (is_found),
    case when is_found and len(contract_uids) = 1 then contract_uids[1] end as contract_uid,
    case when is_found and len(contract_uids) > 1 then contract_uids end as pooled_uids
from (select *, coalesce(unknown_parts, unclear_parts) is null as is_found from links)
"""
"""A written part is first an exact uid; else an id of that buyer, and of the lot where one is
written. Without a buyer the id must be of one buyer only in the whole register; without a lot it
must be of one contract only. Where there are candidates and none is meant, the lot is at fault
(`unclear_parts`)."""

_TELLING_LINES = """
create or replace temp view telling_lines as
select * from curated.hour_lines
where pseudonym is not null and coalesce(sex, age_band, training_level, work_contract_type,
    exit_status, exit_status_6_months, exit_status_12_months,
    cast(is_qpv as varchar), cast(eligible_from as varchar), cast(eligible_to as varchar),
    cast(proof_date as varchar), cast(hire_date as varchar), cast(work_end_date as varchar),
    case when criteria is not null then '' end) is not null
"""
"""The hour lines that say something of a person beside the hours."""

_ROW_LINKS = """
create or replace temp table row_links as
with written as (
    select distinct buyer_id, contract_reference, lot_number, {operation} as operation,
        company_id, company_name
    from received_{feeds} t
), rows_written as (
    select row_number() over () as number, w.*, l.contract_uid, l.contract_uids, l.pooled_uids,
        coalesce(l.pooled_uids, [l.contract_uid]) as named_uids,
        coalesce(l.contract_buyer, w.buyer_id) as owner, siret_written(w.company_id) as siret,
        company_key(w.company_name) as name_key, lot_key(w.lot_number) as lot,
        company_key(w.operation) as operation_key
    from written w left join contract_links l
        on l.buyer_id is not distinct from w.buyer_id
        and l.contract_reference = w.contract_reference
        and l.lot_number is not distinct from w.lot_number
), commitments as (
    select distinct commitment_id, contract_uids, buyer_id, contract_reference,
        lot_key(lot_number) as lot, company_key(operation) as operation_key, company_id,
        company_key(company_name) as name_key
    from known_commitments
), by_contract as (
    -- It holds every contract that the row names.
    select w.number, c.commitment_id, 1 as rank, c.lot, c.operation_key, c.company_id, c.name_key
    from (select number, len(named_uids) as named, unnest(named_uids) as uid from rows_written) w
    join (select *, unnest(contract_uids) as uid from commitments) c on c.uid = w.uid
    group by w.number, w.named, c.contract_uids, c.commitment_id, c.lot, c.operation_key,
        c.company_id, c.name_key
    having count(*) = w.named
), by_reference as (
    select w.number, c.commitment_id, 2 as rank, c.lot, c.operation_key, c.company_id, c.name_key
    from (select *, unnest(list_transform(written_parts(contract_reference),
            lambda part: reference_key(part))) as reference from rows_written) w
    join (select *, unnest(list_transform(written_parts(contract_reference),
            lambda part: reference_key(part))) as reference from commitments) c
        on c.reference = w.reference and (w.owner is null or c.buyer_id = w.owner)
    where w.lot is null or c.lot is null or c.lot = w.lot
), chosen as (
    select w.number, arg_min(c.commitment_id, (c.rank, (w.lot = c.lot) is not true,
        (w.operation_key = c.operation_key) is not true,
        (w.siret = c.company_id or w.name_key = c.name_key) is not true, c.commitment_id)
        ) as commitment_id, min(c.rank) as rank
    from (from by_contract union all from by_reference) c join rows_written w using (number)
    group by w.number
), reach as (
    -- The contracts whose holders may be meant: the row's own, then those of its commitment.
    select number, unnest(contract_uids) as uid, 1 as rank from rows_written
    union all
    select number, unnest(c.contract_uids), 2
    from chosen join commitments c using (commitment_id)
), holders as (
    select uid, company_key(holder_name) as name_key, min(siret) as siret
    from curated.holders semi join reach using (uid)
    where record_kind = 'contract' and siret is not null and holder_name is not null
    group by all having count(distinct siret) = 1
), named as (
    select number, arg_min(siret, (rank, siret)) as siret from (
        select w.number, h.siret, r.rank
        from rows_written w join reach r using (number)
        join holders h on h.uid = r.uid and h.name_key = w.name_key
        union all
        select w.number, siret_written(c.company_id), 3
        from rows_written w join chosen using (number)
        join commitments c on c.commitment_id = chosen.commitment_id and c.name_key = w.name_key
        where siret_written(c.company_id) is not null)
    group by number
)
select w.buyer_id, w.contract_reference, w.lot_number, w.operation, w.company_id, w.company_name,
    w.contract_uid, w.contract_uids, case when chosen.rank = 1 then w.pooled_uids end as pool,
    w.owner, chosen.commitment_id,
    coalesce(w.siret, named.siret, w.name_key, company_key(w.company_id)) as company
from rows_written w
left join chosen using (number)
left join named using (number)
"""
"""Of several commitments on one contract: that of the row's lot, else of its operation, else of its
company, else the first by its id. A company is its SIRET, else the one that the register's holders
or the commitment give to that name, else its name in small letters without accents."""

_LINKED_ROWS = """
create or replace temp view linked_{feeds} as
select t.*, r.contract_uid as linked_contract, r.contract_uids as linked_contracts,
    r.pool as linked_pool, r.owner as linked_buyer, r.commitment_id as linked_commitment,
    r.company as linked_company
from received_{feeds} t
left join row_links r
    on r.buyer_id is not distinct from t.buyer_id
    and r.contract_reference is not distinct from t.contract_reference
    and r.lot_number is not distinct from t.lot_number
    and r.operation is not distinct from {operation}
    and r.company_id is not distinct from t.company_id
    and r.company_name is not distinct from t.company_name
"""
