"""JSON and XML registers: every wrapper, every shape, text exactly as received."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any
from xml.sax.saxutils import escape

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spaser.errors import InputError
from tests.ingest.conftest import CONCESSION, MARCHE, Bench

WRAPPERS = {
    "both lists": ({"marches": {"marche": [MARCHE], "contrat-concession": [CONCESSION]}}, 2),
    "contracts only": ({"marches": {"marche": [MARCHE]}}, 1),
    "one object for a list": ({"marches": {"marche": MARCHE, "contrat-concession": []}}, 1),
    "null for a list": ({"marches": {"marche": [MARCHE], "contrat-concession": None}}, 1),
    "metadata beside": ({"date": "2024", "marches": {"marche": [MARCHE]}}, 1),
    "flat list": ({"marches": [MARCHE, CONCESSION]}, 2),
    "bare list": ([MARCHE, CONCESSION], 2),
    "one record": (MARCHE, 1),
}


@pytest.mark.parametrize("name", WRAPPERS)
def test_every_wrapper_gives_the_same_contract(bench: Bench, name: str):
    content, count = WRAPPERS[name]
    bench.put("r.json", content)
    bench.stage()
    rows = bench.staged("decp_2022_json")
    assert [row["record_kind"] for row in rows] == ["contract", "concession"][:count]
    assert rows[0]["contract_id"] == "2024-001"
    assert rows[0]["buyer_id"] == "12345678200010"
    assert rows[0]["amount"] == "52000"
    assert json.loads(rows[0]["holders"]) == MARCHE["titulaires"]
    assert rows[0]["other_fields"] is None
    if count == 2:
        assert rows[1]["buyer_id"] == "12345678200010"
        assert (rows[1]["global_value"], rows[1]["signed_date"]) == ("70", "2024-06-18")
        assert json.loads(rows[1]["holders"]) == CONCESSION["concessionnaires"]
    assert bench.balance() == (count, count, 0)
    assert bench.findings() == []


def test_ndjson_points_to_lines_and_skips_blank_ones(bench: Bench):
    bench.put("r.json", json.dumps(MARCHE) + "\n\n" + json.dumps({**MARCHE, "id": "B"}) + "\n")
    bench.stage()
    rows = bench.staged("decp_2022_json")
    assert [(row["source_pointer"], row["contract_id"]) for row in rows] == [
        ("L1", "2024-001"),
        ("L3", "B"),
    ]


def test_pointer_and_position_lead_back_to_the_record(bench: Bench):
    records = [{**MARCHE, "id": str(number)} for number in range(3)]
    bench.put("r.json", {"marches": {"contrat-concession": [CONCESSION], "marche": records}})
    bench.stage()
    rows = bench.staged("decp_2022_json")
    assert [(row["position"], row["source_pointer"]) for row in rows] == [
        (0, "/marches/contrat-concession/0"),
        (1, "/marches/marche/0"),
        (2, "/marches/marche/1"),
        (3, "/marches/marche/2"),
    ]


@pytest.mark.parametrize(
    ("received", "staged"),
    [
        (
            {"considerationSociale": ["Clause sociale"]},
            '{"considerationSociale":["Clause sociale"]}',
        ),
        ({"considerationSociale": "Clause sociale"}, '{"considerationSociale":"Clause sociale"}'),
        (["Clause sociale", "NC"], '["Clause sociale","NC"]'),
        ("['Clause sociale']", "['Clause sociale']"),
        ("Clause sociale, Critère social", "Clause sociale, Critère social"),
        ("NC", "NC"),
        ("", ""),
        (None, None),
        ([], "[]"),
    ],
)
def test_shapes_of_considerations_are_kept_as_received(bench: Bench, received: Any, staged: Any):
    bench.put("r.json", [{**MARCHE, "considerationsSociales": received}])
    bench.stage()
    assert bench.staged("decp_2022_json")[0]["social_considerations"] == staged


@pytest.mark.parametrize(
    "titulaires",
    [
        [{"titulaire": {"typeIdentifiant": "SIRET", "id": "1"}}],
        [{"typeIdentifiant": "SIRET", "id": "1", "denominationSociale": "Exemple & fils"}],
        {"titulaire": [{"typeIdentifiant": "SIRET", "id": "1"}]},
        {"titulaire": "typeIdentifiant"},
        [[{"typeIdentifiant": "SIRET", "id": "1"}]],
    ],
)
def test_shapes_of_holders_are_kept_as_received(bench: Bench, titulaires: Any):
    bench.put("r.json", [{**MARCHE, "titulaires": titulaires}])
    bench.stage()
    assert json.loads(bench.staged("decp_2022_json")[0]["holders"]) == titulaires


def test_singular_keys_of_the_drafts_are_read(bench: Bench):
    record = {key: value for key, value in MARCHE.items() if key != "techniques"}
    bench.put("r.json", [{**record, "technique": ["Concours"], "modaliteExecution": "Tranches"}])
    bench.stage()
    row = bench.staged("decp_2022_json")[0]
    assert (row["techniques"], row["execution_modes"]) == ('["Concours"]', "Tranches")


@pytest.mark.parametrize(
    ("written", "staged"),
    [
        ("0", "0"),
        ("0.5", "0.5"),
        ("12345678901234567.89", "12345678901234567.89"),
        ('"12,5"', "12,5"),
        ('"NC"', "NC"),
        ("true", "true"),
        ("null", None),
    ],
)
def test_amounts_are_text_with_every_digit(bench: Bench, written: str, staged: str | None):
    decoy = '"modifications": [{"modification": {"montant": 9.99}}], '
    bench.put("r.json", f'[{{"id": "A", "ccag": "Travaux", {decoy} "montant" : {written}}}]')
    bench.stage()
    assert bench.staged("decp_2022_json")[0]["amount"] == staged


def test_2019_records_have_no_considerations_and_keep_their_odd_keys(bench: Bench):
    record = {
        "id": "2019T001",
        "uid": "123456782000102019T001",
        "_type": "Marché",
        "acheteur.id": "12345678200010",
        "lieuExecution": {"code": "59170", "typeCode": "Code postal", "nom ": "Exempleville"},
        "formePrix": "Ferme",
        "montant": "100",
        "titulaires": [],
    }
    bench.put("r.json", {"marches": [record]})
    bench.stage()
    row = bench.staged("decp_2019_json")[0]
    assert row["social_considerations"] is None
    assert (row["buyer_id"], row["place_name"]) == ("12345678200010", "Exempleville")
    assert (row["price_types"], row["price_form"]) == ("Ferme", None)
    assert json.loads(row["other_fields"]) == {"uid": record["uid"], "_type": "Marché"}
    assert bench.findings() == []


@pytest.mark.parametrize(
    ("extra", "kind"),
    [
        ({"_type": "Contrat de concession"}, "concession"),
        ({"_type": "Marché", "autoriteConcedante": {"id": "1"}}, "contract"),
        ({"autoriteConcedante": {"id": "1"}}, "concession"),
        ({"acheteur": {"id": "1"}, "autoriteConcedante": ""}, "contract"),
        ({"nature": "CONCESSION DE TRAVAUX"}, "concession"),
        ({}, "contract"),
    ],
)
def test_kind_of_records_in_a_mixed_list(bench: Bench, extra: dict[str, Any], kind: str):
    bench.put("r.json", {"marches": [{"id": "A", "titulaires": [], **extra}]})
    bench.stage()
    assert bench.staged("decp_2019_json")[0]["record_kind"] == kind


def test_unknown_keys_are_kept_and_reported_once_with_their_number(bench: Bench):
    odd = {"surprise": {"a": 1}, "acheteur": {"id": "1", "service": "Voirie"}, "a/b~c": 2}
    bench.put("r.json", [{**MARCHE, **odd}, {**MARCHE, **odd, "id": "B"}, MARCHE])
    bench.stage()
    rows = bench.staged("decp_2022_json")
    assert json.loads(rows[0]["other_fields"]) == {
        "surprise": {"a": 1},
        "a/b~c": 2,
        "acheteur/service": "Voirie",
    }
    assert rows[2]["other_fields"] is None
    found = [
        (row["rule"], row["field"], row["value"], row["detail"])
        for row in bench.rows("quality.findings", "field")
    ]
    assert found == [
        ("input_unknown_field", "a/b~c", "2", "2"),
        ("input_unknown_field", "acheteur/service", "Voirie", "2"),
        ("input_unknown_field", "surprise", '{"a": 1}', "2"),
    ]


def test_a_scalar_in_the_place_of_an_object_is_not_lost(bench: Bench):
    bench.put("r.json", [{**MARCHE, "acheteur": "12345678200010"}])
    bench.stage()
    assert json.loads(bench.staged("decp_2022_json")[0]["other_fields"]) == {
        "acheteur": "12345678200010"
    }


def test_items_that_are_no_objects_are_rejected_with_their_place(bench: Bench):
    bench.put("r.json", {"marches": {"marche": [MARCHE, "NC", None, [1], MARCHE]}})
    bench.stage()
    assert bench.balance() == (5, 2, 3)
    assert [row["position"] for row in bench.staged("decp_2022_json")] == [0, 4]
    assert bench.findings() == [
        ("record_not_object", "/marches/marche/1", '"NC"'),
        ("record_not_object", "/marches/marche/2", "null"),
        ("record_not_object", "/marches/marche/3", "[1]"),
    ]


def test_a_list_of_another_name_is_counted_as_rejected(bench: Bench):
    bench.put("r.json", {"marches": {"marche": [MARCHE], "marches-subsequents": [MARCHE, MARCHE]}})
    bench.stage()
    assert bench.balance() == (3, 1, 2)
    assert bench.findings() == [("input_unknown_list", None, "2")]


def test_nan_is_read_as_absent_and_counted_but_not_inside_text(bench: Bench):
    record = json.dumps({**MARCHE, "objet": 'Pain "NaN" : NaN, 12', "montant": 0})
    bench.put(
        "r.json", f'[{record.replace(": 0,", ": NaN, ")}, {{"id":"B","dureeMois":-Infinity}}]'
    )
    bench.stage()
    rows = bench.staged("decp_2022_json")
    assert (rows[0]["object"], rows[0]["amount"]) == ('Pain "NaN" : NaN, 12', None)
    assert bench.findings() == [("input_not_a_number", None, "2")]


def test_nan_in_ndjson_is_read_as_absent(bench: Bench):
    first = json.dumps(MARCHE)
    bench.put("r.json", f'{first}\n{{"id": "B", "montant": NaN}}\n')
    bench.stage()
    assert [row["amount"] for row in bench.staged("decp_2022_json")] == ["52000", None]
    assert bench.findings() == [("input_not_a_number", None, "1")]


def test_a_register_without_records_is_a_finding(bench: Bench):
    bench.put("r.json", {"marches": {"marche": [], "contrat-concession": []}})
    bench.stage()
    assert [rule for rule, _, _ in bench.findings()] == ["input_no_record"]
    assert bench.balance() == (0, 0, 0)


@pytest.mark.parametrize(
    ("content", "fr", "en"),
    [
        ('{"marches": {"marche": [{"id": "A"', "JSON tronqué", "truncated JSON"),
        ('{"marches":\n [{"id": x}]}', "octet 21 (ligne 2)", "byte 21 (line 2)"),
        ('{"marches": []} et la suite', "octet 17", "byte 17"),
        ('{"id": "A", "ccag": ""}\n{"id": "B", "ccag"', "ligne 2", "line 2"),
    ],
)
def test_damaged_json_says_where_and_leaves_the_tables_whole(
    bench: Bench, content: str, fr: str, en: str
):
    bench.put("a.json", [MARCHE])
    bench.stage()
    bench.put("b.json", content)
    with pytest.raises(InputError) as error:
        bench.stage()
    assert error.value.fr.startswith("b.json : ")
    assert fr in error.value.fr
    assert en in error.value.en
    assert len(bench.staged("decp_2022_json")) == 1
    assert {path.name for path in bench.tables.root.iterdir()} == {"staged", "quality"}


def test_every_damaged_file_is_named_at_once(bench: Bench):
    bench.put("a.json", "[{")
    bench.put("b.json", gzip.compress(b"[" * 1000)[:-9])
    with pytest.raises(InputError) as error:
        bench.stage()
    assert [line.split(" : ")[0] for line in error.value.fr.splitlines()] == ["a.json", "b.json"]


def test_blocks_of_a_large_file_are_all_kept(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("spaser.ingest.records.BATCH_ROWS", 7)
    bench.put("r.json", {"marches": {"marche": [{**MARCHE, "id": str(n)} for n in range(100)]}})
    bench.stage()
    rows = bench.staged("decp_2022_json")
    assert [row["contract_id"] for row in rows] == [str(n) for n in range(100)]
    assert [row["source_pointer"] for row in rows] == [f"/marches/marche/{n}" for n in range(100)]
    assert bench.balance() == (100, 100, 0)


# --- XML ----------------------------------------------------------------------------------------


def to_xml(records: list[dict[str, Any]], tag: str = "marche") -> str:
    """Records as the XML form of the register: lists are repeated children."""

    def node(name: str, value: Any) -> str:
        if isinstance(value, dict):
            inner = "".join(node(key, item) for key, item in value.items())
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            inner = "".join(node(key, item) for one in value for key, item in one.items())
        elif isinstance(value, list):
            return "".join(node(name, item) for item in value)
        else:
            inner = escape(str(value), {"\r": "&#13;"})
        return f"<{name}>{inner}</{name}>"

    return "<marches>" + "".join(node(tag, record) for record in records) + "</marches>"


def test_xml_gives_the_shapes_of_json(bench: Bench):
    bench.put("r.xml", to_xml([MARCHE]))
    bench.put("c.xml", to_xml([CONCESSION], "contrat-concession"))
    bench.put("r.json", {"marches": {"marche": [MARCHE], "contrat-concession": [CONCESSION]}})
    bench.stage()
    own = {"source", "source_file", "file_sha256", "source_pointer", "position"}

    def content(source: str) -> list[dict[str, Any]]:
        rows = sorted(bench.staged(source), key=lambda row: row["record_kind"])
        return [{key: row[key] for key in row if key not in own} for row in rows]

    assert content("decp_2022_xml") == content("decp_2022_json")
    assert [row["source_pointer"] for row in bench.staged("decp_2022_xml")] == [
        "/marches/contrat-concession[1]",
        "/marches/marche[1]",
    ]


def test_xml_in_another_declared_encoding_and_with_a_namespace(bench: Bench):
    text = to_xml([MARCHE]).replace("<marches>", '<marches xmlns="urn:exemple">')
    bench.put("r.xml", ('<?xml version="1.0" encoding="windows-1252"?>' + text).encode("cp1252"))
    bench.stage()
    row = bench.staged("decp_2022_xml")[0]
    assert (row["object"], row["nature"]) == (MARCHE["objet"], "Marché")


def test_a_stray_xml_element_is_rejected(bench: Bench):
    bench.put("r.xml", to_xml([MARCHE]).replace("</marches>", "<avis><id>1</id></avis></marches>"))
    bench.stage()
    assert bench.balance() == (2, 1, 1)
    assert bench.findings() == [("record_not_object", "/marches/avis[1]", '"avis"')]


# --- round trip ---------------------------------------------------------------------------------

TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn", "Co")), max_size=20
)
CONSIDERATIONS = st.lists(st.sampled_from(["Clause sociale", "Critère social", "NC"]), min_size=1)
RECORDS = st.lists(
    st.fixed_dictionaries(
        {
            "id": TEXT,
            "ccag": TEXT,
            "acheteur": st.fixed_dictionaries({"id": TEXT}),
            "objet": TEXT,
            "considerationsSociales": st.fixed_dictionaries(
                {"considerationSociale": CONSIDERATIONS}
            ),
        }
    ),
    min_size=1,
    max_size=5,
)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(records=RECORDS)
def test_json_ndjson_and_xml_give_the_same_text(
    benches: Callable[[], Bench], records: list[dict[str, Any]]
):
    bench = benches()
    bench.put("a.json", {"marches": {"marche": records}})
    bench.put("b.json", "\n".join(json.dumps(record) for record in records))
    bench.put("c.xml", to_xml(records))
    bench.stage()
    staged = bench.staged("decp_2022_json") + bench.staged("decp_2022_xml")
    found: dict[str, list[tuple[Any, ...]]] = {}
    for row in staged:
        found.setdefault(row["source_file"], []).append(
            (row["contract_id"], row["buyer_id"], row["object"], row["social_considerations"])
        )
    expected = [
        (
            record["id"],
            record["acheteur"]["id"],
            record["objet"],
            json.dumps(record["considerationsSociales"], ensure_ascii=False, separators=(",", ":")),
        )
        for record in records
    ]
    assert found == {"a.json": expected, "b.json": expected, "c.xml": expected}
