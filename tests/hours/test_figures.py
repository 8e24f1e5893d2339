"""People, hours, companies and contracts by axis: everybody once in each cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spaser.hours.figures import AXES, build_people_figures
from spaser.warehouse import Tables, session
from tests.curate.run import BUYER, CARDS, OTHER_BUYER, open_balances, rows

Line = Mapping[str, Any]
CONTRACT = f"{BUYER}-2024-001"
OUTSIDE = "00030003800015"


def write(tables: Tables, table: str, given: Sequence[Line], card: str = "") -> None:
    """A table of a few rows, with the columns and types of its card."""
    columns = CARDS.tables[card or table.replace(".", "/")].columns
    arrays = {
        name: pa.array(
            [None if row.get(name) is None else str(row[name]) for row in given], pa.string()
        )
        for name in columns
    }
    casts = ", ".join(f"cast({name} as {c.type}) as {name}" for name, c in columns.items())
    with session() as connection:
        connection.register("given", pa.table(arrays))
        tables.write(connection, table, f"select {casts} from given")


def line(number: int, person: str, hours: object, **changes: Any) -> Line:
    """A validated line of 2024."""
    return {
        "line_id": f"f#{number}",
        "buyer_id": BUYER,
        "commitment_id": "OP1",
        "contract_uid": CONTRACT,
        "company_id": "c1",
        "pseudonym": person,
        "year": 2024,
        "month": "2024-03-01",
        "outcome": "validated",
        "hours_validated": hours,
        "hours_pending": 0,
    } | changes


def built(
    folder: Path | str,
    lines: Sequence[Line],
    people: Sequence[Line] = (),
    *,
    named: bool = True,
    as_of: str | None = "2025-06-30",
    settled: Sequence[Line] = (),
) -> Tables:
    tables = Tables(Path(folder))
    write(tables, "curated.hours", lines)
    write(tables, "curated.people", people)
    write(tables, "curated.contracts", [{"uid": CONTRACT, "contract_type": "works"}])
    buyers = [
        {"buyer_id": buyer, "in_scheme": inside, "named_in_scheme": named and inside}
        for buyer, inside in ((BUYER, True), (OTHER_BUYER, True), (OUTSIDE, not named))
    ]
    write(tables, "curated.buyers", buyers)
    write(tables, "quality.run", [{"scheme": "fiction", "as_of": as_of}])
    if settled:
        write(tables, "privacy.settled_figures", settled, "facts/people_figures")
    with session() as connection:
        build_people_figures(connection, tables, CARDS)
    return tables


def cells(tables: Tables, where: str = "true") -> dict[tuple[str, str, str], dict[str, Any]]:
    """The cells by buyer, axis and member."""
    found = rows(tables, f"from facts.people_figures where {where}")
    return {(row["buyer_id"], row["axis"], row["member"]): row for row in found}


def test_without_hours_the_table_is_empty_with_the_columns_of_its_card(tmp_path):
    tables = Tables(tmp_path)
    with session() as connection:
        assert build_people_figures(connection, tables, CARDS) == 0
    described = rows(tables, "describe facts.people_figures")
    assert {row["column_name"]: row["column_type"] for row in described} == {
        name: column.type for name, column in CARDS.tables["facts/people_figures"].columns.items()
    }


def test_a_person_counts_once_over_lines_companies_and_buyers(tmp_path):
    tables = built(
        tmp_path,
        [
            line(1, "anne", "10.50"),
            line(2, "anne", 20, month="2024-04-01"),
            line(3, "anne", 30, company_id="c2", buyer_id=OTHER_BUYER, contract_uid="other"),
            line(4, "bob", 5),
        ],
    )
    found = cells(tables, "axis = '*'")
    whole, own, other = (found[buyer, "*", "*"] for buyer in ("*", BUYER, OTHER_BUYER))
    assert [row["people"] for row in (whole, own, other)] == [2, 2, 1]
    assert [row["hours"] for row in (whole, own, other)] == [
        Decimal("65.50"),
        Decimal("35.50"),
        Decimal(30),
    ]
    assert (whole["companies"], whole["largest_company_hours"]) == (2, Decimal("35.50"))
    assert (whole["contracts"], own["contracts"]) == (2, 1)
    assert whole["work_contracts"] == 3


def test_only_validated_hours_count_and_pending_ones_stand_beside(tmp_path):
    tables = built(
        tmp_path,
        [
            line(1, "anne", 10),
            line(2, "anne", 7, outcome="corrected"),
            line(3, "bob", 0, outcome="pending", hours_pending=12, company_id="c9"),
            line(4, "carl", 0, outcome="rejected"),
            line(5, "dora", 0, outcome="quarantined"),
            line(6, "eve", 0, outcome="corrected"),
        ],
    )
    whole = cells(tables)["*", "*", "*"]
    assert (whole["people"], whole["hours"], whole["pending_hours"]) == (1, 17, 12)
    assert (whole["companies"], whole["work_contracts"], whole["contracts"]) == (1, 1, 1)


def test_what_is_not_known_is_a_member_of_its_own(tmp_path):
    tables = built(
        tmp_path,
        [line(1, "anne", 10), line(2, "bob", 20, activity_sector="cleaning"), line(3, "carl", 4)],
        [
            {"pseudonym": "anne", "year": 2024, "sex": "female", "is_qpv": True},
            {"pseudonym": "bob", "year": 2024, "is_qpv": False, "main_criterion": "RSA"},
            {"pseudonym": "carl", "year": 2023, "sex": "male"},
        ],
    )
    found = cells(tables, "buyer_id = '*'")
    assert {key[2]: row["people"] for key, row in found.items() if key[1] == "sex"} == {
        "female": 1,
        "unknown": 2,
    }
    assert {key[2]: row["hours"] for key, row in found.items() if key[1] == "qpv"} == {
        "yes": 10,
        "no": 20,
        "unknown": 4,
    }
    assert found["*", "activity_sector+sex", "cleaning+unknown"]["hours"] == 20
    assert found["*", "activity_sector+sex", "unknown+female"]["people"] == 1
    assert found["*", "criterion", "RSA"]["people"] == 1
    assert found["*", "contract_type", "works"]["people"] == 3
    assert found["*", "operation", "OP1"]["people"] == 3


def test_hours_of_no_known_company_may_all_be_those_of_the_first(tmp_path):
    tables = built(
        tmp_path,
        [
            line(1, "anne", 10),
            line(2, "bob", 8, company_id="c2"),
            line(3, "carl", 5, company_id=None),
        ],
    )
    whole = cells(tables)["*", "*", "*"]
    assert (whole["companies"], whole["largest_company_hours"]) == (2, 15)


def test_employment_contracts_differ_by_person_company_kind_and_start(tmp_path):
    contract = {"work_contract_type": "fixed_term", "hire_date": "2024-01-02"}
    tables = built(
        tmp_path,
        [
            line(1, "anne", 1, **contract),
            line(2, "anne", 1, **contract, month="2024-05-01", commitment_id="OP2"),
            line(3, "anne", 1, **contract | {"hire_date": "2024-06-03"}),
            line(4, "anne", 1, **contract | {"work_contract_type": "permanent"}),
            line(5, "anne", 1, **contract, company_id="c2"),
            line(6, "bob", 1, **contract),
        ],
    )
    found = cells(tables)
    assert found["*", "*", "*"]["work_contracts"] == 5
    assert found["*", "operation", "OP1"]["work_contracts"] == 5
    assert found["*", "operation", "OP2"]["work_contracts"] == 1


def test_only_programmes_are_crossed_with_sites_host_structures_and_criteria(tmp_path):
    """Pas-de-Calais: one contract, 122 schools, 26 associations, 913 people of whom 687 RSA."""
    lines = [
        line(
            n,
            f"p{n}",
            100,
            commitment_id="ecoles",
            site=f"École {n % 122:03d}",
            host_structure=f"Association {n % 26:02d}",
        )
        for n in range(913)
    ]
    lines += [line(1000, "p0", 7, commitment_id="OP1", site="Chantier", host_structure="Une seule")]
    people = [
        {"pseudonym": f"p{n}", "year": 2024, "main_criterion": "RSA" if n < 687 else "DELD"}
        for n in range(913)
    ]
    found = cells(built(tmp_path, lines, people), "buyer_id = '*'")
    whole = found["*", "*", "*"]
    assert (whole["people"], whole["contracts"]) == (913, 1)
    of_axis = {axis: [key for key in found if key[1] == axis] for axis in AXES}
    assert len(of_axis["operation+site"]) == 122
    assert len(of_axis["operation+host_structure"]) == 26
    assert found["*", "operation+criterion", "ecoles+RSA"]["people"] == 687
    assert found["*", "operation", "ecoles"]["people"] == 913
    assert not [key for key in found if key[1] in AXES and key[2].startswith("OP1+")]


@pytest.mark.parametrize(
    ("last_month", "as_of", "after_6", "after_12"),
    [
        ("2024-06-01", "2024-12-31", True, False),
        ("2024-06-01", "2024-12-29", False, False),
        ("2024-06-01", "2025-06-30", True, True),
        ("2024-08-01", "2025-02-28", True, False),
        ("2024-12-01", "2025-06-29", False, False),
        ("2025-01-01", "2026-12-31", False, False),
        ("2024-06-01", None, False, False),
    ],
)
def test_exits_are_of_people_whose_last_month_is_old_enough(
    tmp_path, last_month, as_of, after_6, after_12
):
    person = {
        "pseudonym": "anne",
        "year": 2024,
        "last_month": last_month,
        "exit_status_6_months": "transition",
    }
    found = cells(built(tmp_path, [line(1, "anne", 10)], [person], as_of=as_of))
    assert (("*", "left_6_months", "yes") in found) == after_6
    assert (("*", "left_6_months+exit_6_months", "yes+transition") in found) == after_6
    assert (("*", "left_12_months+exit_12_months", "yes+unknown") in found) == after_12


def test_hours_of_a_buyer_outside_the_scheme_are_told_and_not_counted(tmp_path):
    lines = [
        line(1, "anne", 10),
        line(2, "bob", 20, buyer_id=OUTSIDE),
        line(3, "bob", 5, year=None),
    ]
    tables = built(tmp_path, lines)
    assert cells(tables)["*", "*", "*"]["hours"] == 10
    told = rows(tables, "from quality.findings where rule = 'hours_buyer_outside_scheme'")
    assert [(row["key"], "1 ligne" in row["message_fr"]) for row in told] == [(OUTSIDE, True)]
    (balance,) = rows(tables, "from quality.balances")
    assert (balance["records_in"], balance["kept"], balance["rejected"]) == (3, 1, 2)
    assert open_balances(tables) == []


def test_a_scheme_of_every_buyer_takes_those_of_no_register_too(tmp_path):
    unheard = "00030004600019"
    tables = built(tmp_path, [line(1, "anne", 10, buyer_id=unheard)], named=False)
    assert cells(tables)[unheard, "*", "*"]["hours"] == 10


def test_a_line_whose_buyer_is_unknown_stays_in_the_sum_of_the_scheme(tmp_path):
    found = cells(built(tmp_path, [line(1, "anne", 10, buyer_id=None, contract_uid=None)]))
    assert found["unknown", "*", "*"]["hours"] == found["*", "*", "*"]["hours"] == 10


def test_a_settled_year_keeps_its_figures_and_the_others_are_counted(tmp_path):
    frozen = {"year": 2024, "buyer_id": "*", "axis": "*", "member": "*", "people": 8, "hours": 80}
    lines = [line(1, None, 79), line(2, "bob", 5, year=2025)]
    tables = built(tmp_path, lines, settled=[frozen])
    found = rows(tables, "from facts.people_figures where axis = '*' and buyer_id = '*'")
    assert [(row["year"], row["people"], row["hours"]) for row in found] == [
        (2024, 8, 80),
        (2025, 1, 5),
    ]
    told = rows(tables, "from quality.findings where rule = 'hours_settled_year_differs'")
    assert [row["key"] for row in told] == ["2024"]


# Every cell again, one line at a time

PERSON = st.sampled_from(["p1", "p2", "p3", "p4", "p5"])
LINE = st.fixed_dictionaries(
    {
        "pseudonym": PERSON,
        "buyer_id": st.sampled_from([BUYER, OTHER_BUYER]),
        "company_id": st.sampled_from(["c1", "c2", None]),
        "commitment_id": st.sampled_from(["OP1", "OP2", None]),
        "site": st.sampled_from(["s1", "s2", None]),
        "activity_sector": st.sampled_from(["cleaning", None]),
        "hire_date": st.sampled_from(["2024-01-02", None]),
        "hours": st.integers(0, 300),
        "outcome": st.sampled_from(["validated", "corrected", "pending", "rejected"]),
    }
)


def plain(lines: Sequence[Line], sexes: Mapping[str, str | None]) -> dict[Any, dict[str, Any]]:
    """The cells of four axes, in plain Python."""
    found: dict[Any, dict[str, Any]] = {}
    used = [
        one
        for one in lines
        if one["outcome"] == "pending"
        or (one["outcome"] in ("validated", "corrected") and one["hours_validated"] > 0)
    ]
    sites: dict[str, set[str]] = {}
    for one in used:
        if one["commitment_id"] and one["site"] and one["hours_validated"] > 0:
            sites.setdefault(one["commitment_id"], set()).add(one["site"])
    for one in used:
        sex = sexes.get(one["pseudonym"]) or "unknown"
        operation = one["commitment_id"] or "unknown"
        places = [("*", "*"), ("sex", sex), ("operation", operation)]
        places.append(("activity_sector+sex", f"{one['activity_sector'] or 'unknown'}+{sex}"))
        if len(sites.get(operation, ())) > 1:
            places.append(("operation+site", f"{operation}+{one['site'] or 'unknown'}"))
        for place in places:
            for buyer in ("*", one["buyer_id"]):
                cell = found.setdefault((buyer, *place), {"lines": []})
                cell["lines"].append(one)
    return {key: counted(cell["lines"]) for key, cell in found.items()}


def counted(lines: Sequence[Line]) -> dict[str, Any]:
    valid = [one for one in lines if one["hours_validated"] > 0]
    of_company: dict[Any, Decimal] = {}
    for one in valid:
        of_company[one["company_id"]] = of_company.get(one["company_id"], Decimal(0)) + Decimal(
            one["hours_validated"]
        )
    nobody = of_company.pop(None, Decimal(0))
    return {
        "people": len({one["pseudonym"] for one in valid}),
        "hours": sum((Decimal(one["hours_validated"]) for one in valid), Decimal(0)),
        "companies": len(of_company),
        "largest_company_hours": max(of_company.values(), default=Decimal(0)) + nobody,
        "work_contracts": len({(o["pseudonym"], o["company_id"], o["hire_date"]) for o in valid}),
        "contracts": len({CONTRACT for _ in valid}),
        "pending_hours": sum((Decimal(one["hours_pending"]) for one in lines), Decimal(0)),
    }


@settings(
    max_examples=max(1, settings().max_examples // 8),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    deadline=None,
)
@given(given_lines=st.lists(LINE, max_size=12), sexes=st.dictionaries(
    PERSON, st.sampled_from(["female", "male", None])))  # fmt: skip
def test_every_cell_is_what_a_plain_count_gives(tmp_path_factory, given_lines, sexes):
    lines = [
        line(n, one["pseudonym"], 0)
        | one
        | {
            "hours_validated": one["hours"] if one["outcome"] in ("validated", "corrected") else 0,
            "hours_pending": one["hours"] if one["outcome"] == "pending" else 0,
        }
        for n, one in enumerate(given_lines)
    ]
    people = [{"pseudonym": name, "year": 2024, "sex": sex} for name, sex in sexes.items()]
    tables = built(tmp_path_factory.mktemp("figures"), lines, people)
    found = cells(tables)
    for key, expected in plain(lines, sexes).items():
        assert {name: found[key][name] for name in expected} == expected, key
    axes = ("*", "sex", "operation", "activity_sector+sex", "operation+site")
    assert {key for key in found if key[1] in axes} == set(plain(lines, sexes))
