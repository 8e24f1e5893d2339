"""Every input file becomes one part of `staged.<source>`; what cannot is said, once.

The staged tables are built in a folder beside the old ones and swapped in at the end: a damaged
file, a full disk or a kill leaves the previous tables whole.
"""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Mapping as Dict
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path

import pyarrow as pa

from spaser.cards import INSERTION_FEEDS, PEOPLE_FEEDS, Catalogue, SourceCard
from spaser.errors import InputError
from spaser.findings import Balance, Finding, findings_table, write_balances, write_findings
from spaser.ingest.containers import Opened, fingerprint, open_container
from spaser.ingest.expressions import Reading, json_reading, select, table_rest
from spaser.ingest.faults import Damaged, Unrecognised
from spaser.ingest.grids import read_grids
from spaser.ingest.mapped import (
    RELATION,
    MappedColumn,
    Plan,
    counted,
    mapped_columns,
    names_a_person,
    plans_of,
    reading_of,
    rows_of,
    unfold,
    unread,
)
from spaser.ingest.mapping import Proposer
from spaser.ingest.people import (
    Seen,
    Shield,
    UnreadColumn,
    is_shielded,
    named_files,
    numbered,
    person_fields,
    removed_cells,
    settled_lines,
    unnamed,
    without_cells_of_persons,
    without_settled,
)
from spaser.ingest.personal import may_name_persons
from spaser.ingest.recognise import first_of, mapped_names, recognise
from spaser.ingest.records import SCHEMA, Records, json_records
from spaser.ingest.sheet_xml import column_letters
from spaser.ingest.sheets import SheetTable, find_tables
from spaser.ingest.tabular import (
    blank_rows,
    csv_reading,
    csv_source,
    distinct,
    parquet_names,
    parquet_reading,
    rejected_rows,
    shifts,
)
from spaser.ingest.xml import xml_records
from spaser.mappings import Mapping, spellings_of
from spaser.warehouse import Connection, EngineError, Tables, literal, session, swap_folder

STEP = "ingest"

MEMORY_LIMIT = "150MB"
"""Of the engine while it stages; the blocks in hand and the raw records come on top of it."""

WORKERS = 2
"""Blocks written at the same time: one parses while the other compresses."""

ROW_GROUP = 16_384
"""Rows of a Parquet row group: about 20 MB of register text."""

LOOKED_AT = 50
"""Rows of a table of no known kind, or beside it, among which signs of persons are looked for."""

LIKELY = 0.4
"""From this share of known names on, a CSV that breaks off is a damaged register."""

_DATA_ERRORS = frozenset({"InvalidInputException", "ConversionException"})
"""What the engine raises on bad data; anything else (disk, memory) is not the file's fault."""


@dataclass(frozen=True)
class InputFile:
    """A file to read: where it is, its name in the tables, and its place among the others."""

    path: Path
    name: str
    number: int

    @property
    def part(self) -> str:
        """A safe file name for its part, in the order of the inputs."""
        return f"{self.number:05d}-" + re.sub(r"[^A-Za-z0-9_-]+", "_", self.path.stem)[:60]


@dataclass
class Outcome:
    """What became of one file; `people`: sources behind the shield, and what was met there."""

    file: InputFile
    sha256: str
    card: SourceCard | None = None
    kept: int = 0
    rejected: int = 0
    findings: list[Finding] = field(default_factory=list)
    columns: list[MappedColumn] = field(default_factory=list)
    people: dict[str, Seen] = field(default_factory=dict)

    @property
    def records(self) -> int:
        """Records met in the file."""
        return self.kept + self.rejected


@dataclass(frozen=True)
class _Desk:
    """What reading a file needs."""

    connection: Connection
    catalogue: Catalogue
    built: Tables
    work: Path
    proposer: Proposer
    shield: Shield
    mappings: tuple[Mapping, ...] = ()
    buyer: str | None = None

    @property
    def cards(self) -> tuple[SourceCard, ...]:
        return tuple(self.catalogue.sources.values())


def stage(
    files: Sequence[Path],
    tables: Tables,
    catalogue: Catalogue,
    base: Path,
    mappings: Sequence[Mapping] = (),
    buyer: str | None = None,
) -> None:
    """Read every file into `staged.<source>`, and say what was found.

    Of files of the insertion half (`INSERTION_FEEDS`) nothing that names a person is kept, and of
    lines about persons only pseudonyms and age bands: see `spaser.ingest.people`; the key is made
    on first use, outside `base`. Of any other file, columns with the title of a person's data that
    no field reads are not kept either.

    A table whose names no card knows (any workbook, a CSV of the department's own) is read through
    one of `mappings`, else as `spaser map` would propose, with a warning. `buyer` is the SIRET of
    the rows of such a table that give none.

    Writes:
        `staged.<source>`: one row per record (or row) of a file, one part per file and more for
            large JSON (`<number>-<stem>`, `<number>-<stem>_00001`…); columns
            `source_file`, `file_sha256`, `source`, `source_pointer`, `position`, `record_kind`,
            the fields of `<feeds>_fields.csv` as text exactly as received, `other_fields`.
            `source_pointer` is `/…` in JSON and XML, `L12` in a CSV, `<sheet>!12` in a workbook
            (`feuille 3!12` in the insertion half); of a cell of a column of months,
            `L12 (F)` and `feuille 3!F12`.
        `quality.inputs`: one row per file.
        `quality.mappings`: one row per column of a table read through a mapping or a proposal.
        `quality.findings` and `quality.balances`: the part `ingest`.

    Raises:
        InputError: a file is damaged, none is a known register, or the key of pseudonyms cannot be
            used; the tables stay as they were.
    """
    tables.root.mkdir(parents=True, exist_ok=True)
    work = tables.root / ".ingest"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    try:
        with session(MEMORY_LIMIT) as connection:
            built = Tables(work / "tables")
            proposer = Proposer(catalogue)
            shield = Shield(connection, catalogue, base, spellings_of(mappings, catalogue))
            desk = _Desk(
                connection, catalogue, built, work, proposer, shield, tuple(mappings), buyer
            )
            outcomes = _stage_all(_named(files, base), desk)
            for outcome in outcomes:
                outcome.findings += _settle(outcome, tables, desk)
            _refuse_nothing_recognised(outcomes, catalogue)
            swap_folder(work / "tables" / "staged", tables.root / "staged")
            _write_quality(connection, tables, catalogue, outcomes)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _named(files: Sequence[Path], base: Path) -> list[InputFile]:
    """Name each file by its path under `base`, else by the shortest unique end of its path."""
    root = base.resolve()
    resolved = [file.resolve() for file in files]
    outside = [file for file in resolved if not file.is_relative_to(root)]
    names = _shortest(outside)
    return [
        InputFile(
            path,
            names[path] if path in names else path.relative_to(root).as_posix(),
            number,
        )
        for number, path in enumerate(resolved)
    ]


def _shortest(paths: Sequence[Path]) -> dict[Path, str]:
    longest = max((len(path.parts) for path in paths), default=0)
    names: dict[Path, str] = {}
    for length in range(1, longest + 1):
        ends = {path: Path(*path.parts[-length:]).as_posix() for path in set(paths) - names.keys()}
        counts = Counter(ends.values())
        names |= {path: end for path, end in ends.items() if counts[end] == 1}
    return names


def _stage_all(files: Sequence[InputFile], desk: _Desk) -> list[Outcome]:
    """Read every file before judging, so that one message names every damaged one."""
    outcomes: list[Outcome] = []
    damaged: list[tuple[str, Damaged]] = []
    first_seen: dict[str, str] = {}
    for file in files:
        scratch = desk.work / "file"
        scratch.mkdir()
        try:
            outcome = _stage_file(file, replace(desk, work=scratch))
        except Damaged as error:
            damaged.append((file.name, error))
        except RecursionError:
            damaged.append((file.name, _too_deep()))
        else:
            original = first_seen.setdefault(outcome.sha256, file.name)
            if original != file.name and outcome.card is not None:
                outcome.findings.append(Finding("input_duplicate", value=original))
            outcomes.append(outcome)
        finally:
            shutil.rmtree(scratch)
    if damaged:
        raise InputError(
            "\n".join(f"{name} : {error.fr}" for name, error in damaged),
            "\n".join(f"{name}: {error.en}" for name, error in damaged),
        )
    return outcomes


def _too_deep() -> Damaged:
    return Damaged(
        "ses objets sont emboîtés trop profondément pour un registre de marchés. "
        "Exportez-le à nouveau.",
        "its objects are nested too deeply for a contract register. Export it again.",
    )


def _stage_file(file: InputFile, desk: _Desk) -> Outcome:
    sha256 = fingerprint(file.path)
    try:
        opened = open_container(file.path, desk.work)
        if opened.container in ("json", "xml"):
            outcome = _stage_records(file, sha256, opened, desk)
        else:
            outcome = _stage_table(file, sha256.result(), opened, desk)
    except Unrecognised as unknown:
        finding = without_cells_of_persons(Finding(unknown.rule, value=unknown.value))
        return Outcome(file, sha256.result(), findings=[finding])
    if opened.encoding:
        outcome.findings.append(Finding("input_transcoded", value=opened.encoding))
    if not outcome.records:
        outcome.findings.append(Finding("input_no_record"))
    return outcome


def _stage_records(file: InputFile, sha256: Future[str], opened: Opened, desk: _Desk) -> Outcome:
    """JSON, NDJSON and XML: blocks of objects through one query."""
    is_json = opened.container == "json"
    records = json_records(opened.path, desk.work) if is_json else xml_records(opened.path)
    card = recognise(desk.cards, opened.container, records.keys)
    if card is None and records.empty:
        card = first_of(desk.cards, opened.container)
    if card is None:
        raise Unrecognised("input_unknown_form", _listed(sorted(records.keys)))
    reading = json_reading(card, desk.catalogue, "records")
    outcome = Outcome(file, sha256.result(), card)
    try:
        outcome.kept = _write_blocks(records, reading, outcome, desk)
    except EngineError as error:
        raise _unreadable(error) from None
    outcome.findings += [*records.leftovers, *records.rejected]
    outcome.rejected = records.lost + len(records.rejected)
    if outcome.kept + len(records.rejected) != records.read:
        msg = f"{file.name}: {records.read} records read, {outcome.kept} staged"
        raise AssertionError(msg)
    outcome.findings += _unknown_keys(outcome, desk)
    return _unnamed(outcome, {}, desk)


def _stage_table(file: InputFile, sha256: str, opened: Opened, desk: _Desk) -> Outcome:
    """CSV and Parquet: the engine's own readers, every cell as text; the others sheet by sheet."""
    if opened.container == "parquet":
        return _stage_parquet(file, sha256, opened, desk)
    if opened.container == "workbook":
        return _stage_sheets(file, sha256, opened, desk)
    try:
        card, dialect = csv_source(opened.path, desk.cards)
    except Unrecognised as unknown:
        return _stage_sheets(file, sha256, opened, desk, unknown)
    rejects = f"rejects_{file.number}"
    reading = csv_reading(card, opened.path, dialect, rejects)
    outcome = Outcome(file, sha256, card)
    try:
        outcome.kept = _write(outcome, _impersonal(card, reading, desk), desk)
    except EngineError as error:
        raise _unreadable(error, is_told=not is_shielded(card)) from None
    rejected = rejected_rows(desk.connection, rejects)
    gaps = [row for row, _ in rejected] + blank_rows(opened.path, dialect)
    if gaps:
        _shift_rows(outcome, gaps, desk)
    outcome.rejected = len(rejected)
    outcome.findings += [finding for _, finding in rejected]
    outcome.findings += _unread_of(outcome, reading, distinct(dialect.names), desk)
    return _unnamed(outcome, {}, desk)


def _is_personal(card: SourceCard, name: str, desk: _Desk) -> bool:
    """Whether a column is about persons by its title, where the card does not say what it is."""
    return desk.proposer.is_personal(name) and not desk.proposer.ignores(card, name)


def _impersonal(card: SourceCard, reading: Reading, desk: _Desk) -> Reading:
    """A reading without the columns that have the title of a person's data: they are not kept."""
    rest = {name: cell for name, cell in reading.rest.items() if not _is_personal(card, name, desk)}
    if len(rest) == len(reading.rest):
        return reading
    unknown = tuple(name for name in reading.unknown if name in rest)
    return replace(reading, other=table_rest(rest), rest=rest, unknown=unknown)


def _dropped(
    card: SourceCard, filled: Iterable[tuple[str, str, int]], sheet: str | None, desk: _Desk
) -> list[Finding]:
    """What is said of the columns (title, letter, filled cells) that no field reads.

    Of the insertion half none is kept; of another source those about persons are not.
    """
    found = []
    for name, letter, count in filled:
        rule = _dropped_by(card, name, desk)
        if rule and count:
            shown = name if desk.proposer.is_plain(name) else letter
            found.append(UnreadColumn(letter, shown, rule, count).finding(sheet))
    return found


def _dropped_by(card: SourceCard, name: str, desk: _Desk) -> str | None:
    """The rule by which a column is not kept; null: it is."""
    if not is_shielded(card):
        return "column_personal" if _is_personal(card, name, desk) else None
    is_personal = desk.proposer.ignores(card, name) or desk.proposer.is_personal(name)
    return "people_column_personal" if is_personal else "people_column_unknown"


def _unread_of(
    outcome: Outcome, reading: Reading, names: Sequence[str], desk: _Desk
) -> list[Finding]:
    """The columns of a file of a known form that its card does not read."""
    if outcome.card is None:
        return []
    letters = {name: column_letters(place) for place, name in enumerate(names, start=1)}
    dropped = _dropped(outcome.card, _filled_rest(outcome.card, reading, letters, desk), None, desk)
    if is_shielded(outcome.card):
        return dropped
    kept = _impersonal(outcome.card, reading, desk)
    return [*dropped, *_unknown_columns(kept, _part(outcome, desk), desk)]


def _filled_rest(
    card: SourceCard, reading: Reading, letters: Dict[str, str], desk: _Desk
) -> list[tuple[str, str, int]]:
    """The columns that are not kept: title, letter, filled cells."""
    rest = {name: cell for name, cell in reading.rest.items() if _dropped_by(card, name, desk)}
    if not rest:
        return []
    counts = ", ".join(f"count(nullif(trim({cell}), ''))" for cell in rest.values())
    [row] = desk.connection.execute(f"select {counts} from {reading.relation}").fetchall()
    return [(name, letters[name], int(count)) for name, count in zip(rest, row, strict=True)]


def _unnamed(outcome: Outcome, sheets: Dict[str, int], desk: _Desk) -> Outcome:
    """Of a file of the insertion half, findings that repeat no cell; then what was removed of it.

    Of another file, findings that quote no cell which may name a person.
    """
    if not outcome.people:
        outcome.findings[:] = [without_cells_of_persons(one) for one in outcome.findings]
        return outcome
    fields = {name for feeds in INSERTION_FEEDS for name in desk.catalogue.fields_of(feeds)}
    outcome.findings[:] = [unnamed(finding, sheets, fields) for finding in outcome.findings]
    refusals = Seen()
    for source, seen in sorted(outcome.people.items()):
        refusals.add(seen)
        card = desk.catalogue.sources[f"sources/{source}"]
        part = _part(replace(outcome, card=card), desk)
        outcome.findings += removed_cells(
            desk.connection, part, desk.catalogue, card.feeds, seen.changed
        )
    outcome.findings += refusals.findings()
    return outcome


def _settle(outcome: Outcome, tables: Tables, desk: _Desk) -> list[Finding]:
    """Blank the persons of the lines that a purge settled: the files received still name them."""
    settled = 0
    for source in sorted(outcome.people):
        card = desk.catalogue.sources[f"sources/{source}"]
        whole, feeds = replace(outcome, card=card), card.feeds
        if feeds not in PEOPLE_FEEDS:
            continue
        about = set(person_fields(desk.catalogue))
        names = [name for name in desk.catalogue.staged_fields(feeds) if name in about]
        for path in sorted(_parts(whole, desk)):
            part = f"read_parquet({literal(path.as_posix())})"
            count = settled_lines(desk.connection, tables, part)
            if count:
                _copy(desk.connection, without_settled(tables, part, names), path)
            settled += count
    return [Finding("people_lines_settled", detail=str(settled))] if settled else []


def _stage_sheets(
    file: InputFile, sha256: str, opened: Opened, desk: _Desk, unknown: Unrecognised | None = None
) -> Outcome:
    """Workbooks, and CSVs of no known form: table by table, each by its card or its mapping.

    Raises:
        Unrecognised: no table of the file is of a known kind.
    """
    try:
        grids, findings = read_grids(opened.path, opened.container, desk.work)
    except Damaged:
        names = (unknown.value or "").split(", ") if unknown else []
        if unknown is None or desk.proposer.score(names) >= LIKELY:
            raise
        # Some other text, which need not be whole.
        raise Unrecognised(unknown.rule, desk.proposer.shown_names(names)) from None
    found = [table for grid in grids for table in find_tables(grid, desk.proposer.score)]
    plans, strangers, said = plans_of(
        found, desk.cards, desk.proposer, desk.mappings, file.path.stem, desk.buyer
    )
    if not plans:
        widest = max(strangers, key=lambda table: len(table.names), default=None)
        raise Unrecognised("input_unknown_form", desk.proposer.shown(widest) if widest else "—")
    main = max(counted(plans).items(), key=lambda pair: pair[1])[0]
    outcome = Outcome(file, sha256, desk.catalogue.sources[main])
    outcome.findings += [*findings, *said]
    for plan in plans:
        _stage_sheet(plan, outcome, desk)
    for table in strangers:
        _set_aside(table, outcome, desk)
    hidden = found if outcome.people else [table for table in found if _is_of_persons(table, desk)]
    places = {table.sheet: table.place for table in hidden if table.sheet and table.place}
    outcome.findings = [numbered(finding, places) for finding in outcome.findings]
    return _unnamed(outcome, places, desk)


def _is_of_persons(table: SheetTable, desk: _Desk) -> bool:
    """Whether a table looks like a list of persons, of which the sheet may have the name."""
    cells = (cell for row in table.rows[:LOOKED_AT] for cell in row if cell)
    quoted = (finding.value for finding in table.findings[:LOOKED_AT] if finding.value)
    return (
        names_a_person(table)
        or any(map(desk.proposer.is_personal, table.names))
        or may_name_persons(chain(cells, quoted))
    )


def _stage_sheet(plan: Plan, outcome: Outcome, desk: _Desk) -> None:
    """Write the rows of one table; the parts of a file are numbered in the order of its tables."""
    received, plan = plan, unfold(plan)
    reading = _impersonal(plan.card, reading_of(plan, desk.catalogue), desk)
    whole = replace(outcome, card=plan.card)
    number = len(list(_parts(whole, desk)))
    desk.connection.register(RELATION, rows_of(plan, outcome.kept))
    written = _write(whole, reading, desk, number)
    outcome.findings += _unread_in_sheet(received, desk)
    desk.connection.unregister(RELATION)
    if plan.known and not plan.is_shielded:
        target = _target(whole, desk, number)
        part = f"read_parquet({literal(target.as_posix())})"
        outcome.findings += _unknown_columns(reading, part, desk)
    outcome.kept += written
    outcome.rejected += plan.table.set_aside
    outcome.findings += plan.table.findings
    outcome.columns += mapped_columns(received)


def _unread_in_sheet(plan: Plan, desk: _Desk) -> list[Finding]:
    """The columns of a table that no field reads and that are not kept."""
    if not plan.known:
        return _dropped(plan.card, unread(plan), plan.sheet, desk)
    letters = dict(zip(plan.table.names, plan.table.letters, strict=True))
    filled = _filled_rest(plan.card, reading_of(plan, desk.catalogue), letters, desk)
    return _dropped(plan.card, filled, plan.sheet, desk)


def _set_aside(table: SheetTable, outcome: Outcome, desk: _Desk) -> None:
    """Count and name a table of no known kind beside one that is."""
    outcome.rejected += len(table.rows) + table.set_aside
    outcome.findings += table.findings
    if not table.names:
        return  # its findings say what it holds
    outcome.findings.append(
        Finding(
            "sheet_not_recognised",
            source_pointer=table.sheet,
            value=desk.proposer.shown(table),
            detail=str(len(table.rows)),
        )
    )


def _stage_parquet(file: InputFile, sha256: str, opened: Opened, desk: _Desk) -> Outcome:
    card: SourceCard | None = None
    try:
        names = parquet_names(desk.connection, opened.path)
        card = recognise(desk.cards, "parquet", names)
        if card is None:
            raise Unrecognised("input_unknown_form", desk.proposer.shown_names(names))
        reading = parquet_reading(card, opened.path, names)
        outcome = Outcome(file, sha256, card)
        outcome.kept = _write(outcome, _impersonal(card, reading, desk), desk)
    except EngineError as error:
        raise _unreadable(error, is_told=not is_shielded(card)) from None
    outcome.findings += _unread_of(outcome, reading, names, desk)
    return _unnamed(outcome, {}, desk)


def _write_blocks(records: Records, reading: Reading, outcome: Outcome, desk: _Desk) -> int:
    """Each block of records becomes a Parquet file of its own, a few at a time; at least one.

    A file of one block, which nearly all are, has one part.
    """
    query = _query(reading, outcome, desk)
    kept = 0
    with ThreadPoolExecutor(WORKERS) as pool:
        waiting: deque[Future[int]] = deque()
        for number, block in enumerate(records.batches()):
            target = _target(outcome, desk, number)
            waiting.append(pool.submit(_write_block, desk.connection, block, query, target))
            if len(waiting) > WORKERS:
                kept += waiting.popleft().result()
        kept += sum(future.result() for future in waiting)
    if not kept:
        _write_block(desk.connection, SCHEMA.empty_table(), query, _target(outcome, desk))
    return kept


def _write_block(
    connection: Connection, block: pa.RecordBatch | pa.Table, query: str, target: Path
) -> int:
    cursor = connection.cursor()
    cursor.register("records", block)
    try:
        return _copy(cursor, query, target)
    finally:
        cursor.close()


def _write(outcome: Outcome, reading: Reading, desk: _Desk, number: int = 0) -> int:
    """The rows of a table as a Parquet file; those of the insertion half go through the shield."""
    if outcome.card is not None and is_shielded(outcome.card):
        seen = outcome.people.setdefault(_card_name(outcome), Seen())
        batches = desk.shield.batches(reading, _constants(outcome), outcome.card.feeds, seen)
        target = _target(outcome, desk, number)
        return desk.built.write_batches(_table(outcome), batches, target.stem)
    return _copy(desk.connection, _query(reading, outcome, desk), _target(outcome, desk, number))


def _query(reading: Reading, outcome: Outcome, desk: _Desk) -> str:
    feeds = outcome.card.feeds if outcome.card else "register"
    return select(reading, _constants(outcome), list(desk.catalogue.staged_fields(feeds)))


def _target(outcome: Outcome, desk: _Desk, block: int = 0) -> Path:
    """The Parquet file of a block; that of the first one has the name of the part."""
    folder = desk.built.folder(_table(outcome))
    folder.mkdir(parents=True, exist_ok=True)
    suffix = f"_{block:05d}" if block else ""
    return folder / f"{outcome.file.part}{suffix}.parquet"


def _copy(connection: Connection, query: str, target: Path) -> int:
    """Write a Parquet file in small row groups: the writer holds one for each thread."""
    beside = target.with_suffix(".tmp")
    [(count,)] = connection.execute(
        f"copy ({query}) to {literal(beside.as_posix())} "
        f"(format parquet, compression zstd, row_group_size {ROW_GROUP})"
    ).fetchall()
    beside.replace(target)
    return int(count)


def _constants(outcome: Outcome) -> dict[str, str]:
    return {
        "source_file": outcome.file.name,
        "file_sha256": outcome.sha256,
        "source": _card_name(outcome),
    }


def _card_name(outcome: Outcome) -> str:
    if outcome.card is None:
        msg = "an unrecognised file has no table"
        raise ValueError(msg)
    return outcome.card.key.removeprefix("sources/")


def _table(outcome: Outcome) -> str:
    return f"staged.{_card_name(outcome)}"


def _part(outcome: Outcome, desk: _Desk) -> str:
    pattern = desk.built.folder(_table(outcome)) / f"{outcome.file.part}*.parquet"
    return f"read_parquet({literal(pattern.as_posix())})"


def _parts(outcome: Outcome, desk: _Desk) -> Iterator[Path]:
    return desk.built.folder(_table(outcome)).glob(f"{outcome.file.part}*.parquet")


def _unreadable(error: Exception, *, is_told: bool = True) -> Exception:
    """A damaged file, unless the fault is the disk's or the memory's.

    `is_told`: the engine's words may be repeated; they may quote the cells of the file.
    """
    if type(error).__name__ not in _DATA_ERRORS:
        return error
    if not is_told:
        return Damaged(
            "fichier illisible : ses lignes n'ont pas la forme attendue. Exportez-le ou "
            "téléchargez-le à nouveau.",
            "unreadable file: its lines have not the form expected. Export or download it again.",
        )
    # The engine names the file it read, which may be an unpacked copy nobody else knows.
    reason = re.sub(r"\s*'[^']*/[^']*'", "", str(error).strip().splitlines()[0]).rstrip(". ")
    return Damaged(
        f"fichier illisible : {reason}. Exportez-le ou téléchargez-le à nouveau.",
        f"unreadable file: {reason}. Export or download it again.",
    )


def _shift_rows(outcome: Outcome, gaps: Sequence[int], desk: _Desk) -> None:
    """Number the rows as in the file, rejected and blank rows counted."""
    steps = shifts(gaps)
    known = pa.table(
        {
            "kept_from": pa.array(list(steps), pa.int64()),
            "shift": pa.array(list(steps.values()), pa.int64()),
        }
    )
    desk.connection.register("shifts", known)
    query = f"""
select staged.* replace (position + coalesce(shift, 0) as position,
                         'L' || (position + coalesce(shift, 0) + 2) as source_pointer)
from {_part(outcome, desk)} staged asof left join shifts on position >= kept_from
order by staged.position"""
    _copy(desk.connection, query, _target(outcome, desk))
    desk.connection.unregister("shifts")


def _unknown_keys(outcome: Outcome, desk: _Desk) -> list[Finding]:
    """Keys of JSON records that the card neither reads nor ignores, with how many have them."""
    card = outcome.card
    if card is None:
        return []
    known = {
        *card.ignored,
        *mapped_names(card),
        *(name.split("/")[0] for name in mapped_names(card)),
    }
    rows = desk.connection.execute(
        f"""
with kept as (select other_fields, position from {_part(outcome, desk)}
              where other_fields is not null),
     keys as (select unnest(json_keys(other_fields)) as key, other_fields, position from kept)
select key, count(distinct position), min_by(other_fields, position) from keys
group by key order by key"""
    ).fetchall()
    return [
        _unknown(str(key), int(count), str(example))
        for key, count, example in rows
        if key not in known
    ]


def _unknown_columns(reading: Reading, part: str, desk: _Desk) -> list[Finding]:
    """Columns that the card neither reads nor ignores, with how many rows fill them."""
    found = []
    for name in reading.unknown:
        pointer = literal("/" + name.replace("~", "~0").replace("/", "~1"))
        [(count, example)] = desk.connection.execute(
            f"""
select count(*), min_by(other_fields, position) from {part}
where json_exists(other_fields, {pointer})"""
        ).fetchall()
        found.append(_unknown(name, int(count), str(example or "{}")))
    return found


def _unknown(name: str, count: int, example: str) -> Finding:
    value = json.loads(example).get(name)
    shown = (
        value if isinstance(value, str) or value is None else json.dumps(value, ensure_ascii=False)
    )
    return Finding(
        "input_unknown_field", field=name, value=shown and shown[:200], detail=str(count)
    )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)[:1000] or "—"


def _refuse_nothing_recognised(outcomes: Sequence[Outcome], catalogue: Catalogue) -> None:
    if any(outcome.card is not None for outcome in outcomes):
        return
    told = [(outcome.file.name, finding) for outcome in outcomes for finding in outcome.findings]
    rules = catalogue.rules
    raise InputError(
        "Aucun registre reconnu.\n"
        + "\n".join(
            f"{name} : {_filled(rules[found.rule].message_fr, found)} {rules[found.rule].action_fr}"
            for name, found in told
        ),
        "No register recognised.\n"
        + "\n".join(
            f"{name}: {_filled(rules[found.rule].message_en, found)} {rules[found.rule].action_en}"
            for name, found in told
        ),
    )


def _filled(template: str, finding: Finding) -> str:
    return template.replace("{value}", finding.value or "—")


def _write_quality(
    connection: Connection, tables: Tables, catalogue: Catalogue, outcomes: Sequence[Outcome]
) -> None:
    inputs = pa.Table.from_pylist(
        [
            {
                "source_file": outcome.file.name,
                "sha256": outcome.sha256,
                "source": outcome.card.key if outcome.card else None,
                "bytes": outcome.file.path.stat().st_size,
                "records": outcome.records,
                "kept": outcome.kept,
                "rejected": outcome.rejected,
                "recognised": outcome.card is not None,
            }
            for outcome in outcomes
        ],
        schema=pa.schema(
            [
                ("source_file", pa.string()),
                ("sha256", pa.string()),
                ("source", pa.string()),
                ("bytes", pa.int64()),
                ("records", pa.int64()),
                ("kept", pa.int64()),
                ("rejected", pa.int64()),
                ("recognised", pa.bool_()),
            ]
        ),
    )
    connection.register("input_rows", inputs)
    tables.write(connection, "quality.inputs", "select * from input_rows order by source_file")
    connection.register("mapping_rows", _mapping_rows(outcomes))
    tables.write(connection, "quality.mappings", "select * from mapping_rows", STEP)
    found = [
        replace(finding, source_file=outcome.file.name, table_name=_table_or_none(outcome))
        for outcome in outcomes
        for finding in outcome.findings
    ]
    found += named_files(outcome.file.name for outcome in outcomes if outcome.people)
    connection.register("ingest_findings", findings_table(found))
    write_findings(connection, catalogue, tables, STEP, "select * from ingest_findings")
    balances = [
        Balance(f"{STEP}:{outcome.file.name}", outcome.records, outcome.kept, 0, outcome.rejected)
        for outcome in outcomes
    ]
    write_balances(connection, tables, STEP, balances)


def _mapping_rows(outcomes: Sequence[Outcome]) -> pa.Table:
    """`quality.mappings` in the order of the files, their sheets and their columns."""
    return pa.Table.from_pylist(
        [
            {"source_file": outcome.file.name, **vars(column)}
            for outcome in outcomes
            for column in _distinct(outcome.columns)
        ],
        schema=pa.schema(
            [
                ("source_file", pa.string()),
                ("sheet", pa.string()),
                ("column_letter", pa.string()),
                ("header", pa.string()),
                ("field", pa.string()),
                ("confidence", pa.decimal128(4, 3)),
                ("reviewed", pa.bool_()),
                ("samples", pa.string()),
            ]
        ),
    )


def _distinct(columns: Sequence[MappedColumn]) -> list[MappedColumn]:
    """One row a column of a sheet, also where several tables stand in it one below the other."""
    first: dict[tuple[str | None, str, str], MappedColumn] = {}
    for column in columns:
        first.setdefault((column.sheet, column.column_letter, column.header), column)
    return list(first.values())


def _table_or_none(outcome: Outcome) -> str | None:
    return _table(outcome) if outcome.card else None
