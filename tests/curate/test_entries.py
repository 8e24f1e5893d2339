"""Which values are in force: the own register, DECP, and the corrections of the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from spaser.curate import Settings
from spaser.ledger import Correction
from spaser.scheme import Precedence, scheme_for_files
from spaser.warehouse import Tables
from tests.curate.run import BUYER, curate_all, one, open_balances, rows, stage_rows

HOLDER = '[{"titulaire": {"id": "00040001000013", "typeIdentifiant": "SIRET"}}]'
UID = f"{BUYER}-2024-001"
OWN = {
    "contract_id": "2024-001",
    "buyer_id": BUYER,
    "object": "Entretien des espaces verts",
    "notified_date": "2024-03-01",
    "amount": "100000",
    "tax_basis": "HT",
    "holders": HOLDER,
}


def built(
    root: Path,
    own: Iterable[Mapping[str, Any]] = (),
    decp: Iterable[Mapping[str, Any]] = (),
    ledger: Sequence[Correction] = (),
    precedence: Precedence | None = None,
    last: str = "curated/contracts",
) -> Tables:
    tables = Tables(root)
    for source, given in (("department_register", own), ("decp_2022_json", decp)):
        stage_rows(
            tables,
            source,
            [
                OWN
                | {
                    "source_file": f"{source}.x",
                    "position": number,
                    "source_pointer": f"L{number + 2}",
                }
                | dict(row)
                for number, row in enumerate(given)
            ],
        )
    scheme = scheme_for_files(()).model_copy(update={"precedence": precedence or Precedence()})
    settings = Settings(scheme, ledger=tuple(ledger))
    return curate_all(tables, scheme, last, settings)


def correction(field: str, old: str | None, new: str | None, line: int = 2) -> Correction:
    return Correction(
        UID, field, old, new, "acte d'engagement relu", "AE p. 2", "service achats",
        date(2025, 1, 10), line,
    )  # fmt: skip


def contract(tables: Tables, columns: str = "*") -> dict[str, Any]:
    return one(tables, f"select {columns} from curated.contracts")


def findings(tables: Tables, rule: str) -> list[dict[str, Any]]:
    return rows(tables, f"select * from quality.findings where rule = '{rule}' order by key, field")


def test_the_own_register_is_the_reference_and_decp_fills_what_it_does_not_know(tmp_path):
    tables = built(
        tmp_path,
        own=[{"offers_received": None, "social_considerations": "Clause sociale"}],
        decp=[{"amount": "120000", "offers_received": "4", "social_considerations": "Sans objet"}],
    )
    found = contract(tables)
    assert found["uid"] == UID
    assert found["origin"] == "own"
    assert found["amount_initial_eur"] == Decimal(100000)
    assert found["offers_received"] == 4
    assert found["has_social_clause"] is True
    assert found["decp_fields"] == ["offers_received"]
    assert open_balances(tables) == []


def test_the_scheme_may_prefer_decp_for_a_field(tmp_path):
    tables = built(
        tmp_path,
        own=[{}],
        decp=[{"amount": "120000"}],
        precedence=Precedence(fields={"amount": "decp"}),
    )
    found = contract(tables)
    assert found["amount_initial_eur"] == Decimal(120000)
    assert "amount" in found["decp_fields"]


@pytest.mark.parametrize(("fate", "counted"), [("set_aside", 1), ("counted", 2)])
def test_a_contract_that_only_decp_has_is_set_aside_unless_the_scheme_counts_it(
    tmp_path, fate, counted
):
    other = {"contract_id": "2024-777", "object": "Achat de bancs", "amount": "55000"}
    tables = built(tmp_path, own=[{}], decp=[{}, other], precedence=Precedence(only_in_decp=fate))
    assert one(tables, "select count(*) as n from curated.contracts")["n"] == counted
    assert open_balances(tables) == []
    if fate == "set_aside":
        assert findings(tables, "missing_in_register")


def test_a_year_that_the_register_does_not_cover_is_decps(tmp_path):
    old = {"contract_id": "2019-001", "notified_date": "2019-05-05", "object": "Achat de bancs"}
    tables = built(tmp_path, own=[{}], decp=[old])
    years = rows(tables, "select year, origin from curated.contracts order by year")
    assert years == [{"year": 2019, "origin": "decp"}, {"year": 2024, "origin": "own"}]


@pytest.mark.parametrize(
    ("row", "initial", "basis", "reason"),
    [
        ({"amount": "12000", "tax_basis": "HT"}, "12000", "ht", None),
        ({"amount": "12000 € TTC", "tax_basis": None}, None, "ttc", "tax_included"),
        ({"amount": "12000", "tax_basis": "TTC", "vat_rate": "20 %"}, "10000", "ttc", None),
        ({"amount": "12000", "tax_basis": None}, None, "unknown", "tax_unknown"),
        ({"amount": None, "amount_with_tax": "1055", "vat_rate": "5,5 %"}, "1000", "ttc", None),
        ({"amount": "10000", "amount_with_tax": "12000"}, "10000", "ht", None),
        ({"amount": None}, None, "ht", "missing"),
    ],
)
def test_only_an_amount_without_tax_is_usable(tmp_path, row, initial, basis, reason):
    tables = built(tmp_path, own=[row])
    found = contract(tables)
    assert found["amount_initial_eur"] == (Decimal(initial) if initial else None)
    assert found["tax_basis"] == basis
    assert found["amount_exclusion_reason"] == reason


def test_decp_amounts_are_without_tax(tmp_path):
    tables = built(tmp_path, decp=[{"tax_basis": None}])
    assert contract(tables)["tax_basis"] == "ht"


@pytest.mark.parametrize(
    ("row", "clause", "reserved", "article"),
    [
        ({"social_clause": "oui"}, True, None, None),
        ({"social_clause": "non"}, False, None, None),
        ({"social_considerations": "Sans objet"}, False, False, "none"),
        ({"reserved_article": "L2113-12"}, None, True, "L2113-12"),
        ({"reserved": "oui"}, None, True, "unspecified"),
        ({"reserved": "non"}, None, False, "none"),
        ({}, None, None, None),
    ],
)
def test_yes_no_columns_say_a_consideration(tmp_path, row, clause, reserved, article):
    found = contract(built(tmp_path, own=[row]))
    assert found["has_social_clause"] is clause
    assert found["is_reserved"] is reserved
    assert found["reserved_for"] == article


def test_the_no_of_the_own_register_prevails_over_decps_list(tmp_path):
    tables = built(
        tmp_path,
        own=[{"social_clause": "non"}],
        decp=[{"social_considerations": "Clause sociale"}],
    )
    assert contract(tables)["has_social_clause"] is False
    assert findings(tables, "considerations_contradict") == []


def test_a_register_that_contradicts_itself_keeps_the_yes_and_says_so(tmp_path):
    tables = built(
        tmp_path, own=[{"social_clause": "non", "social_considerations": "Clause sociale"}]
    )
    assert contract(tables)["has_social_clause"] is True
    assert [found["field"] for found in findings(tables, "considerations_contradict")] == [
        "social_clause"
    ]


def test_a_lot_without_award_is_a_lot_and_no_contract(tmp_path):
    lot = {"consultation_id": "24-C7", "contract_id": "24-C7"}
    tables = built(
        tmp_path,
        own=[
            lot | {"lot_number": "1", "outcome": "Attribué"},
            lot
            | {"lot_number": "2", "outcome": "Infructueux", "notified_date": None, "amount": None}
            | {"outcome_date": "2024-02-10"},
        ],
        last="curated/lots",
    )
    curate_all(tables, scheme_for_files(()), "curated/contracts")
    assert one(tables, "select count(*) as n from curated.contracts")["n"] == 1
    lots = rows(tables, "select lot_number, outcome, year from curated.lots order by lot_number")
    assert lots == [
        {"lot_number": "1", "outcome": "awarded", "year": 2024},
        {"lot_number": "2", "outcome": "unsuccessful", "year": 2024},
    ]


def test_a_lot_that_came_to_nothing_needs_no_contract_number(tmp_path):
    nothing = {"contract_id": None, "consultation_id": "24-C9", "notified_date": None}
    tables = built(
        tmp_path,
        own=[
            {},
            nothing | {"lot_number": "2", "outcome": "Infructueux", "outcome_date": "2024-02-10"},
            nothing | {"lot_number": "3", "object": "Bancs"},
        ],
        last="curated/lots",
    )
    found = rows(tables, "select uid, outcome, year from curated.lots order by uid")
    assert found == [{"uid": f"{BUYER}-24-C9-2", "outcome": "unsuccessful", "year": 2024}]
    # Without an outcome it may be a contract whose number was forgotten: it is set aside and said.
    assert len(findings(tables, "missing_key")) == 1
    assert open_balances(tables) == []


def test_criteria_come_from_columns_or_from_their_text(tmp_path):
    tables = built(
        tmp_path,
        own=[
            {"award_criteria": "Prix 60 % ; Valeur technique 30 % ; Environnement 10 %"},
            {"contract_id": "2", "object": "Bancs", "weight_price": "70", "weight_social": "30 %"},
        ],
        last="curated/criteria",
    )
    found = rows(tables, "select nature, weight from curated.criteria order by uid, weight")
    assert [(row["nature"], float(row["weight"])) for row in found] == [
        ("social", 0.3), ("price", 0.7), ("environmental", 0.1), ("technical", 0.3), ("price", 0.6),
    ]  # fmt: skip


def test_rows_of_one_contract_with_other_amounts_are_said(tmp_path):
    tables = built(tmp_path, own=[{}, {"amount": "90000"}])
    assert contract(tables)["amount_initial_eur"] == Decimal(100000)
    [found] = findings(tables, "rows_disagree") or findings(tables, "republished")
    assert "90000" in (found["detail"] or "") or "amount" in (found["detail"] or "")


# --- the ledger ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "old", "new", "column", "value"),
    [
        ("amount", "100000", "110 000,50", "amount_initial_eur", Decimal("110000.50")),
        ("notified_date", "2024-03-01", "15/04/2023", "notified_date", date(2023, 4, 15)),
        ("object", "Entretien des espaces verts", "Élagage", "object", "Élagage"),
        ("social_considerations", None, "clause, criterion", "has_social_criterion", True),
        ("social_considerations", None, "Clause sociale", "has_social_clause", True),
        ("social_considerations", None, "none", "has_social_clause", False),
        ("procedure", None, "adapted", "procedure_code", "adapted"),
        ("amount", "100 000,00 €", None, "amount_initial_eur", None),
        ("reserved", None, "oui", "is_reserved", True),
    ],
)
def test_a_correction_is_applied_once(tmp_path, field, old, new, column, value):
    tables = built(tmp_path, own=[{}], ledger=[correction(field, old, new)])
    found = contract(tables)
    assert found[column] == value
    assert found["corrected_fields"] == [field]
    assert one(tables, "select status from curated.corrections")["status"] == "applied"
    assert len(findings(tables, "correction_applied")) == 1
    if field == "notified_date":
        assert found["year"] == 2023


def test_a_correction_whose_old_value_is_gone_is_refused(tmp_path):
    tables = built(tmp_path, own=[{}], ledger=[correction("amount", "99000", "1")])
    assert contract(tables)["amount_initial_eur"] == Decimal(100000)
    assert contract(tables)["corrected_fields"] == []
    line = one(tables, "select status, found from curated.corrections")
    assert line == {"status": "refused", "found": "100000.00"}
    [finding] = findings(tables, "correction_refused")
    assert finding["severity"] == "error"


def test_two_corrections_of_one_field_follow_one_another(tmp_path):
    ledger = [correction("amount", "100000", "2", 2), correction("amount", "2", "3", 3)]
    tables = built(tmp_path, own=[{}], ledger=ledger)
    assert contract(tables)["amount_initial_eur"] == Decimal(3)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"key": f"{BUYER}-none"}, "unknown_key"),
        ({"field": "color"}, "unknown_field"),
        ({"field": "contract_id"}, "unknown_field"),
        ({"field": "holders"}, "unknown_field"),
        ({"field": "amount", "old": "100000", "new": "beaucoup"}, "unreadable"),
        ({"field": "same_as", "old": None, "new": "nobody"}, "unknown_key"),
    ],
)
def test_a_line_that_cannot_be_applied_changes_nothing(tmp_path, change, status):
    line = replace(correction("object", None, "x"), **change)
    tables = built(tmp_path, own=[{}], ledger=[line])
    assert one(tables, "select status from curated.corrections")["status"] == status
    assert contract(tables)["corrected_fields"] == []
    found = rows(tables, "select * from quality.findings where table_name = 'curated.corrections'")
    assert [row["severity"] for row in found] == ["error"]


def test_the_department_may_decide_that_two_contracts_are_one(tmp_path):
    decp = {"contract_id": "M-77", "amount": "101000", "object": "Entretien d'espaces verts"}
    apart = built(tmp_path / "apart", own=[{}], decp=[decp])
    assert contract(apart)["decp_uid"] is None
    decided = built(
        tmp_path / "decided",
        own=[{}],
        decp=[decp | {"offers_received": "7"}],
        ledger=[correction("same_as", None, f"{BUYER}-M-77")],
    )
    assert contract(decided)["decp_uid"] == f"{BUYER}-M-77"
    assert contract(decided)["offers_received"] == 7
    assert open_balances(decided) == []
