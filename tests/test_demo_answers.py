"""The traps planted in the demo and its totals, against answers computed while it was written."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import yaml

from spaser.project import Project
from spaser.quality.audit import sample
from spaser.warehouse import Tables
from tests.curate.run import ROOT, one, open_balances, rows

pytestmark = pytest.mark.demo

ANSWERS: dict[str, Any] = yaml.safe_load(
    (ROOT / "tests" / "golden" / "demo_answers.yml").read_text(encoding="utf-8")
)
TRAPS: list[dict[str, Any]] = ANSWERS["traps"]
REGISTER: dict[str, Any] = ANSWERS["register"]
OWNER = REGISTER["buyer_id"]
TABLES = ("contracts", "holders", "amendments", "concessions")
POSITIVE = ("numerator", "denominator_only", "unknown")


def each_expectation(kind: str) -> Iterator[Any]:
    for trap in TRAPS:
        for number, expected in enumerate(trap["expect"].get(kind, [])):
            yield pytest.param(trap, expected, id=f"{trap['id']}-{number}")


def test_no_expectation_is_left_unread():
    read = {*TABLES, "findings", "evidence", "suspicions"}
    assert {kind for trap in TRAPS for kind in trap["expect"]} <= read
    assert set(ANSWERS) == {
        *("as_of", "floor_eur", "buyers", "records", "totals", "register", "spend", "duties"),
        *("suspicions", "audit", "traps", "hours"),
    }
    assert set(ANSWERS["totals"]) == {"contracts", "results", "spend", "verdicts"}
    assert len({trap["id"] for trap in TRAPS}) == len(TRAPS) > 50


def matching(demo: Tables, table: str, buyer: str, match: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows of a curated table about a contract of a buyer; the uid carries both everywhere."""
    found = rows(demo, f"from curated.{table} where uid like '{buyer}-%'")
    wanted = dict(match)
    base = f"{buyer}-{wanted.pop('contract_id')}"
    return [
        row
        for row in found
        if row["uid"].split("#")[0] == base
        and all(text(row[name]) == value for name, value in wanted.items())
    ]


def text(value: Any) -> Any:
    """Money and dates as the answers write them."""
    return value if value is None or isinstance(value, bool | int | list) else str(value)


@pytest.mark.parametrize(
    ("trap", "table", "expected"),
    [
        pytest.param(*case.values[:1], table, *case.values[1:], id=f"{table}-{case.id}")
        for table in TABLES
        for case in each_expectation(table)
    ],
)
def test_planted_rows(demo, trap, table, expected):
    found = matching(demo, table, trap["buyer_id"], expected["match"])
    assert len(found) == expected["count"], trap["planted"]
    for row in found:
        for name, value in expected.get("columns", {}).items():
            if value == "*":
                assert row[name] is not None, (trap["planted"], name)
            else:
                assert text(row[name]) == value, (trap["planted"], name)


@pytest.mark.parametrize(("trap", "expected"), [*each_expectation("findings")])
def test_planted_findings(demo, trap, expected):
    if "field" in expected:
        where = f"field like '%{expected['field']}%'"
    else:
        where = f"key like '{trap['buyer_id']}-{expected['contract_id']}%'"
    found = rows(demo, f"from quality.findings where {where}")
    assert len(found) >= expected["at_least"], trap["planted"]


@pytest.mark.parametrize(("trap", "expected"), [*each_expectation("evidence")])
def test_planted_evidence(demo, trap, expected):
    uid = f"{trap['buyer_id']}-{expected['contract_id']}"
    found = rows(
        demo,
        f"""select role from indicators.evidence where unit_id = '{uid}' and method = 'default'
        and code = '{expected["code"]}' and scope = '{expected["scope"]}'
        and measure = '{expected["measure"]}' and year = {expected["year"]}""",
    )
    roles = [row["role"] for row in found if row["role"] in POSITIVE]
    assert roles == ([] if expected["role"] is None else [expected["role"]]), trap["planted"]


def test_every_record_is_kept_merged_or_rejected(demo):
    records = ANSWERS["records"]
    read = rows(demo, "select source_file, records from quality.inputs")
    assert {Path(r["source_file"]).name: r["records"] for r in read} == records["files"]
    balance = one(demo, "from quality.balances where step = 'publications:contract'")
    assert balance["records_in"] == records["contract_records"]
    assert balance["kept"] == records["publications"]
    assert (balance["merged"], balance["rejected"]) == (records["merged"], records["rejected"])
    for table in ("contracts", "concessions"):
        counted = one(demo, f"select count(*) as n from curated.{table}")
        assert counted["n"] == records[table]
    assert open_balances(demo) == []


def test_the_day_that_stands_for_today(demo):
    run = one(demo, "from quality.run")
    assert str(run["as_of"]) == ANSWERS["as_of"]
    assert run["floor_eur"] == ANSWERS["floor_eur"]


@pytest.mark.parametrize("expected", ANSWERS["totals"]["contracts"], ids=str)
def test_contracts_and_population_of_each_year_and_buyer(demo, expected):
    year, buyer = expected["year"], expected["buyer_id"]
    where = "year is null" if year is None else f"year = {year}"
    if buyer != "*":
        where += f" and buyer_id = '{buyer}'"
    counted = one(
        demo,
        f"""select count(*) as contracts,
            count(*) filter (where framework_role <> 'call_off') as population
        from facts.contracts where {where}""",
    )
    wanted = {"contracts": expected["contracts"], "population": expected["population"]}
    assert counted == wanted
    if year is not None:
        row = one(
            demo,
            f"""select value from indicators.results where code = 'GEN-02' and scope = 'all'
            and method = 'default' and measure = 'count' and dimension = '*'
            and year = {year} and buyer_id = '{buyer}'""",
        )
        assert row["value"] == expected["population"]


@pytest.mark.parametrize("expected", ANSWERS["totals"]["results"], ids=str)
def test_totals(demo, expected):
    row = one(
        demo,
        f"""select numerator, denominator, unknown from indicators.results
        where code = '{expected["code"]}' and scope = '{expected["scope"]}'
        and year = {expected["year"]} and buyer_id = '{expected["buyer_id"]}'
        and method = 'default' and measure = 'count' and dimension = '*'
        qualify row_number() over (order by unit desc) = 1""",
    )
    names = ("numerator", "denominator", "unknown")
    assert row == {name: Decimal(expected[name]) for name in names}


@pytest.mark.parametrize("expected", ANSWERS["totals"]["spend"], ids=str)
def test_spend_under_contracts(demo, expected):
    row = one(
        demo,
        f"""select numerator from indicators.results where code = 'GEN-01' and method = 'default'
        and scope = 'all' and measure = 'value' and unit = 'eur' and dimension = '*'
        and year = {expected["year"]} and buyer_id = '{expected["buyer_id"]}'""",
    )
    assert row["numerator"] == Decimal(expected["eur"])


@pytest.mark.parametrize("expected", ANSWERS["totals"]["verdicts"], ids=str)
def test_verdicts(demo, expected):
    row = one(
        demo,
        f"""select verdict from indicators.verdicts
        where target_id = '{expected["target_id"]}' and year = 2025""",
    )
    assert row["verdict"] == expected["verdict"]


# --- the centre's own register -------------------------------------------------------------------


def uid(contract_id: str) -> str:
    return f"{OWNER}-{contract_id}"


def matched(demo: Tables, where: str) -> list[dict[str, Any]]:
    return rows(demo, f"from curated.reconciliation where {where}")


def test_contracts_of_both_registers_are_matched_level_by_level(demo):
    found = matched(demo, "own_uid is not null and decp_uid is not null")
    counts = dict.fromkeys(REGISTER["levels"], 0)
    for row in found:
        counts[row["level"]] += 1
        assert row["buyer_id"] == OWNER
    assert counts == REGISTER["levels"]
    pairs = {row["own_uid"]: row["decp_uid"] for row in found if row["level"] != "id"}
    assert pairs == {uid(own): uid(decp) for own, decp in REGISTER["not_by_id"].items()}


def test_contracts_missing_on_either_side(demo):
    alone = matched(demo, "decp_uid is null")
    assert {row["own_uid"] for row in alone} == set(map(uid, REGISTER["missing_in_decp"]))
    # 18 500 euros need not be published, 52 000 must (R2196-1).
    assert [row["is_publication_due"] for row in alone] == [False, True]
    missing = {row["decp_uid"] for row in matched(demo, "own_uid is null")}
    assert missing == set(map(uid, REGISTER["missing_in_register"]))
    assert (
        matching(demo, "contracts", OWNER, {"contract_id": REGISTER["missing_in_register"][0]})
        == []
    )


def test_differences_between_the_registers(demo):
    found = matched(demo, "len(differences) > 0 and level <> 'near'")
    differences = {uid(own): fields for own, fields in REGISTER["differences"].items()}
    assert {row["own_uid"]: row["differences"] for row in found} == differences


def test_a_near_match_leaves_both_contracts_apart(demo):
    (near,) = matched(demo, "level = 'near'")
    (contract,) = rows(demo, f"from curated.contracts where uid = '{near['own_uid']}'")
    assert contract["decp_uid"] is None
    assert contract["published_date"] is None


def test_corrections_are_applied_once_or_refused(demo):
    found = rows(
        demo,
        "select status, count(*) as n from curated.corrections group by status order by status",
    )
    assert {row["status"]: row["n"] for row in found} == REGISTER["corrections"]
    corrected = rows(demo, "from curated.contracts where len(corrected_fields) > 0 order by uid")
    applied = rows(
        demo,
        """select key from curated.corrections where status = 'applied' and field <> 'same_as'
        order by key""",
    )
    assert [row["uid"] for row in corrected] == [row["key"] for row in applied]
    refused = one(demo, "from quality.findings where rule = 'correction_refused'")
    assert refused["key"] == uid("CCAS-24-029")


@pytest.mark.parametrize(
    ("contract_id", "columns"),
    [
        ("CCAS-24-003", {"amount_initial_eur": "293800.00"}),
        ("CCAS-24-004", {"has_environmental_clause": True, "has_environmental_criterion": False}),
        ("CCAS-24-005", {"notified_date": "2024-07-11", "published_date": "2024-07-25"}),
        ("CCAS-24-009", {"reserved_for": "L2113-12", "is_reserved": True}),
        ("CCAS-24-010", {"has_social_clause": True, "reserved_for": "none"}),
        ("CCAS-24-012", {"amount_initial_eur": "61900.00", "tax_basis": "ttc"}),
        ("CCAS-24-013", {"amount_initial_eur": None, "amount_exclusion_reason": "tax_included"}),
        ("CCAS-24-014", {"holder_count": 3, "amount_initial_eur": "464000.00"}),
        ("CCAS-24-024", {"contract_type": "services", "cpv_division": "45"}),
        ("CCAS-24-025", None),
        ("CCAS-24-031", {"amount_initial_eur": "1190400.00"}),
        ("CCAS-25-003", {"notified_date": "2025-06-21", "year": 2025}),
        ("CCAS-25-007", {"has_social_clause": True}),
        ("CCAS-25-008", {"has_environmental_criterion": False}),
        ("CCAS-25-014", {"has_social_clause": True, "has_social_criterion": False}),
        ("CCAS-25-015", {"amount_initial_eur": "2556700.00", "holder_count": 3}),
        ("CCAS-25-026", {"procedure_code": "direct"}),
        ("2024-S-22", {"notified_date": "2024-10-16", "published_date": "2025-05-16"}),
        ("2025-S-18", {"notified_date": "2025-11-13", "published_date": "2025-12-18"}),
        ("2025-S-21", {"notified_date": "2025-11-19", "published_date": None}),
    ],
)
def test_values_in_force(demo, contract_id, columns):
    found = matching(demo, "contracts", OWNER, {"contract_id": contract_id})
    shown = [{name: text(row[name]) for name in columns or {}} for row in found]
    assert shown == ([] if columns is None else [columns])


def test_outcomes_of_lots(demo):
    found = rows(demo, "select outcome, count(*) as n from curated.lots group by outcome")
    assert {row["outcome"]: row["n"] for row in found} == REGISTER["lots"]
    consultation = rows(
        demo, f"from curated.lots where uid like '{uid('CCAS-25-960')}%' order by lot_number"
    )
    outcomes = [row["outcome"] for row in consultation]
    assert outcomes == ["awarded", "awarded", "unsuccessful", "abandoned"]
    assert len({row["consultation_id"] for row in consultation}) == 1


def test_award_criteria_have_their_nature(demo):
    natures = {
        "Environnement": "environmental",
        "Insertion sociale": "social",
        "Prix": "price",
        "Valeur technique": "technical",
    }
    found = rows(demo, "select nature, count(*) as n from curated.criteria group by nature")
    expected = {natures[label]: count for label, count in REGISTER["criteria"].items()}
    assert {row["nature"]: row["n"] for row in found} == expected
    sums = rows(demo, "select distinct sum(weight) as whole from curated.criteria group by uid")
    assert sums == [{"whole": Decimal(1)}]


def test_tax_bases_of_the_register(demo):
    found = rows(
        demo,
        """select tax_basis, count(*) as n, count(*) filter (
            amount_initial_eur is null and amount_exclusion_reason = 'tax_included') as unusable
        from curated.contracts where source_file like '%.xlsx' group by tax_basis""",
    )
    assert {row["tax_basis"]: row["n"] for row in found} == REGISTER["tax_basis"]
    assert sum(row["unusable"] for row in found) == len(REGISTER["without_usable_amount"])


def test_what_is_no_row_of_the_register_is_told(demo):
    found = rows(
        demo,
        """select rule, count(*) as n from quality.findings
        where source_file like '%registre-ccas.xlsx' and rule in ('row_note', 'row_total',
            'row_repeated_header', 'sheet_not_table', 'sheet_hidden_parts', 'siret_malformed')
        group by rule""",
    )
    assert {row["rule"]: row["n"] for row in found} == {
        "row_note": 5,
        "row_total": 2,
        "row_repeated_header": 1,
        "sheet_not_table": 1,
        "sheet_hidden_parts": 1,
        "siret_malformed": 1,
    }


def test_every_column_is_read_through_a_reviewed_mapping(demo):
    found = rows(demo, "from quality.mappings where source_file like '%registre-ccas.xlsx'")
    assert len(found) == 2 * 29
    assert all(row["reviewed"] for row in found)
    assert {row["header"] for row in found if row["field"] is None} == {"Obs.", "Divers / Obs."}
    about = "rule like 'mapping_%'"
    assert rows(demo, f"select rule, field from quality.findings where {about}") == []


# --- spend, duty, suspicions ---------------------------------------------------------------------


def test_spend_by_buyer_year_and_tax_basis(demo):
    found = rows(
        demo,
        """select year, buyer_id, tax_basis, count(*) as lines, count(amount_usable_eur) as usable,
            sum(amount_usable_eur) as usable_eur
        from curated.spend group by all order by year, buyer_id, tax_basis""",
    )
    assert [{name: text(value) for name, value in row.items()} for row in found] == ANSWERS["spend"]


@pytest.mark.parametrize("expected", ANSWERS["duties"], ids=str)
def test_duty_of_each_buyer(demo, expected):
    found = one(
        demo,
        f"""select buyer_id, year, status, spend_low_eur, spend_high_eur from indicators.duty
        where buyer_id = '{expected["buyer_id"]}' and year = {expected["year"]}""",
    )
    assert {name: text(value) for name, value in found.items()} == expected


def test_no_spend_no_duty(demo):
    found = rows(demo, "select distinct status from indicators.duty where year = 2023")
    assert found == [{"status": "no_data"}]


@pytest.mark.parametrize(("trap", "expected"), [*each_expectation("suspicions")])
def test_planted_suspicions(demo, trap, expected):
    found = rows(
        demo,
        f"""from quality.suspicions where rule = '{expected["rule"]}'
        and uid = '{trap["buyer_id"]}-{expected["contract_id"]}'""",
    )
    assert len(found) == expected["count"], trap["planted"]


@pytest.mark.parametrize("expected", ANSWERS["suspicions"], ids=str)
def test_suspicions_of_each_rule(demo, expected):
    where = f"rule = '{expected['rule']}'"
    if "buyer_id" in expected:
        where += f" and buyer_id = '{expected['buyer_id']}' and year = {expected['year']}"
    found = rows(demo, f"select value from quality.suspicions where {where}")
    if "value" in expected:
        assert [row["value"] for row in found] == [expected["value"]]
    else:
        assert len(found) == expected["rows"]


# --- the audit -----------------------------------------------------------------------------------


def test_the_audit_is_estimated_beside_the_declared_rate(demo):
    row = one(demo, "from quality.audits where code = 'SOC-01' and year = 2025")
    assert {name: text(row[name]) for name in ANSWERS["audit"]} == ANSWERS["audit"]
    assert row["low"] < row["estimated_value"] < row["high"]


def test_the_audit_is_of_the_contracts_that_a_draw_gives_today(demo, demo_scheme, tmp_path):
    book = tmp_path / "sample.xlsx"
    outcome = sample(demo, Project(ROOT), demo_scheme, "SOC-01", 2025, book)
    sheets = openpyxl.load_workbook(book, read_only=True)
    rows_of_draw = [row for sheet in ("Contrôle", "Inconnus") for row in sheets[sheet].values]
    drawn = {row[0] for row in rows_of_draw if str(row[0]).startswith("000")}
    with (ROOT / "pipelines/demo/audits/SOC-01-2025.csv").open(encoding="utf-8") as lines:
        recorded = list(csv.DictReader(lines))
    assert {line["uid"] for line in recorded} == drawn
    assert {line["seed"] for line in recorded} == {outcome.draw.seed}
