"""Workbooks that are damaged, protected, hostile or absurd: one clear message, or nothing lost."""

from __future__ import annotations

import contextlib
import io
import random
import re
import struct
import time
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import xlwt
from msoffcrypto.format.ooxml import OOXMLFile

from spaser.findings import Finding
from spaser.ingest.containers import open_container
from spaser.ingest.faults import Damaged, Unrecognised
from spaser.ingest.grids import Grid, read_grids
from tests.generators.workbooks import HEADER, PLANTED, fill, new_book, repacked, saved

pytestmark = pytest.mark.faults

LEGACY = Path(__file__).parents[1] / "ingest" / "workbooks" / "legacy.xls"
SHEET = "xl/worksheets/sheet1.xml"
HEAD = (
    b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    b'<row r="1"><c r="A1" t="inlineStr"><is><t>Objet</t></is></c></row>'
)
TAIL = b"</sheetData></worksheet>"
ODF = "".join(
    f' xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for name in ("office", "table", "text", "style")
)


def good() -> bytes:
    book, [sheet] = new_book("Registre")
    fill(sheet, [HEADER, *PLANTED])
    return saved(book)


def with_sheet(part: bytes | Callable[[bytes], bytes]) -> bytes:
    """A workbook whose sheet has another XML."""
    return repacked(good(), {SHEET: part if callable(part) else lambda _: part})


def packed(content: bytes) -> bytes:
    """The same zip, deflated as spreadsheets do."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as source,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for name in source.namelist():
            target.writestr(name, source.read(name))
    return out.getvalue()


def ods(rows: str, manifest: str = "<manifest/>") -> bytes:
    """An .ods of one sheet."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", manifest)
        archive.writestr(
            "content.xml",
            f'<?xml version="1.0"?><office:document-content{ODF}><office:body><office:spreadsheet>'
            f'<table:table table:name="F">{rows}</table:table></office:spreadsheet></office:body>'
            "</office:document-content>",
        )
    return out.getvalue()


def ods_text(text: str, more: str = "") -> str:
    return (
        f'<table:table-cell office:value-type="string"{more}><text:p>{text}</text:p>'
        "</table:table-cell>"
    )


def read(content: bytes, folder: Path) -> tuple[list[Grid], list[Finding]]:
    """Read a file as the program does."""
    path = folder / "register.bin"
    path.write_bytes(content)
    opened = open_container(path, folder)
    return read_grids(opened.path, opened.container, folder)


def refused(content: bytes, folder: Path, *words: str) -> Damaged:
    """It is refused by one message in each language that holds these words."""
    with pytest.raises(Damaged) as caught:
        read(content, folder)
    for text in (caught.value.fr, caught.value.en):
        assert str(folder) not in text
        assert "Traceback" not in text
    assert caught.value.fr != caught.value.en
    for word in words:
        assert word in caught.value.fr, caught.value.fr
    return caught.value


# --- passwords ---------------------------------------------------------------------------------


def test_a_workbook_with_a_password(tmp_path):
    out = io.BytesIO()
    OOXMLFile(io.BytesIO(good())).encrypt("secret", out)
    refused(out.getvalue(), tmp_path, "mot de passe", "retirez")


def test_a_workbook_whose_parts_have_a_password(tmp_path):
    """As archivers lock them: each member says it by a flag."""
    content = bytearray(good())
    for signature, place in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        start = content.find(signature)
        while start >= 0:
            content[start + place] |= 1
            start = content.find(signature, start + 4)
    refused(bytes(content), tmp_path, "mot de passe", "retirez")


def test_a_fault_of_the_program_is_not_called_a_damaged_file(tmp_path, monkeypatch):
    def wrong(*_: object) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr("spaser.ingest.workbooks._unpack", wrong)
    with pytest.raises(RuntimeError, match="a fault"):
        read(good(), tmp_path)


def test_an_old_workbook_with_a_password(tmp_path):
    book = xlwt.Workbook()
    book.add_sheet("F").write(0, 0, "Objet")
    out = io.BytesIO()
    book.save(out)
    content = out.getvalue()
    start = content.index(struct.pack("<HHH", 0x0809, 16, 0x0600)) + 20
    content = content[:start] + struct.pack("<H", 0x002F) + content[start + 2 :]
    refused(content, tmp_path, "mot de passe")


def test_an_ods_with_a_password(tmp_path):
    refused(ods("", "<manifest><encryption-data/></manifest>"), tmp_path, "mot de passe")


def test_a_zip_with_a_password(tmp_path):
    content = bytearray(good())
    for place in re.finditer(rb"PK\x03\x04|PK\x01\x02", bytes(content)):
        flags = place.start() + (6 if place[0] == b"PK\x03\x04" else 8)
        content[flags] |= 1
    refused(bytes(content), tmp_path, "mot de passe")


# --- damaged -----------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.95, 0.999])
def test_a_truncated_workbook(tmp_path, share):
    content = packed(good())
    refused(content[: int(len(content) * share)], tmp_path, "tronqué", "Téléchargez-le à nouveau")


def test_a_byte_spoilt_on_its_way(tmp_path):
    content = bytearray(good())
    content[bytes(content).index(b"Entretien")] ^= 1
    refused(bytes(content), tmp_path, "abîmé")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_truncated_old_workbook(tmp_path, share):
    content = LEGACY.read_bytes()
    refused(content[: int(len(content) * share)], tmp_path, "classeur", "à nouveau")


def test_a_sheet_cut_inside_a_whole_zip(tmp_path):
    refused(with_sheet(lambda part: part[: len(part) // 2]), tmp_path, "illisible")


def test_a_sheet_that_is_missing(tmp_path):
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(good())) as source, zipfile.ZipFile(out, "w") as target:
        for name in source.namelist():
            if name != SHEET:
                target.writestr(name, source.read(name))
    refused(out.getvalue(), tmp_path, "abîmé")


@pytest.mark.parametrize("seed", range(40))
def test_spoilt_bytes_never_escape_as_another_error(tmp_path, seed):
    """Whatever is spoilt, it is read or refused."""
    content = bytearray(good() if seed % 2 else packed(good()))
    for step in range(3):
        content[(seed * 7919 + step * 104_729) % len(content)] ^= 1 + (seed + step) % 255
    try:
        grids, _ = read(bytes(content), tmp_path)
    except (Damaged, Unrecognised):
        return
    assert all(len(row) == len(grid.rows[0]) for grid in grids for row in grid.rows)


# --- bombs -------------------------------------------------------------------------------------


def test_a_zip_bomb(tmp_path):
    bomb = packed(with_sheet(HEAD + b" " * (200 << 20) + TAIL))
    assert len(bomb) < 1 << 20
    refused(bomb, tmp_path, "octets", "200 fois", "CSV")


def test_a_bomb_in_a_part_that_is_not_looked_at(tmp_path):
    bomb = packed(repacked(good(), {"xl/media/image1.png": lambda _: bytes(200 << 20)}))
    refused(bomb, tmp_path, "200 fois")


def test_a_bomb_inside_another_zip_is_never_unpacked(tmp_path):
    bomb = packed(with_sheet(HEAD + b" " * (200 << 20) + TAIL))
    grids, _ = read(repacked(good(), {"xl/embeddings/bomb.xlsx": lambda _: bomb}), tmp_path)
    assert len(grids[0].rows) == 4


def test_a_declared_size_is_not_believed(tmp_path):
    content = packed(with_sheet(HEAD + b" " * (200 << 20) + TAIL))
    lied = content.replace(struct.pack("<I", (200 << 20) + len(HEAD) + len(TAIL)), bytes(4))
    assert lied != content
    refused(lied, tmp_path, "classeur")


def test_a_long_text_that_every_cell_shows(tmp_path):
    cells = b"".join(
        b'<row r="%d"><c r="A%d" t="s"><v>0</v></c></row>' % (n, n) for n in range(2, 40_000)
    )
    strings = b'<sst xmlns="x"><si><t>%b</t></si></sst>' % (b"x" * 32_000)
    content = repacked(
        good(), {SHEET: lambda _: HEAD + cells + TAIL, "xl/sharedStrings.xml": lambda _: strings}
    )
    refused(content, tmp_path, "Registre", "Mio de texte")


def test_cells_repeated_to_the_end_of_an_ods(tmp_path):
    cell = ods_text("x", ' table:number-columns-repeated="16384"')
    rows = f'<table:table-row table:number-rows-repeated="1048576">{cell}</table:table-row>'
    refused(ods(rows), tmp_path, "feuille « F »", "cases")


# --- foreign XML -------------------------------------------------------------------------------


def test_an_external_entity_is_not_fetched(tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("never read", encoding="utf-8")
    doctype = f'<!DOCTYPE x [<!ENTITY e SYSTEM "file://{secret}">]>'.encode()
    part = doctype + HEAD.replace(b"Objet", b"&e;") + TAIL
    refused(with_sheet(part), tmp_path, "type de document")


def test_entities_that_multiply_are_not_resolved(tmp_path):
    doctype = b'<!DOCTYPE x [<!ENTITY a "xxxxxxxxxx"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    strings = doctype + b'<sst xmlns="x"><si><t>&b;</t></si></sst>'
    content = repacked(good(), {"xl/sharedStrings.xml": lambda _: strings})
    refused(content, tmp_path, "type de document")


def test_cells_under_a_foreign_prefix_are_not_read_unseen(tmp_path):
    part = HEAD + b'<row r="2"><z:c xmlns:z="y" r="XFD1048576"><v>1</v></z:c></row>' + TAIL
    refused(with_sheet(part), tmp_path, "noms étrangers")


def test_a_sheet_under_a_prefix_of_its_own_is_read(tmp_path):
    def prefixed(part: bytes) -> bytes:
        named = re.sub(rb"<(/?)(\w)", rb"<\1x:\2", part)
        return named.replace(b"xmlns=", b"xmlns:x=")

    grids, findings = read(with_sheet(prefixed), tmp_path)
    assert [row[0] for row in grids[0].rows] == ["N° du marché", "2024-01", "2024-02", "2024-03"]
    assert findings == []


# --- absurd sheets -----------------------------------------------------------------------------


def test_a_million_formatted_rows_that_are_empty(tmp_path):
    def stretched(part: bytes) -> bytes:
        blank = b"".join(
            b'<row r="%d" ht="15"><c r="A%d" s="0"/><c r="XFD%d" s="0"/></row>' % (n, n, n)
            for n in range(5, 1_048_577)
        )
        return part.replace(b"</sheetData>", blank + b"</sheetData>")

    content = packed(with_sheet(stretched))
    began = time.process_time()
    grids, findings = read(content, tmp_path)
    assert time.process_time() - began < 60
    assert [len(grid.rows) for grid in grids] == [4]
    assert findings == []


def test_cells_in_the_four_corners_of_a_sheet(tmp_path):
    book, [sheet] = new_book("F")
    for cell in ("A1", "XFD1", "A1048576", "XFD1048576"):
        sheet[cell] = cell
    grids, _ = read(saved(book), tmp_path)
    assert [(g.first_row, g.first_column, g.rows) for g in grids] == [
        (1, 1, [["A1"]]),
        (1, 16384, [["XFD1"]]),
        (1048576, 1, [["A1048576"]]),
        (1048576, 16384, [["XFD1048576"]]),
    ]


def test_a_cell_that_says_another_row_than_its_own(tmp_path):
    part = HEAD + b'<row r="2"><c r="XFD1048576"><v>1</v></c></row>' + TAIL
    grids, _ = read(with_sheet(part), tmp_path)
    assert [(g.first_row, g.first_column, g.rows) for g in grids] == [
        (1, 1, [["Objet"]]),
        (1048576, 16384, [["1"]]),
    ]


def test_a_cell_far_away_in_an_ods(tmp_path):
    rows = (
        f"<table:table-row>{ods_text('Objet')}</table:table-row>"
        '<table:table-row table:number-rows-repeated="900000"><table:table-cell/></table:table-row>'
        '<table:table-row><table:table-cell table:number-columns-repeated="16000"/>'
        f"{ods_text('loin')}</table:table-row>"
    )
    grids, _ = read(ods(rows), tmp_path)
    assert [(g.first_row, g.first_column, g.rows) for g in grids] == [
        (1, 1, [["Objet"]]),
        (900_002, 16_001, [["loin"]]),
    ]


def test_cells_far_apart_all_along_a_diagonal(tmp_path):
    """Each its own island: nothing is lost, and nothing between them is held."""
    places = [(n * 2000, n * 150) for n in range(1, 100)]
    book, [sheet] = new_book("F")
    for row, column in places:
        sheet.cell(row, column, "x")
    grids, _ = read(saved(book), tmp_path)
    assert sorted((grid.first_row, grid.first_column) for grid in grids) == places


def test_an_old_workbook_with_a_cell_in_its_last_corner(tmp_path):
    book = xlwt.Workbook()
    sheet = book.add_sheet("F")
    sheet.write(0, 0, "Objet")
    sheet.write(65_535, 255, "loin")
    out = io.BytesIO()
    book.save(out)
    [grid], _ = read(out.getvalue(), tmp_path)
    assert (len(grid.rows), grid.rows[0][0], grid.rows[-1][-1]) == (65_536, "Objet", "loin")


PLACES = {
    "a row of ten digits": (b'<row r="2">', b'<row r="4000000000">'),
    "a row of thousands of digits": (b'<row r="2">', b'<row r="%b">' % (b"9" * 5000)),
    "a cell beyond the last row": (b'r="A2"', b'r="A1048577"'),
    "a cell beyond the last column": (b'r="A2"', b'r="XFE2"'),
    "a cell without a row": (b'r="A2"', b'r="A"'),
    "a cell nowhere": (b'r="A2"', b'r=""'),
    "a cell of thousands of digits": (b'r="A2"', b'r="A%b"' % (b"9" * 5000)),
}


@pytest.mark.parametrize("name", PLACES)
def test_a_place_no_sheet_has_is_refused_before_room_is_made_for_it(tmp_path, name):
    refused(with_sheet(lambda part: part.replace(*PLACES[name])), tmp_path, "noms étrangers")


def test_more_shared_texts_announced_than_bytes(tmp_path):
    strings = b'<sst xmlns="x" uniqueCount="4000000000"><si><t>a</t></si></sst>'
    content = repacked(good(), {"xl/sharedStrings.xml": lambda _: strings})
    refused(content, tmp_path, "noms étrangers")


def test_an_ods_cut_inside_a_tag(tmp_path):
    """The reader of cells would look for its end for ever."""
    refused(ods(f"<table:table-row>{ods_text('x')}<table:table-cell"), tmp_path, "abîmé")


def test_an_old_workbook_that_kills_its_reader(tmp_path):
    """Its header announces billions of sectors; the reader asks for as much memory, and dies."""
    content = bytearray(LEGACY.read_bytes())
    content[0x1E:0x20] = struct.pack("<H", 9)
    content[0x48:0x4C] = struct.pack("<I", 0xF3000000)
    refused(bytes(content), tmp_path, "abîmé")


@pytest.mark.parametrize("seed", range(60))
def test_spoilt_old_workbooks_never_escape_as_another_error(tmp_path, seed):
    chance = random.Random(seed)
    content = bytearray(LEGACY.read_bytes())
    for _ in range(chance.randint(1, 8)):
        content[chance.randrange(512, len(content))] = chance.randrange(256)
    with contextlib.suppress(Damaged, Unrecognised):
        read(bytes(content), tmp_path)


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("name", ["lots_in_merged_cells.xlsx", "libreoffice.ods"])
def test_spoilt_xml_never_escapes_as_another_error(tmp_path, name, seed):
    """The zip is whole, and what it holds is not."""
    chance = random.Random(seed)

    def spoilt(part: bytes) -> bytes:
        content = bytearray(part)
        for _ in range(chance.randint(1, 6)):
            place = chance.randrange(len(content))
            size = chance.randint(0, 8)
            content[place : place + size] = bytes(chance.choices(b'09AZ<>/"= &:', k=size or 3))
        return bytes(content)

    part = SHEET if name.endswith("x") else "content.xml"
    content = repacked((LEGACY.parent / name).read_bytes(), {part: spoilt})
    with contextlib.suppress(Damaged, Unrecognised):
        read(content, tmp_path)


# --- not a workbook ----------------------------------------------------------------------------


def _zip(*names: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.writestr(name, "<x/>")
    return out.getvalue()


def _odt() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.text")
        archive.writestr("content.xml", "<x/>")
    return out.getvalue()


def _empty(sheets: Sequence[str]) -> bytes:
    book, _ = new_book(*sheets)
    return saved(book)


STRANGERS = {
    "a text document renamed": (_zip("[Content_Types].xml", "word/document.xml"), "input_document"),
    "an OpenDocument text": (_odt(), "input_document"),
    "a binary workbook": (_zip("[Content_Types].xml", "xl/workbook.bin"), "input_workbook_form"),
    "a zip of files": (_zip("a.csv", "b.csv"), "input_archive"),
    "a zip of nothing": (_zip(), "input_archive"),
    "a workbook without a cell": (_empty(["Feuil1", "Feuil2"]), "input_empty"),
}


@pytest.mark.parametrize("name", STRANGERS)
def test_what_is_no_workbook_is_named(tmp_path, name):
    content, rule = STRANGERS[name]
    with pytest.raises(Unrecognised) as caught:
        read(content, tmp_path)
    assert caught.value.rule == rule


def test_macros_are_read_as_data_and_said(tmp_path):
    content = repacked(good(), {"xl/vbaProject.bin": lambda _: b"\xcc\x61\x00 never run"})
    grids, findings = read(content, tmp_path)
    assert [finding.rule for finding in findings] == ["workbook_macros"]
    assert len(grids[0].rows) == 4
