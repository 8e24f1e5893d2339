"""Real registers: the figures of the survey, every file read to the end, unknown never zero."""

from __future__ import annotations

import csv
import re
from decimal import Decimal
from pathlib import Path

import pytest

from spaser.scheme import scheme_for_files
from spaser.warehouse import Tables
from tests.curate.run import one, open_balances, rows, run_files, run_indicators

pytestmark = pytest.mark.real_data

BRETAGNE = "registre_region-bretagne_2021.csv"
"""A spreadsheet of its own, read through the mapping that its columns propose."""


@pytest.fixture(scope="module")
def decp(real_data: Path) -> Path:
    return real_data / "decp"


def built(root: Path, files: list[Path]) -> Tables:
    tables = run_files(root, files)
    run_indicators(tables, scheme_for_files(tuple(files)), with_evidence=False)
    return tables


@pytest.fixture(scope="module")
def dematis(decp: Path, tmp_path_factory: pytest.TempPathFactory) -> Tables:
    files = sorted((decp / "decp2022_dematis_2024-07").glob("*.json"))
    assert len(files) == 11
    return built(tmp_path_factory.mktemp("dematis"), files)


@pytest.fixture(scope="module")
def old(decp: Path, tmp_path_factory: pytest.TempPathFactory) -> Tables:
    files = sorted(decp.glob("decp2019_*"))
    assert len(files) == 5
    return built(tmp_path_factory.mktemp("old"), files)


@pytest.fixture(scope="module")
def others(decp: Path, tmp_path_factory: pytest.TempPathFactory) -> Tables:
    files = [
        *sorted((decp / "official-examples").iterdir()),
        *sorted((decp / "dataeco-samples").iterdir()),
        *sorted(decp.glob("*flat*")),
        *sorted(decp.glob("decp2022_megalis*")),
        decp / BRETAGNE,
    ]
    return built(tmp_path_factory.mktemp("others"), files)


FACTS = "select count(*) as n, sum(amount_usable_eur) as eur from facts.contracts where "


# The eleven files of July 2024


def test_contracts_concessions_and_buyers(dematis):
    counts = one(
        dematis,
        """select count(*) as contracts, count(distinct buyer_id || ' ' || contract_id) as keys,
            count(distinct buyer_id) as buyers, count(distinct uid) as uids
        from curated.contracts""",
    )
    assert counts == {"contracts": 1013, "keys": 958, "buyers": 157, "uids": 1013}
    assert one(dematis, "select count(*) as n from curated.concessions")["n"] == 2
    assert one(dematis, "select sum(records) as n from quality.inputs")["n"] == 1028
    assert open_balances(dematis) == []


def test_seven_keys_hold_sixty_two_lots_and_ten_keys_are_republished(dematis):
    lots = one(
        dematis,
        """select count(*) as keys, sum(value::int) as lots from quality.findings
        where rule = 'lots_share_id'""",
    )
    assert lots == {"keys": 7, "lots": 62}
    again = one(dematis, "select count(*) as n from quality.findings where rule = 'republished'")
    assert again["n"] == 10
    largest = one(
        dematis,
        """select count(*) as n from curated.contracts
        where buyer_id = '13002793100018' and contract_id = '2024-OCC010-00'""",
    )
    assert largest["n"] == 47


@pytest.mark.parametrize(
    ("where", "number"),
    [
        ("has_social_consideration", 97),
        ("has_social_clause", 61),
        ("has_social_criterion", 38),
        ("is_reserved", 10),
        ("has_environmental_consideration", 126),
        ("at_floor", 709),
        ("at_floor and has_social_consideration", 76),
        ("at_floor and is_reserved", 4),
        ("is_reserved and not at_floor", 6),
        ("year = 2024", 832),
        ("year = 2024 and has_social_consideration", 77),
        ("has_social_consideration is null", 0),
    ],
)
def test_counts_of_the_survey(dematis, where, number):
    assert one(dematis, FACTS + where)["n"] == number


def test_values_of_the_survey_two_symbolic_contracts_set_aside(dematis):
    declared = one(dematis, "select sum(amount_initial_eur) as eur from curated.contracts")
    assert declared["eur"] == 441_488_987
    social = "select sum(amount_initial_eur) as eur from facts.contracts where "
    assert one(dematis, social + "has_social_consideration")["eur"] == 69_466_664
    usable = one(dematis, FACTS + "true")["eur"]
    aside = rows(
        dematis,
        """select amount_initial_eur, amount_exclusion_reason from curated.contracts
        where amount_exclusion_reason is not null""",
    )
    assert [tuple(row.values()) for row in aside] == [(Decimal(1), "symbolic")] * 2
    assert usable == 441_488_987 - 2


def test_one_proven_call_off_is_counted_apart(dematis):
    (call_off,) = rows(
        dematis, "select uid from curated.contracts where framework_role = 'call_off'"
    )
    assert call_off["uid"] == "21780490500016-24MS016_L1"
    referred = one(
        dematis,
        """select count(distinct buyer_id || ' ' || contract_id) as n from curated.contracts
        where framework_reference is not null""",
    )
    assert referred["n"] == 173 - 1  # one of the 173 says « NC »
    counted = rows(
        dematis,
        """select method, sum(value) as n from indicators.results
        where code = 'GEN-02' and measure = 'count' and scope = 'all' and buyer_id = '*'
            and dimension = '*' group by method order by method""",
    )
    assert [(row["method"], row["n"]) for row in counted] == [("call_offs", 1), ("default", 1012)]


@pytest.mark.parametrize(
    ("code", "scope", "facts", "numerator"),
    [
        ("SOC-01", "all", 97, 96),
        ("SOC-02", "all", 61, 60),
        ("SOC-04", "all", 38, 38),
        ("SOC-05", "all", 10, 10),
        ("ENV-01", "all", 126, 125),
        ("SOC-01", "floor", 76, 75),
        ("SOC-05", "floor", 4, 4),
    ],
)
def test_the_years_of_an_indicator_add_up_to_the_survey(dematis, code, scope, facts, numerator):
    """The call-off has a social and an environmental clause: it counts apart in each."""
    added = one(
        dematis,
        f"""select sum(numerator) as n from indicators.results where code = '{code}'
        and unit = 'contracts' and measure = 'count' and scope = '{scope}' and buyer_id = '*'
        and dimension = '*'""",
    )
    assert added["n"] == numerator
    (call_off,) = rows(dematis, "from facts.contracts where framework_role = 'call_off'")
    assert call_off["has_social_clause"]
    assert call_off["has_environmental_consideration"]
    assert call_off["at_floor"]
    assert facts - numerator == (code in {"SOC-01", "SOC-02", "ENV-01"})


def test_the_share_of_2024(dematis):
    row = one(
        dematis,
        """from indicators.results where code = 'SOC-01' and unit = 'share' and measure = 'count'
        and scope = 'all' and buyer_id = '*' and dimension = '*' and year = 2024""",
    )
    assert (row["numerator"], row["denominator"], row["unknown"]) == (77 - 1, 832 - 1, 0)
    assert row["low"] == row["value"] == row["high"] == Decimal("0.091456")


LAST_BY_KEY = """from (select r.* from curated.records r
    join curated.publications p using (record_number) where p.record_kind = 'contract'
    qualify row_number() over (partition by r.buyer_id, r.contract_id
        order by r.published_date desc, r.record_number desc) = 1)"""


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (
            "ccag",
            {"works": 360, "none": 341, "supplies_services": 214, "intellectual": 20,
             "design": 14, "ict": 8, "industrial": 1},
        ),
        (
            "unnest(if(len(techniques) = 0, ['none'], techniques))",
            {"none": 779, "framework": 173, "electronic_catalogue": 5, "contest": 1},
        ),
        (
            "unnest(if(len(execution_modes) = 0, ['none'], execution_modes))",
            {"none": 662, "purchase_orders": 265, "tranches": 17, "call_offs": 14},
        ),
    ],
    ids=["ccag", "techniques", "execution modes"],
)  # fmt: skip
def test_codes_of_the_958_keys(dematis, column, expected):
    found = rows(
        dematis,
        f"select code, count(*) as n from (select {column} as code {LAST_BY_KEY}) group by code",
    )
    assert {row["code"]: row["n"] for row in found} == expected


# Every other register


@pytest.mark.parametrize(
    ("name", "records"),
    [
        ("decp2019_aws-marches-publics.info_2019-03.json.gz", 4509),
        ("decp2019_aife_2019-04.json.gz", 4530),
        ("decp2019_pes-dgfip_2019-04.json.gz", 1148),
        ("decp2019_e-marchespublics_2019-04.json.gz", 470),
        ("decp2019_marches-securises_croix_2019-2021.json", 159),
    ],
)
def test_2019_registers_are_read_to_the_end(old, name, records):
    row = one(old, f"from quality.inputs where source_file like '%{name}'")
    assert (row["recognised"], row["records"], row["rejected"]) == (True, records, 0)


@pytest.mark.parametrize(
    ("name", "records"),
    [
        ("decpinfo-flat_2024H2_travaux-cpv4521.csv.gz", 8957),
        ("aws-flat_2005-2027_6cols.csv.gz", 5301),
        ("decp2022_megalis_59920013600241_2024-07-09.json", 5),
        ("decp-2022-marches-valides_sample.csv", 9),
    ],
)
def test_other_registers_are_read_to_the_end(others, name, records):
    row = one(others, f"from quality.inputs where source_file like '%{name}'")
    assert (row["recognised"], row["records"], row["rejected"]) == (True, records, 0)


def test_no_register_is_left_aside(old, others, dematis, decp):
    read = {
        Path(row["source_file"]).name
        for tables in (old, others, dematis)
        for row in rows(tables, "from quality.inputs where recognised and records > 0")
    }
    here = {path.name for path in decp.rglob("*") if path.is_file() and "schema" not in path.parts}
    assert here - read == set()


def test_a_regions_own_spreadsheet_needs_no_mapping_by_hand(decp, tmp_path):
    """Rows are holders: 195 rows, 191 contracts, whose amount counts once; computed apart below."""
    file = decp / BRETAGNE
    with file.open(encoding="utf-8", newline="") as lines:
        received = list(csv.DictReader(lines, delimiter="|"))
    amounts = {
        (row["acheteur_id"], row["id"], row["objet"]): Decimal(
            re.sub(r"[\s\u00a0\u202f]", "", row["montant"]).replace(",", ".")
        )
        for row in reversed(received)
    }
    assert (len(received), len(amounts)) == (195, 191)
    tables = built(tmp_path / "bretagne", [file])
    staged = one(tables, "select count(*) as n from staged.department_register")
    assert staged["n"] == len(received)
    found = one(
        tables,
        """select count(*) as contracts, sum(amount_initial_eur) as total,
            count(*) filter (tax_basis = 'ht') as without_tax, count(distinct year) as years,
            count(social_considerations) + count(environmental_considerations)
                + count(has_social_clause) + count(is_reserved) as considered
        from curated.contracts""",
    )
    assert found == {
        "contracts": len(amounts),
        "total": sum(amounts.values()),
        "without_tax": len(amounts),
        "years": 1,
        "considered": 0,
    }
    unknown = one(
        tables,
        """select denominator, unknown, value from indicators.results
        where code = 'SOC-01' and scope = 'all' and buyer_id = '*' and dimension = '*'
            and measure = 'count' and unit = 'share' and year = 2021""",
    )
    assert (unknown["denominator"], unknown["value"]) == (0, None)
    assert unknown["unknown"] > 0
    assert open_balances(tables) == []
    said = rows(tables, "select distinct rule from quality.findings order by rule")
    assert {"rule": "mapping_not_reviewed"} in said


@pytest.mark.parametrize("which", ["old", "others", "dematis"])
def test_balances_close_and_what_is_set_aside_is_named(which, request):
    tables = request.getfixturevalue(which)
    assert open_balances(tables) == []
    for fate, rule in (("merged", "record_merged"), ("rejected", "missing_key")):
        counted = one(
            tables,
            f"""select
                (select coalesce(sum({fate}), 0) from quality.balances
                    where step like 'publications:%') as records,
                (select count(*) from quality.findings where rule = '{rule}') as findings""",
        )
        assert counted["records"] == counted["findings"]


def test_the_2019_format_knows_no_consideration(old):
    known = one(
        old,
        """select count(*) as n from facts.contracts where has_social_consideration is not null
            or has_environmental_consideration is not null or is_reserved is not null
            or has_social_or_environmental is not null""",
    )
    assert known["n"] == 0
    assert one(old, "select count(*) as n from facts.contracts")["n"] > 10_000


@pytest.mark.parametrize("code", ["SOC-01", "SOC-02", "SOC-04", "SOC-05", "ENV-01", "GEN-04"])
def test_considerations_of_2019_are_not_computable_never_zero(old, code):
    found = rows(
        old,
        f"""select status, value, unknown, count(*) as n from indicators.results
        where code = '{code}' and dimension = '*' and unit = 'share' and unknown > 0
        group by all""",
    )
    assert sum(row["n"] for row in found) > 100
    assert {(row["status"], row["value"]) for row in found} == {("not_computable", None)}


def test_overseas_departments_are_told_apart(old):
    found = rows(
        old,
        "select distinct department_code as code from curated.contracts where code like '97%'",
    )
    codes = {row["code"] for row in found}
    assert {"971", "974"} <= codes
    assert "97" not in codes


def test_a_schema_is_refused_as_such(decp, tmp_path, real_data):
    example = real_data / "decp" / "decp2022_megalis_59920013600241_2024-07-09.json"
    schemas = sorted((decp / "schema").iterdir())
    assert len(schemas) == 7
    tables = run_files(tmp_path / "t", [example, *schemas], last="curated/publications")
    refused = rows(tables, "from quality.findings where rule = 'input_schema'")
    assert {Path(row["source_file"]).name for row in refused} == {path.name for path in schemas}
    read = rows(tables, "from quality.inputs where recognised")
    assert [Path(row["source_file"]).name for row in read] == [example.name]
