"""Erases the lines of persons kept long enough, in every copy that the program made.

What published figures need is written first, without persons, and stays for ever:

- `privacy.settled`, one row per erased line of hours: the columns of `curated.hours` that are not
  about a person;
- `privacy.settled_figures`: the rows of `facts.people_figures` of the years touched, frozen;
- `privacy.settled_people`: `commitment_id`, `year`, `people`, how many erased persons have their
  first validated hour on the commitment in the year (they add up to the persons of an operation,
  at the end of any year);
- `privacy.settled_rows`: `source_file`, `source_pointer`, `file_sha256` of every erased line of a
  file, hours and sheets, so that the file, if it is read again, does not bring the person back.

Then the lines go: staged tables, lines, sheets and persons of `curated`, the columns of
`curated.hours` about persons, the people of the operations that lost some, and what killed runs
left. Every part is rewritten beside and swapped in. The internal sheets of operations are withdrawn
from the reports (`sheets.py`). The list of what is to go is on disk until all is gone: a purge that
was killed is ended by the next one.

`privacy/purges.csv` keeps one line a purge: day, rule and counts.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path

from spaser.cards import Catalogue
from spaser.errors import Blocked, InputError
from spaser.exclusive import alone
from spaser.guards import write_csv
from spaser.privacy.inputs import Input, delete, inputs_about_people
from spaser.privacy.leftovers import Tidied, forget_history, tidy
from spaser.privacy.retention import (
    HOUR_LINES,
    PARTICIPANTS,
    PERSON_LINES,
    SETTLED_ROWS,
    find_due,
    person_columns,
    retention_rules,
    staged_tables,
)
from spaser.privacy.sheets import withdraw_sheets, years_with_sheets
from spaser.project import Project
from spaser.scheme import Scheme
from spaser.warehouse import (
    ROW_GROUP,
    Connection,
    EngineError,
    Tables,
    literal,
    open_database,
    session,
    write_database,
)

SETTLED = "privacy.settled"
SETTLED_FIGURES = "privacy.settled_figures"
SETTLED_PEOPLE = "privacy.settled_people"
HOURS, PEOPLE, FIGURES = "curated.hours", "curated.people", "facts.people_figures"
OPERATION_PEOPLE = "curated.operation_people"


@dataclass(frozen=True)
class Purge:
    """What a purge erased, or would erase: counts, and the files concerned.

    people: pseudonyms. hour_lines: lines settled without their person. staged_rows: rows of files,
    hours and sheets. frozen_years: years whose figures about people no longer move. tidied:
    what killed runs had left. history: whether the Dagster history was dropped. withdrawn: years
    whose internal sheets of operations are withdrawn.
    deleted: input files deleted, with `with_inputs`; held: the others about persons.
    """

    as_of: date
    months: int
    people: int
    hour_lines: int
    staged_rows: int
    frozen_years: tuple[int, ...]
    tidied: Tidied
    history: bool
    withdrawn: tuple[str, ...]
    deleted: tuple[Input, ...]
    held: tuple[Input, ...]

    @property
    def is_empty(self) -> bool:
        """Whether there was nothing to erase."""
        return not (self.people or self.hour_lines or self.staged_rows or self.deleted)


@dataclass(frozen=True)
class LogLine:
    """One purge in `privacy/purges.csv`."""

    done_on: str
    as_of: str
    rule_months: int
    people: int
    hour_lines: int
    staged_rows: int
    frozen_years: str
    files_deleted: int


def purge(
    project: Project,
    catalogue: Catalogue,
    scheme: Scheme,
    as_of: date,
    done_on: date,
    *,
    dry_run: bool = False,
    with_inputs: bool = False,
) -> Purge:
    """Erase what the retention rule says is due on a day; `dry_run` only counts.

    Args:
        project: the installation.
        catalogue: its cards.
        scheme: whose tables.
        as_of: the day that counts for the rule.
        done_on: the day of the log.
        dry_run: erase nothing.
        with_inputs: also delete the input files whose every line is erased.

    Raises:
        InputError: no table yet, tables that are behind their files, a run in progress, or a file
            that cannot be erased.
        Blocked: something of an erased person remains (a fault of ours).
    """
    tables = Tables(project.curated(scheme.name))
    with alone(project, scheme.name), _readable_errors():
        tidied = Tidied(0, 0) if dry_run else tidy(project, scheme.name)
        work = _Work(project, catalogue, tables, as_of)
        with session() as connection:
            counted = work.plan(connection)
            sheets = years_with_sheets(project, scheme.name) if work.has_lines else ()
            if not dry_run and work.has_something(connection):
                work.settle(connection)
                if work.has_lines:
                    withdraw_sheets(project, scheme.name)
                work.erase(connection)
            history = not dry_run and forget_history(project, scheme.name, work.pseudonyms)
            files = inputs_about_people(connection, project.root, catalogue, scheme, tables)
            spent = tuple(file for file in files if with_inputs and file.is_spent)
            held = tuple(file for file in files if file not in spent)
            if not dry_run:
                for file in spent:
                    delete(file)
                work.verify(connection)
        done = Purge(as_of, work.months, *counted, tidied, history, sheets, spent, held)
        if not dry_run:
            if not done.is_empty:
                _log(tables, done, done_on)
            work.marker.unlink(missing_ok=True)
    return done


class _Work:
    """One purge of one scheme."""

    def __init__(self, project: Project, catalogue: Catalogue, tables: Tables, as_of: date) -> None:
        self.catalogue = catalogue
        self.tables = tables
        self.as_of = as_of
        self.rule = retention_rules(catalogue.reference("retention_rules"), as_of)[PERSON_LINES]
        self.months = self.rule.months or 0
        self.database = project.curated(tables.root.name) / "spaser.duckdb"
        self.pseudonyms: frozenset[bytes] = frozenset()
        self.has_lines = False

    @property
    def marker(self) -> Path:
        """What is to go, while it goes: it is no table, and nothing publishes it."""
        return self.tables.root / "privacy" / "purging.parquet"

    def plan(self, connection: Connection) -> tuple[int, int, int, tuple[int, ...]]:
        """Find what is to go (`gone_people`, `gone_rows`); gives people, lines, rows and years.

        `has_lines` tells whether an operation loses some, in this purge or in one that was killed.

        Raises:
            InputError: no table, or tables behind their files.
        """
        find_due(connection, self.tables, self.catalogue, self.rule, self.as_of)
        marker = literal(self.marker.as_posix())
        begun = f"union select pseudonym from read_parquet({marker})" if self.is_cut else ""
        connection.execute(
            f"""
create or replace temp table gone_people as
select pseudonym from persons where is_due {begun};
create or replace temp table gone_rows as
select distinct source_file, source_pointer from held_rows where is_due and pseudonym is null
"""
        )
        names = connection.execute("select pseudonym from gone_people").fetchall()
        self.pseudonyms = frozenset(name.encode() for (name,) in names)
        if not self.is_cut and self.has_something(connection):
            self._refuse_stale(connection)
        self._find_lines(connection)
        [(lines, years)] = connection.execute(
            "select count(*), coalesce(list(distinct year order by year) "
            "filter (where year is not null), []) from gone_lines"
        ).fetchall()
        [(rows,)] = connection.execute("select count(*) from gone_staged").fetchall()
        self.has_lines = lines > 0 or self.is_cut
        return len(names), lines, rows, tuple(years)

    @property
    def is_cut(self) -> bool:
        """Whether an earlier purge was killed before its end."""
        return self.marker.is_file()

    def has_something(self, connection: Connection) -> bool:
        """Whether anything is to go."""
        counts = [self._count(connection, name) for name in ("gone_people", "gone_rows")]
        return self.is_cut or any(counts)

    def _find_lines(self, connection: Connection) -> None:
        """`gone_lines`: lines of `curated.hours` not settled yet; `gone_staged`: rows of files."""
        if self.tables.exists(HOURS):
            known = (
                f"anti join (select line_id from {self.tables.scan(SETTLED)}) using (line_id)"
                if self.tables.exists(SETTLED)
                else ""
            )
            hours = f"{self.tables.scan(HOURS)} as h"
            lines = f"select h.* from {hours} {known} where {_is_gone('pseudonym')}"
        else:
            lines = "select null::varchar as line_id, null::integer as year where false"
        connection.execute(f"create or replace temp table gone_lines as {lines}")
        nothing = "select null::varchar, null::varchar, null::varchar, null::varchar where false"
        staged = [
            f"select source_file, source_pointer, file_sha256, person_id from {self.tables.scan(t)}"
            for _, t in staged_tables(self.tables, self.catalogue)
        ]
        connection.execute(
            f"""
create or replace temp table staged_rows(source_file, source_pointer, file_sha256, person_id) as
{" union all ".join([nothing, *staged])};
-- A file received twice has each row twice, and only one of them is in the tables.
insert into gone_rows
select source_file, source_pointer
from staged_rows semi join (
    select file_sha256, source_pointer
    from staged_rows semi join gone_rows using (source_file, source_pointer)
) using (file_sha256, source_pointer)
anti join gone_rows using (source_file, source_pointer)
where person_id is null;
create or replace temp table gone_staged as
select distinct source_file, source_pointer, file_sha256
from staged_rows as h where {_is_gone("person_id")}
"""
        )

    def _refuse_stale(self, connection: Connection) -> None:
        """A run that stopped on its way left tables that do not say the same thing.

        Raises:
            InputError: files were read after the hours were judged, or lines were not judged.
        """
        staged = [
            path.stat().st_mtime_ns
            for _, table in staged_tables(self.tables, self.catalogue)
            for path in self.tables.folder(table).glob("*.parquet")
        ]
        judged = [path.stat().st_mtime_ns for path in self.tables.folder(HOURS).glob("*.parquet")]
        behind = bool(staged) and max(staged) > max(judged, default=0)
        if not behind and self.tables.exists(HOUR_LINES):
            hours = self.tables.scan(HOURS) if judged else "(select null as line_id where false)"
            [(missing,)] = connection.execute(
                f"select count(*) from {self.tables.scan(HOUR_LINES)} anti join {hours} "
                "using (line_id)"
            ).fetchall()
            behind = missing > 0 or (bool(judged) and not self.tables.exists(FIGURES))
        if behind:
            raise InputError(
                f"{self.tables.root} : les tables ne sont pas à jour des fichiers reçus (une "
                "exécution s'est arrêtée en chemin). Rien n'a été effacé : lancez « spaser run », "
                "puis recommencez.",
                f"{self.tables.root}: the tables are behind the files received (a run stopped on "
                "its way). Nothing was erased: run `spaser run`, then start again.",
            )

    def settle(self, connection: Connection) -> None:
        """Write what stays of the lines.

        `privacy.settled` seals a part: until it is there, what was written before is redone.
        """
        self.marker.parent.mkdir(parents=True, exist_ok=True)
        _replace(connection, self.marker, "select pseudonym from gone_people order by all")
        if self._count(connection, "gone_lines"):
            part = self._next_part(SETTLED)
            self._freeze(connection, SETTLED_PEOPLE, _FIRST_HOURS, part)
            frozen = self._settled_before(SETTLED_FIGURES, "year", part)
            self._freeze(
                connection,
                SETTLED_FIGURES,
                f"select * from {self.tables.scan(FIGURES)} where year in (select year from "
                f"gone_lines) and year not in (select year from {frozen})",
                part,
            )
            hidden = ", ".join(person_columns(HOURS, self.catalogue))
            self._freeze(connection, SETTLED, f"select * exclude ({hidden}) from gone_lines", part)
        if self._count(connection, "gone_staged"):
            part = self._next_part(SETTLED_ROWS)
            known = self._settled_before(SETTLED_ROWS, "source_file, source_pointer", part)
            new = f"select * from gone_staged anti join {known} using (source_file, source_pointer)"
            self._freeze(connection, SETTLED_ROWS, new, part)

    def _next_part(self, table: str) -> str:
        last = max(
            (int(path.stem) for path in self.tables.folder(table).glob("*.parquet")), default=0
        )
        return f"{last + 1:05d}"

    def _freeze(self, connection: Connection, table: str, query: str, part: str) -> None:
        self.tables.write(connection, table, f"select * from ({query}) order by all", part)

    def _settled_before(self, table: str, columns: str, part: str) -> str:
        """What other parts of a table hold: that of a purge killed before its seal is redone."""
        kept = [path for path in self.tables.folder(table).glob("*.parquet") if path.stem != part]
        if not kept:
            nothing = ", ".join(f"null as {name}" for name in columns.split(", "))
            return f"(select {nothing} where false)"
        names = ", ".join(literal(path.as_posix()) for path in sorted(kept))
        return f"(select {columns} from read_parquet([{names}]))"

    def erase(self, connection: Connection) -> None:
        """Remove the lines from every table that has them.

        The tables that say what is due come last: what a kill leaves is found again.
        """
        for _, table in staged_tables(self.tables, self.catalogue):
            self._rewrite(connection, table, _is_gone("person_id"))
        blanked = ", ".join(
            f"case when is_gone then null else {name} end as {name}"
            for name in person_columns(HOURS, self.catalogue)
        )
        self._rewrite(connection, HOURS, _is_gone("pseudonym"), f"replace ({blanked})")
        if self.tables.exists(SETTLED_PEOPLE):
            self._rewrite(connection, OPERATION_PEOPLE, _has_lost_people(self.tables))
        self._rewrite(connection, PEOPLE, _IN_PEOPLE.format(person="h.pseudonym"))
        for table in (PARTICIPANTS, HOUR_LINES):
            self._rewrite(connection, table, _is_gone("pseudonym"))
        self._renew_database()

    def _rewrite(
        self, connection: Connection, table: str, gone: str, blanked: str | None = None
    ) -> None:
        """Rewrite the parts of a table that hold something to erase; rows go, or are blanked.

        The new part has the time of the old one: a later purge tells by it which tables are behind.
        """
        for path in sorted(self.tables.folder(table).glob("*.parquet")):
            part = f"read_parquet({literal(path.as_posix())}, file_row_number = true) as h"
            [(rows,)] = connection.execute(f"select count(*) from {part} where {gone}").fetchall()
            if rows:
                kept = "where not is_gone" if blanked is None else ""
                _replace(
                    connection,
                    path,
                    f"select * exclude (is_gone, file_row_number) {blanked or ''} "
                    f"from (select *, {gone} as is_gone from {part}) {kept} "
                    "order by file_row_number",
                )

    def _renew_database(self) -> None:
        """The published database never has persons; one written by an older version might."""
        if not self.database.is_file():
            return
        # What is settled is aggregated, but not masked: it is published no more than the rest.
        settled = {name: () for name in self.tables.names() if name.startswith("privacy.")}
        restricted = {**self.catalogue.restricted, **settled}
        with open_database(self.database) as connection:
            rows = connection.execute(
                "select table_schema || '.' || table_name, column_name "
                "from information_schema.columns"
            ).fetchall()
        if any(table in restricted and _is_hidden(restricted[table], name) for table, name in rows):
            write_database(self.tables, self.database, restricted)

    def verify(self, connection: Connection) -> None:
        """Look for the erased persons in every table of the scheme.

        Raises:
            Blocked: one is still there.
        """
        if not self.pseudonyms:
            return
        remaining = [
            path.relative_to(self.tables.root).as_posix()
            for path in sorted(self.tables.root.rglob("*.parquet"))
            if path != self.marker and _holds_people(connection, path)
        ]
        if remaining:
            names = ", ".join(remaining)
            raise Blocked(
                f"Effacement incomplet : des pseudonymes effacés restent dans {names}. Relancez "
                "« spaser privacy purge » ; si cela se reproduit, signalez-le.",
                f"Incomplete erasure: erased pseudonyms remain in {names}. Run `spaser privacy "
                "purge` again; if it happens again, report it.",
            )

    @staticmethod
    def _count(connection: Connection, table: str) -> int:
        [(rows,)] = connection.execute(f"select count(*) from {table}").fetchall()
        return int(rows)


_IN_PEOPLE = "coalesce({person} in (select pseudonym from gone_people), false)"


def _is_gone(person: str) -> str:
    """Whether a row `h` is to go: its person is, or the row itself where it names nobody."""
    return (
        f"({_IN_PEOPLE.format(person=f'h.{person}')} or (h.{person} is null and exists (select 1 "
        "from gone_rows as g where g.source_file = h.source_file "
        "and g.source_pointer = h.source_pointer)))"
    )


def _has_lost_people(tables: Tables) -> str:
    """Whether a row `h` is about an operation that lost persons: who is left is told no more."""
    lost = f"select commitment_id from {tables.scan(SETTLED_PEOPLE)}"
    return f"(h.operation_id in ({lost} where commitment_id is not null))"


_FIRST_HOURS = """
select commitment_id, cast(first_year as integer) as year, count(*) as people
from (
    select commitment_id, pseudonym, min(year) as first_year
    from gone_lines
    where outcome in ('validated', 'corrected') and hours_validated > 0 and pseudonym is not null
    group by commitment_id, pseudonym
)
group by commitment_id, first_year
"""


def _is_hidden(columns: tuple[str, ...], name: str) -> bool:
    return not columns or name in columns


def _replace(connection: Connection, path: Path, query: str) -> None:
    """Put the rows of a query in the place of a Parquet file, with its time."""
    beside = path.with_suffix(".parquet.tmp")
    connection.execute(
        f"copy ({query}) to {literal(beside.as_posix())} "
        f"(format parquet, compression zstd, row_group_size {ROW_GROUP})"
    )
    if path.exists():
        state = path.stat()
        os.utime(beside, ns=(state.st_atime_ns, state.st_mtime_ns))
    beside.replace(path)


def _holds_people(connection: Connection, path: Path) -> bool:
    """Whether a text of a Parquet file is the pseudonym of an erased person."""
    source = f"read_parquet({literal(path.as_posix())})"
    columns = connection.execute(f"describe select * from {source}").fetchall()
    texts = ", ".join(f'"{name}"' for name, kind, *_ in columns if kind == "VARCHAR")
    if not texts:
        return False
    [(found,)] = connection.execute(
        f"select count(*) from (select unnest([{texts}]) as pseudonym from {source}) "
        "semi join gone_people using (pseudonym)"
    ).fetchall()
    return bool(found)


# --- the log, the lock, the errors --------------------------------------------------------------


def log_file(tables: Tables) -> Path:
    """Where the log of the purges of a scheme is."""
    return tables.root / "privacy" / "purges.csv"


def read_log(tables: Tables) -> list[dict[str, str]]:
    """The lines of the log, oldest first, as text."""
    path = log_file(tables)
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def _log(tables: Tables, done: Purge, done_on: date) -> None:
    line = LogLine(
        done_on=done_on.isoformat(),
        as_of=done.as_of.isoformat(),
        rule_months=done.months,
        people=done.people,
        hour_lines=done.hour_lines,
        staged_rows=done.staged_rows,
        frozen_years=" ".join(map(str, done.frozen_years)),
        files_deleted=len(done.deleted),
    )
    names = [field.name for field in fields(LogLine)]
    earlier = [[row.get(name, "") for name in names] for row in read_log(tables)]
    write_csv(log_file(tables), names, [*earlier, [getattr(line, name) for name in names]])


@contextmanager
def _readable_errors() -> Iterator[None]:
    """A disk that refuses is the user's to mend.

    Raises:
        InputError: in the place of the system's or the engine's own error.
    """
    try:
        yield
    except (OSError, EngineError) as error:
        if isinstance(error, EngineError) and type(error).__name__ != "IOException":
            raise
        told = getattr(error, "strerror", None) or " ".join(str(error).split())[:200]
        raise InputError(
            f"Effacement interrompu : {told}. Vérifiez la place et les droits du disque, puis "
            "relancez « spaser privacy purge » : il finira ce qui est commencé.",
            f"Erasure interrupted: {told}. Check the disk's space and rights, then run `spaser "
            "privacy purge` again: it will end what was begun.",
        ) from error
