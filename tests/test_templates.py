"""Workbooks to fill in: their headers and choices are read back as what they are."""

from __future__ import annotations

import re

import openpyxl
import pytest

from spaser.cards import catalogue
from spaser.curate.typed import reading_of
from spaser.errors import InputError
from spaser.project import Project, definitions_root
from spaser.scaffold import TEMPLATES, write_template

PROJECT = Project(definitions_root())
CARDS = catalogue(PROJECT.assets)
SOURCES = {
    "register": "sources/department_register",
    "spend": "sources/spend_ledger",
    "suppliers": "sources/supplier_list",
    "commitments": "sources/insertion_commitments",
    "hours": "sources/insertion_log",
    "participants": "sources/insertion_participants",
    "invoiced": "sources/insertion_invoiced",
    "clause_events": "sources/insertion_events",
}


def heads(book: openpyxl.Workbook) -> list[str]:
    return [str(cell.value) for cell in book["Saisie"][1]]


@pytest.mark.parametrize("feeds", TEMPLATES)
def test_every_header_of_a_template_is_mapped_by_itself(tmp_path, feeds):
    book = openpyxl.load_workbook(write_template(PROJECT, feeds, tmp_path))
    fields = CARDS.fields_of(feeds)
    known = {n: h for n, h in CARDS.sources[SOURCES[feeds]].headers.items() if n in fields}
    field_of = {header: name for name, headers in known.items() for header in headers}
    found = heads(book)
    assert len(found) == len(set(found)) == len(known)
    assert {field_of[head] for head in found} == set(known)
    required = {f.field for f in fields.values() if f.required and f.kind != "json"}
    assert required <= set(known)


def test_the_amount_of_a_template_is_said_to_be_without_vat(tmp_path):
    for feeds in ("register", "spend"):
        book = openpyxl.load_workbook(write_template(PROJECT, feeds, tmp_path))
        assert "Montant HT" in heads(book)


def prompts(book: openpyxl.Workbook) -> dict[str, str]:
    """What shows beside the cells of each column."""
    sheet = book["Saisie"]
    rules = sheet.data_validations.dataValidation
    found = {str(rule.sqref).split("2:")[0]: str(rule.prompt) for rule in rules}
    return {str(cell.value): found[cell.column_letter] for cell in sheet[1]}


@pytest.mark.parametrize("feeds", TEMPLATES)
def test_nothing_to_fill_in_is_filled_and_each_column_has_its_help(tmp_path, feeds):
    book = openpyxl.load_workbook(write_template(PROJECT, feeds, tmp_path))
    assert book.sheetnames == ["Saisie"]
    cells = [c.value for row in book["Saisie"].iter_rows(min_row=2) for c in row]
    assert set(cells) == {None}
    helped = prompts(book)
    assert set(helped) == set(heads(book))
    assert all(0 < len(text) <= 255 for text in helped.values())


@pytest.mark.parametrize("feeds", TEMPLATES)
def test_examples_and_choices_are_read_without_a_problem(tmp_path, feeds):
    book = openpyxl.load_workbook(write_template(PROJECT, feeds, tmp_path))
    known = CARDS.sources[SOURCES[feeds]].headers
    field_of = {header: name for name, headers in known.items() for header in headers}
    fields = CARDS.fields_of(feeds)
    for head, prompt in prompts(book).items():
        field = fields[field_of[head]]
        example = re.search(r"\nExemple : (.*)", prompt)
        texts = [example[1]] if example else []
        texts += [
            row["label_fr"] for row in CARDS.reference("code_lists") if row["field"] == field.field
        ]
        reading = reading_of(CARDS, field, {})
        for text in texts:
            read = reading.read(text)
            assert read.problem is None, (head, text)
            assert read.value is not None, (head, text)
    assert sum("Exemple : " in prompt for prompt in prompts(book).values()) > 5


def test_two_templates_are_the_same_bytes(tmp_path):
    first = write_template(PROJECT, "spend", tmp_path / "a.xlsx")
    second = write_template(PROJECT, "spend", tmp_path / "b.xlsx")
    assert first.read_bytes() == second.read_bytes()


def test_what_cannot_be_written_is_said(tmp_path):
    with pytest.raises(InputError, match="register, spend, suppliers, commitments"):
        write_template(PROJECT, "contracts", tmp_path)
    write_template(PROJECT, "spend", tmp_path)
    with pytest.raises(InputError, match="existe déjà"):
        write_template(PROJECT, "spend", tmp_path)
