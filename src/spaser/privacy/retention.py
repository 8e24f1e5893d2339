"""How long lines about persons are kept, and which are due for erasure.

The durations are the rows of `assets/references/retention_rules.csv` (RGPD art. 5(1)(e); CNIL,
référentiel social et médico-social of 11 March 2021). A person's lines leave together, when the
months of the rule have gone since the last contact:

- the last month worked, whatever became of the line, a month in the future apart;
- a later eligibility, because the person is in a new pathway;
- with neither, the last date of the participant sheet.

A line that names nobody but still says something of a person (sex, criteria…) goes by its own
dates. What has no readable date at all is never due: it is counted apart, to be completed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from spaser.cards import PEOPLE_FEEDS, Catalogue
from spaser.errors import InputError
from spaser.warehouse import Connection, Tables, session

PERSON_LINES = "person_lines"
HOUR_LINES, PARTICIPANTS = "curated.hour_lines", "curated.participants"
SETTLED_ROWS = "privacy.settled_rows"
"""Rows of files whose person was erased: `source_file`, `source_pointer`, `file_sha256`."""


@dataclass(frozen=True)
class RetentionRule:
    """One row of the reference table, in force from a day to a day included (null: still).

    `months` is null where no duration is counted. `status` is verified or to_check.
    """

    what: str
    months: int | None
    action: str
    label_fr: str
    label_en: str
    starts_fr: str
    starts_en: str
    ends_fr: str
    ends_en: str
    valid_from: date
    valid_to: date | None
    source: str
    status: str


@dataclass(frozen=True)
class Held:
    """Lines about persons of one file and year: counts only.

    `kind` is hours or participants; `year` is that of the month worked or of the sheet's last date,
    null where there is none. `due` counts the lines to erase, `undated` those of nobody knows when.
    """

    kind: str
    year: int | None
    source_file: str
    lines: int
    due: int
    undated: int


@dataclass(frozen=True)
class Retention:
    """What is held about persons on a day: `people` and `people_due` count pseudonyms."""

    as_of: date
    rule: RetentionRule
    people: int
    people_due: int
    held: tuple[Held, ...]

    @property
    def lines_due(self) -> int:
        """The lines to erase."""
        return sum(row.due for row in self.held)

    @property
    def undated(self) -> int:
        """The lines without any date, which are never due."""
        return sum(row.undated for row in self.held)


def retention_rules(rows: Iterable[Mapping[str, str]], day: date) -> dict[str, RetentionRule]:
    """The rules in force on a day by what they are about, in the order of the table.

    Raises:
        InputError: a row cannot be read, two are in force, or lines of persons have no duration.
    """
    found: dict[str, RetentionRule] = {}
    for line, row in enumerate(rows, start=2):
        rule = _rule(line, row)
        if not rule.valid_from <= day <= (rule.valid_to or date.max):
            continue
        if rule.what in found:
            raise _wrong_row(line, f"deux règles « {rule.what} »", f"two rules “{rule.what}”")
        found[rule.what] = rule
    person_lines = found.get(PERSON_LINES)
    if person_lines is None or person_lines.months is None:
        raise InputError(
            f"retention_rules.csv : pas de durée {PERSON_LINES} au {day:%d/%m/%Y}. Ajoutez la "
            "ligne : sans durée, on ne sait pas quoi effacer.",
            f"retention_rules.csv: no duration {PERSON_LINES} on {day.isoformat()}. Add the row: "
            "without a duration nobody knows what to erase.",
        )
    return found


def _rule(line: int, row: Mapping[str, str]) -> RetentionRule:
    try:
        months = int(row["months"]) if row["months"] else None
        if months is not None and months < 0:
            raise ValueError(row["months"])
        return RetentionRule(
            months=months,
            valid_from=date.fromisoformat(row["valid_from"]),
            valid_to=date.fromisoformat(row["valid_to"]) if row["valid_to"] else None,
            **{name: row[name] for name in _TEXTS},
        )
    except (KeyError, ValueError) as fault:
        raise _wrong_row(line, f"illisible ({fault})", f"unreadable ({fault})") from fault


_TEXTS = (
    *("what", "action", "label_fr", "label_en", "starts_fr", "starts_en", "ends_fr", "ends_en"),
    *("source", "status"),
)


def _wrong_row(line: int, fr: str, en: str) -> InputError:
    return InputError(
        f"retention_rules.csv, ligne {line} : {fr}. Corrigez la ligne.",
        f"retention_rules.csv, line {line}: {en}. Correct the line.",
    )


def retention(tables: Tables, catalogue: Catalogue, as_of: date) -> Retention:
    """What is held about persons, and what of it is due for erasure on a day.

    Raises:
        InputError: a wrong rule (see `retention_rules`), or the scheme has no table yet.
    """
    rule = retention_rules(catalogue.reference("retention_rules"), as_of)[PERSON_LINES]
    with session() as connection:
        find_due(connection, tables, catalogue, rule, as_of)
        [(people, people_due)] = connection.execute(
            "select count(*), count(*) filter (where is_due) from persons"
        ).fetchall()
        rows = connection.execute(
            "select kind, year(own_date), source_file, count(*), "
            "count(*) filter (where is_due), count(*) filter (where is_due is null) "
            "from held_rows group by all order by all"
        ).fetchall()
    return Retention(as_of, rule, people, people_due, tuple(Held(*row) for row in rows))


def find_due(
    connection: Connection, tables: Tables, catalogue: Catalogue, rule: RetentionRule, as_of: date
) -> None:
    """Make the temporary tables of what is held about persons, with what is due.

    - `held_rows`, one row per line about a person: kind, pseudonym (null: names nobody),
      source_file, source_pointer, own_date, is_due (null: no date at all);
    - `persons`, one row per pseudonym: last_contact, is_due.

    Raises:
        InputError: the scheme has no table yet.
    """
    if not any(tables.exists(name) for name in (HOUR_LINES, PARTICIPANTS)):
        raise InputError(
            f"{tables.root} : ce schéma n'a encore aucune table sur des personnes. Lancez d'abord "
            "« spaser run ».",
            f"{tables.root}: this scheme has no table about persons yet. Run `spaser run` first.",
        )
    day = f"date '{as_of.isoformat()}'"
    connection.execute(
        f"""
create or replace temp table dated_rows as
with lines as ({_lines_sql(tables, catalogue, day)})
select lines.*, coalesce(pseudonym, concat_ws(chr(31), 'row', source_file, source_pointer)) as owner
from lines anti join {_settled(tables)} as settled using (source_file, source_pointer);

create or replace temp table owners as
select owner, any_value(pseudonym) as pseudonym,
    coalesce(greatest(max(hour), max(eligible)), max(other)) as last_contact,
    cast(date_trunc('month', last_contact) + to_months({(rule.months or 0) + 1}) as date) <= {day}
        as is_due
from dated_rows group by owner;

create or replace temp table held_rows as
select kind, d.pseudonym, source_file, source_pointer, coalesce(hour, eligible, other) as own_date,
    is_due
from dated_rows as d join owners using (owner);

create or replace temp table persons as
select pseudonym, last_contact, is_due from owners where pseudonym is not null
"""
    )


def _lines_sql(tables: Tables, catalogue: Catalogue, day: str) -> str:
    """Every line about a person with its dates, those in the future of the day left out."""
    hours = (
        f"select 'hours' as kind, pseudonym, source_file, source_pointer, "
        f"{_past(['month'], day)} as hour, cast(null as date) as eligible, "
        f"cast(null as date) as other {_of_somebody(HOUR_LINES, tables, catalogue)}"
    )
    sheets = (
        "select 'participants', pseudonym, source_file, source_pointer, null, "
        f"{_past(['eligible_from'], day)}, {_past(_SHEET_DATES, day)} "
        f"{_of_somebody(PARTICIPANTS, tables, catalogue)}"
    )
    known = f"{hours} union all {sheets}"
    # A staged row that no table has taken in (set aside, or the second copy of a file) has no date
    # of its own, but its person may have one.
    staged = [
        f"select '{feeds}' as kind, person_id as pseudonym, source_file, source_pointer, "
        f"cast(null as date), cast(null as date), cast(null as date) from {tables.scan(table)} "
        "where person_id is not null"
        for feeds, table in staged_tables(tables, catalogue)
    ]
    rest = "".join(
        f" union all (select * from ({query}) anti join known using (source_file, source_pointer))"
        for query in staged
    )
    return f"with known as ({known}) select * from known{rest}"


_SHEET_DATES = ("proof_date", "hire_date", "work_end_date", "eligible_to")


def _past(columns: Sequence[str], day: str) -> str:
    """The latest of some dates that is not in the future: a year 2099 must keep nobody for ever."""
    return f"list_max(list_filter([{', '.join(columns)}], lambda d: d <= {day}))"


def _of_somebody(table: str, tables: Tables, catalogue: Catalogue) -> str:
    """From the lines that say something of a person: one that was blanked no longer does."""
    says = " or ".join(f"{name} is not null" for name in person_columns(table, catalogue))
    return f"from {_relation(tables, table, catalogue)} where {says}"


def person_columns(table: str, catalogue: Catalogue) -> list[str]:
    """The columns of a table that are about a person, in the order of its card."""
    card = catalogue.tables[table.replace(".", "/")]
    return [name for name, column in card.columns.items() if column.about_person]


def _relation(tables: Tables, table: str, catalogue: Catalogue) -> str:
    """A table, or nothing in its columns where it was not built."""
    if tables.exists(table):
        return tables.scan(table)
    columns = catalogue.tables[table.replace(".", "/")].columns
    empty = ", ".join(
        f'cast(null as {column.type}) as "{name}"' for name, column in columns.items()
    )
    return f"(select {empty} where false)"


def _settled(tables: Tables) -> str:
    if tables.exists(SETTLED_ROWS):
        return f"(select distinct source_file, source_pointer from {tables.scan(SETTLED_ROWS)})"
    return "(select '' as source_file, '' as source_pointer where false)"


def staged_tables(tables: Tables, catalogue: Catalogue) -> list[tuple[str, str]]:
    """The staged tables about persons that exist, as (what they feed, table)."""
    found = [
        (feeds, card.key.replace("sources/", "staged."))
        for feeds in PEOPLE_FEEDS
        for card in catalogue.sources_of(feeds)
    ]
    return [(feeds, table) for feeds, table in found if tables.exists(table)]
