"""Registers with odd content beside good ones: the run goes on, and each oddity is a finding.

One run reads them all: every test looks at what it left in the published database.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from spaser.warehouse import open_database
from tests.defs import small
from tests.faults.conftest import CONTRACTS, CSV, Ground, Said

pytestmark = [pytest.mark.faults, pytest.mark.slow]

LONG_TEXT = 50 << 20


def record(number: int, **changes: object) -> str:
    return json.dumps(small.contract(number, "2024-05-01") | changes, ensure_ascii=False)


def register(*records: str) -> str:
    return '{"marches": {"marche": [' + ", ".join(records) + "]}}"


def flat(*rows: str, header: str = CSV.splitlines()[0]) -> str:
    return "\n".join([header, *rows]) + "\n"


# Name of the file: content, records kept, records rejected, rules of its findings in ingest.
ODD: dict[str, tuple[bytes, int, int, set[str]]] = {
    "cp1252.json": (register(record(10)).encode("cp1252"), 1, 0, {"input_transcoded"}),
    "utf16.json": (register(record(11)).encode("utf-16"), 1, 0, {"input_transcoded"}),
    "bom.json": (b"\xef\xbb\xbf" + register(record(12)).encode(), 1, 0, {"input_transcoded"}),
    "cp1252.csv": (
        flat("G1,2024-05-01,Élagage,50000,00020001400017").encode("cp1252"),
        *(1, 0, {"input_transcoded"}),
    ),
    "utf16.csv": (
        flat("G2,2024-05-01,Élagage,50000,00020001400017").encode("utf-16"),
        *(1, 0, {"input_transcoded"}),
    ),
    "packed.bin": (gzip.compress(register(record(13)).encode()), 1, 0, set()),
    "page.json": (b"<!DOCTYPE html><html></html>", 0, 0, {"input_html"}),
    "empty.json": (b"", 0, 0, {"input_empty"}),
    "blank.csv": (b" \n\t\n", 0, 0, {"input_empty"}),
    "table.csv": (b"a;b\n1;2\n", 0, 0, {"input_unknown_form"}),
    "no_rows.csv": (flat().encode(), 0, 0, {"input_no_record"}),
    "key.json": (register(record(14, couleur="bleu")).encode(), 1, 0, {"input_unknown_field"}),
    "column.csv": (
        flat(
            "G3,2024-05-01,Curage,50000,00020001400017,bleu", header=f"{CSV.splitlines()[0]},teinte"
        ).encode(),
        *(1, 0, {"input_unknown_field"}),
    ),
    "same_column.csv": (
        flat(
            "G4,2024-05-01,Curage,50000,00020001400017,2",
            header=f"{CSV.splitlines()[0]},montant_marche",
        ).encode(),
        *(1, 0, {"input_unknown_field"}),
    ),
    "ragged.csv": (
        flat("G5,2024-05-01,A,50000,00020001400017", "G6,2024-05-01", "G7,a,b,1,2,3").encode(),
        *(1, 2, {"row_too_short", "row_too_long"}),
    ),
    "nan.json": (
        register(record(15, offresRecues=float("nan"))).encode(),
        1,
        0,
        {"input_not_a_number"},
    ),
    "huge.json": (register(record(16, montant=10**4000)).encode(), 1, 0, set()),
    "twice.json": (
        register(record(17)[:-1] + ', "objet": "le second"}').encode(),
        *(1, 0, set()),
    ),
    "long.json": (
        register(record(18, objet="x" * LONG_TEXT), record(22)).encode(),
        *(1, 1, {"record_too_large"}),
    ),
    "nul.json": (register(record(19, objet="a\0b")).encode(), 1, 0, set()),
    "scalars.json": (
        register(record(20), "1", "null", '"a"').encode(),
        1,
        3,
        {"record_not_object"},
    ),
    "list.json": (
        ('{"marches": {"marche": [' + record(21) + '], "autre": [1, 2]}}').encode(),
        *(1, 2, {"input_unknown_list"}),
    ),
    "a_copy.json": (register(record(21)).encode(), 1, 0, set()),
    "b_copy.json": (register(record(21)).encode(), 1, 0, {"input_duplicate"}),
}


@dataclass(frozen=True)
class Aftermath:
    """What the run said and left."""

    said: Said
    inputs: dict[str, tuple[int, int]]
    rules: dict[str, set[str]]
    open_balances: list[tuple[object, ...]]
    contracts: list[tuple[object, ...]]
    texts: list[tuple[object, ...]]


@pytest.fixture(scope="module")
def aftermath(tmp_path_factory: pytest.TempPathFactory) -> Aftermath:
    ground = Ground(tmp_path_factory.mktemp("odd"))
    for name, (content, *_) in ODD.items():
        ground.put(name, content)
    outside = tmp_path_factory.mktemp("outside")
    (outside / "linked.json").write_text(register(record(30)), encoding="utf-8")
    (ground.inputs / "linked").symlink_to(outside)
    (outside / "loop").symlink_to(outside)
    said = ground.run()
    assert said.code == 0, said
    with open_database(ground.database) as connection:

        def rows(query: str) -> list[tuple[object, ...]]:
            return connection.execute(query).fetchall()

        rules: dict[str, set[str]] = {}
        for file, rule in rows("select distinct source_file, rule from quality.findings"):
            rules.setdefault(Path(str(file)).name, set()).add(str(rule))
        return Aftermath(
            said,
            {
                Path(str(file)).name: (int(str(kept)), int(str(rejected)))
                for file, kept, rejected in rows(
                    "select source_file, kept, rejected from quality.inputs"
                )
            },
            rules,
            rows("select * from quality.balances where records_in <> kept + merged + rejected"),
            rows(
                "select contract_id, object, amount_initial_eur, amount_exclusion_reason, "
                "offers_received from curated.contracts"
            ),
            rows("select message_fr, message_en, action, action_en from quality.findings"),
        )


@pytest.mark.parametrize("name", ODD)
def test_an_odd_register_is_read_as_far_as_it_goes_and_told(
    aftermath: Aftermath, name: str
) -> None:
    _, kept, rejected, rules = ODD[name]
    assert aftermath.inputs[name] == (kept, rejected)
    told = {
        rule
        for rule in aftermath.rules.get(name, set())
        if rule.startswith(("input", "row", "record_not", "record_too"))
    }
    assert told == rules


def test_nothing_is_lost(aftermath: Aftermath) -> None:
    assert aftermath.open_balances == []
    assert len(aftermath.inputs) == len(ODD) + 2


def test_every_finding_speaks_both_languages(aftermath: Aftermath) -> None:
    assert aftermath.texts
    for texts in aftermath.texts:
        assert all(texts), texts


def test_the_odd_values(aftermath: Aftermath) -> None:
    found = {str(row[0]): row[1:] for row in aftermath.contracts}
    kept = sum(case[1] for case in ODD.values())
    assert len(aftermath.contracts) == len(CONTRACTS) + kept + 1 - 2, sorted(found)  # two copies
    assert found["C10"][0] == found["C11"][0].replace("11", "10")  # type: ignore[attr-defined]
    assert found["G1"][0] == found["G2"][0] == "Élagage"
    assert found["C15"][3] is None
    assert found["C16"][1:3] == (None, "out_of_range")
    assert "C18" not in found
    assert "C22" in found


def test_a_loop_of_links_gives_no_file_twice(aftermath: Aftermath) -> None:
    assert aftermath.inputs["linked.json"] == (1, 0)
    assert "input_duplicate" not in aftermath.rules.get("linked.json", set())
