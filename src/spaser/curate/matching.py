"""The department's own register beside DECP: `curated.reconciliation`.

Grain: one row per contract of the own register (`origin` own), and per DECP contract of a buyer
(SIREN) and year that the own register covers, that is in which it has a dated contract. A row with
both `own_uid` and `decp_uid` says that they are the same contract (levels `id`, `description`,
`decided`) or may be (`near`: a candidate for review, both stay apart). Each contract is in one row.

Levels, in this order, one-to-one, and never where two candidates tie:

* `decided`: the department said so in its ledger (`same_as`; `not_same_as` forbids a pair);
* `id`: same buyer (SIREN) and same id, but for case, punctuation, leading zeros and a lot suffix;
  lots of one id are told apart by lot number, else by object. Ids that agree while nothing else
  does (date, amount, holder, object) are left to review;
* `description`: same buyer, date, amount, holder (SIREN), and objects alike at 90 %;
* `near`: date, amount, holder and object weigh the same, an unknown one counts for half; from
  0.75 on.

Different lot numbers are different contracts at every level but `decided`. DECP amounts are without
VAT, so an own amount with VAT is compared through its rate; without a rate a ratio that is a rate
of VAT is no difference. Rates: CGI art. 278, 278-0 bis, 279, 296 (to check). Sources: DOMAIN §4.2
(two passes, near duplicates to human review), CCP R2196-1 (what must be published, and when).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from rapidfuzz.fuzz import token_set_ratio
from rapidfuzz.process import cpdist

from spaser.cards import Catalogue
from spaser.warehouse import Connection, Tables

if TYPE_CHECKING:
    from spaser.curate.build import Settings

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

ALIKE, REWORDED = 900, 600
"""Likeness of two objects, in thousandths: the same said otherwise; nothing in common below."""

SURE = 1000
"""The score, in thousandths, of what is the same by its id or by decision."""

NEAR = 750
"""From this score on, in thousandths, a pair is shown for review."""

LARGEST_BLOCK = 10_000
"""Pairs of one block: beyond, its contracts look too much alike to be compared one by one."""

_BATCH = 50_000
_MEMORY_LIMIT = "200MB"
_LOOSE = 3
"""From this key on, ids are the same only by dropping signs: more must agree."""


@dataclass(frozen=True)
class Pairs:
    """Candidate pairs: numbers of an own and a DECP contract, and what is known of them.

    `columns` hold what the query gave beside the numbers; `likeness` is that of the objects in
    thousandths, -1 where one is unknown.
    """

    own: Ints
    decp: Ints
    likeness: Ints
    columns: dict[str, Ints]

    def where(self, kept: Bools) -> Pairs:
        """The pairs that are kept."""
        columns = {name: values[kept] for name, values in self.columns.items()}
        return Pairs(self.own[kept], self.decp[kept], self.likeness[kept], columns)


@dataclass
class Matches:
    """What is matched so far: per pair its level, its score and why, in the order found."""

    own_free: Bools
    decp_free: Bools
    own: list[int] = field(default_factory=list)
    decp: list[int] = field(default_factory=list)
    level: list[str] = field(default_factory=list)
    score: list[int] = field(default_factory=list)
    cause: list[int] = field(default_factory=list)

    def free(self, pairs: Pairs) -> Bools:
        """Which pairs have both sides free."""
        kept: Bools = self.own_free[pairs.own] & self.decp_free[pairs.decp]
        return kept

    def add(self, own: Ints, decp: Ints, level: str, score: Ints, cause: int = 0) -> None:
        """Match pairs that share no contract."""
        self.own += own.tolist()
        self.decp += decp.tolist()
        self.level += [level] * len(own)
        self.score += score.tolist()
        self.cause += [cause] * len(own)
        self.own_free[own] = False
        self.decp_free[decp] = False


def build(connection: Connection, tables: Tables, catalogue: Catalogue, settings: Settings) -> int:
    """Write `curated.reconciliation` (see the module); returns its number of rows.

    Reads `curated.records`, `curated.publications`, and the decisions of the relation
    `ledger_rows` (key, field, new), if there is one.
    """
    del catalogue
    with _within(connection, _MEMORY_LIMIT):
        _match(connection, settings.as_of or _run_date(connection, tables))
        return tables.write(connection, "curated.reconciliation", _RECONCILIATION)


def _match(connection: Connection, as_of: date | None) -> None:
    """Match level by level; registers `matches` and `candidates`."""
    _prepare(connection, as_of)
    objects = _Objects(connection)
    matches = Matches(
        np.ones(len(objects.own), dtype=np.bool_), np.ones(len(objects.decp), dtype=np.bool_)
    )
    _decide(connection, objects, matches)
    by_id = _pairs(connection, objects, _ID_PAIRS)
    connection.execute("drop view id_blocks; drop table id_keys")
    _match_ids(by_id, matches)
    _register_free(connection, matches)
    _match_descriptions(_pairs(connection, objects, _DESCRIPTION_PAIRS), matches)
    candidates = _near(connection, objects, by_id, matches)
    _register_matches(connection, objects, matches, candidates)


@contextmanager
def _within(connection: Connection, limit: str) -> Iterator[None]:
    """Lower what the engine may hold, because the texts compared are held beside it."""
    [(before,)] = connection.execute("select current_setting('memory_limit')").fetchall()
    connection.execute(f"set memory_limit = '{limit}'")
    try:
        yield
    finally:
        connection.execute(f"set memory_limit = '{before}'")


def _run_date(connection: Connection, tables: Tables) -> date | None:
    """The reference date that the run found."""
    if not tables.exists("quality.run"):
        return None
    found = connection.execute(f"select as_of from {tables.scan('quality.run')}").fetchall()
    return found[0][0] if found else None


def _prepare(connection: Connection, as_of: date | None) -> None:
    """Create the contracts of both registers, the decisions and the blocks of candidates."""
    known = connection.execute(
        "select 1 from information_schema.tables where table_name = 'ledger_rows'"
    ).fetchall()
    if not known:
        connection.execute(
            "create temp table ledger_rows (key varchar, field varchar, new varchar)"
        )
    connection.execute(
        "create temp table reference_day as select cast(? as date) as as_of", [as_of]
    )
    for statement in (_MACROS, _REASONS, _MATCHED_CONTRACTS, _DECISIONS, _ID_KEYS):
        connection.execute(statement)


class _Objects:
    """The objects of both registers, by number, letters and digits only."""

    def __init__(self, connection: Connection) -> None:
        self.own = _objects_of(connection, "own")
        self.decp = _objects_of(connection, "decp")

    def likeness(self, own: Ints, decp: Ints) -> Ints:
        """Likeness of each pair in thousandths, whatever the order of the words; -1: unknown."""
        found = np.empty(len(own), dtype=np.int64)
        for start in range(0, len(own), _BATCH):
            part = slice(start, start + _BATCH)
            texts = [self.own[number] for number in own[part]]
            others = [self.decp[number] for number in decp[part]]
            scores = cpdist(texts, others, scorer=token_set_ratio)
            known = [bool(a and b) for a, b in zip(texts, others, strict=True)]
            found[part] = np.where(known, np.rint(scores * 10), -1)
        return found


def _objects_of(connection: Connection, origin: str) -> list[str]:
    rows = connection.execute(
        f"select object_words from matched_contracts where origin = '{origin}' order by number"
    ).fetchall()
    return [text for (text,) in rows]


def _pairs(connection: Connection, objects: _Objects, query: str) -> Pairs:
    """The pairs of a query (`own`, `decp`, then whole numbers), with the likeness of objects."""
    table = connection.sql(query).to_arrow_table()
    columns = {
        name: table.column(name).to_numpy().astype(np.int64, copy=False)
        for name in table.column_names
    }
    own, decp = columns.pop("own"), columns.pop("decp")
    return Pairs(own, decp, objects.likeness(own, decp), columns)


def _decide(connection: Connection, objects: _Objects, matches: Matches) -> None:
    """Level `decided`: what the department wrote in its ledger, where it is one-to-one."""
    pairs = _pairs(connection, objects, "select own, decp from decided order by own")
    matches.add(pairs.own, pairs.decp, "decided", np.full_like(pairs.own, SURE))


def _match_ids(pairs: Pairs, matches: Matches) -> None:
    """Level `id`: key by key from the strictest, then by what else agrees."""
    agrees, known = _agreement(pairs)
    sound = np.where(
        pairs.columns["id_key"] < _LOOSE,
        (agrees >= 1) | (known < 2),
        (agrees >= np.minimum(known, 2)) & (known >= 1),
    )
    evidence = _evidence(pairs)
    for key in range(1, _LOOSE + 3):
        chosen = pairs.columns["id_key"] <= key
        # Where signs were dropped, any second candidate is a tie.
        weight = evidence if key < _LOOSE else np.zeros_like(evidence)
        _match_unique(pairs, matches, chosen & sound, weight, "id", np.full_like(weight, SURE), key)


def _agreement(pairs: Pairs) -> tuple[Ints, Ints]:
    """How many of date, amount, holder and object agree, and how many can be compared."""
    agrees = _alike(pairs, REWORDED)
    known = _alike(pairs, 0)
    for name in ("date", "amount", "holder"):
        agrees = agrees + (pairs.columns[f"{name}_score"] > 500)
        known = known + pairs.columns[f"{name}_known"]
    return agrees, known


def _alike(pairs: Pairs, floor: int) -> Ints:
    return (pairs.likeness >= floor).astype(np.int64)


def _evidence(pairs: Pairs) -> Ints:
    """What tells the lots of one id apart: lot number and object first, then the rest."""
    column = pairs.columns
    likeness = _alike(pairs, REWORDED) + _alike(pairs, ALIKE) + column["same_object"]
    evidence: Ints = (
        3 * column["same_lot"]
        + 2 * likeness
        + column["same_lot_text"]
        + column["same_siret"]
        + 2 * (column["amount_score"] == 1000)
        + (column["date_score"] == 1000)
        + (column["holder_score"] == 1000)
    )
    return evidence


def _match_descriptions(pairs: Pairs, matches: Matches) -> None:
    """Level `description`: date, amount and holder are the same, objects must be alike."""
    column = pairs.columns
    evidence = 4 * column["same_lot"] + 2 * column["same_object"] + column["same_siret"]
    score = (3 * SURE + pairs.likeness) // 4
    _match_unique(pairs, matches, pairs.likeness >= ALIKE, evidence, "description", score)


def _match_unique(
    pairs: Pairs,
    matches: Matches,
    chosen: Bools,
    weight: Ints,
    level: str,
    score: Ints,
    cause: int = 0,
) -> None:
    """Match the pairs that are alone the best of both their contracts, until none is left."""
    left, weight, score = pairs.where(chosen), weight[chosen], score[chosen]
    while len(left.own):
        free = matches.free(left)
        left, weight, score = left.where(free), weight[free], score[free]
        best = _alone_best(left.own, weight, len(matches.own_free)) & _alone_best(
            left.decp, weight, len(matches.decp_free)
        )
        if not best.any():
            return
        matches.add(left.own[best], left.decp[best], level, score[best], cause)


def _alone_best(numbers: Ints, weight: Ints, size: int) -> Bools:
    """Which pairs have the greatest weight of their contract, alone."""
    greatest = np.full(size, -1, dtype=np.int64)
    np.maximum.at(greatest, numbers, weight)
    is_best = weight == greatest[numbers]
    count = np.bincount(numbers[is_best], minlength=size)
    alone: Bools = is_best & (count[numbers] == 1)
    return alone


def _near(
    connection: Connection, objects: _Objects, by_id: Pairs, matches: Matches
) -> tuple[Ints, Ints]:
    """Level `near`: the closest pairs of what is left; returns the candidates of each contract."""
    _register_free(connection, matches)
    connection.execute(_BLOCKS)
    described = _pairs(connection, objects, _NEAR_PAIRS)
    connection.execute("drop table near_blocks; drop table near_keys")
    same_id = by_id.where(matches.free(by_id) & (by_id.columns["id_key"] < _LOOSE))
    scores = [_near_score(described), np.maximum(_near_score(same_id), NEAR)]
    own = np.concatenate([described.own, same_id.own])
    decp = np.concatenate([described.decp, same_id.decp])
    own, decp, score = _best_of_each_pair(own, decp, np.concatenate(scores))
    pairs = Pairs(own, decp, np.full_like(own, -1), {})
    _match_unique(pairs, matches, np.ones_like(own, dtype=np.bool_), score, "near", score)
    _match_ties(connection, pairs, matches, score)
    return _candidates(connection, own, len(objects.own), "own"), _candidates(
        connection, decp, len(objects.decp), "decp"
    )


def _match_ties(connection: Connection, pairs: Pairs, matches: Matches, score: Ints) -> None:
    """Candidates no nearer than others: each contract is shown with one, the first by name.

    The order does not depend on which register is which, nor on the order of its rows.
    """
    free = matches.free(pairs)
    own, decp, score = pairs.own[free], pairs.decp[free], score[free]
    names = zip(_uids(connection, "own", own), _uids(connection, "decp", decp), strict=True)
    order = sorted(
        (-points, min(pair), max(pair), place)
        for place, (points, pair) in enumerate(zip(score.tolist(), names, strict=True))
    )
    for *_, place in order:
        one = slice(place, place + 1)
        if matches.own_free[own[place]] and matches.decp_free[decp[place]]:
            matches.add(own[one], decp[one], "near", score[one])


def _near_score(pairs: Pairs) -> Ints:
    """Date, amount, holder and object, each a quarter; an unknown one is half."""
    # Half the letters in common is what two objects share by chance.
    object_score = np.where(pairs.likeness < 0, 500, np.clip(2 * pairs.likeness - 1000, 0, 1000))
    others = sum(pairs.columns[name] for name in ("date_score", "amount_score", "holder_score"))
    score: Ints = (others + object_score) // 4
    return score


def _best_of_each_pair(own: Ints, decp: Ints, score: Ints) -> tuple[Ints, Ints, Ints]:
    kept = score >= NEAR
    order = np.lexsort((-score[kept], decp[kept], own[kept]))
    own, decp, score = own[kept][order], decp[kept][order], score[kept][order]
    first = np.ones(len(own), dtype=np.bool_)
    first[1:] = (own[1:] != own[:-1]) | (decp[1:] != decp[:-1])
    return own[first], decp[first], score[first]


def _candidates(connection: Connection, numbers: Ints, size: int, origin: str) -> Ints:
    """How many contracts of the other register come near each contract.

    Of a block too large to be compared, the size of the block on the other side.
    """
    counts: Ints = np.bincount(numbers, minlength=size).astype(np.int64)
    rows = connection.execute(
        f"select number, others from crowded where origin = '{origin}'"
    ).fetchall()
    for number, others in rows:
        counts[number] = max(counts[number], others)
    return counts


def _uids(connection: Connection, origin: str, numbers: Ints) -> list[str]:
    table = connection.sql(
        f"select uid from matched_contracts where origin = '{origin}' order by number"
    ).to_arrow_table()
    taken: list[str] = table.column("uid").take(pa.array(numbers)).to_pylist()
    return taken


def _register_free(connection: Connection, matches: Matches) -> None:
    """Register `free_contracts`: what no level has matched yet."""
    sides = (("own", matches.own_free), ("decp", matches.decp_free))
    numbers = [(origin, np.flatnonzero(free)) for origin, free in sides]
    connection.register(
        "free_contracts",
        pa.table(
            {
                "origin": pa.array([o for o, found in numbers for _ in found], pa.string()),
                "number": pa.array(np.concatenate([found for _, found in numbers]), pa.int64()),
            }
        ),
    )


def _register_matches(
    connection: Connection, objects: _Objects, matches: Matches, candidates: tuple[Ints, Ints]
) -> None:
    """Register `matches` and `candidates` for the final query."""
    own, decp = (np.array(numbers, dtype=np.int64) for numbers in (matches.own, matches.decp))
    connection.register(
        "matches",
        pa.table(
            {
                "own": pa.array(own),
                "decp": pa.array(decp),
                "level": pa.array(matches.level, pa.string()),
                "score": pa.array(matches.score, pa.int64()),
                "cause": pa.array(matches.cause, pa.int64()),
                "likeness": pa.array(objects.likeness(own, decp)),
            }
        ),
    )
    connection.register("candidates", pa.table(dict(_counted(candidates))))


def _counted(candidates: tuple[Ints, Ints]) -> Iterator[tuple[str, Any]]:
    own, decp = candidates
    yield "origin", pa.array(["own"] * len(own) + ["decp"] * len(decp), pa.string())
    yield "number", pa.array(np.concatenate([np.arange(len(own)), np.arange(len(decp))]))
    yield "candidate_count", pa.array(np.concatenate([own, decp]))


_MACROS = r"""
create or replace temp macro words_of(written) as trim(regexp_replace(strip_accents(replace(
    lower(regexp_replace(coalesce(written, ''), '&#?[A-Za-z0-9]+;', ' ', 'g')), 'œ', 'oe')),
    '[^a-z0-9]+', ' ', 'g'));
create or replace temp macro tokens_of(written) as array_to_string(list_transform(
    regexp_extract_all(words_of(written), '[0-9]+|[a-z]+'),
    lambda t: case when regexp_full_match(t, '0+') then '0' else ltrim(t, '0') end), ' ');
create or replace temp macro lot_of(written) as case
    when words_of(written) not in ('', '0', 'unique', 'lot unique', 'sans objet', 'so', 'aucun',
        'neant', 'non', 'non alloti', 'sans lot') then coalesce(
        nullif(regexp_extract(words_of(written), '0*([0-9]+[a-z]?)', 1), ''),
        words_of(written)) end;
create or replace temp macro lots_differ(a, b) as coalesce(
    a <> b and regexp_matches(a, '^[0-9]') = regexp_matches(b, '^[0-9]'), false);
create or replace temp macro signs_of(id) as
    upper(regexp_replace(coalesce(id, ''), '[^0-9A-Za-z]', '', 'g'));
-- The SIREN of a SIRET or of a French VAT number, else the id itself.
create or replace temp macro siren_of(id) as nullif(case
    when regexp_full_match(signs_of(id), '0*|NC|CDL|MQ|INX|NA|INCONNU') then ''
    when regexp_full_match(signs_of(id), '[0-9]{14}') then left(signs_of(id), 9)
    when regexp_full_match(signs_of(id), 'FR[0-9A-Z]{2}[0-9]{9}') then right(signs_of(id), 9)
    else signs_of(id) end, '');
create or replace temp macro cpv_of(code) as rpad(case
    when regexp_full_match(code, '[39][0-9]{6}(-.*)?') then '0' || substr(code, 1, 7)
    when regexp_matches(code, '^[0-9]{2}')
        then substr(regexp_extract(code, '^[0-9]+'), 1, 8) end, 8, '0');
-- Whether a consideration is there: said by the list, else by its own column; a list that is
-- understood in part says only what it holds.
create or replace temp macro stance(code, codes, partial, flag) as case
    when list_contains(codes, code) then true
    when codes is not null and not coalesce(partial, false) then false
    else flag end;
-- As a correction writes it: the codes that are there, `none` when each is known not to be.
create or replace temp macro stances_text(codes, said) as coalesce(nullif(array_to_string(
    list_filter(list_transform(said, lambda s, i: case when s then codes[i] end),
        lambda c: c is not null), ', '), ''),
    case when list_bool_and(list_transform(said, lambda s: s is not distinct from false))
        then 'none' end);
create or replace temp macro stances_differ(a, b) as
    list_bool_or(list_transform(a, lambda s, i: s <> b[i]));
create or replace temp macro vat_ratio(a, b) as case when a > 0 and b > 0 then list_filter(
    [1.2, 1.1, 1.085, 1.055], lambda r: abs(greatest(a, b) - least(a, b) * r)
    <= 0.001 * greatest(a, b))[1] end;
create or replace temp macro date_score(a, b) as case
    when a is null or b is null then 500
    else cast(greatest(0, least(1000, (31 - abs(a - b)) * 1000 // 28)) as integer) end;
create or replace temp macro amount_score(a, b) as case
    when a is null or b is null then 500
    when a = b or (a > 0 and b > 0 and abs(a - b) <= 0.01 * greatest(a, b)) then 1000
    when vat_ratio(a, b) is not null then 900
    else 0 end;
create or replace temp macro holder_score(a, b) as case
    when len(a) = 0 or len(b) = 0 then 500 when list_has_any(a, b) then 1000 else 0 end;
"""

_MATCHED_CONTRACTS = r"""
create or replace temp table matched_contracts as
with retained as (
    select p.origin, p.uid, p.buyer_id, siren_of(p.buyer_id) as siren, p.notified_date,
        coalesce(r.lot_number, p.lot_number) as declared_lot,
        coalesce(r.amount_tax, r.tax_basis,
            case p.origin when 'decp' then 'ht' else 'unknown' end) as tax_basis,
        objects_of(r.holders, 'titulaire') as named_holders,
        r.* exclude (origin, buyer_id, notified_date, lot_number, tax_basis, uid)
    from (select *, null as uid from curated.records) r
    join curated.publications p using (record_number)
    where p.role = 'retained' and p.record_kind = 'contract'
        and coalesce(r.outcome, 'awarded') = 'awarded'
), read as (
    select *,
        list_filter(list_transform(named_holders, lambda h: nullif(trim(h ->> '$.id'), '')),
            lambda i: siren_of(i) is not null) as holder_ids,
        [stance('clause', social_considerations, social_considerations_partial, social_clause),
            stance('criterion', social_considerations, social_considerations_partial,
                social_criterion),
            stance('reserved', social_considerations, social_considerations_partial,
                coalesce(reserved_article <> 'none', reserved))] as social,
        [stance('clause', environmental_considerations, environmental_considerations_partial,
                environmental_clause),
            stance('criterion', environmental_considerations,
                environmental_considerations_partial, environmental_criterion)] as environmental,
        case when tax_basis = 'ht' then amount
            when tax_basis = 'ttc' and vat_rate is not null
                then cast(round(amount / (1 + vat_rate), 2) as decimal(18,2))
            when amount is null
                then cast(round(amount_with_tax / (1 + vat_rate), 2) as decimal(18,2))
            end as amount_ht
    from retained
    where origin = 'own' or siren in (select siren from retained where origin = 'own')
        -- A purchase made together is published by its coordinator, another buyer.
        or uid in (select new from ledger_rows where field = 'same_as')
)
select origin, row_number() over (partition by origin order by uid) - 1 as number,
    uid, buyer_id, siren, contract_id, object, notified_date, cast(year(notified_date) as integer)
        as year,
    lower(trim(contract_id)) as id_text, tokens_of(contract_id) as id_tokens,
    replace(words_of(contract_id), ' ', '') as id_signs,
    regexp_extract(words_of(contract_id),
        '^(.*[a-z0-9])(?: +(?:lot|l)? *|(?:lot|l))0*([0-9]{1,2})$', ['base', 'lot']) as suffixed,
    declared_lot as lot_text,
    coalesce(lot_of(declared_lot), nullif(regexp_extract(words_of(object),
        '\blots?(?: n| no| numero)? ?0*([0-9]+[a-z]?)\b', 1), '')) as lot,
    words_of(object) as object_words,
    amount, tax_basis, amount_ht, amount_ht is distinct from amount as is_converted,
    coalesce(amount_ht, case when tax_basis = 'unknown' then amount end) as amount_described,
    coalesce(amount_ht, amount) as amount_compared,
    list_sort(list_distinct(list_transform(coalesce(holder_ids, []), lambda i: siren_of(i))))
        as sirens,
    siren_of(holder_ids[1]) as first_siren,
    coalesce(len(holder_ids) = len(named_holders), true) as names_every_holder,
    array_to_string(list_sort(list_distinct(holder_ids)), ', ') as holder_text,
    greatest(amount_ht, estimated_need) as need,
    procedure, cpv_code,
    social, stances_text(['clause', 'criterion', 'reserved'], social) as social_text,
    environmental, stances_text(['clause', 'criterion'], environmental) as environmental_text
from read
"""

_DECISIONS = """
create or replace temp table decisions as
select distinct l.field, o.number as own, d.number as decp
from ledger_rows l
join matched_contracts o on o.origin = 'own' and o.uid = l.key
join matched_contracts d on d.origin = 'decp' and d.uid = l.new
where l.field in ('same_as', 'not_same_as');
create or replace temp table vetoed as
select own, decp from decisions where field = 'not_same_as';
-- Two decisions that contradict each other decide nothing: a finding says so.
create or replace temp table decided as
select own, decp from decisions anti join vetoed using (own, decp)
qualify count(*) over (partition by own) = 1 and count(*) over (partition by decp) = 1;
"""

_ID_KEYS = f"""
create or replace temp table id_keys as
with written as (
    select origin, number, siren, lot, object_words, unnest([
        {{'id_key': 1, 'text': id_text}}, {{'id_key': 2, 'text': id_tokens}},
        {{'id_key': 3, 'text': id_signs}}, {{'id_key': 4, 'text': id_tokens}},
        {{'id_key': 4, 'text': id_tokens || '#' || lot}},
        {{'id_key': 4, 'text': tokens_of(suffixed.base)
            || case when suffixed.lot = '0' then '' else '#' || suffixed.lot end}},
        -- A suffix may be left out on one side only: 2024-01 and 2024-09 are two contracts.
        {{'id_key': 5, 'text': case origin when 'own' then 'own ' else 'decp ' end || id_tokens}},
        {{'id_key': 5, 'text': case origin when 'own' then 'decp ' else 'own ' end
            || nullif(tokens_of(suffixed.base), '')}}
    ], recursive := true)
    from matched_contracts
)
select distinct origin, number, siren, lot, object_words, id_key, text
from written where text <> '' and not starts_with(text, '#');
create or replace temp view id_blocks as
select siren, id_key, text, count(*) filter (where origin = 'own') as owns,
    count(*) filter (where origin = 'decp') as decps
from id_keys group by all having owns > 0 and decps > 0;
create or replace temp table broad_ids as
select siren, id_key, text from id_blocks where owns * decps > {LARGEST_BLOCK};
insert into id_keys
select origin, number, siren, null, null, id_key, unnest(
    [text || '|lot ' || lot, text || '|object ' || object_words])
from id_keys semi join broad_ids using (siren, id_key, text);
delete from id_keys where text is null or (siren, id_key, text) in (from broad_ids);
create or replace temp table crowded as
select k.origin, k.number, max(case k.origin when 'own' then decps else owns end) as others
from id_keys k join id_blocks b using (siren, id_key, text)
where owns * decps > {LARGEST_BLOCK} and id_key < {_LOOSE} group by all;
"""

_SCORES = """
    date_score(o.notified_date, d.notified_date) as date_score,
    amount_score(o.amount_compared, d.amount_compared) as amount_score,
    holder_score(o.sirens, d.sirens) as holder_score
"""

_TOGETHER = """
not lots_differ(o.lot, d.lot)
    and not exists (from vetoed v where v.own = o.number and v.decp = d.number)
"""

_ID_PAIRS = f"""
with pairs as (
    select o.number as own, d.number as decp, min(b.id_key) as id_key
    from id_blocks b
    join id_keys o on o.origin = 'own'
        and o.siren = b.siren and o.id_key = b.id_key and o.text = b.text
    join id_keys d on d.origin = 'decp'
        and d.siren = b.siren and d.id_key = b.id_key and d.text = b.text
    where b.owns * b.decps <= {LARGEST_BLOCK}
    group by all
)
select p.own, p.decp, p.id_key, {_SCORES},
    (o.notified_date is not null and d.notified_date is not null)::int as date_known,
    (o.amount_compared is not null and d.amount_compared is not null)::int as amount_known,
    (len(o.sirens) > 0 and len(d.sirens) > 0)::int as holder_known,
    coalesce(o.lot = d.lot, false)::int as same_lot,
    coalesce(o.lot_text = d.lot_text, false)::int as same_lot_text,
    (o.object_words = d.object_words and o.object_words <> '')::int as same_object,
    (o.buyer_id = d.buyer_id)::int as same_siret
from pairs p
join matched_contracts o on o.origin = 'own' and o.number = p.own
join matched_contracts d on d.origin = 'decp' and d.number = p.decp
where {_TOGETHER}
"""

_DESCRIPTION_PAIRS = f"""
with described as (
    select m.* from matched_contracts m join free_contracts using (origin, number)
    where notified_date is not null and amount_described is not null and first_siren is not null
), blocks as (
    select siren, notified_date, amount_described, first_siren
    from described group by all
    having count(*) filter (where origin = 'own') * count(*) filter (where origin = 'decp')
        between 1 and {LARGEST_BLOCK}
)
select o.number as own, d.number as decp,
    coalesce(o.lot = d.lot, false)::int as same_lot,
    (o.object_words = d.object_words)::int as same_object,
    (o.buyer_id = d.buyer_id)::int as same_siret
from blocks
join described o using (siren, notified_date, amount_described, first_siren)
join described d using (siren, notified_date, amount_described, first_siren)
where o.origin = 'own' and d.origin = 'decp' and {_TOGETHER}
"""

_BLOCKS = f"""
-- A pair that reaches the score shares one of these: amount and holder, amount and date, holder
-- and date, or the object. A bin is as wide as what it must catch, and the own side looks into the
-- two nearest bins: 1 % of an amount (as it is, or through a rate of VAT), 17 days.
create or replace temp view binned as
with free as (
    select m.* from matched_contracts m join free_contracts using (origin, number)
)
select origin, number, siren, sirens, object_words,
    case when amount_compared > 0 then flatten(list_transform(
        [1, 1.2, 1.1, 1.085, 1.055, 1 / 1.2, 1 / 1.1, 1 / 1.085, 1 / 1.055],
        lambda r: [floor(ln(amount_compared * r) / 0.0202 - 0.5),
            floor(ln(amount_compared * r) / 0.0202 + 0.5)])) end as amount_bins,
    case when notified_date is not null then [
        floor(((notified_date - date '1990-01-01') - 17) / 34),
        floor(((notified_date - date '1990-01-01') + 17) / 34)] end as date_bins
from free where origin = 'own'
union all
select origin, number, siren, sirens, object_words,
    case when amount_compared > 0 then [floor(ln(amount_compared) / 0.0202)] end,
    case when notified_date is not null
        then [floor((notified_date - date '1990-01-01') / 34)] end
from free where origin = 'decp';
create or replace temp view keyed as
select origin, number, siren, unnest(list_concat(
    coalesce(flatten(list_transform(amount_bins, lambda a: list_concat(
        list_transform(sirens, lambda s: hash('amount, holder', a, s)),
        list_transform(coalesce(date_bins, []), lambda t: hash('amount, date', a, t))))), []),
    coalesce(flatten(list_transform(date_bins, lambda t:
        list_transform(sirens, lambda s: hash('holder, date', t, s)))), []),
    case when object_words <> '' then [hash('object', object_words)] else [] end)) as key
from binned;
create or replace temp table near_keys as
select distinct origin, number, siren, key from keyed where origin = 'decp';
-- The own side has dozens of keys a contract: only those that meet another are kept.
insert into near_keys
select distinct origin, number, siren, key from keyed semi join near_keys using (siren, key)
where origin = 'own';
create or replace temp table near_blocks as
select siren, key, count(*) filter (where origin = 'own') as owns,
    count(*) filter (where origin = 'decp') as decps
from near_keys group by all having owns > 0 and decps > 0;
insert into crowded
select k.origin, k.number, max(case k.origin when 'own' then decps else owns end)
from near_keys k join near_blocks b using (siren, key)
where owns * decps > {LARGEST_BLOCK} group by all;
"""

_NEAR_PAIRS = f"""
select distinct o.number as own, d.number as decp, {_SCORES}
from near_blocks b
join near_keys ko on ko.origin = 'own' and ko.siren = b.siren and ko.key = b.key
join near_keys kd on kd.origin = 'decp' and kd.siren = b.siren and kd.key = b.key
join matched_contracts o on o.origin = 'own' and o.number = ko.number
join matched_contracts d on d.origin = 'decp' and d.number = kd.number
where b.owns * b.decps <= {LARGEST_BLOCK}
    -- The object adds a quarter at most.
    and date_score(o.notified_date, d.notified_date)
        + amount_score(o.amount_compared, d.amount_compared)
        + holder_score(o.sirens, d.sirens) >= {4 * NEAR - 1000}
    and {_TOGETHER}
"""

_REASONS = r"""
create or replace temp macro percent_of(likeness) as cast(likeness // 10 as varchar);
create or replace temp macro near_reason_fr(date_gap, amount, ratio, holder, likeness, same_id) as
    concat_ws(' ; ',
        case when same_id then 'même identifiant, sans plus' end,
        case when date_gap is null then 'date inconnue' when date_gap = 0 then 'même date'
            when date_gap <= 31 then 'dates à ' || date_gap || ' jour(s)'
            else 'dates éloignées' end,
        case when amount is null then 'montant inconnu'
            when amount = 'same' then 'même montant'
            when amount = 'close' then 'montants à 1 % près'
            when ratio is not null then 'montants dans le rapport ' || replace(
                cast(cast(ratio as double) as varchar), '.', ',') || ', sans doute TTC et HT'
            else 'montants différents' end,
        case holder when 500 then 'titulaire inconnu' when 1000 then 'même titulaire'
            else 'titulaires différents' end,
        case when likeness < 0 then 'objet inconnu'
            else 'objets semblables à ' || percent_of(likeness) || ' %' end);
create or replace temp macro near_reason_en(date_gap, amount, ratio, holder, likeness, same_id) as
    concat_ws('; ',
        case when same_id then 'same id, and no more' end,
        case when date_gap is null then 'date unknown' when date_gap = 0 then 'same date'
            when date_gap <= 31 then 'dates ' || date_gap || ' day(s) apart'
            else 'dates far apart' end,
        case when amount is null then 'amount unknown'
            when amount = 'same' then 'same amount' when amount = 'close' then 'amounts within 1%'
            when ratio is not null then 'amounts in the ratio '
                || cast(cast(ratio as double) as varchar) || ', probably with and without VAT'
            else 'different amounts' end,
        case holder when 500 then 'holder unknown' when 1000 then 'same holder'
            else 'different holders' end,
        case when likeness < 0 then 'object unknown'
            else 'objects ' || percent_of(likeness) || '% alike' end);
"""

_RECONCILIATION = f"""
with covered as (
    select distinct siren, year from matched_contracts where origin = 'own' and year is not null
), received as (
    select distinct siren, year from matched_contracts where origin = 'decp'
), listed as (
    select own, decp, level, score, cause, likeness from matches
    union all
    select number, null, 'none', null, null, null from matched_contracts
    where origin = 'own' and number not in (select own from matches)
    union all
    select null, number, 'none', null, null, null from matched_contracts
    semi join covered using (siren, year)
    where origin = 'decp' and number not in (select decp from matches)
), sides as (
    select l.*, o, d, coalesce(co.candidate_count, cd.candidate_count, 0) as candidate_count,
        abs(o.notified_date - d.notified_date) as date_gap,
        vat_ratio(o.amount_compared, d.amount_compared) as ratio,
        case when o.amount_compared = d.amount_compared then 'same'
            when amount_score(o.amount_compared, d.amount_compared) = 1000 then 'close'
            when o.amount_compared is not null and d.amount_compared is not null then 'other' end
            as amount_gap,
        exists (from received r where r.siren = o.siren and r.year = coalesce(o.year, r.year))
            as decp_received
    from listed l
    left join matched_contracts o on o.origin = 'own' and o.number = l.own
    left join matched_contracts d on d.origin = 'decp' and d.number = l.decp
    left join candidates co on co.origin = 'own' and co.number = l.own
    left join candidates cd on cd.origin = 'decp' and cd.number = l.decp and l.own is null
), compared as (
    select *,
        case when own is not null and decp is not null then list_filter([
            {{'field': 'object', 'own': o.object, 'decp': d.object,
                'differs': likeness between 0 and {REWORDED - 1}}},
            {{'field': 'notified_date', 'own': o.notified_date::varchar,
                'decp': d.notified_date::varchar,
                'differs': o.notified_date <> d.notified_date}},
            {{'field': 'amount', 'own': coalesce(o.amount, o.amount_ht)::varchar,
                'decp': d.amount::varchar,
                'differs': case when o.amount_ht is null or d.amount_ht is null
                    -- Which one is with VAT is not known: a rate of VAT between them is no error.
                    then o.amount_compared <> d.amount_compared and ratio is null
                    when o.is_converted or d.is_converted
                    then abs(o.amount_ht - d.amount_ht) > 0.01
                    else o.amount_ht <> d.amount_ht end}},
            {{'field': 'procedure', 'own': o.procedure, 'decp': d.procedure,
                'differs': o.procedure <> d.procedure}},
            {{'field': 'cpv_code', 'own': o.cpv_code, 'decp': d.cpv_code,
                'differs': cpv_of(o.cpv_code) <> cpv_of(d.cpv_code)}},
            {{'field': 'holders', 'own': o.holder_text, 'decp': d.holder_text,
                'differs': len(o.sirens) > 0 and len(d.sirens) > 0 and case
                    when o.names_every_holder and d.names_every_holder then o.sirens <> d.sirens
                    when d.names_every_holder then not list_has_all(d.sirens, o.sirens)
                    when o.names_every_holder then not list_has_all(o.sirens, d.sirens)
                    else not list_has_any(o.sirens, d.sirens) end}},
            {{'field': 'social_considerations', 'own': o.social_text, 'decp': d.social_text,
                'differs': stances_differ(o.social, d.social)}},
            {{'field': 'environmental_considerations', 'own': o.environmental_text,
                'decp': d.environmental_text,
                'differs': stances_differ(o.environmental, d.environmental)}}
        ], lambda f: coalesce(f.differs, false)) end as differing,
        case when decp is null and decp_received then case
            when o.need < 40000 then 'below'
            when o.notified_date + interval 2 month >= as_of then 'recent'
            when o.procedure = 'direct' and o.need < 100000 then 'list'
            when o.need is null or o.notified_date is null or as_of is null then 'unknown'
            else 'due' end end as duty
    from sides cross join reference_day
)
select o.uid as own_uid, d.uid as decp_uid, level,
    cast(score / 1000 as decimal(4,3)) as score,
    coalesce(o.buyer_id, d.buyer_id) as buyer_id, coalesce(o.year, d.year) as year,
    list_transform(differing, lambda f: f.field) as differences,
    to_json(map_from_entries(list_transform(differing,
        lambda f: {{'key': f.field, 'value': f.own}})))::varchar as own_values,
    to_json(map_from_entries(list_transform(differing,
        lambda f: {{'key': f.field, 'value': f.decp}})))::varchar as decp_values,
    case
        when level = 'decided' then 'Rapprochement décidé dans les corrections'
        when level = 'id' and cause = 1 then 'Même acheteur, même identifiant'
        when level = 'id' and cause < 4 then 'Même acheteur, même identifiant à l’écriture près : '
            || o.contract_id || ' / ' || d.contract_id
        when level = 'id' then 'Même acheteur, même identifiant au suffixe de lot près : '
            || o.contract_id || ' / ' || d.contract_id
        when level = 'description' then 'Identifiants différents (' || o.contract_id || ' / '
            || d.contract_id || ') ; même date, même montant, même titulaire, objets semblables à '
            || percent_of(likeness) || ' %'
        when level = 'near' then 'À vérifier : ' || near_reason_fr(date_gap, amount_gap, ratio,
            holder_score(o.sirens, d.sirens), likeness, o.id_tokens = d.id_tokens)
        when own is null then 'Absent du registre' || case when candidate_count > 0
            then ' ; marchés du registre qui s’en approchent : ' || candidate_count else '' end
        when not decp_received then 'Aucune donnée essentielle de cet acheteur pour cette année '
            || 'parmi les fichiers reçus : rien à comparer'
        else 'Absent des données essentielles' || case duty
            when 'below' then ' ; moins de 40 000 € HT, publication non obligatoire'
            when 'recent' then ' ; notifié depuis moins de deux mois'
            when 'list' then ' ; sans publicité, moins de 100 000 € HT : '
                || 'une liste annuelle peut suffire'
            when 'unknown' then ' ; montant HT ou date inconnus : obligation indéterminée'
            else ' ; publication obligatoire' end || case when candidate_count > 0
            then ' ; marchés publiés qui s’en approchent : ' || candidate_count else '' end
    end as reason_fr,
    case
        when level = 'decided' then 'Match decided in the corrections'
        when level = 'id' and cause = 1 then 'Same buyer, same id'
        when level = 'id' and cause < 4 then 'Same buyer, same id but for its spelling: '
            || o.contract_id || ' / ' || d.contract_id
        when level = 'id' then 'Same buyer, same id but for the lot suffix: '
            || o.contract_id || ' / ' || d.contract_id
        when level = 'description' then 'Different ids (' || o.contract_id || ' / '
            || d.contract_id || '); same date, same amount, same holder, objects '
            || percent_of(likeness) || '% alike'
        when level = 'near' then 'To check: ' || near_reason_en(date_gap, amount_gap, ratio,
            holder_score(o.sirens, d.sirens), likeness, o.id_tokens = d.id_tokens)
        when own is null then 'Missing in the register' || case when candidate_count > 0
            then '; contracts of the register that come near: ' || candidate_count else '' end
        when not decp_received then 'No published data of this buyer for this year among the '
            || 'files received: nothing to compare'
        else 'Missing in the published data' || case duty
            when 'below' then '; below 40,000 € without VAT, publication is no duty'
            when 'recent' then '; notified less than two months ago'
            when 'list' then '; without publicity, below 100,000 € without VAT: '
                || 'a yearly list may do'
            when 'unknown' then '; amount without VAT or date unknown: duty undecided'
            else '; publication is a duty' end || case when candidate_count > 0
            then '; published contracts that come near: ' || candidate_count else '' end
    end as reason_en,
    candidate_count,
    case when own is not null then decp_received or decp is not null end as decp_received,
    case when duty = 'due' then true when duty <> 'unknown' then false end as is_publication_due
from compared
order by own_uid nulls last, decp_uid nulls last
"""
