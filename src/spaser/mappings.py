"""Mappings: what the columns of a department's spreadsheet mean, reviewed by the department.

One YAML file each, `pipelines/<scheme>/mappings/<name>.yml`. `spaser map FILE` writes it; the
department reviews it and sets `reviewed: true`. It serves every file that has its columns, so that
next year's workbook is read without asking again.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from collections.abc import Mapping as Dict
from pathlib import Path
from typing import Literal

from pydantic import Field

from spaser.cards import Catalogue, Model, RegisterField, SourceCard, catalogue, load_yaml, parse
from spaser.errors import InputError
from spaser.project import Project
from spaser.values import CodeList, normalise

TaxBasis = Literal["ht", "ttc", "unknown"]

HOLDER_PARTS = {
    "holder_id": "id",
    "holder_id_type": "typeIdentifiant",
    "holder_name": "denominationSociale",
}
"""Columns that describe a holder → the key of the DECP schema; `holder_id_2`… is the second one."""

_NUMBERED = re.compile(r"_([2-9]|[1-9]\d)$")
_CODE_KINDS = frozenset({"code", "codes"})


class Mapping(Model):
    """How the files of one form are read.

    Attributes:
        name: the file's name without `.yml`.
        source: the source card that the files feed (one with `headers`).
        reviewed: whether the department has read it and agrees.
        columns: header → field; null keeps the column aside, in `other_fields`.
        constants: field → text, for the rows that have none.
        months: of a sheet with a column a month, the field that the cells of those columns fill;
            every header that is a month and that `columns` does not name is one.
        sheet_field: the field that the name of the sheet fills, for the rows that have none.
        tax_basis: of the column read as `amount`, for the rows that do not say.
        values: field of a code list → text of the register → code; null is not understood.
    """

    name: str
    source: str
    reviewed: bool = False
    columns: dict[str, str | None]
    constants: dict[str, str] = Field(default_factory=dict)
    months: str | None = None
    sheet_field: str | None = None
    tax_basis: TaxBasis | None = None
    values: dict[str, dict[str, str | None]] = Field(default_factory=dict)

    @property
    def file(self) -> str:
        """Where it is, from the folder of the scheme."""
        return f"mappings/{self.name}.yml"

    def read_columns(self) -> list[str]:
        """The headers that feed a field."""
        return [header for header, field in self.columns.items() if field]


def holder_part(field: str) -> tuple[str, int] | None:
    """`holder_name_2` → (`denominationSociale`, 2); null for any other field."""
    numbered = _NUMBERED.search(field)
    base = _NUMBERED.sub("", field)
    if base not in HOLDER_PARTS:
        return None
    return HOLDER_PARTS[base], int(numbered[1]) if numbered else 1


def folder(project: Project, scheme: str) -> Path:
    """Where the mappings of a scheme lie."""
    return project.own(scheme) / "mappings"


def load_mappings(project: Project, scheme: str) -> tuple[Mapping, ...]:
    """The mappings of a scheme, by name.

    Raises:
        InputError: a file is unreadable, has an unknown key, or names a source, a field or a code
            that does not exist (the message names the nearest), or two reviewed mappings of one
            source give a text two meanings.
    """
    cards = catalogue(project.assets)
    loaded = tuple(
        load_mapping(path, cards) for path in sorted(folder(project, scheme).glob("*.yml"))
    )
    spellings_of(loaded, cards)
    return loaded


def load_mapping(path: Path, cards: Catalogue) -> Mapping:
    """One mapping, checked against the cards.

    Raises:
        InputError: see `load_mappings`.
    """
    content = load_yaml(path)
    where = f"{path.parent.parent.name}/mappings/{path.name}"
    mapping = parse(Mapping, {"name": path.stem, **content}, where)
    card = cards.sources.get(f"sources/{mapping.source}")
    mapped = sorted(mapped_sources(cards))
    if card is None or not card.headers:
        raise _unknown(where, "source", "source", mapping.source, mapped)
    _check_fields(mapping, card, cards, where)
    _check_values(mapping, cards.fields_of(card.feeds), cards, where)
    return mapping


def mapped_sources(cards: Catalogue) -> dict[str, SourceCard]:
    """The sources that are read through a mapping, by name."""
    return {
        key.removeprefix("sources/"): card for key, card in cards.sources.items() if card.headers
    }


def code_list(cards: Catalogue, field: str) -> CodeList:
    """The codes of a field and their spellings."""
    return CodeList.of(_codes(cards, field))


def spellings_of(mappings: Iterable[Mapping], cards: Catalogue) -> dict[str, dict[str, str]]:
    """Field → text of the register → the French label it stands for, of the reviewed mappings.

    Raises:
        InputError: two mappings disagree on a text.
    """
    meant: dict[str, dict[str, str]] = {}
    said: dict[tuple[str, str], Mapping] = {}
    for mapping in mappings:
        if not mapping.reviewed:
            continue
        for field, texts in mapping.values.items():
            labels = {row["code"]: row["label_fr"] for row in _codes(cards, field)}
            known = meant.setdefault(field, {})
            for text, code in texts.items():
                if code is None:
                    continue
                other = said.setdefault((field, normalise(text)), mapping)
                if other is not mapping and _meaning(other, field, text) != code:
                    raise _two_meanings(other, mapping, field, text)
                known[text] = labels[code]
    return meant


def _meaning(mapping: Mapping, field: str, text: str) -> str | None:
    wanted = normalise(text)
    return next(code for known, code in mapping.values[field].items() if normalise(known) == wanted)


def _codes(cards: Catalogue, field: str) -> list[dict[str, str]]:
    return [row for row in cards.reference("code_lists") if row["field"] == field]


def _check_fields(mapping: Mapping, card: SourceCard, cards: Catalogue, where: str) -> None:
    fields = cards.fields_of(card.feeds)
    given = [
        *((f"columns.{header}", field) for header, field in mapping.columns.items() if field),
        *((f"constants.{field}", field) for field in mapping.constants),
        *([("sheet_field", mapping.sheet_field)] if mapping.sheet_field else []),
    ]
    for place, field in given:
        is_part = place.startswith("columns.") and card.feeds == "register" and holder_part(field)
        if field not in fields and not is_part:
            raise _unknown(where, place, "champ", field, [*fields, *HOLDER_PARTS])
    hours = [name for name, field in fields.items() if field.kind == "hours"]
    if mapping.months is not None and (card.feeds != "hours" or mapping.months not in hours):
        raise _unknown(where, "months", "champ", mapping.months, hours)


def _check_values(
    mapping: Mapping, fields: Dict[str, RegisterField], cards: Catalogue, where: str
) -> None:
    lists = [name for name, field in fields.items() if field.kind in _CODE_KINDS]
    for field, texts in mapping.values.items():
        if field not in lists:
            raise _unknown(where, "values", "liste", field, lists)
        codes = [row["code"] for row in _codes(cards, field)]
        for text, code in texts.items():
            if code is not None and code not in codes:
                raise _unknown(where, f"values.{field}.{text}", "code", code, codes)


_ENGLISH = {"source": "source", "champ": "field", "liste": "code list", "code": "code"}


def _unknown(where: str, place: str, kind: str, value: str, known: list[str]) -> InputError:
    near = difflib.get_close_matches(value, known, n=1, cutoff=0.4)
    hint_fr = f"vouliez-vous dire « {near[0]} » ?" if near else f"connus : {', '.join(known)}"
    hint_en = f"did you mean “{near[0]}”?" if near else f"known: {', '.join(known)}"
    return InputError(
        f"{where} : {place} : {kind} inconnu(e) « {value} » ({hint_fr}). Corrigez le fichier.",
        f"{where}: {place}: unknown {_ENGLISH[kind]} “{value}” ({hint_en}). Correct the file.",
    )


def _two_meanings(one: Mapping, other: Mapping, field: str, text: str) -> InputError:
    return InputError(
        f"{one.file} et {other.file} donnent deux sens à « {text} » ({field}). "
        "Gardez le même dans les deux.",
        f"{one.file} and {other.file} give “{text}” ({field}) two meanings. "
        "Keep the same one in both.",
    )


def slug(stem: str) -> str:
    """The name of the mapping of a file: `Registre 2024 (DGA)` → `registre-2024-dga`."""
    return normalise(stem).replace(" ", "-") or "registre"
