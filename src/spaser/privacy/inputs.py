"""Input files about persons: those whose every line was erased can go, the others say why not."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path

from spaser.cards import Catalogue
from spaser.errors import InputError
from spaser.privacy.retention import SETTLED_ROWS, staged_tables
from spaser.scheme import Scheme, input_files
from spaser.warehouse import Connection, Tables


@dataclass(frozen=True)
class Input:
    """A file received that holds lines of persons, and what keeps it from being deleted.

    `lines` still to keep, `unread` lines that nobody could read, `others` of other registers in the
    same file; `changed`: it is no longer the file that was read.
    """

    name: str
    path: Path
    lines: int
    unread: int
    others: int
    changed: bool

    @property
    def is_spent(self) -> bool:
        """Whether every line of the file is erased: nothing is lost with it."""
        return not (self.lines or self.unread or self.others or self.changed)


def inputs_about_people(
    connection: Connection, root: Path, catalogue: Catalogue, scheme: Scheme, tables: Tables
) -> list[Input]:
    """Every input file about persons that is still there, by name.

    `gone_staged` (source_file, source_pointer …) holds the rows that this purge erases: counted as
    gone, so that a dry run says what the purge itself would.
    """
    if not tables.exists("quality.inputs"):
        return []
    files = _present(scheme, root)
    by_digest = {_sha(path): path for path in files}
    found = []
    for name, digest, lines, unread, others in _counted(connection, catalogue, tables):
        same = by_digest.get(digest)
        there = same or next((path for path in files if _is_named(path, name)), None)
        if there is not None:
            found.append(Input(name, there, lines, unread, others, changed=same is None))
    return found


def delete(file: Input) -> None:
    """Delete an input file, and the link that leads to it."""
    for path in {file.path, file.path.resolve()}:
        path.unlink(missing_ok=True)


def _present(scheme: Scheme, root: Path) -> list[Path]:
    try:
        return input_files(scheme, root)
    except InputError:  # all of them may have been deleted by earlier purges
        return []


def _is_named(path: Path, name: str) -> bool:
    return f"/{path.resolve().as_posix()}".endswith(f"/{name}")


def _sha(path: Path) -> str:
    with path.open("rb") as content:
        return file_digest(content, "sha256").hexdigest()


def _counted(
    connection: Connection, catalogue: Catalogue, tables: Tables
) -> list[tuple[str, str, int, int, int]]:
    """Name, digest, lines kept, lines unread and lines of other registers of each people file."""
    people = {table for _, table in staged_tables(tables, catalogue)}
    staged = {name for name in tables.names() if name.startswith("staged.")}
    settled = [SETTLED_ROWS] if tables.exists(SETTLED_ROWS) else []
    return connection.execute(
        f"""
with lines as ({_rows(tables, people)}), others as ({_rows(tables, staged - people)}),
gone as (
    {_rows(tables, settled)} union select source_file, source_pointer from gone_staged
), kept as (
    select source_file, count(*) as rows
    from lines anti join gone using (source_file, source_pointer)
    group by source_file
), foreign_rows as (
    select source_file, count(*) as rows from others group by source_file
)
select i.source_file, i.sha256, coalesce(kept.rows, 0), i.rejected, coalesce(foreign_rows.rows, 0)
from {tables.scan("quality.inputs")} as i
left join kept using (source_file)
left join foreign_rows using (source_file)
where i.source_file in (select source_file from lines union select source_file from gone)
order by i.source_file
"""
    ).fetchall()


def _rows(tables: Tables, names: set[str] | list[str]) -> str:
    """The places of every row of some tables."""
    nothing = "select null::varchar as source_file, null::varchar as source_pointer where false"
    return " union all ".join(
        [
            nothing,
            *(
                f"select source_file, source_pointer from {tables.scan(name)}"
                for name in sorted(names)
            ),
        ]
    )
