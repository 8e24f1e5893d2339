"""Records of JSON, NDJSON and XML registers as Arrow batches of one JSON object a row.

A JSON file is mapped and cut into raw records without building them: the memory used does not
depend on its size, but for one small object a record.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, count, islice, repeat
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
from msgspec import Raw

from spaser.findings import Finding
from spaser.ingest.containers import mapped
from spaser.ingest.faults import Damaged, Unrecognised

RECORD_LISTS: dict[str, str | None] = {
    "/marches/marche": "contract",
    "/marches/contrat-concession": "concession",
    "/marches": None,
    "": None,
}
"""Where records lie in a JSON register, and their kind where the place tells it."""

SAMPLE = 1000
"""How many records of each list are looked at to recognise the form."""

BATCH_BYTES = 16 << 20
"""Size of a block handed to the engine: large enough for its vectors, small enough for memory."""

BATCH_ROWS = 50_000

CHUNK_ROWS = 64

RECORD_BYTES = 4 << 20
"""The largest record read: real ones have some kilobytes, and the engine holds several at once."""

SCHEMA = pa.schema(
    [
        ("position", pa.int64()),
        ("json", pa.string()),
        ("pointer", pa.string()),
        ("kind", pa.string()),
    ]
)
"""A block of records: place in the file, JSON object, pointer, kind (null where not told)."""

Entry = tuple[bytes, str, str | None]
"""A record's JSON text, its pointer, and its kind where its place tells it."""

_Chunk = tuple[Sequence[int], Sequence[bytes], Sequence[str], Sequence[str | None]]
"""Entries that are objects, by column, with their places in the file first."""


@dataclass
class Records:
    """The records of one file, read once, in order.

    `entries` gives every item met; those that are no object are set aside in `rejected` while
    they are read. `keys` are the top-level keys of a sample.
    """

    entries: Iterable[Entry]
    keys: frozenset[str]
    empty: bool = False
    leftovers: list[Finding] = field(default_factory=list)
    lost: int = 0
    read: int = 0
    rejected: list[Finding] = field(default_factory=list)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Blocks of objects, in order (see `SCHEMA`)."""
        block: list[_Chunk] = []
        size = rows = 0
        for chunk in self._chunks():
            block.append(chunk)
            size += sum(map(len, chunk[1]))
            rows += len(chunk[0])
            if size >= BATCH_BYTES or rows >= BATCH_ROWS:
                batch = _batch(block)
                block, size, rows = [], 0, 0  # freed while the block is worked on
                yield batch
        if block:
            yield _batch(block)

    def _chunks(self) -> Iterator[_Chunk]:
        """The objects, some at a time: a loop over single records would take as long as reading."""
        entries = iter(self.entries)
        while items := list(islice(entries, CHUNK_ROWS)):
            texts, pointers, kinds = zip(*items, strict=True)
            positions: Sequence[int] = range(self.read, self.read + len(items))
            self.read += len(items)
            if all(map(_is_record, texts)):
                yield positions, texts, pointers, kinds
                continue
            kept = [
                (position, *item)
                for position, item in zip(positions, items, strict=True)
                if self._is_kept(*item[:2])
            ]
            if kept:
                positions, texts, pointers, kinds = zip(*kept, strict=True)
                yield positions, texts, pointers, kinds

    def _is_kept(self, text: bytes, pointer: str) -> bool:
        if _is_record(text):
            return True
        rule = "record_too_large" if text.startswith(b"{") else "record_not_object"
        self._set_aside(rule, text, pointer)
        return False

    def _set_aside(self, rule: str, text: bytes, pointer: str) -> None:
        shown = text[:80].decode("utf-8", "replace")
        finding = Finding(rule, source_pointer=pointer, value=shown, detail=str(len(text)))
        self.rejected.append(finding)


def _is_record(text: bytes) -> bool:
    return text.startswith(b"{") and len(text) <= RECORD_BYTES


def _batch(block: Sequence[_Chunk]) -> pa.RecordBatch:
    positions, texts, pointers, kinds = (
        list(chain.from_iterable(column)) for column in zip(*block, strict=True)
    )
    columns = [
        pa.array(positions, pa.int64()),
        pa.array(texts, pa.binary()).cast(pa.string()),
        pa.array(pointers, pa.string()),
        pa.array(kinds, pa.string()),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=SCHEMA)


def json_records(path: Path, work: Path) -> Records:
    """The records of a JSON or NDJSON register, whatever its wrapper.

    `NaN` and `Infinity`, which Python writes and JSON has not, are read as null from a copy made
    in `work`; a finding counts them.

    Raises:
        Damaged: not JSON to its end; the message says where.
        Unrecognised: JSON, but a schema or something else that holds no record list.
    """
    try:
        return _json_records(path)
    except _NotANumber:
        repaired, count = without_nan(mapped(path))
        copy = work / "without_nan"
        with copy.open("wb") as out:
            out.writelines(repaired)
        records = _json_records(copy, repaired=True)
        records.leftovers.append(Finding("input_not_a_number", value=str(count())))
        return records


class _NotANumber(Exception):
    """JSON stops at a NaN or an Infinity."""


_NAN = re.compile(rb'"(?:[^"\\]|\\.)*+"|-?(?:NaN|Infinity)', re.DOTALL)


def _is_not_a_number(content: Any, offset: int) -> bool:
    """Whether a NaN or an Infinity, and no text in quotes, stands there."""
    found = _NAN.match(content, offset)
    return found is not None and not found.group().startswith(b'"')


def without_nan(content: Any) -> tuple[Iterator[bytes], Callable[[], int]]:
    """JSON text with `null` for each NaN or Infinity outside strings, and how many there were."""
    found = 0

    def pieces() -> Iterator[bytes]:
        nonlocal found
        done = 0
        for match in _NAN.finditer(content):
            if content[match.start() : match.start() + 1] != b'"':
                found += 1
                yield content[done : match.start()]
                yield b"null"
                done = match.end()
        yield content[done:]

    return pieces(), lambda: found


def _json_records(path: Path, *, repaired: bool = False) -> Records:
    content = mapped(path)
    try:
        lists = _lists(content)
    except _SingleRecord:
        text = bytes(content).strip()
        return Records([(text, "L1", None)], frozenset(_keys(text)))
    except msgspec.DecodeError as error:
        if _is_object_per_line(path, error):
            return _line_records(path)
        if not repaired and _is_not_a_number(content, _offset(str(error), content)):
            raise _NotANumber from None
        raise malformed(str(error), content) from None
    kept = {name: items for name, items in lists.items() if name in RECORD_LISTS}
    if not kept:
        raise Unrecognised("input_unknown_form", ", ".join(name.strip("/") for name in lists))
    leftovers = [
        Finding("input_unknown_list", field=name, value=str(len(items)))
        for name, items in lists.items()
        if name not in kept
    ]
    keys: set[str] = set()
    for items in kept.values():
        for raw in islice(items, SAMPLE):
            keys |= _keys(bytes(raw))
    lost = sum(len(items) for name, items in lists.items() if name not in kept)
    return Records(_entries(kept), frozenset(keys), not any(kept.values()), leftovers, lost)


class _SingleRecord(Exception):
    """The file holds one record and no list."""


def _lists(content: Any) -> dict[str, list[Raw]]:
    """Every list of a register by its JSON pointer.

    The two official wrappers are cut in one pass; anything else is opened level by level.
    """
    if bytes(content[:4096]).lstrip()[:1] == b"[":
        return {"": msgspec.json.decode(content, type=list[Raw])}
    try:
        nested = msgspec.json.decode(content, type=dict[str, dict[str, list[Raw]]])
    except msgspec.ValidationError:
        return _open(content)
    return {
        f"/{outer}/{key}": items for outer, inner in nested.items() for key, items in inner.items()
    }


def _open(content: Any) -> dict[str, list[Raw]]:
    top = msgspec.json.decode(content, type=dict[str, Raw])
    _refuse_schema(top)
    if "marches" not in top and "id" in top:
        raise _SingleRecord
    lists: dict[str, list[Raw]] = {}
    for key, value in top.items():
        lists |= _lists_of(f"/{key}", value)
    return lists


def _lists_of(pointer: str, value: Raw) -> dict[str, list[Raw]]:
    """The lists in a top-level value: itself, or those one level below.

    One object in the place of a list is a list of one.
    """
    opening = bytes(memoryview(value)[:1])
    if opening == b"[":
        return {pointer: msgspec.json.decode(value, type=list[Raw])}
    if opening != b"{" or pointer != "/marches":
        return {}
    inner = msgspec.json.decode(value, type=dict[str, Raw])
    return {
        f"{pointer}/{key}": (
            msgspec.json.decode(item, type=list[Raw])
            if bytes(memoryview(item)[:1]) == b"["
            else [item]
        )
        for key, item in inner.items()
        if bytes(memoryview(item)[:4]) != b"null"
    }


def _refuse_schema(top: Mapping[str, Raw]) -> None:
    """A JSON Schema or a Table Schema lies beside many a register."""
    if "$schema" in top or {"properties", "definitions"} <= top.keys():
        raise Unrecognised("input_schema")
    if "fields" in top and "marches" not in top:
        raise Unrecognised("input_schema")


def _entries(lists: Mapping[str, Sequence[Raw]]) -> Iterator[Entry]:
    for name, items in lists.items():
        kind = RECORD_LISTS[name]
        pointers = map(f"{name}/{{}}".format, count())
        yield from zip(map(bytes, items), pointers, repeat(kind))


def _is_object_per_line(path: Path, error: msgspec.DecodeError) -> bool:
    """Whether JSON that goes on after its first value is NDJSON: its first line is an object."""
    if "trailing characters" not in str(error):
        return False
    with path.open("rb") as lines:
        first = next((line for line in lines if line.strip()), b"")
    return bool(_keys(first))


def _line_records(path: Path) -> Records:
    with path.open("rb") as lines:
        sample = [line for line in islice(lines, SAMPLE) if line.strip()]
    keys = frozenset(key for line in sample for key in _keys(_repaired(line)[0]))
    notes: list[Finding] = []
    return Records(_lines(path, notes), keys, leftovers=notes)


def _lines(path: Path, notes: list[Finding]) -> Iterator[Entry]:
    """Lines of an NDJSON file, each one checked."""
    check = msgspec.json.Decoder(Raw)
    repairs = 0
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            text = line.strip()
            if not text:
                continue
            try:
                check.decode(text)
            except msgspec.DecodeError as error:
                if not _is_not_a_number(text, _offset(str(error), text)):
                    raise _malformed_line(str(error), number) from None
                text, count = _repaired(text)
                repairs += count
            yield text, f"L{number}", None
    if repairs:
        notes.append(Finding("input_not_a_number", value=str(repairs)))


def _repaired(text: bytes) -> tuple[bytes, int]:
    pieces, count = without_nan(text)
    return b"".join(pieces), count()


def _keys(text: bytes) -> set[str]:
    try:
        return set(msgspec.json.decode(text, type=dict[str, Raw]))
    except msgspec.DecodeError:
        return set()


def malformed(error: str, content: Any) -> Damaged:
    """One message with the byte and the line where the JSON stops being JSON."""
    offset = _offset(error, content)
    steps = range(0, offset, BATCH_BYTES)
    line = 1 + sum(
        bytes(content[start : min(start + BATCH_BYTES, offset)]).count(b"\n") for start in steps
    )
    if "truncated" in error:
        return Damaged(
            f"JSON tronqué : le fichier s'arrête à l'octet {offset} (ligne {line}) avant sa fin. "
            "Téléchargez-le à nouveau.",
            f"truncated JSON: the file stops at byte {offset} (line {line}) before its end. "
            "Download it again.",
        )
    return Damaged(
        f"JSON illisible à l'octet {offset} (ligne {line}) : {error}. "
        "Exportez-le à nouveau ou corrigez cet endroit.",
        f"unreadable JSON at byte {offset} (line {line}): {error}. "
        "Export it again or correct this place.",
    )


def _offset(error: str, content: Any) -> int:
    found = re.search(r"byte (\d+)", error)
    return int(found.group(1)) if found else len(content)


def _malformed_line(error: str, number: int) -> Damaged:
    return Damaged(
        f"JSON illisible à la ligne {number} : {error}. "
        "Exportez-le à nouveau ou corrigez la ligne.",
        f"unreadable JSON at line {number}: {error}. Export it again or correct the line.",
    )


def sampled(entries: Iterator[Entry]) -> Records:
    """Records of a stream whose form is told from its first ones."""
    head = list(islice(entries, SAMPLE))
    keys = frozenset(key for text, _, _ in head for key in _keys(text))
    return Records(chain(head, entries), keys, not head)
