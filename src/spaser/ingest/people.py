"""Files of the insertion half (`INSERTION_FEEDS`): what is staged of them names nobody.

Every path (CSV, Parquet, sheets, mappings) goes through one `Shield`. It reads each distinct text
once, batch by batch, and puts back: the pseudonym in the place of the id, an age band in the place
of the birth date, `REMOVED` in the place of whatever has not the form of its column or looks like a
person in a free text. Columns that no field reads are dropped, and findings name places, never
cells. The follow-up of a contract has no line about a person, but its notes name them as often.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from spaser.cards import (
    INSERTION_FEEDS,
    PEOPLE_FEEDS,
    Catalogue,
    Feeds,
    RegisterField,
    SourceCard,
)
from spaser.findings import Finding
from spaser.ingest.expressions import Reading, select
from spaser.ingest.personal import (
    REMOVED,
    age_band,
    may_name_persons,
    reference_without_persons,
    without_persons,
)
from spaser.mappings import code_list
from spaser.pseudonyms import Key, ensure_key, key_file, lookup
from spaser.values import (
    CodeList,
    Read,
    is_filler,
    normalise,
    read_amount,
    read_boolean,
    read_date,
    read_duration_months,
    read_hours,
    read_integer,
    read_month,
    read_percent,
    read_siret,
)
from spaser.warehouse import Connection, Tables, literal

BATCH = 16_384
"""Rows protected at a time, and of a row group of the part written."""

LONGEST_HOURS = 1_000_000
"""A telephone number is no number of hours."""

FIRST_YEAR = 2010
"""A date before it, in a log of hours, is a birth date put in the wrong column as like as not."""

PLACES = 5
"""How many places a finding about removed cells lists."""

_REFERENCES = frozenset(
    {"contract_reference", "lot_number", "to_contract_reference", "commitment_id", "order_id"}
)
_SCHEDULES = frozenset({"schedule"})
"""Texts of many short parts (`date = hours; …`), each cleaned for itself, however many."""

_LINKS = frozenset({"facilitator", "buyer_id", "contract_reference", "lot_number"})
_YEAR_OF: Mapping[Feeds, str] = {"hours": "month", "participants": "eligible_from"}
"""The field whose year an age is reached in."""

_SAFE_VALUES = frozenset(
    {
        "mapping_not_reviewed",
        "mapping_buyer_given",
        "input_transcoded",
        "input_duplicate",
        "sheet_hidden_parts",
        "cells_filled_down",
        "cell_error_value",
    }
)
"""Rules whose value is no cell: a file of the scheme, a range, an error of the spreadsheet."""

Rewrite = Callable[[str], str | None]


_PLACE = r"(?:feuille \d+(?:!.*)?|L\d+(?: \([A-Z]+\))?|[A-Z]{1,3}\d*(?::[A-Z]{1,3}\d+)?)"
_PLACES = re.compile(rf"{_PLACE}(?:, {_PLACE})*", re.DOTALL)
"""Pointers without the name of a sheet."""


def is_shielded(card: SourceCard | None) -> bool:
    """Whether the files of a source may name persons anywhere: nothing of them is quoted."""
    return card is not None and card.feeds in INSERTION_FEEDS


def person_fields(catalogue: Catalogue) -> list[str]:
    """The staged fields that say something of a person: what a purge takes away."""
    about = catalogue.staged_fields("participants")
    return [name for name in catalogue.staged_fields("hours") if name in about.keys() - _LINKS]


def numbered_sheet(place: int | None) -> str | None:
    """How a sheet of such a file is called: its name may be a person's."""
    return None if place is None else f"feuille {place}"


@dataclass
class Seen:
    """What protecting the rows of a file met: rule → lines, and the fields where cells changed."""

    refused: Counter[str] = field(default_factory=Counter)
    changed: set[str] = field(default_factory=set)
    births_unread: int = 0

    def add(self, other: Seen) -> None:
        """Count another table of the file with this one."""
        self.refused += other.refused
        self.births_unread += other.births_unread

    def findings(self) -> list[Finding]:
        """What is counted without a place: ids refused, birth dates that give no age."""
        found = [
            Finding(rule, field="person_id", detail=str(count))
            for rule, count in sorted(self.refused.items())
        ]
        if self.births_unread:
            detail = str(self.births_unread)
            found.append(Finding("people_birth_unreadable", field="birth_year", detail=detail))
        return found


class Shield:
    """Protects the rows of the files of one run; `project` is where the key may not be."""

    def __init__(
        self,
        connection: Connection,
        catalogue: Catalogue,
        project: Path,
        spellings: Mapping[str, Mapping[str, str]],
    ) -> None:
        self.connection, self.catalogue, self.project = connection, catalogue, project
        self.spellings = {
            name: {normalise(text): meant for text, meant in texts.items()}
            for name, texts in spellings.items()
        }
        self._memos: dict[str, dict[str | None, str | None]] = {}
        self._rewrites: dict[str, Rewrite] = {}

    @cached_property
    def key(self) -> Key:
        """The key, made on first use.

        Raises:
            InputError: see `ensure_key`.
        """
        return ensure_key(key_file(), self.project)

    def batches(
        self, reading: Reading, constants: Mapping[str, str], feeds: Feeds, seen: Seen
    ) -> Iterator[pa.Table]:
        """The staged rows of a reading, protected, in the order of the file; at least one batch."""
        bare = replace(reading, other="null::varchar")
        query = select(bare, constants, list(self.catalogue.fields_of(feeds)))
        pseudonyms = self._pseudonyms(reading, seen) if feeds in PEOPLE_FEEDS else None
        reader = self.connection.sql(query).to_arrow_reader(BATCH)
        empty = True
        for batch in reader:
            empty = False
            yield self._protected(pa.Table.from_batches([batch]), feeds, pseudonyms, seen)
        if empty:
            yield self._protected(reader.schema.empty_table(), feeds, pseudonyms, seen)

    def _pseudonyms(self, reading: Reading, seen: Seen) -> tuple[pa.Array, pa.Array]:
        """(facilitator, id) as one text → pseudonym, null where refused; counts the refusals.

        Held in memory while one table is read, and written nowhere.
        """
        names = ("facilitator", "person_id")
        issuer, person = (reading.fields.get(name, "null::varchar") for name in names)
        rows = self.connection.execute(
            f"select {issuer} as issuer, {person} as identifier, count(*) "
            f"from {reading.relation} group by all"
        ).fetchall()
        found = lookup(self.key, [(issuer, person) for issuer, person, _ in rows]).to_pylist()
        refusals = {(row["issuer"], row["identifier"]): row["refusal"] for row in found}
        for issuer, person, count in rows:
            if refusal := refusals[issuer, person]:
                seen.refused[refusal] += count
        kept = [row for row in found if row["pseudonym"] is not None]
        pairs = [_pair(row["issuer"], row["identifier"]) for row in kept]
        return pa.array(pairs, pa.string()), pa.array([r["pseudonym"] for r in kept], pa.string())

    def _protected(
        self,
        rows: pa.Table,
        feeds: Feeds,
        pseudonyms: tuple[pa.Array, pa.Array] | None,
        seen: Seen,
    ) -> pa.Table:
        fields = self.catalogue.fields_of(feeds)
        columns: dict[str, pa.Array] = {
            name: rows[name].combine_chunks() for name in rows.column_names
        }
        if pseudonyms is not None:
            columns |= self._of_the_person(columns, feeds, pseudonyms, seen)
        for name, known in fields.items():
            if name in columns and known.is_staged and known.kind != "person":
                columns[name] = self._rewritten(known, columns[name], seen)
        return pa.table({name: cells for name, cells in columns.items() if _is_kept(name, fields)})

    def _of_the_person(
        self,
        columns: Mapping[str, pa.Array],
        feeds: Feeds,
        pseudonyms: tuple[pa.Array, pa.Array],
        seen: Seen,
    ) -> dict[str, pa.Array]:
        """The columns that take the place of the id and of the birth date."""
        issuers, persons = (pc.fill_null(columns[n], "") for n in ("facilitator", "person_id"))
        place = pc.index_in(
            pc.binary_join_element_wise(issuers, persons, _SEPARATOR), value_set=pseudonyms[0]
        )
        return {
            "age_band": self._age_bands(columns, _YEAR_OF[feeds], seen),
            "person_id": pseudonyms[1].take(place),
        }

    def _age_bands(self, columns: Mapping[str, pa.Array], dated: str, seen: Seen) -> pa.Array:
        """The band given, else the one that the birth date gives in the year of the line."""
        given, births = columns["age_band"], columns["birth_year"]
        if births.null_count == len(births):
            return given
        blank = pc.equal(pc.utf8_trim_whitespace(pc.fill_null(given, "")), "")
        dates = pc.fill_null(columns[dated], "")
        joined = pc.binary_join_element_wise(births, dates, _SEPARATOR)
        bands = self._mapped("birth_year", joined, self._band_label)
        wanted = pc.and_(blank, pc.not_equal(pc.utf8_trim_whitespace(pc.fill_null(births, "")), ""))
        seen.births_unread += pc.sum(pc.and_(wanted, pc.is_null(bands))).as_py() or 0
        return pc.if_else(blank, bands, given)

    def _band_label(self, joined: str) -> str | None:
        birth, _, dated = joined.partition(_SEPARATOR)
        day = read_month(dated).value
        code = age_band(birth, day.year) if day else None
        return self._labels("age_band")[code] if code else None

    def _labels(self, name: str) -> dict[str, str]:
        rows = self.catalogue.reference("code_lists")
        return {row["code"]: row["label_fr"] for row in rows if row["field"] == name}

    def _rewritten(self, known: RegisterField, cells: pa.Array, seen: Seen) -> pa.Array:
        """A column with what may not be kept removed; the same column where nothing is."""
        name = known.field
        if name not in self._rewrites:
            self._rewrites[name] = self._rewrite(known)
        after = self._mapped(name, cells, self._rewrites[name])
        if after is not cells:
            seen.changed.add(name)
        return after

    def _mapped(self, name: str, cells: pa.Array, rewrite: Rewrite) -> pa.Array:
        """A column through a function called once a distinct text; itself where nothing changes."""
        if cells.null_count == len(cells):
            return cells
        memo = self._memos.setdefault(name, {None: None})
        coded = cells.dictionary_encode()
        texts = coded.dictionary.to_pylist()
        for text in texts:
            if text not in memo:
                memo[text] = rewrite(text)
        values = [memo[text] for text in texts]
        return cells if values == texts else pa.array(values, pa.string()).take(coded.indices)

    def _rewrite(self, known: RegisterField) -> Rewrite:
        """How a text of a field is kept: as it is, or without what may be about a person."""
        if known.kind == "text":
            return _text_rewrite(known.field)
        if known.kind in ("code", "codes"):
            return self._code_rewrite(known)
        readable = _READABLE[known.kind]
        return lambda text: text if is_filler(text) or readable(text) else REMOVED

    def _code_rewrite(self, known: RegisterField) -> Rewrite:
        codes = code_list(self.catalogue, known.field)
        agreed = self.spellings.get(known.field, {})
        labels = self._labels(known.field)

        def one(text: str) -> str:
            meant = agreed.get(normalise(text), text)
            return text if is_filler(text) or codes.read_one(meant).value else REMOVED

        def many(text: str) -> str:
            meant = agreed.get(normalise(text), text)
            return text if is_filler(text) else _understood(codes, labels, meant, text)

        return one if known.kind == "code" else many


def _text_rewrite(name: str) -> Rewrite:
    if name in _REFERENCES:
        return reference_without_persons
    if name in _SCHEDULES:
        return lambda text: ";".join(map(without_persons, text.split(";")))
    return without_persons


_SEPARATOR = "\x1f"


def _pair(issuer: str | None, identifier: str | None) -> str:
    return f"{issuer or ''}{_SEPARATOR}{identifier or ''}"


def _is_kept(name: str, fields: Mapping[str, RegisterField]) -> bool:
    return name not in fields or fields[name].is_staged


def _understood(codes: CodeList, labels: Mapping[str, str], meant: str, text: str) -> str:
    """A list as it is where it is understood whole, else what of it is, and that there was more."""
    read = codes.read_many(meant).value
    if read is None:
        return REMOVED
    if not read.partial:
        return text
    return " | ".join([*(labels[code] for code in read.codes), REMOVED])


def _is_hours(text: str) -> bool:
    value = read_hours(text).value
    return value is not None and abs(value) < LONGEST_HOURS


def _is_recent(day: date | None) -> bool:
    return day is not None and day.year >= FIRST_YEAR


def _is_number(read: Callable[[str], Read[Any]]) -> Callable[[str], bool]:
    """A number that is no telephone, social number or date: `0612345678` is an amount too."""
    return lambda text: read(text).value is not None and not may_name_persons([text])


_READABLE: Mapping[str, Callable[[str], bool]] = {
    "amount": _is_number(read_amount),
    "percent": _is_number(read_percent),
    "integer": _is_number(read_integer),
    "months": _is_number(read_duration_months),
    "hours": _is_hours,
    "month": lambda text: _is_recent(read_month(text).value),
    "date": lambda text: _is_recent(read_date(text).value),
    "boolean": lambda text: read_boolean(text).value is not None,
    "siret": lambda text: read_siret(text).value is not None,
}


# --- what is said -------------------------------------------------------------------------------


def removed_cells(
    connection: Connection, part: str, catalogue: Catalogue, feeds: Feeds, changed: Iterable[str]
) -> list[Finding]:
    """The cells that were removed from a part: how many a field, and where the first ones are."""
    fields = catalogue.fields_of(feeds)
    found = []
    for name in (name for name in fields if name in set(changed)):
        [(count, places)] = connection.execute(
            f"select count(*), list(source_pointer order by position)[:{PLACES}] from {part} "
            f"where contains({name}, {literal(REMOVED)})"
        ).fetchall()
        if count:
            is_text = fields[name].kind == "text"
            rule = "people_text_removed" if is_text else "people_cell_unreadable"
            listed = ", ".join(places) + (", …" if count > PLACES else "")
            found.append(Finding(rule, field=name, detail=f"{count} ; {listed}"))
    return found


@dataclass(frozen=True)
class UnreadColumn:
    """A column that no field reads and that is not kept; `shown` is its title or its letter.

    `rule` says why: it is known to be about a person, or not known at all.
    """

    letter: str
    shown: str
    rule: str
    filled: int

    def finding(self, sheet: str | None) -> Finding:
        """What is said of it."""
        place = f"{sheet}!{self.letter}" if sheet else self.letter
        return Finding(self.rule, source_pointer=place, key=self.shown, detail=str(self.filled))


def unnamed(finding: Finding, sheets: Mapping[str, int], fields: Container[str]) -> Finding:
    """A finding of a file about persons without the text of any cell nor the name of a sheet."""
    value = finding.value if finding.rule in _SAFE_VALUES else None
    told = numbered(finding, sheets)
    is_place = told.source_pointer is None or _PLACES.fullmatch(told.source_pointer)
    is_own = finding.field in fields or finding.rule == "mapping_missing_column"
    return replace(
        told,
        value=value,
        source_pointer=told.source_pointer if is_place else None,
        field=finding.field if is_own else None,
    )


def numbered(finding: Finding, sheets: Mapping[str, int]) -> Finding:
    """A finding with the number of a sheet (name → place) instead of its name."""
    pointer = finding.source_pointer or ""
    for name in sorted(sheets, key=len, reverse=True):
        if pointer == name or pointer.startswith(f"{name}!"):
            place = f"{numbered_sheet(sheets[name])}{pointer[len(name) :]}"
            return replace(finding, source_pointer=place)
    return finding


def without_cells_of_persons(finding: Finding) -> Finding:
    """A finding of any other file: what it quotes is dropped where it may name a person."""
    value, pointer = (
        text if text is None or not may_name_persons([text]) else None
        for text in (finding.value, finding.source_pointer)
    )
    header = finding.field and without_persons(finding.field)
    return replace(finding, value=value, source_pointer=pointer, field=header)


def named_files(names: Iterable[str]) -> list[Finding]:
    """Files to rename, since their path seems to name a person: how many in each folder."""
    paths = [PurePosixPath(name) for name in names]
    folders = Counter(
        _folder(path.parent.as_posix())
        for path in paths
        if _names_a_person(path.with_suffix("").as_posix())
    )
    return [
        Finding("people_file_named", key=folder, detail=str(count))
        for folder, count in sorted(folders.items())
    ]


def _folder(path: str) -> str:
    return without_persons(_spaced(path)) if _names_a_person(path) else path


def _names_a_person(path: str) -> bool:
    return may_name_persons([path, _spaced(path)])


def _spaced(path: str) -> str:
    """A path as words: `Mme_Exemple` names a person as « Mme Exemple » does."""
    return re.sub(r"[_-]+", " ", path)


# --- retention ----------------------------------------------------------------------------------


def settled_lines(connection: Connection, tables: Tables, part: str) -> int:
    """How many rows of a part are of persons that a purge has erased."""
    query = f"select count(*) from {part} where {_is_settled(tables)}"
    [(count,)] = connection.execute(query).fetchall()
    return int(count)


def without_settled(tables: Tables, part: str, names: Sequence[str]) -> str:
    """The rows of a part, those of settled lines without the fields about the person."""
    blanked = ", ".join(
        f"case when is_settled then null else {name} end as {name}" for name in names
    )
    return (
        f"select * exclude (is_settled) replace ({blanked}) "
        f"from (select *, {_is_settled(tables)} as is_settled from {part}) order by position"
    )


def _is_settled(tables: Tables) -> str:
    """Whether a row is a line of `privacy.settled`, or a row of `privacy.settled_rows`.

    The latter has the rows of participants too, and knows a file that was renamed by its digest.
    """
    known = ["false"]
    line = "source_file || ' ' || source_pointer"
    if tables.exists("privacy.settled"):
        known.append(f"{line} in (select line_id from {tables.scan('privacy.settled')})")
    if tables.exists("privacy.settled_rows"):
        rows = tables.scan("privacy.settled_rows")
        known.append(f"{line} in (select {line} from {rows})")
        same = "file_sha256 || ' ' || source_pointer"
        known.append(f"{same} in (select {same} from {rows} where file_sha256 is not null)")
    return f"({' or '.join(known)})"
