"""What was published before: the figures about people of each edition, and those it hid.

An edition is known for ever: what it printed cannot be taken back, and what it hid must not follow
from the next one. So the department keeps, beside its tables, one file per edition sealed:
`editions/<year>-<number>.json`, aggregated figures without any line of a person. It holds the
hidden figures too, since how a figure changed cannot be known otherwise: it belongs to the
restricted zone, is readable by its owner alone, and is never published.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from pathlib import Path

from spaser.errors import InputError
from spaser.privacy.cube import alike_of, members_of, read_years
from spaser.privacy.rules import HOURS, PEOPLE, Key
from spaser.privacy.sheets import INTERNAL
from spaser.privacy.structure import Edition, Figure
from spaser.project import Project
from spaser.warehouse import Tables, open_database, session

FOLDER = "editions"


def seal(tables: Tables, year: int, on: date) -> Path | None:
    """Record the figures about people of one year as published on a day; returns the file.

    To be called for every year whose figures a publication prints, when it is published. An edition
    that says the same as the last one is not recorded again: its file is returned. Without figures
    of that year there is nothing to record.
    """
    edition = _published(tables, year)
    if not edition.figures:
        return None
    files = _files(tables, year)
    if files and _read(files[-1]) == edition:
        return files[-1]
    number = 1 + (_number(files[-1]) if files else 0)
    target = tables.root / FOLDER / f"{year}-{number}.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    _write(target, _text(edition, year, on))
    return target


def require_printed(project: Project, scheme: str, year: int) -> None:
    """Refuse tables that are not those of the published report: what they say was never printed.

    A report is made of its tables when its manifest names the same files, read on the same day, and
    the database published with the last report holds the same figures of the year.

    Raises:
        InputError: no report of the year, no database, or tables that changed since.
    """
    tables = Tables(project.curated(scheme))
    report = project.rendered(scheme) / str(year) / INTERNAL
    database = project.curated(scheme) / "spaser.duckdb"
    if _is_made_of(report, tables) and _holds_figures(database, tables, year):
        return
    raise InputError(
        f"Rien n'est scellé : le rapport {year} de « {scheme} » n'est pas là, ou les tables ont "
        "changé depuis qu'il est fait (autre exécution, « spaser check », exécution arrêtée en "
        f"chemin). Lancez « spaser run {scheme} --year {year} », publiez ce rapport-là, puis "
        "scellez-le.",
        f"Nothing is sealed: the report {year} of “{scheme}” is not there, or the tables have "
        "changed since it was made (another run, `spaser check`, a run that stopped on its way). "
        f"Run `spaser run {scheme} --year {year}`, publish that report, then seal it.",
    )


def _is_made_of(report: Path, tables: Tables) -> bool:
    """Whether the manifest of a report names the files and the day of the tables."""
    manifest = report / "manifest.json"
    if not (manifest.is_file() and all(map(tables.exists, ("quality.inputs", "quality.run")))):
        return False
    try:
        told = json.loads(manifest.read_text(encoding="utf-8"))
        day, named = told["as_of"], [(one["path"], one["sha256"]) for one in told["inputs"]]
    except (OSError, ValueError, LookupError, TypeError):  # damaged: it names nothing
        return False
    with session() as connection:
        inputs = connection.execute(
            f"select source_file, sha256 from {tables.scan('quality.inputs')}"
        ).fetchall()
        [(as_of,)] = connection.execute(
            f"select max(as_of) from {tables.scan('quality.run')}"
        ).fetchall()
    return sorted(named) == sorted(inputs) and day == str(as_of)


def _holds_figures(database: Path, tables: Tables, year: int) -> bool:
    """Whether a published database says the same of a year's figures, and of why some are hidden.

    A database without them holds those of tables that have none.
    """
    if not database.is_file():
        return False
    with open_database(database) as connection:
        known = connection.execute(
            "select table_schema || '.' || table_name from information_schema.tables"
        ).fetchall()
        for table, columns in _PRINTED.items():
            if ((table,) in known) != tables.exists(table):
                return False
            if (table,) not in known:
                continue
            published, built = (
                f"select {columns} from {relation} where year = {year}"
                for relation in (table, tables.scan(table))
            )
            [(differing,)] = connection.execute(
                f"select count(*) from (({published} except all {built}) "
                f"union all ({built} except all {published}))"
            ).fetchall()
            if differing:
                return False
    return True


_PRINTED = {
    "indicators.figures": "buyer_id, axis, member, measure, value, is_published",
    "quality.suppression": "buyer_id, axis, member, measure, state, reason",
}
"""What a database tells of figures about people."""


def sealed(tables: Tables, year: int) -> list[Edition]:
    """The editions of one year sealed so far, oldest first.

    Raises:
        InputError: a file cannot be read.
    """
    return [_read(path) for path in _files(tables, year)]


def _published(tables: Tables, year: int) -> Edition:
    """The figures of a year with what `indicators.figures` hides of them."""
    needed = ("facts.people_figures", "indicators.figures")
    if not all(tables.exists(name) for name in needed):
        return Edition(())
    with session() as connection:
        rows = read_years(connection, tables.scan(needed[0])).get(year, [])
        shown = set(
            connection.execute(
                f"select buyer_id, axis, member, measure from {tables.scan(needed[1])} "
                "where year = ? and is_published",
                [year],
            ).fetchall()
        )
    members, alike = members_of(rows), alike_of(rows)
    figures: dict[Key, Figure] = {}
    hidden = set()
    for row in rows:
        for figure in row.figures(members, alike):
            figures[figure.key] = Figure(figure.key, figure.value)
            if (row.buyer_id, row.axis, row.member, figure.key[0]) not in shown:
                hidden.add(figure.key)
    return _ordered(figures.values(), hidden)


def _ordered(figures: Iterable[Figure], hidden: Iterable[Key]) -> Edition:
    return Edition(tuple(sorted(figures, key=lambda figure: figure.key)), frozenset(hidden))


def _text(edition: Edition, year: int, on: date) -> str:
    """One figure a line."""
    lines = [
        json.dumps(
            {
                "measure": figure.key[0],
                "place": dict(figure.key[1]),
                "value": str(figure.value),
                "is_hidden": figure.key in edition.hidden,
            },
            ensure_ascii=False,
        )
        for figure in edition.figures
    ]
    head = f'{{"year": {year}, "sealed_on": "{on.isoformat()}", "figures": [\n'
    return head + ",\n".join(lines) + "\n]}\n"


def _write(target: Path, text: str) -> None:
    beside = target.with_suffix(".json.tmp")
    beside.unlink(missing_ok=True)
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as out:
        out.write(text)
    beside.replace(target)


def _read(path: Path) -> Edition:
    try:
        figures, hidden = [], set()
        for line in json.loads(path.read_text(encoding="utf-8"))["figures"]:
            key = (line["measure"], tuple(sorted(line["place"].items())))
            if key[0] not in (PEOPLE, HOURS):
                raise ValueError(key[0])
            figures.append(Figure(key, Decimal(line["value"])))
            if line["is_hidden"]:
                hidden.add(key)
    except (OSError, ValueError, ArithmeticError, LookupError, TypeError, AttributeError) as fault:
        raise InputError(
            f"{path.name} : cette édition déjà publiée est illisible, on ne sait plus ce qu'elle "
            "a dit. Remettez le fichier depuis une sauvegarde : rien n'est publié sans lui.",
            f"{path.name}: this edition, already published, cannot be read, so what it told is "
            "unknown. Restore the file from a backup: nothing is published without it.",
        ) from fault
    return _ordered(figures, hidden)


def _files(tables: Tables, year: int) -> list[Path]:
    found = (tables.root / FOLDER).glob(f"{year}-*.json")
    return sorted((path for path in found if _NAME.fullmatch(path.name)), key=_number)


def _number(path: Path) -> int:
    return int(path.stem.rsplit("-", 1)[1])


_NAME = re.compile(r"\d+-\d+\.json")
