"""Ugly workbooks as departments keep them, each with the table it should give.

`python -m tests.generators.workbooks` rewrites `tests/ingest/workbooks/` byte for byte: for each
case a file and `<name>.expected.json`. What is expected is written by hand beside what is planted;
no code of `spaser` is used. Workbooks are written with openpyxl, xlwt and odfpy, then edited where
no library writes what people's files hold (stored results of formulas, macros, a logo).

An expected file holds `tables` (sheet, names, letters, row numbers, rows), `findings` (rule and
pointer, of the sheets and of the tables) and, where values are odd, `values`: by column, how the
readers of `spaser.values` understand each cell (null: not understood, or unknown).

Everybody here is fictional.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import xlwt
from odf.opendocument import OpenDocumentSpreadsheet
from odf.style import Style, TableProperties
from odf.table import CoveredTableCell, Table, TableCell, TableColumn, TableRow
from odf.text import P
from openpyxl import Workbook
from openpyxl.chart import BarChart, Reference
from openpyxl.styles import Font
from openpyxl.utils.datetime import CALENDAR_MAC_1904
from openpyxl.worksheet.worksheet import Worksheet

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path("tests/ingest/workbooks")
STAMP = (2024, 1, 1, 0, 0, 0)

HEADER = ("N° du marché", "Objet", "Montant HT", "Date de notification", "Titulaire")
LETTERS = "ABCDE"
PLANTED: tuple[tuple[Any, ...], ...] = (
    ("2024-01", "Entretien des espaces verts", 14700, date(2024, 3, 5), "Exemple Paysages"),
    ("2024-02", "Nettoyage des écoles", 52000.5, date(2024, 4, 12), "Exemple Propreté"),
    ("2024-03", "Mobilier de bureau", 8900, date(2024, 5, 21), "Exemple Bureau"),
)
ROWS = (
    ("2024-01", "Entretien des espaces verts", "14700", "2024-03-05", "Exemple Paysages"),
    ("2024-02", "Nettoyage des écoles", "52000.5", "2024-04-12", "Exemple Propreté"),
    ("2024-03", "Mobilier de bureau", "8900", "2024-05-21", "Exemple Bureau"),
)
"""The planted records as text."""

NBSP, NNBSP, THIN = "\u00a0", "\u202f", "\u2009"
NOT_AVAILABLE = 0x2A
"""The code of `#N/A` in an .xls."""

Texts = Sequence[str | None]
Found = tuple[str, str | None]


@dataclass(frozen=True)
class Case:
    """A file and what reading it should give."""

    name: str
    content: Callable[[], bytes]
    tables: list[dict[str, Any]]
    findings: list[Found] = field(default_factory=list)
    values: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def expected(self) -> str:
        """The expected file."""
        content = {"tables": self.tables, "findings": self.findings, "values": self.values}
        return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


CASES: list[Case] = []


def case(
    name: str,
    *tables: dict[str, Any],
    findings: Sequence[Found] = (),
    values: dict[str, dict[str, Any]] | None = None,
) -> Callable[[Callable[[], bytes]], Callable[[], bytes]]:
    """Add the file that a function makes to the set."""

    def added(content: Callable[[], bytes]) -> Callable[[], bytes]:
        CASES.append(Case(name, content, list(tables), list(findings), values or {}))
        return content

    return added


def table(
    sheet: str | None,
    names: Sequence[str],
    numbers: Sequence[int],
    rows: Sequence[Texts],
    letters: str = LETTERS,
) -> dict[str, Any]:
    """An expected table."""
    return {
        "sheet": sheet,
        "names": list(names),
        "letters": list(letters),
        "row_numbers": list(numbers),
        "rows": [list(row) for row in rows],
    }


# --- writing -----------------------------------------------------------------------------------


def new_book(*titles: str) -> tuple[Workbook, list[Worksheet]]:
    """A workbook with sheets of these names."""
    book = Workbook()
    sheets = [book.active, *(book.create_sheet() for _ in titles[1:])]
    for sheet, title in zip(sheets, titles, strict=True):
        sheet.title = title
    return book, sheets


def fill(sheet: Worksheet, rows: Sequence[Sequence[Any]], row: int = 1, column: int = 1) -> None:
    """Write rows of typed cells from a place on; None leaves a cell blank."""
    for number, cells in enumerate(rows, row):
        for place, value in enumerate(cells, column):
            if value is not None:
                sheet.cell(number, place, value)


def saved(book: Workbook, edits: dict[str, Callable[[bytes], bytes]] | None = None) -> bytes:
    """The bytes of a workbook: fixed stamps, nothing packed, some parts edited."""
    received = io.BytesIO()
    book.save(received)
    return repacked(received.getvalue(), edits or {})


def repacked(content: bytes, edits: dict[str, Callable[[bytes], bytes]]) -> bytes:
    """The same zip with fixed stamps; members named in `edits` are changed, or added."""
    parts: dict[str, bytes] = {}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name in archive.namelist():
            parts[name] = archive.read(name)
    for name, edit in edits.items():
        parts[name] = edit(parts.get(name, b""))
    if "docProps/core.xml" in parts:
        parts["docProps/core.xml"] = re.sub(
            rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", b"2024-01-01T00:00:00Z", parts["docProps/core.xml"]
        )
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, part in parts.items():
            member = zipfile.ZipInfo(name, STAMP)
            member.create_system = 0
            archive.writestr(member, part)
    return out.getvalue()


def computed(results: dict[str, tuple[str, str]]) -> Callable[[bytes], bytes]:
    """Store the results of formulas in a sheet: by cell, the type of the result and its text."""

    def edit(part: bytes) -> bytes:
        for cell, (kind, text) in results.items():
            pattern = rb'<c r="%b"([^>]*)><f>([^<]*)</f><v\s*/?>(?:</v>)?</c>' % cell.encode()
            stored = rb'<c r="%b"\1 t="%b"><f>\2</f><v>%b</v></c>'
            new, count = re.subn(
                pattern, stored % (cell.encode(), kind.encode(), text.encode()), part
            )
            assert count == 1, cell
            part = new
        return part

    return edit


def text_file(text: str, encoding: str = "utf-8", end: str = "\r\n") -> bytes:
    """Lines as an export writes them."""
    return text.strip("\n").replace("\n", end).encode(encoding) + end.encode(encoding)


# --- titles, logos, merged cells ---------------------------------------------------------------


@case("plain.xlsx", table("Registre", HEADER, (2, 3, 4), ROWS))
def plain() -> bytes:
    book, [sheet] = new_book("Registre")
    fill(sheet, [HEADER, *PLANTED])
    return saved(book)


@case(
    "titles_above.xlsx",
    table("Feuil1", HEADER, (6, 7, 8), ROWS),
    findings=[("row_note", "Feuil1!1"), ("row_note", "Feuil1!2"), ("row_note", "Feuil1!3")],
)
def titles_above() -> bytes:
    book, [sheet] = new_book("Feuil1")
    fill(
        sheet, [["Département d'Exemple"], ["Registre des marchés"], ["Mis à jour le", "03/06/24"]]
    )
    fill(sheet, [HEADER, *PLANTED], row=5)
    return saved(book)


_LOGO = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)
_DRAWING = b"""<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<xdr:wsDr xmlns:xdr="http://schemas.openxmlformats.org/drawingml/2006/spreadsheetDrawing" \
xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" \
xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><xdr:oneCellAnchor>\
<xdr:from><xdr:col>0</xdr:col><xdr:colOff>0</xdr:colOff><xdr:row>0</xdr:row><xdr:rowOff>0\
</xdr:rowOff></xdr:from><xdr:ext cx="900000" cy="600000"/><xdr:pic><xdr:nvPicPr><xdr:cNvPr id="1" \
name="Logo"/><xdr:cNvPicPr/></xdr:nvPicPr><xdr:blipFill><a:blip r:embed="rId1"/><a:stretch>\
<a:fillRect/></a:stretch></xdr:blipFill><xdr:spPr><a:prstGeom prst="rect"/></xdr:spPr></xdr:pic>\
<xdr:clientData/></xdr:oneCellAnchor></xdr:wsDr>"""
_RELATION = b"""<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship \
Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/%b" \
Target="%b"/></Relationships>"""
_CONTENT_TYPES = b"""<Default Extension="png" ContentType="image/png"/><Override \
PartName="/xl/drawings/drawing1.xml" \
ContentType="application/vnd.openxmlformats-officedocument.drawing+xml"/></Types>"""


@case(
    "logo_and_merged_title.xlsx",
    table("Marchés", HEADER, (6, 7, 8), ROWS),
    findings=[("row_note", "Marchés!2"), ("row_note", "Marchés!3")],
)
def logo_and_merged_title() -> bytes:
    book, [sheet] = new_book("Marchés")
    fill(sheet, [["Registre des marchés notifiés en 2024"], ["Direction de la commande"]], row=2)
    fill(sheet, [HEADER, *PLANTED], row=5)
    sheet.merge_cells("A2:E2")
    sheet.merge_cells("A3:E3")
    sheet["A2"].font = Font(bold=True, size=18)
    named = (
        b'<drawing xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships" '
        b'r:id="rId1"/></worksheet>'
    )
    return saved(
        book,
        {
            "xl/worksheets/sheet1.xml": lambda part: part.replace(b"</worksheet>", named),
            "xl/worksheets/_rels/sheet1.xml.rels": lambda _: (
                _RELATION % (b"drawing", b"../drawings/drawing1.xml")
            ),
            "xl/drawings/drawing1.xml": lambda _: _DRAWING,
            "xl/drawings/_rels/drawing1.xml.rels": lambda _: (
                _RELATION % (b"image", b"../media/logo.png")
            ),
            "xl/media/logo.png": lambda _: _LOGO,
            "[Content_Types].xml": lambda part: part.replace(b"</Types>", _CONTENT_TYPES),
        },
    )


_BANDED = (
    "N° du marché",
    "Objet",
    "Montant / HT",
    "Montant / TTC",
    "Titulaire / Nom",
    "Titulaire / SIRET",
)
_BANDED_ROWS = (
    ("2024-01", "Entretien", "14700", "17640", "Exemple Paysages", "12345678200010"),
    ("2024-02", "Nettoyage", "52000.5", "62400.6", "Exemple Propreté", "12345678200028"),
)


@case("two_line_header.xlsx", table("Registre", _BANDED, (4, 5), _BANDED_ROWS, "ABCDEF"),
      findings=[("row_note", "Registre!1")])  # fmt: skip
def two_line_header() -> bytes:
    book, [sheet] = new_book("Registre")
    fill(
        sheet,
        [
            ["Marchés 2024"],
            ["N° du marché", "Objet", "Montant", None, "Titulaire"],
            [None, None, "HT", "TTC", "Nom", "SIRET"],
            ["2024-01", "Entretien", 14700, 17640, "Exemple Paysages", "12345678200010"],
            ["2024-02", "Nettoyage", 52000.5, 62400.6, "Exemple Propreté", "12345678200028"],
        ],
    )
    for merged in ("A1:F1", "A2:A3", "B2:B3", "C2:D2", "E2:F2"):
        sheet.merge_cells(merged)
    return saved(book)


@case(
    "two_line_header_sparse.csv",
    table(None, _BANDED, (3, 4), _BANDED_ROWS, "ABCDEF"),
)
def two_line_header_sparse() -> bytes:
    return text_file("""
N° du marché;Objet;Montant;;Titulaire;
;;HT;TTC;Nom;SIRET
2024-01;Entretien;14700;17640;Exemple Paysages;12345678200010
2024-02;Nettoyage;52000.5;62400.6;Exemple Propreté;12345678200028
""")


@case(
    "three_line_header.xlsx",
    table(
        "Suivi",
        (
            "N° du marché",
            "Exécution / Montants / Initial",
            "Exécution / Montants / Actuel",
            "Exécution / Dates / Réunion",
            "Objet",
        ),
        (4, 5),
        (
            ("2024-01", "14700", "15000", "2024-03-05", "Entretien"),
            ("2024-02", "52000", "52000", "2024-04-12", "Nettoyage"),
        ),
    ),
)
def three_line_header() -> bytes:
    book, [sheet] = new_book("Suivi")
    fill(
        sheet,
        [
            ["N° du marché", "Exécution", None, None, "Objet"],
            [None, "Montants", None, "Dates"],
            [None, "Initial", "Actuel", "Réunion"],
            ["2024-01", 14700, 15000, date(2024, 3, 5), "Entretien"],
            ["2024-02", 52000, 52000, date(2024, 4, 12), "Nettoyage"],
        ],
    )
    for merged in ("A1:A3", "B1:D1", "B2:C2", "E1:E3"):
        sheet.merge_cells(merged)
    return saved(book)


@case(
    "parent_says_nothing.xlsx",
    table(
        "Registre",
        ("N° du marché", "Objet", "Titulaire", "Date de notification", "Montant HT"),
        (3, 4),
        (
            ("2024-01", "Entretien", "Exemple Paysages", "2024-03-05", "14700"),
            ("2024-02", "Nettoyage", "Exemple Propreté", "2024-04-12", "52000"),
        ),
    ),
)
def parent_says_nothing() -> bytes:
    book, [sheet] = new_book("Registre")
    fill(
        sheet,
        [
            ["1. Identification", None, None, "2. Notification"],
            ["N° du marché", "Objet", "Titulaire", "Date de notification", "Montant HT"],
            ["2024-01", "Entretien", "Exemple Paysages", date(2024, 3, 5), 14700],
            ["2024-02", "Nettoyage", "Exemple Propreté", date(2024, 4, 12), 52000],
        ],
    )
    sheet.merge_cells("A1:C1")
    sheet.merge_cells("D1:E1")
    return saved(book)


@case(
    "header_with_line_breaks.xlsx",
    table(
        "Registre",
        ("N° du marché", "Montant HT (€)", "Date de notification"),
        (2, 3),
        (("2024-01", "14700", "2024-03-05"), ("2024-02", "52000", "2024-04-12")),
        "ABC",
    ),
)
def header_with_line_breaks() -> bytes:
    book, [sheet] = new_book("Registre")
    fill(
        sheet,
        [
            ["N°\ndu marché", f" Montant{NBSP}HT\n(€) ", "Date  de\r\nnotification"],
            ["2024-01", 14700, date(2024, 3, 5)],
            ["2024-02", 52000, date(2024, 4, 12)],
        ],
    )
    return saved(book)


# --- sheets ------------------------------------------------------------------------------------


@case(
    "one_sheet_a_year.xlsx",
    table("2022", HEADER, (2,), ROWS[:1]),
    table("2023", HEADER, (2,), ROWS[1:2]),
    table("2024", HEADER, (2,), ROWS[2:]),
)
def one_sheet_a_year() -> bytes:
    book, sheets = new_book("2022", "2023", "2024")
    for sheet, row in zip(sheets, PLANTED, strict=True):
        fill(sheet, [HEADER, row])
    return saved(book)


@case(
    "one_sheet_a_directorate.xlsx",
    table("Lisez-moi", (), (), (), ""),
    table("Routes", HEADER, (3, 4), ROWS[:2]),
    table("Collèges", HEADER, (3,), ROWS[2:]),
    findings=[
        ("sheet_not_table", "Lisez-moi!A1"),
        ("row_note", "Routes!1"),
        ("row_note", "Collèges!1"),
    ],
)
def one_sheet_a_directorate() -> bytes:
    book, [readme, roads, colleges] = new_book("Lisez-moi", "Routes", "Collèges")
    fill(readme, [["Une feuille par direction."], [None], ["Les montants sont hors taxes."]])
    fill(roads, [["Direction des routes"], HEADER, *PLANTED[:2]])
    fill(colleges, [["Direction des collèges"], HEADER, *PLANTED[2:]])
    return saved(book)


@case(
    "hidden_rows_and_columns.xlsx",
    table("Registre", HEADER, (2, 3, 4), ROWS),
    table("Archives", HEADER, (2,), ROWS[:1]),
    findings=[("sheet_hidden_parts", "Registre"), ("sheet_hidden_parts", "Archives")],
)
def hidden_rows_and_columns() -> bytes:
    book, [sheet, archives] = new_book("Registre", "Archives")
    fill(sheet, [HEADER, *PLANTED])
    sheet.row_dimensions[3].hidden = True
    sheet.column_dimensions["C"].hidden = True
    fill(archives, [HEADER, *PLANTED[:1]])
    archives.sheet_state = "hidden"
    return saved(book)


@case(
    "chart_sheet.xlsx",
    table("Registre", HEADER, (2, 3, 4), ROWS),
    findings=[("sheet_skipped", None)],
)
def chart_sheet() -> bytes:
    book, [sheet] = new_book("Registre")
    fill(sheet, [HEADER, *PLANTED])
    chart = BarChart()
    chart.add_data(Reference(sheet, min_col=3, min_row=1, max_row=4), titles_from_data=True)
    book.create_chartsheet("Graphique").add_chart(chart)
    return saved(book)


@case(
    "stacked_tables.xlsx",
    table("Registre", HEADER, (3, 4), ROWS[:2]),
    table(
        "Registre",
        ("Objet", "N° du marché", "Date de notification"),
        (9,),
        (("Fournitures de bureau", "2024-09", "2024-06-02"),),
        "ABD",
    ),
    findings=[("row_note", "Registre!1"), ("row_note", "Registre!6")],
)
def stacked_tables() -> bytes:
    book, [sheet] = new_book("Registre")
    fill(sheet, [["Marchés"], HEADER, *PLANTED[:2]])
    fill(sheet, [["Accords-cadres"]], row=6)
    fill(sheet, [["Objet", "N° du marché", None, "Date de notification"]], row=8)
    fill(sheet, [["Fournitures de bureau", "2024-09", None, date(2024, 6, 2)]], row=9)
    return saved(book)


# --- rows that are no record -------------------------------------------------------------------


@case(
    "totals.xlsx",
    table(
        "Registre",
        HEADER,
        (2, 3, 5, 6),
        (
            *ROWS[:2],
            ROWS[2],
            ("2024-04", "Total des besoins en papier", "3000", "2024-06-03", "Exemple Papier"),
        ),
    ),
    findings=[
        ("row_total", "Registre!4"),
        ("row_total", "Registre!7"),
        ("row_total", "Registre!8"),
        ("row_total", "Registre!10"),
    ],
)
def totals() -> bytes:
    book, [sheet] = new_book("Registre")
    fill(
        sheet,
        [
            HEADER,
            *PLANTED[:2],
            ["Sous-total Routes", None, 66700.5],
            PLANTED[2],
            ["2024-04", "Total des besoins en papier", 3000, date(2024, 6, 3), "Exemple Papier"],
            [None, "Sous total Collèges", 11900],
            ["TOTAL GÉNÉRAL", "4 marchés", 78600.5],
            [None],
            [None, None, None, "Somme :", 78600.5],
        ],
    )
    return saved(book)


@case(
    "notes_and_headings.xlsx",
    table("Registre", HEADER, (3, 4, 6), ROWS),
    findings=[
        ("row_note", "Registre!2"),
        ("row_note", "Registre!5"),
        ("row_note", "Registre!8"),
        ("row_note", "Registre!9"),
    ],
)
def notes_and_headings() -> bytes:
    book, [sheet] = new_book("Registre")
    fill(
        sheet,
        [
            HEADER,
            ["DIRECTION DES ROUTES"],
            *PLANTED[:2],
            ["DIRECTION DES COLLÈGES"],
            PLANTED[2],
            [None],
            ["* Montants hors taxes, avenants non compris."],
            [None, None, None, None, "Document de travail"],
        ],
    )
    sheet.merge_cells("A2:E2")
    sheet.merge_cells("A8:E8")
    return saved(book)


@case(
    "repeated_headers.xlsx",
    table("Registre", HEADER, (2, 5, 7), ROWS),
    findings=[("row_repeated_header", "Registre!4"), ("row_repeated_header", "Registre!6")],
)
def repeated_headers() -> bytes:
    book, [sheet] = new_book("Registre")
    upper = [name.upper() for name in HEADER]
    fill(sheet, [HEADER, PLANTED[0], [None], HEADER, PLANTED[1], upper, PLANTED[2]])
    return saved(book)


@case("blank_edges.xlsx", table("Registre", HEADER, (6, 8, 9), ROWS, "CDFGH"))
def blank_edges() -> bytes:
    book, [sheet] = new_book("Registre")
    spread = [(*row[:2], None, *row[2:]) for row in (HEADER, *PLANTED)]
    fill(sheet, [*spread[:2], [None], *spread[2:]], row=5, column=3)
    sheet["AZ400"].font = Font(bold=True)
    return saved(book)


@case(
    "lots_in_merged_cells.xlsx",
    table(
        "Lots",
        ("N° du marché", "Objet", "Lot", "Montant HT", "Estimation", "Titulaire"),
        (2, 3, 4, 5),
        (
            ("2024-01", "Entretien", "1", "14700", "40000", "Exemple Paysages"),
            ("2024-01", "Entretien", "2", "9000", None, "Exemple Propreté"),
            ("2024-01", "Entretien", "3", "7000", None, "Exemple Bureau"),
            ("2024-02", "Mobilier", "1", "8900", "9000", "Exemple Bureau"),
        ),
        "ABCDEF",
    ),
    findings=[("cells_filled_down", "Lots"), ("merged_amount", "Lots!E2:E4")],
)
def lots_in_merged_cells() -> bytes:
    book, [sheet] = new_book("Lots")
    fill(
        sheet,
        [
            ["N° du marché", "Objet", "Lot", "Montant HT", "Estimation", "Titulaire"],
            ["2024-01", "Entretien", 1, 14700, 40000, "Exemple Paysages"],
            [None, None, 2, 9000, None, "Exemple Propreté"],
            [None, None, 3, 7000, None, "Exemple Bureau"],
            ["2024-02", "Mobilier", 1, 8900, 9000, "Exemple Bureau"],
        ],
    )
    for merged in ("A2:A4", "B2:B4", "E2:E4"):
        sheet.merge_cells(merged)
    return saved(book)


@case(
    "two_columns_of_one_name.xlsx",
    table(
        "Registre",
        ("N° du marché", "Montant", "Montant (2)", "colonne D", "Date"),
        (2, 3),
        (
            ("2024-01", "14700", "17640", "à revoir", "2024-03-05"),
            ("2024-02", "52000", "62400", None, "2024-04-12"),
        ),
    ),
    findings=[("column_duplicate", "Registre!C1"), ("column_unnamed", "Registre!D1")],
)
def two_columns_of_one_name() -> bytes:
    book, [sheet] = new_book("Registre")
    fill(
        sheet,
        [
            ["N° du marché", "Montant", "Montant", None, "Date"],
            ["2024-01", 14700, 17640, "à revoir", date(2024, 3, 5)],
            ["2024-02", 52000, 62400, None, date(2024, 4, 12)],
        ],
    )
    return saved(book)


# --- formulas and errors -----------------------------------------------------------------------

_FORMULA_HEADER = ("N° du marché", "Montant HT", "Montant TTC", "Alerte", "Objet")


def _formulas() -> Workbook:
    book, [sheet] = new_book("Registre")
    fill(
        sheet,
        [
            _FORMULA_HEADER,
            ["2024-01", 14700, "=B2*1.2", '=IF(B2>40000,"seuil","")', "Entretien"],
            ["2024-02", 52000, "=B3*1.2", '=IF(B3>40000,"seuil","")', "Nettoyage"],
        ],
    )
    return book


@case(
    "formulas_computed.xlsx",
    table(
        "Registre",
        _FORMULA_HEADER,
        (2, 3),
        (
            ("2024-01", "14700", "17640", None, "Entretien"),
            ("2024-02", "52000", "62400", "seuil", "Nettoyage"),
        ),
    ),
)
def formulas_computed() -> bytes:
    results = {
        "C2": ("n", "17640"),
        "C3": ("n", "62399.999999999993"),
        "D2": ("str", ""),
        "D3": ("str", "seuil"),
    }
    return saved(_formulas(), {"xl/worksheets/sheet1.xml": computed(results)})


@case(
    "formulas_never_computed.xlsx",
    table(
        "Registre",
        _FORMULA_HEADER,
        (2, 3),
        (
            ("2024-01", "14700", None, None, "Entretien"),
            ("2024-02", "52000", None, None, "Nettoyage"),
        ),
    ),
    findings=[
        ("cell_formula_uncached", "Registre!C2:C3"),
        ("cell_formula_uncached", "Registre!D2:D3"),
    ],
)
def formulas_never_computed() -> bytes:
    return saved(_formulas())


@case(
    "error_values.xlsx",
    table(
        "Registre",
        ("N° du marché", "Objet", "Montant HT"),
        (2, 3, 4),
        (("2024-01", "Entretien", None), ("2024-02", None, None), ("2024-03", "#1 papier", "8900")),
        "ABC",
    ),
    findings=[
        ("cell_error_value", "Registre!B3"),
        ("cell_error_value", "Registre!C2"),
        ("cell_error_value", "Registre!C3"),
    ],
)
def error_values() -> bytes:
    book, [sheet] = new_book("Registre")
    fill(
        sheet,
        [
            ["N° du marché", "Objet", "Montant HT"],
            ["2024-01", "Entretien", "=A9/0"],
            ["2024-02", "#N/A", "=Z9"],
            ["2024-03", "#1 papier", 8900],
        ],
    )
    results = {"C2": ("e", "#DIV/0!"), "C3": ("e", "#REF!")}
    return saved(book, {"xl/worksheets/sheet1.xml": computed(results)})


# --- values ------------------------------------------------------------------------------------


def _one_column(name: str, values: Sequence[Any]) -> bytes:
    book, [sheet] = new_book("Registre")
    fill(sheet, [["N° du marché", "Objet", name]])
    for number, value in enumerate(values, 2):
        fill(sheet, [[f"2024-{number:02}", "Fournitures", value]], row=number)
    return saved(book)


def _column(name: str, texts: Sequence[str | None]) -> dict[str, Any]:
    rows = [(f"2024-{number:02}", "Fournitures", text) for number, text in enumerate(texts, 2)]
    return table("Registre", ("N° du marché", "Objet", name), range(2, 2 + len(rows)), rows, "ABC")


def _read(name: str, reader: str, values: Sequence[Any]) -> dict[str, dict[str, Any]]:
    return {name: {"reader": reader, "values": list(values)}}


_DATES = ["05/03/2024", "5/3/2024", "05.03.2024", "05-03-2024", "2024-03-05", "n.c.", "30/02/2024"]


@case(
    "dates_as_text.xlsx",
    _column("Date de notification", _DATES),
    values=_read("Date de notification", "read_date", [*["2024-03-05"] * 5, None, None]),
)
def dates_as_text() -> bytes:
    return _one_column("Date de notification", _DATES)


@case(
    "dates_as_serials.xlsx",
    _column("Date de notification", ["45356", "45394", "45433"]),
    values=_read("Date de notification", "read_date", ["2024-03-05", "2024-04-12", "2024-05-21"]),
)
def dates_as_serials() -> bytes:
    return _one_column("Date de notification", [45356, 45394.0, "45433"])


_WORDS = ["5 mars 2024", "1er avril 2024", "vendredi 12 avril 2024", "le 21 mai 2024", "mars 2024"]


@case(
    "dates_in_words.xlsx",
    _column("Date de notification", _WORDS),
    values=_read(
        "Date de notification",
        "read_date",
        ["2024-03-05", "2024-04-01", "2024-04-12", "2024-05-21", None],
    ),
)
def dates_in_words() -> bytes:
    return _one_column("Date de notification", _WORDS)


@case(
    "dates_from_1904.xlsx",
    _column("Date de notification", ["2024-03-05", "2024-04-12T10:30:00", "08:15:00"]),
)
def dates_from_1904() -> bytes:
    book, [sheet] = new_book("Registre")
    book.epoch = CALENDAR_MAC_1904
    fill(sheet, [["N° du marché", "Objet", "Date de notification"]])
    moments = [date(2024, 3, 5), datetime(2024, 4, 12, 10, 30), time(8, 15)]  # noqa: DTZ001
    for number, moment in enumerate(moments, 2):
        fill(sheet, [[f"2024-{number:02}", "Fournitures", moment]], row=number)
    return saved(book)


_SPACED = [
    "14 700,00 €",
    f"14{NBSP}700,00{NBSP}€",
    f"14{NNBSP}700,00{NNBSP}€",
    f"14{THIN}700,00",
    "14.700,00",
    "14700.00",
    "à définir",
]


@case(
    "amounts_with_spaces.xlsx",
    _column("Montant HT", _SPACED),
    values=_read("Montant HT", "read_amount", [*["14700"] * 6, None]),
)
def amounts_with_spaces() -> bytes:
    return _one_column("Montant HT", _SPACED)


_CREDITS = ["12,5 k€", "-1 200,00 €", f"{chr(0x2212)}1200", "(1 200,00)", "-1200"]


@case(
    "amounts_in_thousands_and_credits.xlsx",
    _column("Montant HT", _CREDITS),
    values=_read("Montant HT", "read_amount", ["12500", *["-1200"] * 4]),
)
def amounts_in_thousands_and_credits() -> bytes:
    return _one_column("Montant HT", [*_CREDITS[:-1], -1200])


@case(
    "numbers_of_every_size.xlsx",
    _column(
        "Montant HT",
        ["0.1", "0.3", "14700", "1234567.89", "100000000000000000", "0.00001", "0.05", "-0.5"],
    ),
)
def numbers_of_every_size() -> bytes:
    values = [0.1, 0.1 + 0.2, 14700.0, 1234567.89, 1e17, 0.00001, 0.05, -0.5]
    return _one_column("Montant HT", values)


_SIRETS = [
    "12345678200010",
    "12345678200010",
    "123 456 782 00010",
    f"123{NBSP}456{NBSP}782{NBSP}00010",
]


@case(
    "sirets_as_numbers.xlsx",
    _column("SIRET du titulaire", [*_SIRETS, "1,23457E+13"]),
    values=_read("SIRET du titulaire", "read_siret", [*["12345678200010"] * 4, None]),
)
def sirets_as_numbers() -> bytes:
    typed = [12345678200010, 12345678200010.0, *_SIRETS[2:], "1,23457E+13"]
    return _one_column("SIRET du titulaire", typed)


_TICKED = ["oui", "Non", "x", "X", "✓", "true", "false", None, "peut-être"]


@case(
    "booleans.xlsx",
    _column("Clause sociale", _TICKED),
    values=_read(
        "Clause sociale",
        "read_boolean",
        [True, False, True, True, True, True, False, None, None],
    ),
)
def booleans() -> bytes:
    return _one_column("Clause sociale", [*_TICKED[:5], True, False, None, "peut-être"])


# --- other containers --------------------------------------------------------------------------


@case(
    "legacy.xls",
    table(
        "Registre",
        (*HEADER, "SIRET"),
        (3, 4, 5),
        (
            (*ROWS[0], "12345678200010"),
            (ROWS[1][0], ROWS[1][1], None, *ROWS[1][3:], "12345678200010"),
            (ROWS[2][0], ROWS[1][1], *ROWS[2][2:], "12345678200010"),
        ),
        "ABCDEF",
    ),
    table("Ancien", HEADER, (2,), ROWS[:1]),
    findings=[
        ("row_note", "Registre!1"),
        ("cell_error_value", "Registre!C4"),
        ("cells_filled_down", "Registre"),
        ("sheet_hidden_parts", "Registre"),
        ("sheet_hidden_parts", "Ancien"),
    ],
)
def legacy() -> bytes:
    book = xlwt.Workbook(encoding="utf-8")
    sheet, old = book.add_sheet("Registre"), book.add_sheet("Ancien")
    day = xlwt.easyxf(num_format_str="DD/MM/YYYY")
    sheet.write_merge(0, 0, 0, 5, "Registre 2024")
    for place, name in enumerate((*HEADER, "SIRET")):
        sheet.write(1, place, name)
    for number, row in enumerate(PLANTED, 2):
        for place, value in enumerate((*row, 12345678200010)):
            if (number, place) == (3, 2):
                sheet.row(number).set_cell_error(place, NOT_AVAILABLE)
            elif (number, place) not in {(3, 1), (4, 1)}:
                sheet.write(number, place, value, day if place == 3 else xlwt.Style.default_style)
    sheet.write_merge(3, 4, 1, 1, PLANTED[1][1])
    sheet.row(2).hidden = True
    sheet.col(5).hidden = True
    for number, row in enumerate([HEADER, PLANTED[0]]):
        for place, value in enumerate(row):
            old.write(
                number, place, value, day if number and place == 3 else xlwt.Style.default_style
            )
    old.visibility = 1
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _ods_cell(value: Any, **more: Any) -> TableCell:
    if value is None:
        return TableCell(**more)
    if isinstance(value, date):
        cell = TableCell(valuetype="date", datevalue=value.isoformat(), **more)
        shown = value.strftime("%d/%m/%Y")
    elif isinstance(value, int | float):
        cell, shown = TableCell(valuetype="float", value=value, **more), str(value)
    else:
        cell, shown = TableCell(valuetype="string", **more), str(value)
    cell.addElement(P(text=shown))
    return cell


@case(
    "libreoffice.ods",
    table(
        "Registre",
        (*HEADER[:2], "Montant / HT", "Montant / TTC", HEADER[3]),
        (7, 8, 9, 10),
        (
            ("2024-01", "Entretien", "14700", "17640", "2024-03-05"),
            ("2024-01", "Nettoyage", "52000.5", None, "2024-04-12"),
            ("2024-03", "Mobilier", None, "8900", "2024-05-21"),
            ("2024-04", "Papier", "1200", "1200", "2024-05-21"),
        ),
    ),
    table(
        "Ancien", ("N° du marché", "Objet", "Montant HT"), (2,), [("2020-01", "Divers", "5")], "ABC"
    ),
    findings=[
        ("row_note", "Registre!1"),
        ("cells_filled_down", "Registre"),
        ("sheet_hidden_parts", "Registre"),
        ("cell_formula_uncached", "Registre!D8"),
        ("cell_error_value", "Registre!C9"),
        ("sheet_hidden_parts", "Ancien"),
    ],
)
def libreoffice() -> bytes:
    book = OpenDocumentSpreadsheet()
    shut = Style(name="shut", family="table")
    shut.addElement(TableProperties(display="false"))
    book.automaticstyles.addElement(shut)
    sheet = Table(name="Registre")
    sheet.addElement(TableColumn(numbercolumnsrepeated=4))
    sheet.addElement(TableColumn(visibility="collapse"))

    def add(*cells: Any, **more: Any) -> None:
        row = TableRow(**more)
        for cell in cells:
            row.addElement(cell)
        sheet.addElement(row)

    add(_ods_cell("Registre 2024"))
    add(TableCell(numbercolumnsrepeated=16384), numberrowsrepeated=3)
    add(
        _ods_cell(HEADER[0], numberrowsspanned=2),
        _ods_cell(HEADER[1], numberrowsspanned=2),
        _ods_cell("Montant", numbercolumnsspanned=2),
        CoveredTableCell(),
        _ods_cell(HEADER[3], numberrowsspanned=2),
    )
    add(
        CoveredTableCell(numbercolumnsrepeated=2),
        _ods_cell("HT"),
        _ods_cell("TTC"),
        CoveredTableCell(),
    )
    add(
        _ods_cell("2024-01", numberrowsspanned=2),
        _ods_cell("Entretien"),
        _ods_cell(14700),
        _ods_cell(17640, formula="of:=[.C7]*1.2"),
        _ods_cell(date(2024, 3, 5)),
    )
    add(
        CoveredTableCell(),
        _ods_cell("Nettoyage"),
        _ods_cell(52000.5),
        TableCell(formula="of:=[.C8]*1.2"),
        _ods_cell(date(2024, 4, 12)),
        visibility="collapse",
    )
    add(
        _ods_cell("2024-03"),
        _ods_cell("Mobilier"),
        _ods_cell("#REF!", formula="of:=[.#REF!]"),
        _ods_cell(8900),
        _ods_cell(date(2024, 5, 21)),
    )
    add(
        _ods_cell("2024-04"),
        _ods_cell("Papier"),
        _ods_cell(1200, numbercolumnsrepeated=2),
        _ods_cell(date(2024, 5, 21)),
    )
    add(TableCell(numbercolumnsrepeated=16384), numberrowsrepeated=1048566)
    old = Table(name="Ancien", stylename=shut)
    for cells in (("N° du marché", "Objet", "Montant HT"), ("2020-01", "Divers", 5)):
        row = TableRow()
        for cell in cells:
            row.addElement(_ods_cell(cell))
        old.addElement(row)
    book.spreadsheet.addElement(sheet)
    book.spreadsheet.addElement(old)
    out = io.BytesIO()
    book.write(out)
    return repacked(out.getvalue(), {})


_MACRO_TYPE = (
    b"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml",
    b"application/vnd.ms-excel.sheet.macroEnabled.main+xml",
)


@case(
    "macros.xlsm",
    table("Registre", HEADER, (2, 3, 4), ROWS),
    findings=[("workbook_macros", None)],
)
def macros() -> bytes:
    book, [sheet] = new_book("Registre")
    fill(sheet, [HEADER, *PLANTED])
    return saved(
        book,
        {
            "xl/vbaProject.bin": lambda _: b"a program that nobody runs",
            "[Content_Types].xml": lambda part: part.replace(*_MACRO_TYPE),
        },
    )


@case(
    "cell_far_away.xlsx",
    table("Registre", HEADER, (2, 3, 4), ROWS),
    table("Registre", (), (), (), ""),
    findings=[("sheet_not_table", "Registre!XFD1048576")],
)
def cell_far_away() -> bytes:
    book, [sheet] = new_book("Registre")
    fill(sheet, [HEADER, *PLANTED])
    sheet["XFD1048576"] = "tapé par erreur"
    return saved(book)


_CSV_ROWS = (
    ("2024-01", "Entretien des espaces verts", "14 700,00", "05/03/2024", "Exemple Paysages"),
    ("2024-02", "Nettoyage ; écoles", "52 000,50 €", "12/04/2024", "Exemple Propreté"),
)
_CSV = """
N° du marché;Objet;Montant HT;Date de notification;Titulaire
2024-01;Entretien des espaces verts;14 700,00;05/03/2024;Exemple Paysages
2024-02;"Nettoyage ; écoles";52 000,50 €;12/04/2024;Exemple Propreté
"""


@case("semicolons_cp1252.csv", table(None, HEADER, (2, 3), _CSV_ROWS))
def semicolons_cp1252() -> bytes:
    return text_file(_CSV, "cp1252")


@case("tabs_utf16.csv", table(None, HEADER, (2, 3), _CSV_ROWS))
def tabs_utf16() -> bytes:
    quoted = _CSV.replace('"Nettoyage ; écoles"', "Nettoyage @ écoles")
    text = quoted.replace(";", "\t").replace(" @ ", " ; ")
    return b"\xff\xfe" + text_file(text, "utf-16-le")


@case("pipes.csv", table(None, HEADER, (2, 3), _CSV_ROWS))
def pipes() -> bytes:
    quoted = _CSV.replace('"Nettoyage ; écoles"', "Nettoyage @ écoles")
    return text_file(quoted.replace(";", "|").replace(" @ ", " ; "), end="\n")


@case(
    "commas_and_line_breaks.csv",
    table(
        None,
        HEADER,
        (2, 3),
        (
            ("2024-01", "Entretien\r\ndes espaces verts", "14700.00", "2024-03-05", "Exemple, SA"),
            ("2024-02", 'Nettoyage "écoles"', "52000.50", "2024-04-12", "Exemple Propreté"),
        ),
    ),
)
def commas_and_line_breaks() -> bytes:
    lines = [
        ",".join(HEADER),
        '2024-01,"Entretien',
        'des espaces verts",14700.00,2024-03-05,"Exemple, SA"',
        '2024-02,"Nettoyage ""écoles""",52000.50,2024-04-12,Exemple Propreté',
    ]
    return text_file("\n".join(lines))


@case(
    "titles_and_totals.csv",
    table(None, HEADER, (4, 6), _CSV_ROWS),
    findings=[
        ("row_note", "L1"),
        ("row_repeated_header", "L5"),
        ("row_total", "L7"),
        ("row_note", "L9"),
    ],
)
def titles_and_totals() -> bytes:
    header, first, second = _CSV.strip().split("\n")
    lines = [
        "Registre des marchés 2024;;;;",
        ";;;;",
        header,
        first,
        header,
        second,
        "Total;;66 700,50 €;;",
        "",
        "Source : service des marchés;;;;",
    ]
    return b"\xef\xbb\xbf" + text_file("\n".join(lines))


@case(
    "separator_stated.csv",
    table(
        None,
        ("N° du marché", "SIRET", "Montant HT", "Objet"),
        (3, 4, 5),
        (
            ("2024-01", "12345678200010", "14700,00", "Entretien"),
            ("0012", "12345678200010", None, "Nettoyage"),
            ("2024-03", "12345678200010", "8900", None),
        ),
        "ABCD",
    ),
    findings=[("cell_error_value", "L4")],
)
def separator_stated() -> bytes:
    return text_file("""
sep=;
N° du marché;SIRET;Montant HT;Objet
2024-01;="12345678200010";14700,00;Entretien
="0012";="12345678200010";#N/A;Nettoyage
2024-03;="12345678200010";8900;
""")


@case(
    "ragged_rows.csv",
    table(
        None,
        ("N° du marché", "Objet", "Montant HT", "colonne D"),
        (2, 3, 4),
        (
            ("2024-01", "Entretien", "14700", None),
            ("2024-02", "Nettoyage", "52000", "à vérifier"),
            ("2024-03", "Mobilier", None, None),
        ),
        "ABCD",
    ),
    findings=[("column_unnamed", "L1")],
)
def ragged_rows() -> bytes:
    return text_file("""
N° du marché;Objet;Montant HT
2024-01;Entretien;14700
2024-02;Nettoyage;52000;à vérifier
2024-03;Mobilier
""")


def write(folder: Path) -> None:
    """Write every case and what it should give."""
    folder.mkdir(parents=True, exist_ok=True)
    for each in CASES:
        (folder / each.name).write_bytes(each.content())
        expected = folder / f"{each.name}.expected.json"
        expected.write_text(each.expected, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    write(ROOT / FOLDER)
