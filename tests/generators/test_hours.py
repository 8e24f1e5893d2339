"""The generated hours say what they are meant to say, and the same at every call."""

from __future__ import annotations

import csv
import io
import os
import subprocess
import sys
from collections import Counter, defaultdict
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from stdnum.fr import siret

from tests.generators import volume
from tests.generators.demo import clauses, files, hour_answers, hour_files, hour_traps
from tests.generators.demo.answers import make_world
from tests.generators.demo.hour_answers import Hours
from tests.generators.demo.hours import MOST_HALVES
from tests.generators.demo.people import CRITERIA_ORDER, add_months, last_day

FOLDER = files.ROOT / files.DATA / hour_files.FOLDER
REASONS = {
    "unknown_contract", "unknown_month", "unknown_hours", "negative", "decision_unclear",
    "outside_contract", "duplicate", "duplicate_differs", "over_month_limit", "unknown_person",
    "not_eligible", "eligibility_ended",
}  # fmt: skip


@pytest.fixture(scope="module")
def hours() -> Hours:
    return make_world().hours


def test_the_demo_is_as_large_as_announced(hours: Hours) -> None:
    log = hours.log
    assert 290 <= len(log.operations) <= 310
    assert 58_000 <= len(log.lines) <= 62_000
    assert 1_150 <= len({line.person for line in log.lines if line.counted > 0}) <= 1_250
    assert sum(file.stat().st_size for file in FOLDER.rglob("*") if file.is_file()) < 6_000_000


def test_every_mode_modality_and_reason_is_there(hours: Hours) -> None:
    log = hours.log
    assert {operation.mode for operation in log.operations} == set(clauses.MODE_LABELS)
    assert {line.modality for line in log.lines} >= {"Embauche directe", "Mise à disposition"}
    kinds = {line.structure for line in log.lines}
    assert kinds >= {"ETTI", "AI", "GEIQ", "EI", "ACI", "EA", "ESAT"}
    assert {reason for line in log.lines for reason in line.reasons} == REASONS


def test_ordinary_lines_can_be_right(hours: Hours) -> None:
    """One line a person, month, contract and kind; under the limit; within contract and rights."""
    seen: Counter[object] = Counter()
    halves: dict[object, Decimal] = defaultdict(Decimal)
    for line in hours.log.lines:
        if line.outcome in {"quarantined", "rejected"} or not line.person or not line.month:
            continue
        assert line.contract
        key = (line.person, line.month, line.contract.uid, line.contract.title, line.kind)
        seen[key] += 1
        halves[line.person, line.month] += line.declared or 0
        assert line.operation
        assert line.operation.start <= last_day(line.month)
        assert line.month <= line.operation.end
    assert set(seen.values()) == {1}
    assert max(halves.values()) <= Decimal(MOST_HALVES) / 2 + 20


def test_hours_count_only_within_24_months_of_a_decision(hours: Hours) -> None:
    for line in hours.log.lines:
        if line.counted == 0 or not line.person or not line.month:
            continue
        covered = any(
            decision.eligible_from <= last_day(line.month)
            and line.month < add_months(decision.eligible_from, 25)
            for decision in line.person.decisions
        )
        is_permanent = line.work_contract == "CDI" and line.person.number > 9_000
        assert covered or is_permanent, line


def test_nobody_has_a_name(hours: Hours) -> None:
    """But in the ids planted to be refused, ids are a prefix and a number."""
    ids = {line.person.person_id for line in hours.log.lines if line.person}
    assert all(text.split("-")[0] in {"PLIE", "MDE", "00077"} for text in ids)
    (log,) = [file for file in FOLDER.iterdir() if file.name == "heures-2025.csv"]
    rows = csv.DictReader(io.StringIO(log.read_text(encoding="utf-8")), delimiter=";")
    assert all(row["beneficiaire_id"].split("-")[0] in {"PLIE", "MDE"} for row in rows)


def test_every_siret_is_fictional(hours: Hours) -> None:
    found = {line.company.siret for line in hours.log.lines}
    found |= {line.structure_id for line in hours.log.lines if line.structure_id}
    assert all(number.startswith("000") and siret.is_valid(number) for number in found)


def test_balances_close_by_construction(hours: Hours) -> None:
    for balance in hour_answers.balances(hours):
        parts = {name: Decimal(value) for name, value in balance["hours"].items()}
        assert parts.pop("declared") == sum(parts.values())


def test_figures_of_parts_add_up(hours: Hours) -> None:
    for figure in hour_answers.figures(hours):
        assert sum(figure["sex"].values()) == figure["people"]
        assert sum(figure["criterion"].values()) == figure["people"]
        assert sum(map(Decimal, figure["modality_hours"].values())) == Decimal(figure["hours"])


def test_some_cells_are_secret(hours: Hours) -> None:
    measures = {(cell["member"], cell["measure"]) for cell in hour_answers.secret(hours)}
    assert measures >= {("RSA", "people"), ("*", "hours")}


def test_main_criterion_is_the_first_of_the_rule(hours: Hours) -> None:
    several = [p for p in hours.log.people if any(len(d.criteria) > 1 for d in p.decisions)]
    assert len(several) > 200
    for person in several:
        known = {code for decision in person.decisions for code in decision.criteria}
        assert person.main_criterion(2099) == min(known, key=CRITERIA_ORDER.index)


def test_committed_hours_worked_by_hand() -> None:
    assert clauses.half_up(Decimal("833.5")) == 834
    assert clauses.half_up(Decimal("833.49")) == 833
    assert last_day(date(2024, 2, 1)) == date(2024, 2, 29)


def test_ids_of_the_traps_are_unique(hours: Hours) -> None:
    ids = [trap["id"] for trap in hours.traps]
    assert len(ids) == len(set(ids)) > 20
    assert hour_traps.UNKNOWN_CONTRACT not in {
        contract.contract_id for o in hours.log.operations for contract in o.contracts
    }


def test_volume_of_hours_is_seeded_and_counted(tmp_path: Path) -> None:
    """The same bytes under another order of sets and dictionaries."""
    for seed in ("1", "2"):
        command = [sys.executable, "-m", "tests.generators.volume", "5000", str(tmp_path / seed)]
        subprocess.run(
            [*command, "--hours"],
            check=True,
            cwd=files.ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
        )
    first, second = (sorted((tmp_path / seed).iterdir()) for seed in ("1", "2"))
    assert [file.read_bytes() for file in first] == [file.read_bytes() for file in second]
    lines = (tmp_path / "1" / volume.HOURS).read_text(encoding="utf-8").splitlines()
    assert len(lines) == 5_001
    assert len((tmp_path / "1" / volume.PARTICIPANTS).read_text().splitlines()) == 101


def test_volume_of_hours_plants_faults(tmp_path: Path) -> None:
    volume.write_hours(5_000, tmp_path)
    with (tmp_path / volume.HOURS).open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream, delimiter=";"))
    assert sum(row["marche_id"] == "INCONNU" for row in rows) == 15
    assert sum(row["heures_realisees"] == "-4" for row in rows) == 10
    copies = Counter(tuple(row.values()) for row in rows)
    assert sum(count - 1 for count in copies.values()) == 25
