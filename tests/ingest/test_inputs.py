"""What arrives in the place of a register, and what is refused."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import pytest

from spaser.errors import InputError
from spaser.ingest import containers, stage
from tests.ingest.conftest import MARCHE, REPOSITORY, Bench

DATA = REPOSITORY.parent / "shared" / "data" / "decp"
REGISTERS = [
    path.relative_to(DATA).as_posix()
    for path in sorted(DATA.rglob("*"))
    if path.is_file() and path.parent.name != "schema"
]


STRANGERS: dict[str, tuple[bytes, str, str | None]] = {
    "empty": (b"", "input_empty", None),
    "blank": (b" \r\n\t\n", "input_empty", None),
    "html": (b"\n<!DOCTYPE html>\n<html><body>503</body></html>", "input_html", None),
    "xhtml": (b'<?xml version="1.0"?><html xmlns="x"><body/></html>', "input_html", None),
    "json schema": (b'{"$schema": "x", "properties": {}, "definitions": {}}', "input_schema", None),
    "table schema": (b'{"fields": [{"name": "id", "type": "string"}]}', "input_schema", None),
    "xsd": (
        b'<s:schema xmlns:s="http://www.w3.org/2001/XMLSchema"><s:element name="m"/></s:schema>',
        "input_schema",
        None,
    ),
    "pdf": (b"%PDF-1.7\n%\xe2\xe3", "input_pdf", None),
    "zip": (b"PK\x03\x04" + b"\x00" * 30, "input_archive", None),
    "gzip in gzip": (gzip.compress(gzip.compress(b"{}")), "input_archive", None),
    "binary": (b"abc\x00def\x00\x01", "input_binary", None),
    "other csv": (b"Annee|id|acheteur\n2021|1|2\n", "input_unknown_form", "Annee, id, acheteur"),
    "other json": (b'[{"idweb": "1", "objet": "x"}]', "input_unknown_form", "idweb, objet"),
    "other xml": (
        b"<ContractNotice><ID>1</ID></ContractNotice>",
        "input_unknown_form",
        "<ContractNotice>",
    ),
}


@pytest.mark.parametrize("name", STRANGERS)
def test_strangers_beside_a_register_are_findings(bench: Bench, name: str):
    content, rule, value = STRANGERS[name]
    bench.put("b.json", content)
    bench.put("register.json", [MARCHE])
    bench.stage()
    assert bench.findings() == [(rule, None, value)]
    inputs = bench.rows("quality.inputs", "source_file")
    assert [(row["source"], row["recognised"], row["records"]) for row in inputs] == [
        (None, False, 0),
        ("sources/decp_2022_json", True, 1),
    ]
    assert len(bench.staged("decp_2022_json")) == 1


@pytest.mark.parametrize("name", STRANGERS)
def test_strangers_alone_are_one_message(bench: Bench, name: str):
    content, rule, _ = STRANGERS[name]
    bench.put("b.json", content)
    with pytest.raises(InputError) as error:
        bench.stage()
    told = bench.catalogue.rules[rule]
    assert "b.json : " in error.value.fr
    assert told.action_fr in error.value.fr
    assert told.action_en in error.value.en
    assert "{" not in error.value.fr
    assert list(bench.tables.root.iterdir()) == []


ENTITIES = (
    '<!DOCTYPE m [<!ENTITY a "b"><!ENTITY c "&a;&a;">]>'
    "<marches><marche><id>&c;</id></marche></marches>"
)
EXTERNAL = '<!DOCTYPE m [<!ENTITY a SYSTEM "file:///etc/hostname">]><marches><id>&a;</id></marches>'
DTD = '<!DOCTYPE marches SYSTEM "http://example.org/a.dtd"><marches/>'


@pytest.mark.parametrize("content", [ENTITIES, EXTERNAL, DTD])
def test_xml_with_entities_or_a_dtd_is_refused(bench: Bench, content: str):
    bench.put("a.xml", content)
    with pytest.raises(InputError, match=r"a\.xml : XML refusé : il déclare une DTD"):
        bench.stage()


def test_truncated_xml_is_damaged(bench: Bench):
    bench.put("a.xml", "<marches>\n<marche><id>1</id>")
    with pytest.raises(InputError, match="ligne 2"):
        bench.stage()


def test_gzip_is_opened_whatever_its_name(bench: Bench):
    bench.put("register.txt", gzip.compress(b'[{"id": "A", "ccag": "Travaux"}]', mtime=0))
    bench.stage()
    row = bench.staged("decp_2022_json")[0]
    assert (row["contract_id"], row["source_file"]) == ("A", "register.txt")


def test_truncated_gzip_is_damaged(bench: Bench):
    bench.put("a.json.gz", gzip.compress(b'[{"id": "A", "ccag": "Travaux"}]')[:-4])
    with pytest.raises(InputError, match="gzip tronqué"):
        bench.stage()


def test_a_gzip_bomb_is_refused_before_it_unpacks(bench: Bench):
    bench.put("a.json.gz", gzip.compress(b" " * (80 << 20)))
    with pytest.raises(InputError, match="gzip refusé"):
        bench.stage()


def test_a_gzip_over_the_cap_is_refused(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(containers, "UNPACKED_CAP", 1000)
    bench.put("a.json.gz", gzip.compress(b"[" + b"1," * 1000 + b"1]"))
    with pytest.raises(InputError, match="gzip refusé"):
        bench.stage()


def test_a_file_given_twice_is_told(bench: Bench):
    bench.put("a.json", [MARCHE])
    bench.put("b/a.json", [MARCHE])
    bench.stage()
    assert bench.findings() == [("input_duplicate", None, "a.json")]
    assert [row["source_file"] for row in bench.staged("decp_2022_json")] == ["a.json", "b/a.json"]


def test_parts_of_files_no_longer_given_are_gone(bench: Bench):
    old = bench.put("old.csv", "id_marche,date_notification,montant_marche,id_acheteur\n1,2,3,4\n")
    bench.put("register.json", [MARCHE])
    bench.stage()
    old.unlink()
    bench.stage()
    assert bench.tables.names() == [
        "quality.balances",
        "quality.findings",
        "quality.inputs",
        "quality.mappings",
        "staged.decp_2022_json",
    ]


def test_names_outside_the_base_stay_apart(bench: Bench, tmp_path: Path):
    files = [bench.put("x/a.json", [MARCHE]), bench.put("y/a.json", [{**MARCHE, "id": "B"}])]
    stage(files, bench.tables, bench.catalogue, tmp_path / "elsewhere")
    assert [row["source_file"] for row in bench.staged("decp_2022_json")] == [
        "x/a.json",
        "y/a.json",
    ]


def test_a_full_disk_is_not_called_a_damaged_file(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    bench.put("a.json", [MARCHE])
    bench.stage()

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("spaser.ingest.staging._copy", full)
    with pytest.raises(OSError, match="No space left"):
        bench.stage()
    assert len(bench.staged("decp_2022_json")) == 1
    assert not (bench.tables.root / ".ingest").exists()


def test_the_same_inputs_give_the_same_bytes(bench: Bench):
    bench.put("a.json", [MARCHE, {**MARCHE, "surprise": 1}])

    def content() -> dict[str, bytes]:
        return {
            path.relative_to(bench.tables.root).as_posix(): path.read_bytes()
            for path in sorted(bench.tables.root.rglob("*.parquet"))
        }

    bench.stage()
    first = content()
    bench.stage()
    assert content() == first


# --- real files ---------------------------------------------------------------------------------

real_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"no real registers at {DATA}")


@real_data
@pytest.mark.real_data
def test_every_real_register_is_read_to_its_end(bench: Bench):
    files = sorted(path for path in DATA.rglob("*") if path.is_file())
    stage(files, bench.tables, bench.catalogue, DATA)
    inputs = {row["source_file"]: row for row in bench.rows("quality.inputs")}
    unread = [name for name in REGISTERS if not inputs[name]["recognised"]]
    assert unread == []
    assert all(row["records"] == row["kept"] > 0 for row in inputs.values() if row["recognised"])
    counts = {name: row["records"] for name, row in inputs.items()}
    assert counts["decp2019_aws-marches-publics.info_2019-03.json.gz"] == 4509
    assert counts["decp2019_aife_2019-04.json.gz"] == 4530
    assert counts["decp2019_pes-dgfip_2019-04.json.gz"] == 1148
    assert counts["decp2019_e-marchespublics_2019-04.json.gz"] == 470
    assert counts["decp2019_marches-securises_croix_2019-2021.json"] == 159
    assert counts["decpinfo-flat_2024H2_travaux-cpv4521.csv.gz"] == 8957
    assert counts["aws-flat_2005-2027_6cols.csv.gz"] == 5301
    assert sum(n for name, n in counts.items() if name.startswith("decp2022_dematis")) == 1028
    rules = {(row["source_file"], row["rule"]) for row in bench.rows("quality.findings")}
    refused = {name for name, rule in rules if rule == "input_schema"}
    assert refused == {name for name in inputs if name.startswith("schema/")}
    assert ("registre_region-bretagne_2021.csv", "mapping_not_reviewed") in rules
    assert counts["registre_region-bretagne_2021.csv"] == 195
    assert not [name for name, rule in rules if rule == "input_unknown_field"]


@real_data
@pytest.mark.real_data
def test_real_2019_contracts_have_unknown_considerations_and_concessions_apart(bench: Bench):
    files = sorted(DATA.glob("decp2019_*"))
    stage(files, bench.tables, bench.catalogue, DATA)
    rows = bench.staged("decp_2019_json")
    assert {row["social_considerations"] for row in rows} == {None}
    assert sum(row["record_kind"] == "concession" for row in rows) == 32
    assert (
        sum(row["place_name"] is not None for row in rows if "croix" in row["source_file"]) == 159
    )


@real_data
@pytest.mark.real_data
def test_no_cell_of_a_real_register_is_lost(bench: Bench):
    """Every filled cell of a flat register is in a field, in a list or in `other_fields`."""
    name = "decp-v3-marches-valides_sample.csv"
    stage([DATA / "dataeco-samples" / name], bench.tables, bench.catalogue, DATA)
    lines = (DATA / "dataeco-samples" / name).read_text("utf-8-sig").splitlines()
    for cells, row in zip(
        csv.reader(lines[1:], delimiter=";"), bench.staged("data_economie_csv"), strict=True
    ):
        kept = json.dumps(list(row.values()), ensure_ascii=False)
        assert [cell for cell in cells if cell not in ("", "CDL") and cell not in kept] == []
