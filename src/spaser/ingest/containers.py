"""From a file as received to readable UTF-8: gzip, encodings, and what kind of file it is.

Everything is told from the content; names and extensions are never looked at.
"""

from __future__ import annotations

import codecs
import gzip
import hashlib
import mmap
import re
import zlib
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyarrow as pa

from spaser.ingest.faults import Damaged, Unrecognised
from spaser.ingest.workbook_forms import workbook_form

Container = Literal["json", "xml", "csv", "parquet", "workbook"]

UNPACKED_CAP = 8 << 30
"""No register unpacks to more than 8 GiB; the national consolidation is under 3 GiB."""

RATIO_CAP = 200
"""Registers pack 5 to 40 times; a bomb packs about 1 000 times."""

RATIO_FROM = 64 << 20
"""Below 64 MiB unpacked the ratio is not looked at: small files of repeated rows are harmless."""

CHUNK = 1 << 20

_HEAD = 4096
_BLANK = b" \t\r\n"

_WORKBOOKS = (b"PK\x03\x04", b"PK\x05\x06", b"\xd0\xcf\x11\xe0")
"""Zips and OLE files: workbooks, among other things."""

_BINARIES = (
    (b"%PDF", "input_pdf"),
    (b"\x1f\x8b", "input_archive"),
    (b"BZh", "input_archive"),
    (b"7z\xbc\xaf", "input_archive"),
    (b"\xfd7zXZ", "input_archive"),
    (b"\x28\xb5\x2f\xfd", "input_archive"),
    (b"Rar!", "input_archive"),
)
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig", "UTF-8 avec BOM"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16"),
)


@dataclass(frozen=True)
class Opened:
    """A file made readable: `path` is UTF-8 text without BOM (Parquet, XML, workbooks as received).

    `encoding` names the original encoding where the text had to be transcoded.
    """

    path: Path
    container: Container
    encoding: str | None = None


def open_container(file: Path, work: Path) -> Opened:
    """Unpack, tell the container and transcode to UTF-8 under `work` where needed.

    Raises:
        Damaged: truncated or oversized gzip, undecodable text, a workbook cut or protected.
        Unrecognised: empty, HTML, PDF, text document, archive or other binary file.
    """
    head = _head(file)
    if head.startswith(b"\x1f\x8b"):
        file = _unpack(file, work / "unpacked")
        head = _head(file)
    if not head.strip(_BLANK + b"\x00"):
        raise Unrecognised("input_empty")
    if head.startswith(b"PAR1"):
        return Opened(file, "parquet")
    if head.startswith(_WORKBOOKS):
        workbook_form(file)
        return Opened(file, "workbook")
    _refuse_binary(head)
    if _looks_xml(head) and not _is_html(head):
        return Opened(file, "xml")  # its parser reads the declared encoding itself
    path, encoding = _to_utf8(file, head, work / "transcoded")
    text = _head(path).lstrip(_BLANK)
    if not text:
        raise Unrecognised("input_empty")
    if _is_html(text):
        raise Unrecognised("input_html")
    if text.startswith(b"<"):
        return Opened(path, "xml", encoding)
    return Opened(path, "json" if text[:1] in b"{[" else "csv", encoding)


def fingerprint(file: Path) -> Future[str]:
    """The SHA-256 of a file as received, computed in a thread: hashing frees the interpreter."""
    executor = ThreadPoolExecutor(1)
    future = executor.submit(_sha256, file)
    executor.shutdown(wait=False)
    return future


def mapped(path: Path) -> mmap.mmap:
    """A file mapped read-only; it must not be empty."""
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _head(file: Path) -> bytes:
    with file.open("rb") as content:
        return content.read(_HEAD)


def _refuse_binary(head: bytes) -> None:
    for magic, rule in _BINARIES:
        if head.startswith(magic):
            raise Unrecognised(rule)
    if b"\x00" in head and not _wide(head):
        raise Unrecognised("input_binary")


def _wide(head: bytes) -> str | None:
    """UTF-16, by its byte order mark or by the NUL beside each of the first letters."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if head[1:2] == b"\x00" and head[3:4] == b"\x00":
        return "utf-16-le"
    if head[0:1] == b"\x00" and head[2:3] == b"\x00":
        return "utf-16-be"
    return None


def _looks_xml(head: bytes) -> bool:
    return head.removeprefix(codecs.BOM_UTF8).lstrip(_BLANK).startswith(b"<")


def _is_html(head: bytes) -> bool:
    """A page saved in the place of a file: most often a log-in or an error page."""
    text = head.removeprefix(codecs.BOM_UTF8).lstrip(_BLANK).lower()
    return (
        re.match(rb"(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<(!doctype\s+html|html)\b", text, re.S)
        is not None
    )


def _unpack(file: Path, target: Path) -> Path:
    """Unpack a gzip under the caps, piece by piece."""
    packed = file.stat().st_size
    unpacked = 0
    try:
        with gzip.open(file, "rb") as source, target.open("wb") as out:
            while piece := source.read(CHUNK):
                unpacked += len(piece)
                if unpacked > UNPACKED_CAP or (
                    unpacked > RATIO_FROM and unpacked > RATIO_CAP * packed
                ):
                    raise Damaged(
                        f"gzip refusé : {packed} octets en donnent plus de {unpacked} (limites : "
                        f"{UNPACKED_CAP >> 30} Gio, ou {RATIO_CAP} fois la taille reçue). "
                        "Décompressez-le vous-même si vous êtes sûr de sa source.",
                        f"gzip refused: {packed} bytes unpack to more than {unpacked} (limits: "
                        f"{UNPACKED_CAP >> 30} GiB, or {RATIO_CAP} times the size received). "
                        "Unpack it yourself if you trust its source.",
                    )
                out.write(piece)
    except (EOFError, gzip.BadGzipFile, zlib.error):
        raise Damaged(
            f"gzip tronqué ou abîmé après {unpacked} octets décompressés. "
            "Téléchargez-le à nouveau.",
            f"gzip truncated or damaged after {unpacked} unpacked bytes. Download it again.",
        ) from None
    return target


def _to_utf8(file: Path, head: bytes, target: Path) -> tuple[Path, str | None]:
    """The file itself when it is plain UTF-8, else a transcoded copy and the encoding's name."""
    for bom, codec, name in _BOMS:
        if head.startswith(bom):
            return _transcode(file, codec, target), name
    if wide := _wide(head):
        return _transcode(file, wide, target), "UTF-16"
    if _is_utf8(file):
        return file, None
    _refuse_mixed(file)
    return _transcode(file, "cp1252", target), "Windows-1252"


def _is_utf8(file: Path) -> bool:
    """Validate the mapped file as one Arrow value: no copy, at memory speed."""
    content = mapped(file)
    offsets = pa.array([0, len(content)], pa.int64()).buffers()[1]
    whole = pa.LargeBinaryArray.from_buffers(
        pa.large_binary(), 1, [None, offsets, pa.py_buffer(content)]
    )
    try:
        whole.cast(pa.large_string())
    except pa.ArrowInvalid:
        return False
    return True


def _refuse_mixed(file: Path) -> None:
    """Refuse text that starts as UTF-8 with accents and goes on as something else."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    offset = 0
    accents = False
    for piece, last in _pieces(file):
        pending = len(decoder.getstate()[0])
        try:
            decoder.decode(piece, last)
        except UnicodeDecodeError as error:
            bad = offset - pending + error.start
            accents = accents or not error.object[: error.start].isascii()
            if accents:
                raise _undecodable(bad, "UTF-8") from None
            return
        accents = accents or not piece.isascii()
        offset += len(piece)


def _transcode(file: Path, codec: str, target: Path) -> Path:
    decoder = codecs.getincrementaldecoder(codec)()
    offset = 0
    with target.open("w", encoding="utf-8", newline="") as out:
        for piece, last in _pieces(file):
            pending = len(decoder.getstate()[0])
            try:
                out.write(decoder.decode(piece, last))
            except UnicodeDecodeError as error:
                raise _undecodable(offset - pending + error.start, codec) from None
            offset += len(piece)
    return target


def _pieces(file: Path) -> Iterator[tuple[bytes, bool]]:
    with file.open("rb") as content:
        while piece := content.read(CHUNK):
            yield piece, False
    yield b"", True


def _undecodable(offset: int, codec: str) -> Damaged:
    return Damaged(
        f"texte indéchiffrable à l'octet {offset} ({codec}) : l'encodage change en cours de route, "
        "ou le fichier est coupé. Exportez-le à nouveau en UTF-8.",
        f"undecodable text at byte {offset} ({codec}): the encoding changes half-way, or the file "
        "is cut. Export it again as UTF-8.",
    )
