"""What the columns of an unknown table mean: by words, by likeness, confirmed by the cells."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from itertools import zip_longest
from string import ascii_uppercase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaser.cards import catalogue
from spaser.ingest.mapping import BAR, Proposal, Proposer, tax_of, unit_of, words
from spaser.ingest.sheets import SheetTable
from spaser.mappings import holder_part
from tests.ingest.conftest import REPOSITORY

CARDS = catalogue(REPOSITORY / "assets")
PROPOSER = Proposer(CARDS)
REGISTER = CARDS.sources["sources/department_register"]


def table(**columns: list[str | None]) -> SheetTable:
    """A table from its columns."""
    return table_of(columns)


def table_of(columns: dict[str, list[str | None]]) -> SheetTable:
    rows = list(zip_longest(*columns.values()))
    letters = tuple(ascii_uppercase[: len(columns)])
    return SheetTable(None, tuple(columns), letters, list(range(2, len(rows) + 2)), rows)


BASE: dict[str, list[str | None]] = {
    "N° de marché": ["2024-01", "2024-02"],
    "Objet": ["Toiture", "Peinture"],
    "Date de notification": ["12/03/2024", "13/03/2024"],
    "Montant HT": ["14 700,00", "12 k€"],
}


def propose(**more: list[str | None]) -> Proposal:
    return PROPOSER.propose(table_of(BASE | more))


def meant(proposal: Proposal) -> dict[str, str | None]:
    return {guess.header: guess.field for guess in proposal.columns}


def alone(header: str, *cells: str | None) -> str | None:
    """The field of one more column of a register."""
    return meant(PROPOSER.propose(table_of(BASE | {header: list(cells)})))[header]


# Headers


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("dateNotification", "Date de notification"),
        ("LieuExecution_typeCode", "lieuExecution.typeCode"),
        ("N° marché", "Numéro de marché"),
        ("N°marché", "N° du marché"),
        ("CONSIDÉRATIONS SOCIALES", "considérations  sociales"),
        ("Montant H.T.", "Montant hors taxes"),
        ("Montant (€ HT)", "montant HT"),
        ("Montant T.T.C.", "Montant toutes taxes comprises"),
        ("Nb d'offres reçues", "Nombre d'offres reçues"),
        ("Clause sociale (O/N)", "Clause sociale"),
    ],
)
def test_headers_that_differ_by_writing_are_one(one: str, other: str):
    assert words(one).joined == words(other).joined


@pytest.mark.parametrize(
    ("header", "basis"),
    [
        ("Montant HT", "ht"),
        ("Montant T.T.C", "ttc"),
        ("Montant", None),
        ("HT/TTC", None),
        ("Théâtre", None),
        ("Montant hors taxe", "ht"),
    ],
)
def test_the_tax_basis_is_told_by_the_header(header: str, basis: str | None):
    assert tax_of(header) == basis


@pytest.mark.parametrize(
    ("header", "unit"),
    [
        ("Montant (k€)", "k€"),
        ("Montant en K€ HT", "k€"),
        ("Montant (milliers d'euros)", "k€"),
        ("Montant M€", "M€"),
        ("Montant (€)", None),
        ("Marché", None),
        ("Stock €", None),
    ],
)
def test_the_unit_is_told_by_the_header(header: str, unit: str | None):
    assert unit_of(header) == unit


def test_no_header_of_the_card_stands_for_two_fields():
    known: dict[str, set[str]] = defaultdict(set)
    for name, headers in REGISTER.headers.items():
        for header in headers:
            known[words(header).joined].add(name)
    assert {key: names for key, names in known.items() if len(names) > 1} == {}


def test_the_fields_of_the_card_exist():
    fields = CARDS.fields_of("register")
    assert [n for n in REGISTER.headers if n not in fields and not holder_part(n)] == []


@given(st.text(max_size=60))
def test_any_header_has_words_and_at_most_a_share_of_likeness(header: str):
    assert words(header).tokens == tuple(token for token in words(header).tokens if token)
    assert 0 <= PROPOSER.score([header]) <= 1


HEADERS = [header for headers in REGISTER.headers.values() for header in headers]


@given(st.sampled_from(HEADERS), st.data())
def test_a_known_header_is_known_in_any_case_and_spacing(header: str, data: st.DataObject):
    writings = [header.upper(), f"  {header} ", header.replace(" ", "  ")]
    written = data.draw(st.sampled_from(writings))
    names = {name for name, headers in REGISTER.headers.items() if header in headers}
    vocabulary = next(v for v in PROPOSER.vocabularies if v.card is REGISTER)
    if " " in header.strip() or written.strip() == header:  # `dateNotification` needs its capitals
        assert vocabulary.candidates(written)[0].field in names
        assert vocabulary.candidates(written)[0].likeness >= 0.95


# Columns


def test_a_register_is_understood():
    proposal = propose(Titulaire=["A", "B"], Service=["DGA", "DGS"])
    assert proposal.card.key == "sources/department_register"
    assert proposal.is_enough
    assert proposal.tax_basis == "ht"
    assert meant(proposal) == {
        "N° de marché": "contract_id",
        "Objet": "object",
        "Date de notification": "notified_date",
        "Montant HT": "amount",
        "Titulaire": "holder_name",
        "Service": "directorate",
    }


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("Libélé du marché", "object"),
        ("Montnat HT du marché", "amount"),
        ("Procedure de passation utilisée", "procedure"),
        ("Date de notification du marché au titulaire", "notified_date"),
    ],
)
def test_likeness_finds_slips_and_one_word_more(header: str, field: str):
    vocabulary = next(v for v in PROPOSER.vocabularies if v.card is REGISTER)
    [found] = vocabulary.candidates(header)
    assert found.field == field
    assert BAR < found.likeness < 0.9


@pytest.mark.parametrize(
    "header",
    [
        "Date de notification de l'avenant",
        "Montant de l'avenant HT",
        "Montant estimé TTC",
        "Date limite de réception des offres",
        "Code postal du titulaire",
        "Date de fin",
        "Durée ferme",
        "Critère RSE",
        "Obs.",
        "Montant 2",
    ],
)
def test_what_means_something_else_is_not_understood(header: str):
    assert alone(header, "12") is None


def test_cells_that_are_no_dates_deny_a_column_of_dates():
    columns = BASE | {"Date de notification": ["à venir", "cf. dossier"]}
    proposal = PROPOSER.propose(table_of(columns))
    guess = proposal.columns[2]
    assert (guess.field, guess.confidence) == (None, Decimal("0.300"))


def test_a_column_of_empty_cells_is_held_for_what_its_header_says():
    assert alone("Offres reçues", None, None) == "offers_received"


def test_an_identifier_whose_cells_say_yes_or_no_is_none():
    assert alone("Accord-cadre", "oui", "non") is None
    assert alone("Accord-cadre", "AC-2023-1", None) == "framework_reference"


def test_lots_named_1_and_0_are_no_answers():
    assert alone("Lot", "1", "0") == "lot_number"


def test_of_two_columns_for_one_field_the_surest_is_read():
    proposal = propose(Montant=["1", "2"])
    assert meant(proposal)["Montant"] is None
    assert meant(proposal)["Montant HT"] == "amount"


def test_columns_with_and_without_tax_stay_apart():
    assert meant(propose(**{"Montant TTC": ["1", "2"]}))["Montant TTC"] == "amount_with_tax"


def test_a_lone_column_with_tax_is_the_amount_with_its_basis():
    columns = {name: cells for name, cells in BASE.items() if name != "Montant HT"}
    proposal = PROPOSER.propose(table_of(columns | {"Montant TTC": ["1", "2"]}))
    assert (meant(proposal)["Montant TTC"], proposal.tax_basis) == ("amount", "ttc")


def test_an_amount_without_a_word_on_tax_has_an_unknown_basis():
    columns = {name: cells for name, cells in BASE.items() if name != "Montant HT"}
    proposal = PROPOSER.propose(table_of(columns | {"Montant": ["1", "2"]}))
    assert (meant(proposal)["Montant"], proposal.tax_basis) == ("amount", "unknown")


def test_the_vocabulary_of_decp_says_without_tax():
    names = ["id", "acheteur_id", "objet", "codeCPV", "dateNotification", "montant"]
    proposal = PROPOSER.propose(table_of({name: [None] for name in names}))
    assert proposal.tax_basis == "ht"


def test_several_holders_and_several_themes_have_their_columns():
    proposal = propose(
        Titulaire=["A", "B"],
        SIRET=["00020001400017", None],
        **{
            "Titulaire 2": ["C", None],
            "SIRET titulaire 2": ["00020001400017", None],
            "Cotraitant 2": ["D", None],
            "Thème 1": ["Insertion", None],
            "Thème 2": [None, "Carbone"],
        },
    )
    found = meant(proposal)
    assert found["Titulaire 2"] == "holder_name_2"
    assert found["SIRET titulaire 2"] == "holder_id_2"
    assert found["Cotraitant 2"] == "holder_name_3"
    assert found["Thème 1"] == found["Thème 2"] == "clause_themes"


def test_a_repeated_header_of_a_holder_is_the_next_holder():
    found = meant(propose(**{"Titulaire": ["A", "B"], "Titulaire (2)": ["C", None]}))
    assert found == {**found, "Titulaire": "holder_name", "Titulaire (2)": "holder_name_2"}


def test_two_line_headers_are_read_together_or_by_their_last_line():
    assert alone("Titulaire / SIRET", "00020001400017") == "holder_id"
    assert alone("Passation / Procédure", "MAPA") == "procedure"


def test_a_holder_from_abroad_does_not_deny_the_column():
    assert alone("SIRET titulaire", "DE123456789", "00020001400017") == "holder_id"


# Kinds of table


def test_a_ledger_is_a_ledger():
    proposal = PROPOSER.propose(
        table_of(
            {
                "Exercice": ["2024"],
                "Tiers": ["A"],
                "SIRET": ["00020001400017"],
                "Montant TTC": ["12,00"],
                "N° mandat": ["1"],
            }
        )
    )
    assert proposal.card.feeds == "spend"
    assert (proposal.is_enough, proposal.tax_basis) == (True, "ttc")


@pytest.mark.parametrize(
    "columns",
    [
        {"Lundi": ["Purée"], "Mardi": ["Riz"]},
        {"id": ["1"], "objet": ["x"]},
        {"idweb": ["1"], "objet": ["x"], "dateparution": ["2024-01-01"]},
        {"Nom": ["x"], "Téléphone": ["x"]},
        {"SIRET": ["00020001400017"], "Structure": ["x"], "Papier": ["1"]}
        | {f"Produit {n}": ["1"] for n in range(4)},
    ],
)
def test_a_table_of_another_kind_is_not_enough(columns: dict[str, list[str | None]]):
    assert not PROPOSER.propose(table_of(columns)).is_enough


def test_a_header_scores_above_a_row_of_data():
    header = ["N° marché", "Objet", "Montant HT", "Obs."]
    assert PROPOSER.score(header) >= 0.7
    assert PROPOSER.score(["2024-01", "Toiture de l'école", "14 700,00", "rien"]) < 0.3
    assert PROPOSER.score([]) == 0
    assert PROPOSER.score(["Objet"]) < 0.5


# Values of code lists


def test_a_text_near_a_spelling_is_proposed_and_another_is_not():
    proposal = propose(
        Procédure=["Appel d'ofres ouvert", "zzz", "MAPA", "Appel d'ofres ouvert", "NC"]
    )
    assert [(v.field, v.text, v.code, v.count) for v in proposal.values] == [
        ("procedure", "Appel d'ofres ouvert", "open", 2),
        ("procedure", "zzz", None, 1),
    ]
    assert proposal.values[0].confidence > Decimal("0.9")
    assert proposal.values[1].confidence == 0


def test_a_text_half_way_between_two_codes_is_not_guessed():
    proposal = propose(Procédure=["Appel d'offres", "MAPA"])
    assert [(v.text, v.code) for v in proposal.values] == [("Appel d'offres", None)]


def test_a_proposal_is_the_same_each_time():
    assert propose(Procédure=["zzz"]) == Proposer(CARDS).propose(
        table_of(BASE | {"Procédure": ["zzz"]})
    )
