"""The records of an .xls (BIFF8), walked for what the reader of cells does not say.

Record numbers and layouts: [MS-XLS], Excel Binary File Format, section 2.4.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from spaser.ingest.surveys import Survey

_FORMULA, _FILE_PASS, _COLUMN, _SHEET, _MERGED = 0x0006, 0x002F, 0x007D, 0x0085, 0x00E5
_TEXTS = 0x00FC
_ERROR, _ROW, _BEGIN, _END = 0x0205, 0x0208, 0x0809, 0x000A
_WORKSHEET = 0x00
_LAST_COLUMN = 256
_ERRORS = {
    0x00: "#NULL!",
    0x07: "#DIV/0!",
    0x0F: "#VALUE!",
    0x17: "#REF!",
    0x1D: "#NAME?",
    0x24: "#NUM!",
    0x2A: "#N/A",
}
_ERROR_RESULT = 2


class Protected(Exception):
    """The stream is encrypted: its records have no meaning without the password."""


def survey_xls(stream: bytes) -> list[Survey | None]:
    """Survey the sheets of a workbook stream, in order; None stands for charts and macro sheets.

    Raises:
        Protected: the workbook asks for a password.
        struct.error, ValueError: a record is cut.
    """
    found: list[Survey | None] = []
    for kind, body in _records(stream, 0):
        if kind == _FILE_PASS:
            raise Protected
        if kind == _TEXTS and struct.unpack_from("<4xI", body)[0] > len(stream):
            raise ValueError  # more shared texts than bytes
        if kind == _SHEET:
            place = struct.unpack_from("<I", body)[0]
            found.append(_survey(stream, place) if body[5] == _WORKSHEET else None)
    return found


def _records(stream: bytes, place: int) -> Iterator[tuple[int, bytes]]:
    """Records up to the end of the substream that starts at `place`; charts inside are passed."""
    depth = 0
    while True:
        kind, size = struct.unpack_from("<HH", stream, place)
        if kind == _BEGIN:
            depth += 1
        elif kind == _END:
            depth -= 1
            if depth <= 0:
                return
        elif depth == 1:
            yield kind, stream[place + 4 : place + 4 + size]
        place += 4 + size


def _survey(stream: bytes, place: int) -> Survey:
    survey = Survey()
    for kind, body in _records(stream, place):
        if kind == _ROW:
            row, options = struct.unpack_from("<H10xH", body)
            if options & 0x20:
                survey.hidden_rows.add(row + 1)
        elif kind == _COLUMN:
            first, last, _, _, options = struct.unpack_from("<5H", body)
            if options & 0x01:
                survey.hidden_columns.update(range(first + 1, min(last + 1, _LAST_COLUMN) + 1))
        elif kind == _MERGED:
            count = struct.unpack_from("<H", body)[0]
            for top, bottom, left, right in struct.iter_unpack("<4H", body[2 : 2 + 8 * count]):
                survey.merged.append((top + 1, left + 1, bottom + 1, right + 1))
        elif kind == _ERROR and body[7]:
            row, column = struct.unpack_from("<2H", body)
            survey.errors.append((row + 1, column + 1, _ERRORS.get(body[6], "#?")))
        elif kind == _FORMULA and body[12:14] == b"\xff\xff" and body[6] == _ERROR_RESULT:
            row, column = struct.unpack_from("<2H", body)
            survey.errors.append((row + 1, column + 1, _ERRORS.get(body[8], "#?")))
    return survey
