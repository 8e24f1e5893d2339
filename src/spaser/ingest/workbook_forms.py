"""Which workbook a file is, told from its content, and what may be wrong with it whole."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path
from typing import Literal

import olefile

from spaser.ingest.faults import Damaged, Unrecognised

Form = Literal["xlsx", "ods", "xls"]

BOOK_PART = "xl/workbook.xml"
CONTENT_PART = "content.xml"
OLE_BOOKS = ("Workbook", "Book")
"""The stream of an .xls: Excel 97 and later, Excel 5 and 95."""

_ODS = "application/vnd.oasis.opendocument.spreadsheet"
_DOCUMENTS = ("word/", "ppt/", "visio/")
_OFFICE_MARKS = (b"xl/", b"[Content_Types]", b"opendocument", b"docProps/", b"_rels/")
_OLE_DOCUMENTS = ("WordDocument", "PowerPoint Document", "__properties_version1.0")


def workbook_form(path: Path) -> Form:
    """Tell a workbook from other zips and OLE files, by its content.

    Raises:
        Damaged: a workbook whose zip cannot be opened, or protected by a password.
        Unrecognised: a text document, a presentation, an archive, a form of workbook not read.
    """
    if olefile.isOleFile(str(path)):
        return _ole_form(path)
    try:
        with zipfile.ZipFile(path) as archive:
            return _zip_form(archive)
    except (zipfile.BadZipFile, struct.error, ValueError):
        if _looks_office(path):
            raise corrupt() from None
        raise Unrecognised("input_archive") from None


def _zip_form(archive: zipfile.ZipFile) -> Form:
    names = {folded_name(name) for name in archive.namelist()}
    if BOOK_PART in names:
        return "xlsx"
    if "mimetype" in names and CONTENT_PART in names:
        with archive.open("mimetype") as mimetype:
            kind = mimetype.read(200).decode("ascii", "replace").strip()
        if kind.startswith(_ODS):
            return "ods"
        raise Unrecognised("input_document")
    if any(name.startswith(_DOCUMENTS) for name in names):
        raise Unrecognised("input_document")
    if any(name.startswith("xl/") for name in names):
        raise Unrecognised("input_workbook_form")
    raise Unrecognised("input_archive")


def folded_name(name: str) -> str:
    """Writers differ in case and in the slash; readers do not mind."""
    return name.replace("\\", "/").lstrip("/").lower()


def _looks_office(path: Path) -> bool:
    with path.open("rb") as content:
        head = content.read(4096)
    return any(mark in head for mark in _OFFICE_MARKS)


def _ole_form(path: Path) -> Form:
    try:
        with olefile.OleFileIO(str(path)) as content:
            if content.exists("EncryptedPackage"):
                raise protected()
            if any(content.exists(name) for name in OLE_BOOKS):
                return "xls"
            if any(content.exists(name) for name in _OLE_DOCUMENTS):
                raise Unrecognised("input_document")
    except (OSError, IndexError, struct.error, ValueError):
        raise corrupt() from None
    raise Unrecognised("input_binary")


def protected() -> Damaged:
    """Encrypted: nothing can be read without the password."""
    return Damaged(
        "classeur protégé par mot de passe : son contenu est chiffré. Ouvrez-le dans un tableur, "
        "retirez le mot de passe (Fichier, Informations, Protéger le classeur), enregistrez-le et "
        "déposez-le à nouveau.",
        "workbook protected by a password: its content is encrypted. Open it in a spreadsheet, "
        "remove the password (File, Info, Protect Workbook), save it and put it in again.",
    )


def corrupt() -> Damaged:
    """Cut, or spoilt on its way."""
    return Damaged(
        "classeur tronqué ou abîmé : il ne peut être lu jusqu'au bout. Téléchargez-le à nouveau, "
        "ou ouvrez-le dans un tableur, qui proposera de le réparer, et enregistrez-le.",
        "workbook truncated or damaged: it cannot be read to its end. Download it again, or open "
        "it in a spreadsheet, which will offer to repair it, and save it.",
    )
