"""Records of an XML register, streamed, in the shapes of the JSON register.

Both forms come from one format: what is a list in JSON is a repeated element in XML. The same
shapes are rebuilt here, so that everything after reads one form. Text stays text.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, ParseError

import msgspec
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import iterparse

from spaser.findings import Finding
from spaser.ingest.faults import Damaged, Unrecognised
from spaser.ingest.records import Entry, Records, sampled

ROOT = "marches"
KINDS = {"marche": "contract", "contrat-concession": "concession"}

LISTS_OF_OBJECTS = frozenset(
    {
        "titulaires",
        "concessionnaires",
        "modifications",
        "actesSousTraitance",
        "modificationsActesSousTraitance",
        "donneesExecution",
        "tarifs",
    }
)
"""JSON writes these `[{"titulaire": {…}}]`; XML repeats the child (XSD 2.0.2)."""

LISTS_OF_VALUES = frozenset(
    {
        "techniques",
        "modalitesExecution",
        "typesPrix",
        "considerationsSociales",
        "considerationsEnvironnementales",
    }
)
"""JSON writes these `{"technique": ["…"]}`, a list even for one value (XSD 2.0.2)."""


def xml_records(path: Path) -> Records:
    """The records of a DECP XML register, read as they come.

    Raises:
        Damaged: not well formed, or it declares a DTD or entities.
        Unrecognised: a schema, a web page, or another root element.
    """
    stray: list[Finding] = []
    records = sampled(_entries(path, stray))
    records.rejected = stray
    return records


def _entries(path: Path, stray: list[Finding]) -> Iterator[Entry]:
    counts: Counter[str] = Counter()
    try:
        with path.open("rb") as content:
            depth = 0
            root: Element | None = None
            for event, element in iterparse(content, events=("start", "end"), forbid_dtd=True):
                if event == "start":
                    depth += 1
                    if root is None:
                        root = element
                        _check_root(element)
                    continue
                depth -= 1
                if depth != 1 or root is None:
                    continue
                name = _name(element)
                counts[name] += 1
                pointer = f"/{ROOT}/{name}[{counts[name]}]"
                # An element of another name goes on as a non-object: set aside with a finding.
                known = name in KINDS
                text = msgspec.json.encode(_value(element) if known else name)
                root.clear()
                yield text, pointer, KINDS.get(name)
    except DefusedXmlException:
        raise Damaged(
            "XML refusé : il déclare une DTD ou des entités, qu'un registre n'a pas besoin de "
            "contenir et qui peuvent nuire. Exportez-le à nouveau sans elles.",
            "XML refused: it declares a DTD or entities, which a register has no need of and "
            "which can do harm. Export it again without them.",
        ) from None
    except ParseError as error:
        line, column = error.position
        raise Damaged(
            f"XML illisible à la ligne {line}, colonne {column + 1} : {error.msg}. "
            "Téléchargez-le à nouveau ou corrigez cet endroit.",
            f"unreadable XML at line {line}, column {column + 1}: {error.msg}. "
            "Download it again or correct this place.",
        ) from None


def _check_root(root: Element) -> None:
    name = _name(root)
    if name == "schema" and "XMLSchema" in str(root.tag):
        raise Unrecognised("input_schema")
    if name.lower() == "html":
        raise Unrecognised("input_html")
    if name != ROOT:
        raise Unrecognised("input_unknown_form", f"<{name}>")


def _name(element: Element) -> str:
    """The local name: some platforms add a namespace."""
    return re.sub(r"^\{.*\}", "", str(element.tag))


def _value(element: Element) -> Any:
    """The JSON shape of an element: text, object, or the lists that the format has."""
    children = list(element)
    name = _name(element)
    if not children:
        return (
            []
            if name in LISTS_OF_OBJECTS and not (element.text or "").strip()
            else element.text or ""
        )
    if name in LISTS_OF_OBJECTS:
        return [{_name(child): _value(child)} for child in children]
    grouped: dict[str, list[Any]] = {}
    for child in children:
        grouped.setdefault(_name(child), []).append(_value(child))
    if name in LISTS_OF_VALUES:
        return grouped
    return {key: values if len(values) > 1 else values[0] for key, values in grouped.items()}
