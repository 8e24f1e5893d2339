"""What a purge erases, what it keeps, and what becomes of one that is killed."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from spaser.errors import Blocked, InputError
from spaser.privacy import purge as module
from spaser.privacy.leftovers import tidy
from spaser.privacy.purge import Purge, log_file, purge, read_log
from spaser.privacy.sheets import BOOK, FOLDER, INTERNAL
from spaser.warehouse import open_database, session, write_database
from tests.privacy.ground import DAY, Ground, Line, Sheet, age, holders, person

OLD, MIXED = "data/raw/x/heures-2021.csv", "data/raw/x/heures-2022.csv"
SHEETS = "data/raw/x/participants.csv"
GONE, KEPT = ("A", "B"), ("C",)

LINES = [
    Line("A", "2021-03-01", OLD, 2, hours="70.50"),
    Line("A", "2021-04-01", OLD, 3, outcome="quarantined"),
    Line("B", "2021-04-01", OLD, 4, commitment="OP-2"),
    Line("B", "2022-04-01", MIXED, 2, commitment="OP-1"),
    Line("C", "2022-04-01", MIXED, 3),
    Line("C", "2025-04-01", MIXED, 4),
]
PATHWAYS = [
    Sheet("A", SHEETS, 2, eligible_from="2021-02-01"),
    Sheet("C", SHEETS, 3, eligible_from="2022-02-01"),
]


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    with session() as connection:
        ground = Ground(tmp_path, connection)
        ground.build(LINES, PATHWAYS)
        yield ground


def run(ground: Ground, as_of: date = DAY, **options: bool) -> Purge:
    return purge(ground.project, ground.cards, ground.scheme, as_of, date(2026, 6, 2), **options)


def people_of(ground: Ground, table: str, column: str = "pseudonym") -> set[str | None]:
    return {row[column] for row in ground.rows(table)}


def test_the_erased_persons_are_nowhere_and_the_others_are_where_they_were(ground: Ground) -> None:
    before = holders(ground.project.root, KEPT)
    assert holders(ground.project.root, GONE)
    done = run(ground)
    assert (done.people, done.hour_lines, done.staged_rows) == (2, 4, 5)
    assert holders(ground.project.root, GONE) == []
    assert holders(ground.project.root, KEPT) == before
    for table in ("curated.hour_lines", "curated.participants", "curated.people"):
        assert people_of(ground, table) == {person("C")}, table
    for table in ("staged.insertion_log", "staged.insertion_participants"):
        assert people_of(ground, table, "person_id") == {person("C")}, table


def test_the_lines_of_hours_stay_as_they_were_but_for_the_person(ground: Ground) -> None:
    before = ground.rows("curated.hours")
    run(ground)
    after = ground.rows("curated.hours")
    about = [n for n, c in ground.cards.tables["curated/hours"].columns.items() if c.about_person]
    kept = {person("C")}
    expected = [row if row["pseudonym"] in kept else row | dict.fromkeys(about) for row in before]
    assert after == expected
    assert before != after


def test_settled_lines_are_the_erased_ones_in_the_columns_about_no_person(ground: Ground) -> None:
    erased = [row for row in ground.rows("curated.hours") if row["pseudonym"] != person("C")]
    run(ground)
    columns = ground.cards.tables["curated/hours"].columns
    names = [name for name, column in columns.items() if not column.about_person]
    settled = ground.rows("privacy.settled")
    assert settled == [{name: row[name] for name in names} for row in erased]
    with session() as connection:
        found = connection.execute(
            f"describe select * from {ground.tables.scan('privacy.settled')}"
        ).fetchall()
    assert [(name, kind) for name, kind, *_ in found] == [(n, columns[n].type) for n in names]


OPERATION_PEOPLE = [
    {"operation_id": operation, "axis": "sex", "member": "female", "people": people}
    for operation, people in (("OP-1", 3), ("OP-2", 1), ("OP-3", 7))
]


def test_who_worked_in_an_operation_that_lost_persons_is_told_no_more(ground: Ground) -> None:
    ground.write("curated.operation_people", OPERATION_PEOPLE)
    run(ground)
    left = [(row["operation_id"], row["people"]) for row in ground.rows("curated.operation_people")]
    assert left == [("OP-3", 7)]


def reports(ground: Ground) -> Path:
    """Reports of two years, one of them in two languages, with what each folder has."""
    root = ground.project.rendered("x")
    pages = [f"{FOLDER}/index.html", f"{FOLDER}/op-1.html"]
    for folder in ("2021/interne", "2025/interne", "2025/interne/en", "2025/public"):
        names = pages if folder.endswith("public") else [*pages, BOOK, "rapport.html"]
        for name in names:
            path = root / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{folder} {name}", encoding="utf-8")
        files = [{"path": name, "bytes": 1, "sha256": "0" * 64} for name in names]
        (root / folder / "manifest.json").write_text(json.dumps({"year": 1, "files": files}))
    return root


def test_internal_sheets_of_operations_are_withdrawn_from_the_reports(ground: Ground) -> None:
    root = reports(ground)
    before = snapshot(ground)
    counted = run(ground, dry_run=True)
    assert snapshot(ground) == before
    done = run(ground)
    assert counted.withdrawn == done.withdrawn == ("2021", "2025")
    for folder in ("2021/interne", "2025/interne", "2025/interne/en"):
        report = root / folder
        there = {path.name for path in (*report.iterdir(), *(report / FOLDER).iterdir())}
        assert there - {"en"} == {FOLDER, "index.html", "manifest.json", "rapport.html"}
        notice = (report / FOLDER / "index.html").read_bytes()
        assert b'href="../rapport.html"' in notice
        manifest = json.loads((report / "manifest.json").read_text(encoding="utf-8"))
        told = {entry["path"]: (entry["bytes"], entry["sha256"]) for entry in manifest["files"]}
        digest = hashlib.sha256(notice).hexdigest()
        assert told.pop(f"{FOLDER}/index.html") == (len(notice), digest)
        assert told == {"rapport.html": (1, "0" * 64)}
        assert manifest["year"] == 1
    public = {path: content for path, content in before.items() if "/2025/public/" in path}
    assert public.items() <= snapshot(ground).items()
    assert run(ground, date(2027, 6, 1)).withdrawn == (), "they are withdrawn already"


def test_sheets_stay_when_no_operation_loses_anyone(ground: Ground) -> None:
    ground.build([Line("C", "2025-04-01", MIXED, 4)], PATHWAYS)
    root = reports(ground)
    done = run(ground)
    assert (done.people, done.hour_lines, done.withdrawn) == (1, 0, ())
    assert (root / "2021/interne" / BOOK).is_file()


def test_they_are_called_as_the_reports_call_them() -> None:
    from spaser.defs import publishing
    from spaser.publish import operation_pages, render

    names = (publishing.AUDIENCE, operation_pages.FOLDER, sys.modules[render.__module__].OPERATIONS)
    assert names == (INTERNAL, FOLDER, BOOK)


def test_figures_of_the_years_touched_are_frozen_once(ground: Ground) -> None:
    before = [row for row in ground.rows("facts.people_figures") if row["year"] in (2021, 2022)]
    assert run(ground).frozen_years == (2021, 2022)
    assert ground.rows("privacy.settled_figures") == before
    # What a later run computes of a frozen year no longer counts, and 2025 joins when its turn is.
    ground.write("facts.people_figures", [{"year": y, "people": 99} for y in (2021, 2022, 2025)])
    run(ground, date(2027, 6, 1))
    frozen = ground.rows("privacy.settled_figures")
    assert [(row["year"], row["people"]) for row in frozen] == [(2021, 2), (2022, 2), (2025, 99)]


def test_persons_of_an_operation_are_counted_in_the_year_of_their_first_validated_hour(
    ground: Ground,
) -> None:
    run(ground)
    assert ground.rows("privacy.settled_people") == [
        {"commitment_id": "OP-1", "year": 2021, "people": 1},  # A, once for its two lines
        {"commitment_id": "OP-1", "year": 2022, "people": 1},  # B
        {"commitment_id": "OP-2", "year": 2021, "people": 1},  # B again, on another operation
    ]


def test_rows_of_files_are_remembered_sheets_included(ground: Ground) -> None:
    run(ground)
    rows = ground.rows("privacy.settled_rows")
    assert [(row["source_file"], row["source_pointer"]) for row in rows] == [
        *((OLD, f"L{n}") for n in (2, 3, 4)),
        (MIXED, "L2"),
        (SHEETS, "L2"),
    ]
    assert {row["file_sha256"] for row in rows} == {ground.sha(f) for f in (OLD, MIXED, SHEETS)}


def test_the_second_copy_of_a_file_is_erased_too(ground: Ground) -> None:
    copy = ground.project.root / "data/raw/x/copie.csv"
    copy.write_bytes((ground.project.root / OLD).read_bytes())
    rows = [row for row in ground.rows("staged.insertion_log") if row["source_file"] == OLD]
    anonymous = rows[0] | {"person_id": None, "source_pointer": "L9"}
    ground.build([*LINES, Line(None, "2021-03-01", OLD, 9)], PATHWAYS)
    ground._write(
        "staged.insertion_log",
        dict.fromkeys(rows[0], "VARCHAR"),
        [row | {"source_file": "data/raw/x/copie.csv"} for row in [*rows, anonymous]],
        "copie",
    )
    age(ground.tables.folder("staged.insertion_log"), 60)
    run(ground)
    left = {row["source_file"] for row in ground.rows("staged.insertion_log")}
    assert left == {MIXED}


def test_a_line_that_names_nobody_loses_what_it_says_of_somebody(
    tmp_path: Path, ground: Ground
) -> None:
    ground = Ground(tmp_path / "other", ground.connection)
    old, recent = Line(None, "2021-03-01", OLD, 2), Line(None, "2025-03-01", OLD, 3)
    ground.build([old, recent])
    done = run(ground)
    assert (done.people, done.hour_lines, done.staged_rows) == (0, 1, 1)
    assert [row["sex"] for row in ground.rows("curated.hours")] == [None, "female"]
    assert [row["source_pointer"] for row in ground.rows("staged.insertion_log")] == ["L3"]
    assert run(ground).is_empty


def test_a_second_purge_has_nothing_to_do(ground: Ground) -> None:
    run(ground)
    before = snapshot(ground)
    assert run(ground).is_empty
    assert snapshot(ground) == before


def test_two_purges_a_year_apart_erase_what_one_would(tmp_path: Path, ground: Ground) -> None:
    late = date(2027, 6, 1)
    other = Ground(tmp_path / "other", ground.connection)
    other.build(LINES, PATHWAYS)
    run(ground)
    run(ground, late)
    run(other, late)
    for table in ("privacy.settled", "privacy.settled_rows", "curated.hours"):
        assert sorted(map(str, ground.rows(table))) == sorted(map(str, other.rows(table))), table
    assert (
        settled_people(ground)
        == settled_people(other)
        == {("OP-1", 2021): 1, ("OP-1", 2022): 2, ("OP-2", 2021): 1}
    )


def settled_people(ground: Ground) -> dict[tuple[str, int], int]:
    found: Counter[tuple[str, int]] = Counter()
    for row in ground.rows("privacy.settled_people"):
        found[row["commitment_id"], row["year"]] += row["people"]
    return dict(found)


def test_a_dry_run_counts_the_same_and_changes_nothing(ground: Ground) -> None:
    before = snapshot(ground)
    counted = run(ground, dry_run=True, with_inputs=True)
    assert snapshot(ground) == before
    done = run(ground, with_inputs=True)
    for name in ("people", "hour_lines", "staged_rows", "frozen_years", "deleted", "held"):
        assert getattr(counted, name) == getattr(done, name), name


def snapshot(ground: Ground) -> dict[str, bytes]:
    root = ground.project.root
    files = (path for path in sorted(root.rglob("*")) if path.is_file())
    return {str(path): path.read_bytes() for path in files if path.name != "run.lock"}


STEPS = ("_freeze", "_rewrite")


@pytest.mark.parametrize("after", range(11))
def test_a_purge_killed_anywhere_is_ended_by_the_next_one(
    tmp_path: Path, ground: Ground, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    whole = Ground(tmp_path / "whole", ground.connection)
    whole.build(LINES, PATHWAYS)
    for each in (whole, ground):
        each.write("curated.operation_people", OPERATION_PEOPLE)
        reports(each)
    run(whole)
    count = iter(range(100))
    original: dict[str, Callable[..., Any]] = {n: getattr(module._Work, n) for n in STEPS}

    def stop(name: str) -> Callable[..., Any]:
        def step(*args: Any) -> Any:
            if next(count) == after:
                raise KeyboardInterrupt
            return original[name](*args)

        return step

    for name in STEPS:
        monkeypatch.setattr(module._Work, name, stop(name))
    with pytest.raises(KeyboardInterrupt):
        run(ground)
    monkeypatch.undo()
    run(ground)
    assert holders(ground.project.root, GONE) == []
    for table in whole.tables.names():
        assert ground.rows(table) == whole.rows(table), table
    assert not list(ground.project.rendered("x").rglob(f"{INTERNAL}/**/{BOOK}"))
    assert run(ground).is_empty


def test_tables_behind_their_files_are_refused(ground: Ground) -> None:
    age(ground.tables.folder("curated.hours"), 60)
    before = holders(ground.project.root, GONE)
    with pytest.raises(InputError, match="spaser run"):
        run(ground)
    assert holders(ground.project.root, GONE) == before


def test_lines_that_were_not_judged_are_refused(ground: Ground) -> None:
    ground.write("curated.hours", [])
    with pytest.raises(InputError, match="spaser run"):
        run(ground)


def test_a_run_in_progress_is_waited_for(ground: Ground) -> None:
    lock = ground.project.root / ".dagster" / "x" / "run.lock"
    lock.parent.mkdir(parents=True)
    with FileLock(lock), pytest.raises(InputError, match="en cours"):
        run(ground)


def test_what_killed_runs_left_is_removed(ground: Ground) -> None:
    root, tables = ground.project.root, ground.tables.root
    left = [
        tables / ".ingest/tables/staged/insertion_log/a.parquet",
        tables / "curated/hours/part.parquet.tmp",
        tables / "curated/.hour_lines.spaser-old/part.parquet",
        root / "reports/rendered/x/.spaser-ab12/2025/rapport.html",
        root / "essai/.spaser-cd34/curated/hour_lines/part.parquet",
    ]
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(person("A"))
    age(root / "essai/.spaser-cd34", 7200)
    done = run(ground)
    assert done.tidied.removed == len(left) - 1  # undoing a cut swap removes the other
    assert holders(root, GONE) == []
    assert not any(path.exists() for path in left)
    assert (tables / "curated/hour_lines/part.parquet").is_file()


def test_a_table_that_a_cut_swap_left_aside_is_put_back_and_purged(ground: Ground) -> None:
    staged = ground.tables.root / "staged"
    staged.rename(staged.with_name(".staged.spaser-old"))
    run(ground)
    assert people_of(ground, "staged.insertion_log", "person_id") == {person("C")}


def test_a_trial_at_work_is_left_alone_and_told(ground: Ground, tmp_path: Path) -> None:
    live = ground.project.root / "essai/.spaser-cd34/curated"
    live.mkdir(parents=True)
    assert tidy(ground.project, "x", tmp_path / "tmp").left == 1
    assert live.is_dir()


def test_only_our_own_still_sessions_leave_the_temporary_folder(
    ground: Ground, tmp_path: Path
) -> None:
    temporary = tmp_path / "tmp"
    names = ("spaser-abcd1234/typed/hours", "spaser-abcd1235/mine", "spaser-long-name/typed")
    for name in (*names, "spaser-abcd1236/typed", "spaser-abcd1237"):
        (temporary / name).mkdir(parents=True)
    age(temporary, 7200)
    os.utime(temporary / "spaser-abcd1236")  # in use
    found = tidy(ground.project, "x", temporary)
    assert (found.removed, found.left) == (1, 1)
    assert not (temporary / "spaser-abcd1234").exists()
    assert len(list(temporary.iterdir())) == 4


def test_a_published_database_that_holds_persons_is_written_again(ground: Ground) -> None:
    database = ground.tables.root / "spaser.duckdb"
    write_database(ground.tables, database)  # as if nothing were restricted
    assert holders(ground.project.root, GONE)
    run(ground)
    with open_database(database) as connection:
        names = connection.execute(
            "select distinct table_schema || '.' || table_name from information_schema.columns"
        ).fetchall()
    assert ("curated.hour_lines",) not in names
    assert not [name for (name,) in names if name.startswith("privacy.")]
    assert ("quality.inputs",) in names
    assert holders(ground.project.root, GONE) == []


def test_a_history_that_names_an_erased_person_is_dropped(ground: Ground) -> None:
    history = ground.project.root / ".dagster/x/history"
    history.mkdir(parents=True)
    (history / "runs.db").write_bytes(b"sqlite" + person("C").encode())
    assert not run(ground, dry_run=True).history
    (history / "runs.db").write_bytes(b"x" + f"'{person('A')}'".encode())
    assert run(ground).history
    assert not history.exists()


def test_only_files_whose_every_line_is_erased_are_deleted(ground: Ground) -> None:
    done = run(ground, with_inputs=True)
    assert [file.name for file in done.deleted] == [OLD]
    assert [(file.name, file.lines) for file in done.held] == [(MIXED, 2), (SHEETS, 1)]
    present = {path.name for path in (ground.project.root / "data/raw/x").iterdir()}
    assert present == {"heures-2022.csv", "participants.csv"}


def test_input_files_stay_unless_asked_for(ground: Ground) -> None:
    assert run(ground).deleted == ()
    assert (ground.project.root / OLD).is_file()
    assert [file.name for file in run(ground, with_inputs=True).deleted] == [OLD]


def test_a_file_changed_since_it_was_read_is_kept(ground: Ground) -> None:
    (ground.project.root / OLD).write_text("another export\n")
    done = run(ground, with_inputs=True)
    assert done.deleted == ()
    assert [file.name for file in done.held if file.changed] == [OLD]
    assert (ground.project.root / OLD).is_file()


@pytest.mark.parametrize("why", ["unread", "others"])
def test_a_file_with_something_else_in_it_is_kept(ground: Ground, why: str) -> None:
    if why == "unread":
        inputs = ground.rows("quality.inputs")
        rows = [row | {"rejected": 1 if row["source_file"] == OLD else 0} for row in inputs]
        ground.write("quality.inputs", rows)
    else:
        place = {"source_file": OLD, "source_pointer": "feuille 2!3"}
        kinds = dict.fromkeys(place, "VARCHAR")
        ground._write("staged.insertion_commitments", kinds, [place], "part")
    done = run(ground, with_inputs=True)
    assert done.deleted == ()
    assert getattr(done.held[0], why) == 1


def test_purging_goes_on_when_every_input_file_is_gone(ground: Ground) -> None:
    for path in (ground.project.root / "data/raw/x").iterdir():
        path.unlink()
    assert run(ground, with_inputs=True).people == 2


def test_the_log_has_a_line_for_each_purge_and_no_person(ground: Ground) -> None:
    run(ground)
    run(ground)  # nothing to erase: nothing to log
    run(ground, date(2027, 6, 1), with_inputs=True)
    lines = read_log(ground.tables)
    assert lines == [
        {
            "done_on": "2026-06-02",
            "as_of": "2026-06-01",
            "rule_months": "24",
            "people": "2",
            "hour_lines": "4",
            "staged_rows": "5",
            "frozen_years": "2021 2022",
            "files_deleted": "0",
        },
        {
            "done_on": "2026-06-02",
            "as_of": "2027-06-01",
            "rule_months": "24",
            "people": "1",
            "hour_lines": "2",
            "staged_rows": "3",
            "frozen_years": "2022 2025",
            "files_deleted": "3",
        },
    ]
    with log_file(ground.tables).open(encoding="utf-8", newline="") as text:
        assert len(list(csv.reader(text))) == 3


def test_what_remains_of_an_erased_person_blocks(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = module._Work._rewrite

    def all_but_people(self: Any, connection: Any, table: str, *rest: Any) -> None:
        if table != "curated.people":
            original(self, connection, table, *rest)

    monkeypatch.setattr(module._Work, "_rewrite", all_but_people)
    with pytest.raises(Blocked, match=r"curated/people/part\.parquet"):
        run(ground)
    monkeypatch.undo()
    run(ground)
    assert holders(ground.project.root, GONE) == []


def test_no_message_holds_a_pseudonym(ground: Ground, capsys: pytest.CaptureFixture[str]) -> None:
    done = run(ground)
    told = repr(done) + "".join(capsys.readouterr())
    assert not any(person(name) in told for name in GONE)
