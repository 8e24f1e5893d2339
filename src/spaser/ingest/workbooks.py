"""What a workbook is and whether it may be opened, told before its cells are read.

The reader of cells (calamine) builds a dense table in memory and says nothing of hidden rows, of
formulas never computed or of error values. This module looks at the file first: every member of a
zip is unpacked once under caps, its checksum verified, and each sheet is surveyed. No macro is
ever run.
"""

from __future__ import annotations

import errno
import posixpath
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element
from xml.parsers import expat

import olefile
from defusedxml import DefusedXmlException, ElementTree

from spaser.ingest import biff, sheet_xml
from spaser.ingest.faults import Damaged
from spaser.ingest.surveys import Oversized, Survey, TooLarge
from spaser.ingest.workbook_forms import (
    BOOK_PART,
    CONTENT_PART,
    OLE_BOOKS,
    Form,
    corrupt,
    folded_name,
    protected,
    workbook_form,
)

WORKBOOK_CAP = 2 << 30
"""No register kept by hand unpacks to 2 GiB; 100 000 rows of 30 columns are about 120 MB."""

STRINGS_CAP = 512 << 20
"""The table of shared texts is held in memory whole while the cells are read."""

RATIO_CAP = 200
"""Sheets pack 5 to 40 times; a bomb packs about 1 000 times."""

RATIO_FROM = 64 << 20
"""Below 64 MiB unpacked the ratio is not looked at: small sheets of repeated rows are harmless."""

TRIAL_SECONDS = 120
"""The largest .xls, 65 536 rows of 256 columns, takes a few."""

_TRIAL = """
import sys
from python_calamine import SheetTypeEnum, load_workbook
try:
    with load_workbook(sys.argv[1]) as book:
        for place, sheet in enumerate(book.sheets_metadata):
            if sheet.typ is SheetTypeEnum.WorkSheet:
                book.get_sheet_by_index(place)
except Exception:
    pass
except BaseException:
    sys.exit(2)
"""
"""An error said is met again when the file is read here; a panic, which is no Exception, is not."""

_CHUNK = 1 << 20
_STRINGS = "xl/sharedstrings.xml"
_MANIFEST = "meta-inf/manifest.xml"
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_STRICT_RELATION = "{http://purl.oclc.org/ooxml/officeDocument/relationships}id"


@dataclass(frozen=True)
class Surveyed:
    """A workbook that may be opened.

    Attributes:
        form: what it is.
        path: the file to read, a copy where a sheet was rewritten without its deserts.
        sheets: what is known of each sheet, in order; None for one without cells (a chart).
        has_macros: it carries a program, which is never run.
    """

    form: Form
    path: Path
    sheets: list[Survey | None]
    has_macros: bool = False


def survey_workbook(path: Path, work: Path) -> Surveyed:
    """Check a workbook under the caps and survey its sheets; copies go under `work`.

    Raises:
        Damaged: corrupt, truncated, a bomb, protected by a password, or beyond the caps.
        Unrecognised: see `workbook_form`.
    """
    form = workbook_form(path)
    if form == "xls":
        return _survey_xls(path)
    work.mkdir(parents=True, exist_ok=True)
    parts = _unpacked(path, work)
    try:
        return _survey_ods(path, parts, work) if form == "ods" else _survey_xlsx(path, parts, work)
    except TooLarge as large:
        raise _too_large(large) from None
    except sheet_xml.Foreign:
        raise _foreign() from None


def _unpacked(path: Path, work: Path) -> dict[str, Path]:
    """Unpack every member under the caps, checksums verified; keep the parts that are looked at."""
    parts: dict[str, Path] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            budget = _Budget(path.stat().st_size)
            for number, member in enumerate(archive.infolist()):
                if member.flag_bits & _ENCRYPTED:
                    raise protected()
                name = folded_name(member.filename)
                kept = work / f"part{number}.xml" if _is_looked_at(name) else None
                _unpack(archive, member, kept, budget, STRINGS_CAP if name == _STRINGS else None)
                if kept is not None:
                    _refuse_foreign_xml(kept)
                    parts[name] = kept
        if CONTENT_PART in parts:
            _refuse_malformed_xml(parts[CONTENT_PART])
    except (zipfile.BadZipFile, zlib.error, EOFError, struct.error, ValueError):
        raise corrupt() from None
    except NotImplementedError:
        # A way of compressing, or a version of the format, that no spreadsheet program writes.
        raise corrupt() from None
    except OSError as error:
        # A place that the archive gives wrongly; a full disk is not the workbook's fault.
        if error.errno == errno.EINVAL:
            raise corrupt() from None
        raise
    return parts


_ENCRYPTED = 0x1
"""The flag of a member under a password (APPNOTE.TXT of the ZIP format, 4.4.4)."""


class _Budget:
    """How many bytes may still be unpacked: declared sizes are not believed."""

    def __init__(self, packed: int) -> None:
        self.packed, self.unpacked = packed, 0

    def spend(self, size: int) -> None:
        self.unpacked += size
        ratio = self.unpacked > RATIO_FROM and self.unpacked > RATIO_CAP * self.packed
        if ratio or self.unpacked > WORKBOOK_CAP:
            raise _bomb(self.packed, self.unpacked)


def _is_looked_at(name: str) -> bool:
    return name in (CONTENT_PART, _MANIFEST, BOOK_PART, _STRINGS, "xl/_rels/workbook.xml.rels") or (
        name.startswith("xl/") and "sheets/" in name and name.endswith(".xml")
    )


def _unpack(
    archive: zipfile.ZipFile,
    member: zipfile.ZipInfo,
    kept: Path | None,
    budget: _Budget,
    cap: int | None,
) -> None:
    out = kept.open("wb") if kept is not None else None
    size = 0
    try:
        with archive.open(member) as source:
            while piece := source.read(_CHUNK):
                budget.spend(len(piece))
                size += len(piece)
                if cap is not None and size > cap:
                    raise _bomb(budget.packed, budget.unpacked)
                if out is not None:
                    out.write(piece)
    finally:
        if out is not None:
            out.close()


def _refuse_foreign_xml(part: Path) -> None:
    """Spreadsheets write UTF-8 without a document type: anything else is not one of theirs."""
    with part.open("rb") as content:
        head = content.read(4096)
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    old_manifest = b"manifest" in head
    if not text.startswith(b"<") or b"\x00" in head or (b"<!DOCTYPE" in head and not old_manifest):
        raise _foreign()


def _refuse_malformed_xml(part: Path) -> None:
    """Of an .ods: its reader may never come back from XML that is cut."""
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = _refuse_doctype
    try:
        with part.open("rb") as content:
            parser.ParseFile(content)
    except (expat.ExpatError, LookupError, ValueError):  # the last two: an unknown encoding
        raise corrupt() from None


def _refuse_doctype(*_: object) -> None:
    raise _foreign()


def _survey_xlsx(path: Path, parts: Mapping[str, Path], work: Path) -> Surveyed:
    sheets: list[Survey | None] = []
    rewritten: dict[str, Path] = {}
    texts = sheet_xml.text_sizes(parts[_STRINGS]) if _STRINGS in parts else []
    for number, (name, part) in enumerate(_sheets(parts)):
        if part not in parts:
            raise corrupt()
        try:
            survey = sheet_xml.survey_xlsx(parts[part], texts)
        except Oversized as wide:
            rewritten[part] = work / f"squeezed{number}.xml"
            survey = sheet_xml.squeeze_xlsx(parts[part], rewritten[part], wide.survey)
        except TooLarge as large:
            raise TooLarge(name, large.cells, large.text) from None
        sheets.append(survey)
    macros = _has_member(path, "xl/vbaproject.bin")
    return Surveyed("xlsx", _copy(path, rewritten, work / "squeezed.xlsx"), sheets, macros)


def _sheets(parts: Mapping[str, Path]) -> Iterator[tuple[str, str]]:
    """Name and part of each sheet, in the order of the workbook."""
    book = _parsed(parts[BOOK_PART])
    relations = parts.get("xl/_rels/workbook.xml.rels")
    if relations is None:
        raise corrupt()
    targets = {
        relation.get("Id"): folded_name(
            posixpath.normpath(posixpath.join("/xl", relation.get("Target", "")))
        )
        for relation in _parsed(relations)
    }
    for element in book.iter():
        if element.tag.rpartition("}")[2] == "sheet":
            relation = element.get(_RELATION) or element.get(_STRICT_RELATION)
            yield element.get("name", ""), targets.get(relation, "")


def _parsed(part: Path) -> Element:
    try:
        root: Element = ElementTree.parse(part).getroot()
    except (ElementTree.ParseError, DefusedXmlException):
        raise corrupt() from None
    return root


def _has_member(path: Path, name: str) -> bool:
    with zipfile.ZipFile(path) as archive:
        return any(folded_name(member) == name for member in archive.namelist())


def _copy(path: Path, rewritten: Mapping[str, Path], target: Path) -> Path:
    """The workbook with some parts rewritten; itself when none is."""
    if not rewritten:
        return path
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(target, "w") as copy:
        for member in archive.infolist():
            replaced = rewritten.get(folded_name(member.filename))
            if replaced is not None:
                copy.write(replaced, member.filename)
            elif not folded_name(member.filename).startswith(("xl/media/", "pictures/")):
                copy.writestr(member.filename, archive.read(member))
    return target


def _survey_ods(path: Path, parts: Mapping[str, Path], work: Path) -> Surveyed:
    manifest = parts.get(_MANIFEST)
    if manifest is not None and b"encryption-data" in manifest.read_bytes():
        raise protected()
    content = parts[CONTENT_PART]
    try:
        sheets = sheet_xml.survey_ods(content)
    except Oversized:
        squeezed = work / "squeezed.xml"
        sheets = sheet_xml.squeeze_ods(content, squeezed)
        path = _copy(path, {CONTENT_PART: squeezed}, work / "squeezed.ods")
    macros = any(name.startswith("basic/") for name in _names(path))
    return Surveyed("ods", path, [*sheets], macros)


def _names(path: Path) -> list[str]:
    with zipfile.ZipFile(path) as archive:
        return [folded_name(name) for name in archive.namelist()]


def _survey_xls(path: Path) -> Surveyed:
    _try_apart(path)
    try:
        with olefile.OleFileIO(str(path)) as content:
            name = next(name for name in OLE_BOOKS if content.exists(name))
            stream = content.openstream(name).read()
            macros = content.exists("_VBA_PROJECT_CUR")
        return Surveyed("xls", path, biff.survey_xls(stream), macros)
    except biff.Protected:
        raise protected() from None
    except (OSError, IndexError, struct.error, ValueError):
        raise corrupt() from None


def _foreign() -> Damaged:
    return Damaged(
        "classeur refusé : son contenu n'est pas écrit comme l'écrit un tableur (type de document, "
        "encodage ou noms étrangers). Ouvrez-le dans un tableur et enregistrez-le à nouveau en "
        ".xlsx.",
        "workbook refused: its content is not written as a spreadsheet writes it (foreign document "
        "type, encoding or names). Open it in a spreadsheet and save it again as .xlsx.",
    )


def _try_apart(path: Path) -> None:
    """Read an .xls in a process of its own: it has no checksums, and its reader may die of it."""
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-c", _TRIAL, str(path)],
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TRIAL_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise corrupt() from None
    if done.returncode:
        raise corrupt()


def _bomb(packed: int, unpacked: int) -> Damaged:
    return Damaged(
        f"classeur refusé : {packed} octets en donnent plus de {unpacked} une fois décompressés "
        f"(limites : {WORKBOOK_CAP >> 30} Gio, {STRINGS_CAP >> 20} Mio de textes, ou {RATIO_CAP} "
        "fois la taille reçue). Si vous êtes sûr de sa source, enregistrez la feuille du registre "
        "en CSV (UTF-8).",
        f"workbook refused: {packed} bytes unpack to more than {unpacked} (limits: "
        f"{WORKBOOK_CAP >> 30} GiB, {STRINGS_CAP >> 20} MiB of text, or {RATIO_CAP} times the "
        "size received). If you trust its source, save the sheet of the register as CSV (UTF-8).",
    )


def _too_large(large: TooLarge) -> Damaged:
    spread_fr = f"ses cellules s'étendent sur {large.cells} cases"
    spread_en = f"its cells spread over {large.cells} places"
    if large.text:
        spread_fr = f"ses cellules affichent plus de {large.text >> 20} Mio de texte"
        spread_en = f"its cells show more than {large.text >> 20} MiB of text"
    return Damaged(
        f"feuille « {large.sheet} » refusée : {spread_fr}, bien plus qu'un registre. Supprimez ce "
        "qui dépasse du tableau, ou enregistrez la feuille du registre en CSV (UTF-8).",
        f"sheet “{large.sheet}” refused: {spread_en}, far more than a register. Delete what "
        "reaches beyond the table, or save the sheet of the register as CSV (UTF-8).",
    )
