"""CSV and Parquet registers: columns by name, cells as received, nested parts composed."""

from __future__ import annotations

import json
from typing import Any

import duckdb
import pytest

from spaser.errors import InputError
from tests.ingest.conftest import Bench

AWS = '"id_marche","date_notification","objet_marche","montant_marche","id_acheteur"\n'
ECONOMIE = (
    "titulaire_id_1;titulaire_typeIdentifiant_1;titulaire_id_2;titulaire_typeIdentifiant_2;id;"
    "acheteur.id;montant;considerationsSociales;idModification;montantModification;"
    "idTitulaireModification;typeIdentifiantTitulaireModification;idActeSousTraitance;"
    "idSousTraitant;typeIdentifiantSousTraitant\n"
)


def test_flat_rows_keep_cells_and_lines(bench: Bench):
    bench.put(
        "a.csv",
        AWS + '"A","2024-01-02","Un objet\nsur deux lignes","80000.0000","1"\n"B",,,"","2"\n',
    )
    bench.stage()
    first, second = bench.staged("aws_flat")
    assert (first["source_pointer"], second["source_pointer"]) == ("L2", "L3")
    assert (first["object"], first["amount"]) == ("Un objet\nsur deux lignes", "80000.0000")
    assert (second["amount"], second["notified_date"], second["record_kind"]) == (
        None,
        None,
        "contract",
    )
    assert bench.balance() == (2, 2, 0)


def test_header_order_does_not_matter(bench: Bench):
    bench.put(
        "a.csv", "id_acheteur,montant_marche,x,id_marche,date_notification\n1,5,y,A,2024-01-02\n"
    )
    bench.stage()
    row = bench.staged("aws_flat")[0]
    assert (row["buyer_id"], row["amount"], row["contract_id"]) == ("1", "5", "A")
    assert json.loads(row["other_fields"]) == {"x": "y"}


@pytest.mark.parametrize("separator", [",", ";", "|", "\t"])
def test_the_separator_is_found(bench: Bench, separator: str):
    bench.put(
        "a.csv", AWS.replace(",", separator) + separator.join(["A", "d", '"a,b;c|d"', "1", "2"])
    )
    bench.stage()
    assert bench.staged("aws_flat")[0]["object"] == "a,b;c|d"


def test_crlf_and_single_quotes(bench: Bench):
    bench.put(
        "a.csv", AWS.replace('"', "'").replace("\n", "\r\n") + "'A','d','x, \"y\"','1','2'\r\n"
    )
    bench.stage()
    assert bench.staged("aws_flat")[0]["object"] == 'x, "y"'


@pytest.mark.parametrize(
    ("encoding", "name"),
    [("cp1252", "Windows-1252"), ("utf-16", "UTF-16"), ("utf-8-sig", "UTF-8 avec BOM")],
)
@pytest.mark.parametrize("container", ["csv", "json"])
def test_encodings_are_converted_with_a_finding(
    bench: Bench, encoding: str, name: str, container: str
):
    text = "Réfection « œuvre » – été"
    content = (
        AWS + f'"A","d","{text}","1","2"\n'
        if container == "csv"
        else json.dumps([{"id": "A", "ccag": "", "objet": text}], ensure_ascii=False)
    )
    bench.put("a", content.encode(encoding))
    bench.stage()
    table = "aws_flat" if container == "csv" else "decp_2022_json"
    assert bench.staged(table)[0]["object"] == text
    assert bench.findings() == [("input_transcoded", None, name)]


def test_utf16_without_mark_is_read(bench: Bench):
    bench.put("a", (AWS + '"A","d","été","1","2"\n').encode("utf-16-le"))
    bench.stage()
    assert bench.staged("aws_flat")[0]["object"] == "été"


def test_an_encoding_that_changes_half_way_is_damaged(bench: Bench):
    content = AWS.encode() + '"A","d","été","1","2"\n'.encode() + b'"B","d","\xe9t\xe9","1","2"\n'
    bench.put("a.csv", content)
    with pytest.raises(InputError) as error:
        bench.stage()
    assert f"octet {content.index(bytes([0xE9]))} " in error.value.fr


def test_economie_composes_nested_parts_and_keeps_sentinels(bench: Bench):
    bench.put(
        "a.csv",
        ECONOMIE
        + "111;SIRET;CDL;CDL;INX 202424 3 001;9;MQ;['Clause sociale'];1;50.0;222;SIRET;3;333;"
        + "SIRET\n"
        + "111;SIRET;444;CDL;B;9;10.0;NC;CDL;CDL;CDL;CDL;CDL;;\n",
    )
    bench.stage()
    first, second = bench.staged("data_economie_csv")
    assert (first["contract_id"], first["amount"]) == ("INX 202424 3 001", "MQ")
    assert first["social_considerations"] == "['Clause sociale']"
    assert json.loads(first["holders"]) == [{"typeIdentifiant": "SIRET", "id": "111"}]
    assert json.loads(first["amendments"]) == [
        {
            "id": "1",
            "montant": "50.0",
            "titulaires": [{"typeIdentifiant": "SIRET", "id": "222"}],
        }
    ]
    assert json.loads(first["subcontracts"]) == [
        {"id": "3", "sousTraitant": {"typeIdentifiant": "SIRET", "id": "333"}}
    ]
    assert json.loads(second["holders"])[1] == {"typeIdentifiant": "CDL", "id": "444"}
    assert (second["amendments"], second["subcontracts"]) == (None, None)
    assert second["social_considerations"] == "NC"


def test_names_of_the_economie_api_are_recognised(bench: Bench):
    bench.put("a.csv", ECONOMIE.lower().replace(".", "_") + "1;SIRET;;;A;9;10;NC;;;;;;;\n")
    bench.stage()
    row = bench.staged("data_economie_csv")[0]
    assert (row["buyer_id"], row["social_considerations"]) == ("9", "NC")
    assert row["other_fields"] is None
    assert bench.findings() == []


def test_columns_that_differ_by_case_are_told_apart(bench: Bench):
    header = ECONOMIE.strip() + ";technique;typePrix;TypePrix\n"
    bench.put("a.csv", header + "1;SIRET;;;A;9;10;NC;;;;;;;;Concours;;Ferme\n")
    bench.put("b.csv", header + "1;SIRET;;;A;9;10;NC;;;;;;;;Concours;Mixte;Ferme\n")
    bench.stage()
    assert [row["price_types"] for row in bench.staged("data_economie_csv")] == ["Ferme", "Mixte"]
    assert bench.staged("data_economie_csv")[0]["techniques"] == "Concours"


def decp_info(extra: dict[str, Any]) -> dict[str, Any]:
    return {
        "uid": "9A",
        "id": "A",
        "acheteur_id": "9",
        "titulaire_id": "1",
        "titulaire_typeIdentifiant": "SIRET",
        "titulaire_nom": "Exemple SARL",
        "codeCPV": "45000000",
        "montant": "12.50",
        "modification_id": "2",
        "donneesActuelles": "true",
        "acheteur_region_code": "84",
        **extra,
    }


def as_csv(rows: list[dict[str, Any]]) -> str:
    return (
        "\n".join([",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]) + "\n"
    )


def test_rows_per_holder_keep_holder_amendment_and_derived_columns(bench: Bench):
    bench.put("a.csv", as_csv([decp_info({"inconnue": "?"})]))
    bench.stage()
    row = bench.staged("decp_info")[0]
    assert json.loads(row["holders"]) == [
        {"typeIdentifiant": "SIRET", "id": "1", "denominationSociale": "Exemple SARL"}
    ]
    assert (row["amendment_id"], row["is_current"], row["amount"]) == ("2", "true", "12.50")
    assert json.loads(row["other_fields"]) == {
        "uid": "9A",
        "acheteur_region_code": "84",
        "inconnue": "?",
    }
    found = bench.rows("quality.findings")
    assert [(row["rule"], row["field"], row["value"], row["detail"]) for row in found] == [
        ("input_unknown_field", "inconnue", "?", "1")
    ]


def test_parquet_is_read_as_text(bench: Bench):
    with duckdb.connect() as connection:
        connection.execute(
            f"copy (select '9A' as uid, 'A' as id, 9::bigint as acheteur_id, '1' as titulaire_id, "
            f'\'45\' as "codeCPV", 12.5::double as montant, true as "donneesActuelles", '
            f"date '2024-05-02' as \"dateNotification\" from range(3)) "
            f"to '{bench.inputs / 'a.parquet'}' (format parquet)"
        )
    bench.stage()
    rows = bench.staged("decp_info")
    assert [row["source_pointer"] for row in rows] == ["L2", "L3", "L4"]
    assert (rows[0]["amount"], rows[0]["is_current"]) == ("12.5", "true")
    assert (rows[0]["notified_date"], rows[0]["buyer_id"]) == ("2024-05-02", "9")


def test_rows_that_do_not_fit_are_rejected_and_later_rows_keep_their_number(bench: Bench):
    rows = ["A,d,o,1,2", "B,d", "C,d,o,1,2,3", "", "D,d,o,1,2", "E,d,o,1,2"]
    bench.put("a.csv", AWS + "\n".join(rows) + "\n\n")
    bench.stage()
    found = [(row["contract_id"], row["source_pointer"]) for row in bench.staged("aws_flat")]
    assert found == [("A", "L2"), ("D", "L6"), ("E", "L7")]
    assert [row["position"] for row in bench.staged("aws_flat")] == [0, 4, 5]
    assert bench.findings() == [
        ("row_too_long", "L4", "C,d,o,1,2,3"),
        ("row_too_short", "L3", "B,d"),
    ]
    assert bench.balance() == (5, 3, 2)


def test_a_header_without_rows_is_a_finding(bench: Bench):
    bench.put("a.csv", AWS)
    bench.stage()
    assert bench.findings() == [("input_no_record", None, None)]
    assert bench.staged("aws_flat") == []


def test_a_quote_never_closed_is_damaged(bench: Bench):
    bench.put("a.csv", AWS + 'A,d,o,1,2\nB,d,"o,1,2\nC,d,o,1,2\nD,d,o,1,2\n')
    with pytest.raises(InputError) as error:
        bench.stage()
    assert "ligne 3" in error.value.fr
    assert "line 3" in error.value.en


def test_truncated_parquet_is_damaged(bench: Bench):
    bench.put("a.parquet", b"PAR1" + b"\x00" * 100)
    with pytest.raises(InputError, match="illisible"):
        bench.stage()
