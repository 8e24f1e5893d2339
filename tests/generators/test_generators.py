"""The generators give the same bytes each time, and the demo tells the truth it says it tells."""

from __future__ import annotations

import gzip
import json
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from stdnum.fr import siren, siret

from tests.generators import volume
from tests.generators.demo import answers as right
from tests.generators.demo import audit, files, lists, own, registers, spend

ROOT = files.ROOT
RAW = sorted(
    (file for file in (ROOT / files.DATA).rglob("*") if file.is_file() and file.name != files.NOTE),
    key=lambda file: file.relative_to(ROOT / files.DATA).as_posix(),
)
REGISTERS = [file for file in RAW if file.name.startswith("decp")]


@pytest.fixture(scope="module")
def world() -> right.World:
    return right.make_world()


@pytest.fixture(scope="module")
def book(world: right.World) -> registers.Book:
    return world.book


@pytest.fixture(scope="module")
def answers() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROOT / files.ANSWERS).read_text(encoding="utf-8"))
    return content


def unpacked(file: Path) -> bytes:
    """The bytes of a register; of a gzip, what it holds (deflate may differ between builds)."""
    return gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()


def records_in(file: Path) -> list[dict[str, Any]]:
    """Every record of a JSON register, with no code of the generator nor of the pipeline."""
    marches = json.loads(unpacked(file).decode("utf-8-sig"))["marches"]
    if isinstance(marches, list):
        return marches
    return [record for family in marches.values() for record in family]


def test_demo_is_written_byte_for_byte_as_committed(tmp_path: Path) -> None:
    written = files.write(tmp_path)

    committed = [*RAW, *(ROOT / place for place in (files.LEDGER, files.AUDIT, files.ANSWERS))]
    assert [file.name for file in written] == [file.name for file in committed]
    for new, old in zip(written, committed, strict=True):
        assert unpacked(new) == unpacked(old), old.name


def test_gzip_header_holds_no_clock() -> None:
    (packed,) = [file for file in REGISTERS if file.suffix == ".gz"]
    assert packed.read_bytes()[4:8] == bytes(4)


def test_every_siret_is_fictional_and_passes_luhn() -> None:
    texts = [unpacked(file).decode("utf-8-sig") for file in REGISTERS]
    texts += [content().decode() for content in lists.FILES.values()]
    found = {word for text in texts for word in _fourteen_digits(text)}
    assert len(found) > 150
    for number in found:
        assert number.startswith("000"), number
        assert siret.is_valid(number), number
        assert siren.is_valid(number[:9]), number


def _fourteen_digits(text: str) -> list[str]:
    words = "".join(char if char.isdigit() else " " for char in text).split()
    return [word for word in words if len(word) == 14]


def test_files_hold_the_records_the_answers_count(answers: dict[str, Any]) -> None:
    expected = {name: n for name, n in answers["records"]["files"].items() if "decp" in name}
    counted = {file.name: len(records_in(file)) for file in REGISTERS if file.suffix != ".xml"}
    xml = ROOT / files.DATA / "decp2022_ccas_2024.xml"
    counted[xml.name] = len(ET.fromstring(xml.read_bytes()))
    assert counted == expected


def test_forms_of_a_real_authority_are_all_there() -> None:
    raw = {file.name: file.read_bytes() for file in REGISTERS}
    assert raw["decp2022_ville_2025.json"].startswith(b"\xef\xbb\xbf")
    assert raw["decp2022_metropole_2024.json"].isascii()
    assert raw["decp2022_metropole_2025.json.gz"].startswith(b"\x1f\x8b")
    assert raw["decp2022_ccas_2024.xml"].startswith(b"<?xml")
    assert sum(len(content) for content in raw.values()) < 4_000_000


def test_2019_format_says_nothing_of_considerations() -> None:
    for file in REGISTERS:
        if file.name.startswith("decp2019"):
            assert not any("considerationsSociales" in record for record in records_in(file))


def test_truth_is_one_contract_per_key_and_object(book: registers.Book) -> None:
    keys = Counter((contract.uid, contract.title) for contract in book.truth)
    assert {key: count for key, count in keys.items() if count > 1} == {}
    assert 1_400 <= len(book.truth) <= 1_600


def test_call_offs_are_proven_by_the_truth(book: registers.Book) -> None:
    known = {contract.uid for contract in book.truth}
    for contract in book.truth:
        named = f"{contract.buyer.siret}-{contract.framework_reference}"
        if contract.year is None or contract.year < registers.FIRST_YEAR_2022_FORMAT:
            continue
        assert contract.is_call_off == (named in known and named != contract.uid), contract.uid


def test_traps_name_contracts_that_are_planted(
    book: registers.Book, answers: dict[str, Any]
) -> None:
    planted = {(c.buyer.siret, c.contract_id) for c in book.truth}
    planted |= {(c["autoriteConcedante"]["id"], c["id"]) for c in book.concessions}
    ids = [trap["id"] for trap in answers["traps"]]
    assert len(ids) == len(set(ids))
    for trap in answers["traps"]:
        assert trap["expect"]
        for contract_id in trap["contract_ids"]:
            assert (trap["buyer_id"], contract_id) in planted, trap["id"]


def test_totals_by_buyer_add_up_to_the_scheme(answers: dict[str, Any]) -> None:
    counts = ("numerator", "denominator", "unknown")
    groups: dict[tuple[str, str, int], list[dict[str, Any]]] = {}
    for line in answers["totals"]["results"]:
        groups.setdefault((line["code"], line["scope"], line["year"]), []).append(line)
    assert len(groups) == 4 * len(right.FACTS)
    for lines in groups.values():
        (whole,) = [line for line in lines if line["buyer_id"] == "*"]
        parts = [line for line in lines if line["buyer_id"] != "*"]
        assert len(parts) == 3
        for count in counts:
            assert whole[count] == sum(part[count] for part in parts)


@pytest.mark.parametrize(
    ("code", "first", "last"),
    [("SOC-01", (0.16, 0.20), (0.29, 0.33)), ("ENV-01", (0.53, 0.58), (0.80, 0.84))],
)
def test_story_rises_from_2024_to_2025(
    answers: dict[str, Any], code: str, first: tuple[float, float], last: tuple[float, float]
) -> None:
    share = {
        line["year"]: line["numerator"] / line["denominator"]
        for line in answers["totals"]["results"]
        if (line["code"], line["scope"], line["buyer_id"]) == (code, "floor", "*")
    }
    assert first[0] <= share[2024] <= first[1]
    assert last[0] <= share[2025] <= last[1]


def test_targets_due_are_reached_missed_and_undecidable(answers: dict[str, Any]) -> None:
    verdicts = {line["verdict"] for line in answers["totals"]["verdicts"]}
    assert verdicts == {"reached", "not_reached", "undecidable", "not_due"}


@pytest.mark.parametrize(
    ("amount", "member"),
    [("40000", True), ("39999.99", False), ("0", False), (None, None)],
)
def test_floor_is_inclusive_and_unknown_without_amount(
    book: registers.Book, amount: str | None, member: bool | None
) -> None:
    contract = replace(book.truth[0], amount=Decimal(amount) if amount else None)
    assert contract.is_above_floor is member


@pytest.mark.parametrize(
    ("notified", "published", "in_time"),
    [
        ("2024-12-31", "2025-02-28", True),
        ("2024-12-31", "2025-03-01", False),
        ("2023-12-31", "2024-02-29", True),
        ("2024-10-15", "2024-12-15", True),
        ("2024-11-15", "2025-01-16", False),
    ],
)
def test_two_calendar_months_to_publish(
    book: registers.Book, notified: str, published: str, in_time: bool
) -> None:
    first, seen = date.fromisoformat(notified), date.fromisoformat(published)
    contract = replace(book.truth[0], notified=first, published=seen)
    assert registers.FACTS["GOV-05"](contract) is in_time


def test_share_bounds_worked_by_hand(book: registers.Book) -> None:
    """Two yes, one no, one unknown fact; one yes without amount that only the high may use."""
    base = replace(book.truth[0], amount=Decimal(50_000))
    yes, no = (replace(base, social=(value,)) for value in (registers.CLAUSE, registers.NO_SOCIAL))
    unknown, unsure = replace(base, social=None), replace(yes, amount=None)
    low, high = right.share_bounds([yes, yes, no, unknown, unsure], "SOC-01", "floor")
    assert (low, high) == (Decimal(2) / 4, Decimal(4) / 5)


def test_lisezmoi_names_every_file() -> None:
    notes = sorted((ROOT / files.DATA).rglob(files.NOTE))
    text = "".join(note.read_text(encoding="utf-8") for note in notes)
    assert [file.name for file in RAW if file.name not in text] == []


# --- the centre's own register, spend, lists, audit ----------------------------------------------


def test_values_in_force_are_the_registers_then_decp(world: right.World) -> None:
    entries = {entry.told.contract_id: entry for entry in world.register}
    told, silent = entries["CCAS-24-010"], entries["CCAS-25-007"]
    assert told.in_force().social == (registers.CLAUSE,)
    assert told.published is not None
    assert told.published.social == (registers.NO_SOCIAL,)
    assert silent.told.social is None
    assert silent.in_force().social == (registers.CLAUSE,)
    near = entries["2025-S-21"]
    assert near.published is not None
    assert near.published.published is not None
    assert near.in_force().published is None


def test_corrections_change_the_contracts_they_name_and_no_other(world: right.World) -> None:
    without = own.in_force(world.book, world.register, ())
    changed = [a.uid for a, b in zip(world.contracts, without, strict=True) if a != b]
    applied = [d for d in world.decisions if d.status == "applied" and d.field != "same_as"]
    assert sorted(changed) == sorted(d.contract.uid for d in applied)


def test_every_way_of_matching_is_planted(world: right.World) -> None:
    assert {entry.level for entry in world.register} == {*own.MATCHED, "near", "none"}
    assert {entry.outcome for entry in world.register} == set(own.OUTCOMES)


def _spent(amount: str, *, under: bool | None = True, basis: str = "HT") -> spend.Line:
    line = spend.lines()[0]
    return replace(
        line, amount=Decimal(amount), is_under_contract=under, is_book_v=False, basis=basis
    )


@pytest.mark.parametrize(
    ("lines", "low", "high"),
    [
        ([_spent("100"), _spent("50", under=None)], "100", "150"),
        ([_spent("100"), _spent("-50", under=None)], "50", "100"),
        ([_spent("100"), _spent("50", under=False)], "100", "100"),
        ([_spent("100"), _spent("60", basis="TTC")], "100", None),
        ([_spent("100"), _spent("-60", basis="TTC")], "40", "100"),
    ],
)
def test_bounds_of_spend_worked_by_hand(
    lines: list[spend.Line], low: str, high: str | None
) -> None:
    assert spend.bounds(lines) == (Decimal(low), None if high is None else Decimal(high))


def test_ledger_is_small_and_has_credits_and_blanks() -> None:
    lines = spend.lines()
    assert len(lines) < 1_500
    assert any(line.amount < 0 for line in lines)
    assert any(line.is_under_contract is None for line in lines)
    assert any(line.is_book_v for line in lines)


def test_conventions_have_days(book: registers.Book) -> None:
    ends_in_2025 = lists.STRUCTURES_LISTED[3]
    base = replace(book.truth[0], holders=(ends_in_2025.holder,))
    in_force, over = (replace(base, notified=date(2025, month, 30)) for month in (6, 7))
    assert lists.has_inclusive_holder(in_force) is True
    assert lists.has_inclusive_holder(over) is False
    assert lists.has_inclusive_holder(replace(over, holders=(registers.FOREIGN[0],))) is None


def test_lots_of_one_id_have_a_uid_each(world: right.World) -> None:
    found = [uid for uid, _ in audit.uids(world.contracts)]
    assert len(found) == len(set(found)) == len(world.contracts)


def test_volume_counts_lots_and_republications(tmp_path: Path) -> None:
    file = tmp_path / "volume.json"
    assert volume.write(2_000, file) == 2_020

    records = records_in(file)
    contracts = Counter((r["acheteur"]["id"], r["id"], r["objet"]) for r in records)
    keys = Counter((buyer, contract_id) for buyer, contract_id, _ in contracts)
    assert len(contracts) == 2_000
    assert Counter(contracts.values()) == {1: 1_980, 2: 20}
    assert Counter(keys.values()) == {1: 1_700, 3: 100}
    assert len({buyer for buyer, _ in keys}) == 50
    assert {r["dateNotification"][:4] for r in records} == {"2021", "2022", "2023", "2024", "2025"}


def test_volume_ndjson_holds_the_same_records(tmp_path: Path) -> None:
    whole, lines = tmp_path / "volume.json", tmp_path / "volume.ndjson"
    volume.write(500, whole)
    volume.write(500, lines, ndjson=True)
    assert [json.loads(line) for line in lines.read_text().splitlines()] == records_in(whole)


def test_volume_is_seeded(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("one.json", "two.json", "three.json")]
    for file, seed in zip(files, (5, 5, 6), strict=True):
        volume.write(300, file, seed=seed)
    assert files[0].read_bytes() == files[1].read_bytes() != files[2].read_bytes()
