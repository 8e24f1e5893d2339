"""Proposals, the workbook that carries them, and what comes back into the ledger."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spaser.errors import InputError
from spaser.quality import correction_import, proposals
from spaser.quality.field_values import FieldValues, is_correctable
from spaser.quality.worth import Worth
from spaser.scheme import Precedence, Scheme
from spaser.warehouse import session
from tests.curate.run import BUYER, CARDS, rows
from tests.quality.ground import AUTHOR, DAY, HEADS, SCHEME, Ground, contract

LOOKALIKE = contract(1, contract_id="X9", notified_date="2024-03-12")
"""Nearly the first contract: another id, and a day later."""


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    return Ground(tmp_path)


def accept(row: dict[str, Any]) -> Mapping[str, Any] | None:
    return {"Décision": "accepter"} if row["Valeur proposée"] else None


# --- proposals ----------------------------------------------------------------------------------


def test_identical_registers_propose_nothing(ground: Ground) -> None:
    both = [contract(1), contract(2)]
    ground.run(both, both)
    assert ground.proposed() == {}


def test_what_decp_says_otherwise_is_proposed(ground: Ground) -> None:
    ground.run(
        [contract(1), contract(2)],
        [
            contract(1, amount="14700", social_considerations="Clause sociale"),
            contract(2, notified_date="2024-12-03", cpv_code="45000000"),
        ],
    )
    found = ground.proposed()
    amount = found["2024-01", "amount"]
    assert (amount["current"], amount["proposed"]) == ("10000.00", "14700.00")
    assert (amount["effect_eur"], amount["year"]) == (Decimal("4700.00"), 2024)
    assert found["2024-01", "social_considerations"]["proposed"] == "Clause sociale"
    assert found["2024-01", "social_considerations"]["effect_eur"] == 0
    swapped = found["2024-02", "notified_date"]
    assert (swapped["current"], swapped["proposed"]) == ("2024-03-12", "2024-12-03")
    assert swapped["confidence"] == Decimal("0.900")
    assert found["2024-02", "cpv_code"]["proposed"] == "45000000"
    assert len(found) == 4


def test_a_decp_first_field_is_not_proposed(tmp_path: Path) -> None:
    scheme = SCHEME.model_copy(update={"precedence": Precedence(default="decp")})
    ground = Ground(tmp_path, scheme)
    ground.run([contract(1)], [contract(1, amount="14700")])
    assert ground.proposed() == {}


@pytest.mark.parametrize(
    ("own", "decp", "expected"),
    [
        ("ttc", "10000", {("vat_rate", "20 %", "10000.00")}),
        ("unknown", "12000", {("tax_basis", "ht", "12000.00")}),
        ("unknown", "10000", {("tax_basis", "ttc", "0.00"), ("vat_rate", "20 %", "10000.00")}),
        ("ht", "10000", {("amount", "10000.00", "-2000.00")}),
        ("ttc", "9000", set()),
    ],
)
def test_the_decp_amount_tells_the_tax_basis(
    ground: Ground, own: str, decp: str, expected: set[tuple[str, str, str]]
) -> None:
    ground.run([contract(1, amount="12000", tax_basis=own)], [contract(1, amount=decp)])
    found = {
        (row["field"], row["proposed"], str(row["effect_eur"]))
        for row in ground.proposed().values()
        if row["rule"] != "near_match"
    }
    wanted = {
        (field, VALUES.text(field, value) if field == "tax_basis" else value, effect)
        for field, value, effect in expected
    }
    assert found == wanted


def test_a_near_match_is_proposed_and_never_made(ground: Ground) -> None:
    ground.run(
        [contract(1)],
        [LOOKALIKE],
    )
    (near,) = ground.proposed().values()
    assert (near["field"], near["proposed"]) == ("same_as", f"{BUYER}-X9")
    assert near["rule"] == "near_match"
    assert Decimal("0.75") <= near["confidence"] <= 1


def test_what_decides_a_target_is_to_be_qualified(tmp_path: Path) -> None:
    target = {"id": "social", "indicator": "SOC-01", "year": 2024, "at_least": "0.4"}
    scheme = Scheme.model_validate(SCHEME.model_dump() | {"targets": (target,)})
    ground = Ground(tmp_path, scheme)
    ground.run(
        [
            contract(5, social_considerations="Clause sociale"),
            contract(6),
            contract(7, social_considerations=None),
        ],
        [],
    )
    ground.again(targets=True)
    found = ground.proposed()
    assert set(found) == {("2024-07", "social_considerations")}
    row = found["2024-07", "social_considerations"]
    assert (row["current"], row["proposed"], row["confidence"]) == (None, None, None)
    assert "social" in row["reason_fr"]
    assert row["rule"] == "to_qualify"


def test_a_declared_type_that_the_cpv_contradicts_is_proposed(ground: Ground) -> None:
    ground.run([contract(1, contract_type="Travaux", cpv_code="77310000")], [])
    with session() as connection:
        ground.tables.write(
            connection,
            "quality.suspicions",
            f"""select 'cpv_against_type' as rule, '{BUYER}-2024-01' as uid, '{BUYER}' as buyer_id,
                2024 as year, 'contract_type' as field, 'works' as value,
                'services' as reference_value, '77310000' as detail""",
        )
    proposals.write_proposals(ground.tables, ground.project, SCHEME)
    row = ground.proposed()["2024-01", "contract_type"]
    assert (row["current"], row["proposed"]) == ("Travaux", "Services")
    assert "77310000" in row["reason_fr"]


def test_without_a_run_there_is_nothing_to_propose(ground: Ground) -> None:
    assert proposals.write_proposals(ground.tables, ground.project, SCHEME) == 0
    with pytest.raises(InputError, match="spaser run essai"):
        ground.export()


# --- the workbook -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def six_exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six contracts whose amount DECP says otherwise, and their workbook."""
    ground = Ground(tmp_path_factory.mktemp("six"))
    own = [contract(number) for number in range(1, 7)]
    ground.run(own, [{**row, "amount": f"{row['amount']}5"} for row in own])
    ground.export()
    return ground.project.root


@pytest.fixture
def six(six_exported: Path, tmp_path: Path) -> Ground:
    shutil.copytree(six_exported, tmp_path / "six", symlinks=True)
    return Ground(tmp_path / "six")


def test_the_workbook_says_what_it_would_do(six: Ground) -> None:
    told = six.export()
    assert (told.rows, told.to_qualify, told.near) == (6, 0, 0)
    assert told.effect_eur == sum(90_000 * n + 5 for n in range(1, 7))
    assert "1\u202f890\u202f030,00\u00a0€" in told.told("fr")
    assert "€1,890,030.00" in told.told("en")
    sheet = openpyxl.load_workbook(six.book)["À faire"]
    assert [cell.value for cell in sheet[1]] == HEADS
    first = dict(zip(HEADS, sheet[2], strict=True))
    assert first["Marché"].value == f"{BUYER}-2024-01"
    assert first["Acheteur"].value == "Ville d'Exemple"
    assert first["Champ"].value == CARDS.fields["amount"].label_fr
    assert first["Valeur actuelle"].value == "10\u00a0000,00"
    assert first["Valeur proposée"].number_format == "@"
    assert first["Marché"].fill.fgColor.rgb != first["Décision"].fill.fgColor.rgb
    (rule,) = sheet.data_validations.dataValidation
    assert rule.formula1 == '"accepter,refuser"'


def test_the_same_proposals_give_the_same_bytes(six: Ground) -> None:
    first = six.book.read_bytes()
    six.export()
    assert six.book.read_bytes() == first


def test_half_accepted_half_refused_comes_round(six: Ground) -> None:
    """Exactly these change, by the announced amounts, and the ledger says who and why."""
    before = six.usable()
    six.export()
    six.fill(lambda row: {"Décision": "accepter" if int(row["Marché"][-1]) % 2 else "refuser"})
    told = six.import_()
    assert (len(told.accepted), told.refused, told.undecided) == (3, 3, 0)
    assert told.effect_eur == sum(90_000 * n + 5 for n in (1, 3, 5))
    (by_field,) = told.by_field
    assert (by_field.year, by_field.count) == (2024, 3)
    lines = six.ledger_lines()
    assert [(line.key[-2:], line.old, line.new) for line in lines] == [
        ("01", "10000.00", "100005.00"),
        ("03", "30000.00", "300005.00"),
        ("05", "50000.00", "500005.00"),
    ]
    assert {(line.author, line.date) for line in lines} == {(AUTHOR, DAY)}
    assert all("DECP" in line.reason for line in lines)
    six.again()
    after = six.usable()
    assert after[2024] - before[2024] == told.effect_eur
    corrected = rows(
        six.tables,
        "select contract_id, amount_initial_eur as eur from curated.contracts order by contract_id",
    )
    assert [int(row["eur"]) for row in corrected] == [100005, 20000, 300005, 40000, 500005, 60000]
    statuses = rows(six.tables, "select distinct status from curated.corrections")
    assert statuses == [{"status": "applied"}]
    assert six.proposed() == {}
    assert six.export().rows == 0


def test_a_second_import_of_the_same_workbook_adds_nothing(six: Ground) -> None:
    six.fill(accept)
    assert len(six.import_().accepted) == 6
    again = six.import_()
    assert (len(again.accepted), again.known, again.effect_eur) == (0, 6, 0)
    assert len(six.ledger_lines()) == 6


def test_what_was_imported_is_not_exported_again_before_the_run(six: Ground) -> None:
    six.fill(lambda row: {"Décision": "oui"} if row["Marché"].endswith("1") else None)
    assert six.import_().undecided == 5
    assert six.export().rows == 5


def test_whatever_a_person_did_to_the_workbook(six: Ground) -> None:
    """Title above, columns moved, rows sorted and deleted, decisions typed by hand, own notes."""
    sheet = openpyxl.load_workbook(six.book)["À faire"]
    table = [[cell.value for cell in row] for row in sheet.iter_rows(min_row=2)]
    typed = [" Accepter ", "OUI", "x", "Refusée", "non"]
    other = openpyxl.Workbook()
    done = other.active
    assert done is not None
    done.append(["Mes corrections"])
    done.append([])
    done.append(["Notes", *reversed(HEADS)])
    for decision, row in zip(typed, reversed(table[1:]), strict=True):
        row[HEADS.index("Décision")] = decision
        done.append(["vu", *reversed(row)])
        done.append([])
    other.save(six.book)
    told = six.import_()
    assert (len(told.accepted), told.refused, told.undecided) == (3, 2, 0)
    assert [line.key[-1] for line in six.ledger_lines()] == ["4", "5", "6"]


def test_a_value_typed_over_the_proposal_is_what_is_recorded(six: Ground) -> None:
    answers = iter(["12,5 k€", 13000, 14000.5, "14 700,00 €", "1 200 HT", "10000,00"])
    six.fill(lambda row: {"Décision": "accepter", "Valeur proposée": next(answers)})
    told = six.import_()
    news = ["12500.00", "13000.00", "14000.50", "14700.00", "1200.00", "10000.00"]
    assert [line.new for line in told.accepted] == news
    before = sum(10_000 * n for n in range(1, 7))
    assert told.effect_eur == sum(map(Decimal, news)) - before


def test_a_corrected_date_moves_a_contract_to_its_year(ground: Ground) -> None:
    ground.run([contract(1)], [contract(1, notified_date="2023-03-11")])
    before = ground.usable()
    ground.export()
    ground.fill(accept)
    told = ground.import_()
    moved = {(item.year, item.count, item.effect_eur) for item in told.by_field}
    assert moved == {(2023, 0, Decimal(10000)), (2024, 1, Decimal(-10000))}
    assert told.effect_eur == 0
    ground.again()
    assert (before, ground.usable()) == ({2024: 10000}, {2023: 10000})


def test_a_value_that_was_unknown_is_filled_in(tmp_path: Path) -> None:
    target = {"id": "social", "indicator": "SOC-01", "year": 2024, "at_least": "0.4"}
    ground = Ground(tmp_path, Scheme.model_validate(SCHEME.model_dump() | {"targets": (target,)}))
    ground.run([contract(5), contract(7, social_considerations=None)], [])
    ground.again(targets=True)
    ground.export()
    ground.fill(
        lambda _: {
            "Décision": "accepter",
            "Valeur proposée": "Clause sociale, critère social",
            "Motif": "CCAP art. 7",
        }
    )
    (line,) = ground.import_().accepted
    assert (line.old, line.reason) == (None, "CCAP art. 7")
    ground.again(targets=True)
    query = "select has_social_clause as c, has_social_criterion as k, is_reserved as r from "
    (found,) = rows(ground.tables, f"{query} curated.contracts where contract_id = '2024-07'")
    assert (found["c"], found["k"], found["r"]) == (True, True, False)


def near(ground: Ground) -> None:
    ground.run(
        [contract(1)],
        [LOOKALIKE],
    )
    ground.export()


@pytest.mark.parametrize(
    ("decision", "field"), [("accepter", "same_as"), ("refuser", "not_same_as")]
)
def test_a_near_match_is_decided_once(ground: Ground, decision: str, field: str) -> None:
    near(ground)
    ground.fill(lambda _: {"Décision": decision})
    told = ground.import_()
    assert told.refused == (decision == "refuser")
    (line,) = ground.ledger_lines()
    assert (line.key, line.field, line.new) == (f"{BUYER}-2024-01", field, f"{BUYER}-X9")
    assert ground.export().rows == 0
    ground.again()
    assert not any(row["field"] == "same_as" for row in ground.proposed().values())
    levels = rows(ground.tables, "select distinct level from curated.reconciliation")
    assert ({"level": "decided"} in levels) == (decision == "accepter")


def test_joining_two_counted_contracts_takes_one_amount_away(tmp_path: Path) -> None:
    scheme = SCHEME.model_copy(update={"precedence": Precedence(only_in_decp="counted")})
    ground = Ground(tmp_path, scheme)
    near(ground)
    before = ground.usable()
    ground.fill(accept)
    told = ground.import_()
    assert told.effect_eur == Decimal(-10000)
    ground.again()
    assert ground.usable()[2024] - before[2024] == told.effect_eur


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        ({"Décision": "peut-être"}, "À faire!K2 : « peut-être » n'est ni"),
        ({"Décision": "accepter", "Valeur proposée": None}, "À faire!G2 : acceptée sans valeur"),
        ({"Décision": "accepter", "Valeur proposée": "cher"}, "À faire!G2 : « cher » n'est pas"),
        ({"Décision": "accepter", "Valeur proposée": "1.200"}, "À faire!G2"),
        ({"Décision": "accepter", "Valeur proposée": "1 200 TTC"}, "À faire!G2 : « 1 200 TTC »"),
        ({"Décision": "accepter", "Motif": " "}, "À faire!H2 : le motif manque"),
        ({"Décision": "accepter", "Marché": "inconnu"}, "À faire!A2 : marché « inconnu » inconnu"),
        ({"Décision": "accepter", "Marché": None}, "À faire!A2 : le marché manque"),
        ({"Décision": "accepter", "Champ": "Couleur"}, "À faire!E2 : champ « Couleur » inconnu"),
        ({"Décision": "accepter", "Champ": "contract_id"}, "se corrige dans le registre"),
        ({"Décision": "accepter", "Valeur actuelle": "9,00"}, "À faire!F2 : la valeur en vigueur"),
        ({"Décision": "accepter", "Date": "hier"}, "À faire!N2 : « hier » n'est pas une date"),
        ({"Décision": "accepter", "Valeur proposée": "=1+1"}, "À faire!G2"),
        ({"Décision": "accepter", "Champ": "Même marché que celui du DECP"}, "À faire!G2 : marché"),
    ],
)  # fmt: skip
def test_one_wrong_cell_and_nothing_is_imported(
    six: Ground, cells: dict[str, Any], told: str
) -> None:
    six.fill(lambda row: cells if row["Marché"].endswith("1") else {"Décision": "accepter"})
    with pytest.raises(InputError) as refused:
        six.import_()
    assert told in refused.value.fr
    assert "nothing was recorded" in refused.value.en
    assert six.ledger_lines() == ()


def test_an_accepted_row_needs_an_author(six: Ground) -> None:
    six.fill(accept)
    with pytest.raises(InputError, match="--author"):
        correction_import.import_(six.project, SCHEME, six.book)


def test_two_rows_that_contradict_each_other_are_named(six: Ground) -> None:
    key = f"{BUYER}-2024-01"
    values = iter(["1000", "2000", "1000", "1000", "1000", "1000"])
    six.fill(
        lambda _: {
            "Décision": "accepter",
            "Marché": key,
            "Valeur actuelle": "10 000,00",
            "Valeur proposée": next(values),
        }
    )
    with pytest.raises(InputError, match=r"À faire!G3 : contredit À faire!G2\. "):
        six.import_()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"PK\x03\x04 corrompu", "pas un classeur .xlsx lisible"),
        (b"\xd0\xcf\x11\xe0 autre", "mot de passe"),
        (b"", "pas un classeur .xlsx lisible"),
        (None, "introuvable"),
    ],
    ids=["corrupt", "password", "empty", "absent"],
)
def test_what_is_no_workbook_is_told(six: Ground, content: bytes | None, told: str) -> None:
    six.book.unlink()
    if content is not None:
        six.book.write_bytes(content)
    with pytest.raises(InputError) as refused:
        six.import_()
    assert told in refused.value.fr


def test_another_workbook_is_told_which_columns_it_lacks(six: Ground) -> None:
    openpyxl.Workbook().save(six.book)
    with pytest.raises(InputError, match="« Marché », « Champ »"):
        six.import_()


def test_hostile_texts_stay_texts_and_come_back(ground: Ground) -> None:
    hostile = ("=cmd|' /C calc'!A0", "+1+1", "-1+1", "@SUM(A1)", "\t=1+1", "'=1+1")
    own = [contract(n, object=text, cpv_code="45000000") for n, text in enumerate(hostile, start=1)]
    ground.run(own, [{**row, "cpv_code": "77310000"} for row in own])
    ground.export()
    book = openpyxl.load_workbook(ground.book)
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert not any(cell.data_type == "f" for cell in cells)
    assert sum(bool(cell.quotePrefix) for cell in cells) >= len(hostile) - 1
    ground.fill(accept)
    assert len(ground.import_().accepted) == len(hostile)


# --- values -------------------------------------------------------------------------------------

VALUES = FieldValues(CARDS)
BY_KIND: dict[str, st.SearchStrategy[Any]] = {
    "amount": st.decimals("-999999999", "9999999999", places=2),
    "share": st.decimals(0, 1, places=4),
    "percent": st.decimals(0, 1, places=4),
    "integer": st.integers(0, 10_000),
    "months": st.integers(0, 600),
    "boolean": st.booleans(),
    "date": st.dates(date(1990, 1, 1), date(2100, 12, 31)),
    "siret": st.just("00020001400017"),
    "text": st.from_regex(r"[A-Za-z=+@-][A-Za-z0-9 éè'=-]{0,20}[A-Za-z0-9]", fullmatch=True),
}


def values_of(name: str) -> st.SearchStrategy[Any]:
    field = CARDS.fields[name]
    codes = sorted({r["code"] for r in CARDS.reference("code_lists") if r["field"] == name})
    if field.kind == "code":
        return st.sampled_from(codes)
    if field.kind == "codes":
        positive = st.sets(st.sampled_from([code for code in codes if code != "none"]))
        return positive.map(lambda found: tuple(sorted(found)))
    return BY_KIND[field.kind]


FIELDS = [name for name, field in CARDS.fields.items() if is_correctable(field)]


@pytest.mark.parametrize("name", FIELDS)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_the_text_of_a_value_is_read_back_as_the_value(name: str, data: st.DataObject) -> None:
    value = data.draw(values_of(name))
    if CARDS.fields[name].kind == "codes" and not value and not _has_none(name):
        return
    for text in (VALUES.text(name, value), VALUES.shown(name, value)):
        read = VALUES.read(name, text)
        assert (read.value, read.problem) == (value, None), text


def _has_none(name: str) -> bool:
    return any(
        row["field"] == name and row["code"] == "none" for row in CARDS.reference("code_lists")
    )


ODD = ("0.99", "1", "1.01", "123456789", "1234567890.50", "111111112", "111111112.50", "3000000000")
amounts = st.decimals("-10", "4000000000", places=2) | st.sampled_from([Decimal(t) for t in ODD])
bases = st.sampled_from(["ht", "ttc", "unknown"])
rates = st.sampled_from([None, "20 %", "5,5 %"])


@given(st.lists(st.tuples(amounts, bases, rates), min_size=1, max_size=30))
@settings(max_examples=6, deadline=None)
def test_usable_amounts_are_those_of_curated_contracts(
    tmp_path_factory: pytest.TempPathFactory, given_rows: list[tuple[Decimal, str, str | None]]
) -> None:
    ground = Ground(tmp_path_factory.mktemp("usable"))
    own = [
        contract(1, contract_id=str(n), position=n, amount=str(eur), tax_basis=basis, vat_rate=rate)
        for n, (eur, basis, rate) in enumerate(given_rows)
    ]
    ground.run(own, [])
    found = rows(
        ground.tables,
        "select contract_id, coalesce(amount_usable_eur, 0) as eur from curated.contracts",
    )
    expected = {
        str(n): Worth(
            amount=eur, tax_basis=basis, vat_rate=VALUES.read("vat_rate", rate).value
        ).usable()
        for n, (eur, basis, rate) in enumerate(given_rows)
    }
    assert {row["contract_id"]: row["eur"] for row in found} == expected


def test_a_contract_that_was_not_awarded_weighs_nothing() -> None:
    worth = Worth(amount=Decimal(5000), tax_basis="ht", outcome="unsuccessful")
    assert worth.usable() == 0
    assert replace(worth, outcome="awarded").usable() == 5000


def test_the_card_has_the_columns_that_are_written(six: Ground) -> None:
    with session() as connection:
        described = connection.execute(
            f"describe select * from {six.tables.scan('quality.proposals')}"
        ).fetchall()
    card = CARDS.tables["quality/proposals"]
    assert [(name, kind) for name, kind, *_ in described] == [
        (name, column.type) for name, column in card.columns.items()
    ]
