"""`spaser map FILE`: propose what the columns of a spreadsheet mean, in a file to review.

The file is written once with what is proposed, and from then on only added to: what the department
wrote there, comments included, stays as it is.
"""

from __future__ import annotations

import io
import re
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.representer import RoundTripRepresenter
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from spaser.cards import Catalogue, IndicatorCard, SourceCard, Text, catalogue
from spaser.errors import InputError
from spaser.ingest.containers import open_container
from spaser.ingest.faults import Damaged, Unrecognised
from spaser.ingest.grids import read_grids
from spaser.ingest.mapped import choose, names_a_person, plain
from spaser.ingest.mapping import Guess, Proposal, Proposer, ValueGuess
from spaser.ingest.people import is_shielded, numbered_sheet
from spaser.ingest.recognise import recognise
from spaser.ingest.sheets import SheetTable, find_tables
from spaser.ingest.tabular import csv_source
from spaser.mappings import Mapping, TaxBasis, folder, load_mappings, slug
from spaser.project import Project
from spaser.scheme import load_scheme
from spaser.values import normalise, read_siret

_NUMBER_ONLY = re.compile(r"^(feuil|feuille|sheet|tableau)?\s*\d*$", re.I)


@dataclass(frozen=True)
class ToldColumn:
    """A column: what it is held for, how sure, and whether the department has said so itself."""

    sheet: str | None
    letter: str
    header: str
    field: str | None
    label: Text | None
    confidence: Decimal
    samples: str
    is_kept: bool


@dataclass(frozen=True)
class ToldValue:
    """A text of a code list: the code proposed, or none."""

    field: str
    text: str
    code: str | None
    confidence: Decimal
    count: int


@dataclass(frozen=True)
class Told:
    """What there is to tell of one mapping, in the order to tell it."""

    columns: tuple[ToldColumn, ...]
    values: tuple[ToldValue, ...]
    missing: tuple[Text, ...]
    next: Text

    @property
    def not_understood(self) -> tuple[ToldColumn, ...]:
        """The columns that fill no field, and that nobody put aside."""
        return tuple(column for column in self.columns if not column.field and not column.is_kept)


@dataclass(frozen=True)
class MapFile:
    """One mapping written: `is_new`, or `added` entries; nothing added leaves the file alone."""

    path: Path
    source: str
    is_new: bool
    added: int
    reviewed: bool
    tax_basis: TaxBasis | None
    told: Told


@dataclass(frozen=True)
class MapOutcome:
    """What `spaser map` did: a mapping for each source found; or a file that needs none.

    `known` names the sources that read a table without a mapping; `strangers` the tables of no
    known kind (sheet, headers).
    """

    files: tuple[MapFile, ...]
    known: tuple[Text, ...]
    strangers: tuple[tuple[str | None, tuple[str, ...]], ...]


@dataclass(frozen=True)
class _Seen:
    """A table, what it is held for, and the mapping that already serves it."""

    table: SheetTable
    proposal: Proposal
    mapping: Mapping | None


def map_file(
    project: Project, scheme_name: str, file: Path, buyer: str | None = None
) -> MapOutcome:
    """Write or complete the mapping of a file in a scheme.

    Args:
        project: where the scheme is.
        scheme_name: whose mapping it is.
        file: a workbook or a CSV.
        buyer: SIRET of the rows that give none; null: the scheme's, when it has one buyer.

    Raises:
        InputError: the scheme or the file cannot be read, or nothing in it is understood.
    """
    cards = catalogue(project.assets)
    scheme = load_scheme(project, scheme_name)
    mappings = load_mappings(project, scheme.name)
    if buyer is None and scheme.buyers != "all" and len(scheme.buyers) == 1:
        buyer = scheme.buyers[0].id
    proposer = Proposer(cards)
    known, tables = _tables(file, cards, proposer)
    seen: list[_Seen] = []
    strangers: list[tuple[str | None, tuple[str, ...]]] = []
    for table in tables:
        proposal = proposer.propose(table)
        mapping = choose(mappings, table.names, file.stem)
        if mapping is None and not proposal.is_enough:
            strangers.append((numbered_sheet(table.place), _shown_names(table, proposer)))
        else:
            proposal = _as_source(proposal, mapping, proposer, table)
            seen.append(_Seen(table, _told_of_people(proposal), mapping))
    if not seen and not known:
        raise _not_understood(file, cards, strangers)
    files = [
        _write(project, scheme.name, file, group, cards, buyer, is_main=number == 0)
        for number, group in enumerate(_grouped(seen))
    ]
    return MapOutcome(tuple(files), known, tuple(strangers))


def _tables(
    file: Path, cards: Catalogue, proposer: Proposer
) -> tuple[tuple[Text, ...], list[SheetTable]]:
    """The titles of the sources that need no mapping, and the tables that do."""
    sources = tuple(cards.sources.values())
    if not file.is_file():
        raise InputError(
            f"Fichier introuvable : {file}. Vérifiez le nom.",
            f"File not found: {file}. Check the name.",
        )
    try:
        with tempfile.TemporaryDirectory(prefix="spaser-") as work:
            opened = open_container(file, Path(work))
            if opened.container in ("json", "xml", "parquet"):
                raise _needs_none(file)
            if opened.container == "csv":
                try:
                    card, _ = csv_source(opened.path, sources)
                    return (card.title,), []
                except Unrecognised:
                    pass
            grids, _ = read_grids(opened.path, opened.container, Path(work))
            found = [table for grid in grids for table in find_tables(grid, proposer.score)]
    except Unrecognised as unknown:
        raise _refused(file, cards, unknown) from None
    except Damaged as damaged:
        raise InputError(f"{file.name} : {damaged.fr}", f"{file.name}: {damaged.en}") from None
    known: list[Text] = []
    tables: list[SheetTable] = []
    for table in found:
        card_or_none = recognise(sources, "csv", table.names)
        if card_or_none is not None:
            known.append(card_or_none.title)
        elif table.names:
            tables.append(table)
    return tuple(known), tables


def _as_source(
    proposal: Proposal, mapping: Mapping | None, proposer: Proposer, table: SheetTable
) -> Proposal:
    """The proposal for the source that the mapping already says, if any."""
    if mapping is None or proposal.card.key == f"sources/{mapping.source}":
        return proposal
    return proposer.propose_as(table, f"sources/{mapping.source}")


def _shown_names(table: SheetTable, proposer: Proposer) -> tuple[str, ...]:
    """The headers of a table of no known kind, without what may be a person's name."""
    return tuple(proposer.shown(table).split(", "))


def _told_of_people(proposal: Proposal) -> Proposal:
    """Of a table of the insertion half: no cell, and no header that may be a name.

    Columns of months go by `months`. The texts of code lists are for the department to write: they
    may be anything.
    """
    if not is_shielded(proposal.card):
        return proposal
    kept = (guess for guess in proposal.columns if guess.is_plain and not guess.is_month)
    columns = tuple(replace(guess, samples=()) for guess in kept)
    return replace(proposal, columns=columns, values=())


def _grouped(seen: Sequence[_Seen]) -> list[list[_Seen]]:
    """The tables of each source and mapping, the one of most rows first."""
    groups: dict[tuple[str, str], list[_Seen]] = {}
    for one in seen:
        name = one.mapping.name if one.mapping else ""
        groups.setdefault((one.proposal.card.key, name), []).append(one)
    return sorted(groups.values(), key=lambda group: -sum(len(one.table.rows) for one in group))


# --- the file -----------------------------------------------------------------------------------

_HEAD = """\
Ce que veulent dire les colonnes du fichier « {file} ».
Proposé par « spaser map » ; à droite : la confiance (0 à 1) et des exemples. Relisez, corrigez,
puis écrivez « reviewed: true ». Une colonne à null est gardée mais n'entre dans aucun chiffre.
Les champs possibles sont ceux de assets/references/{feeds}_fields.csv.
"""


def _write(
    project: Project,
    scheme: str,
    file: Path,
    group: Sequence[_Seen],
    cards: Catalogue,
    buyer: str | None,
    *,
    is_main: bool,
) -> MapFile:
    card = group[0].proposal.card
    mapping = group[0].mapping
    source = card.key.removeprefix("sources/")
    name = mapping.name if mapping else slug(file.stem) + ("" if is_main else f"-{slug(source)}")
    path = folder(project, scheme) / f"{name}.yml"
    columns = _columns(group)
    values = _values(group)
    yaml = _yaml()
    if mapping is None:
        document = _fresh(file, card, group, buyer)
    else:
        document = yaml.load(path.read_text(encoding="utf-8"))
    added = _add_columns(document, columns, mapping, cards, card)
    added += _add_values(document, values, mapping)
    if added or mapping is None:
        written = io.StringIO()
        yaml.dump(document, written)
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(".yml.tmp")
        beside.write_text(written.getvalue(), encoding="utf-8", newline="\n")
        beside.replace(path)
    told = _told(document, columns, values, mapping, cards, card, path)
    return MapFile(
        path,
        source,
        mapping is None,
        added,
        bool(document.get("reviewed")),
        document.get("tax_basis"),
        told,
    )


class _Representer(RoundTripRepresenter):
    """Writes `null` and not nothing: the reader sees that the column is put aside."""


_Representer.add_representer(
    type(None),
    lambda representer, _: representer.represent_scalar("tag:yaml.org,2002:null", "null"),
)


def _yaml() -> YAML:
    """Keeps the comments and the order of what is already written."""
    yaml = YAML()
    yaml.Representer = _Representer
    yaml.width = 10_000
    yaml.preserve_quotes = True
    return yaml


def _fresh(file: Path, card: SourceCard, group: Sequence[_Seen], buyer: str | None) -> CommentedMap:
    document = CommentedMap()
    document["source"] = card.key.removeprefix("sources/")
    document["reviewed"] = False
    document.yaml_add_eol_comment("true quand vous l'avez relu", "reviewed")
    fields = {name for one in group for name in one.proposal.fields}
    months = next((one.proposal.months for one in group if one.proposal.months), None)
    if months:
        document["months"] = months
        document.yaml_add_eol_comment("le champ des colonnes dont l'en-tête est un mois", "months")
    if "amount" in fields:
        bases = {one.proposal.tax_basis for one in group if one.proposal.tax_basis}
        if len(bases) == 1:
            document["tax_basis"] = bases.pop()
            document.yaml_add_eol_comment("de la colonne amount : ht, ttc ou unknown", "tax_basis")
    sheets = [one.table.sheet for one in group if one.table.sheet]
    if "directorate" not in fields and card.feeds == "register" and _name_things(sheets):
        document["sheet_field"] = "directorate"
        document.yaml_add_eol_comment("le nom de la feuille remplit ce champ", "sheet_field")
    if card.feeds == "hours" and not fields & {"company_id", "company_name"}:
        company = _company_field(sheets)
        if company is not None:
            document["sheet_field"] = company
            note = "le nom de la feuille est l'entreprise"
            document.yaml_add_eol_comment(note, "sheet_field")
    if buyer is not None and "buyer_id" not in fields and card.feeds in _BUYERS:
        document["constants"] = CommentedMap(buyer_id=DoubleQuotedScalarString(buyer))
    document["columns"] = CommentedMap()
    document["values"] = CommentedMap()
    document.yaml_set_start_comment(_HEAD.format(file=file.name, feeds=card.feeds))
    return document


_BUYERS = ("register", "spend", "commitments", "invoiced", "hours", "clause_events")


def _company_field(sheets: Sequence[str]) -> str | None:
    """The field that the names of the sheets of a workbook of one sheet per company fill."""
    if len(set(sheets)) > 1 and all(read_siret(sheet).value for sheet in sheets):
        return "company_id"
    return "company_name" if _name_things(sheets) else None


def _name_things(sheets: Sequence[str]) -> bool:
    """Whether the sheets bear the names of things (directorates), and not numbers or years."""
    return len(set(sheets)) > 1 and not any(
        _NUMBER_ONLY.match(sheet.strip()) or re.search(r"\d{4}", sheet) for sheet in sheets
    )


def _columns(group: Sequence[_Seen]) -> list[tuple[SheetTable, Guess]]:
    """Each header once, as the table that is surest of it reads it, in the order they are met."""
    found: dict[str, tuple[SheetTable, Guess]] = {}
    for one in group:
        for guess in one.proposal.columns:
            key = plain(guess.header)
            if key not in found or guess.confidence > found[key][1].confidence:
                found[key] = (one.table, guess)
    return list(found.values())


def _values(group: Sequence[_Seen]) -> list[ValueGuess]:
    found: dict[tuple[str, str], ValueGuess] = {}
    for one in group:
        for guess in one.proposal.values:
            found.setdefault((guess.field, normalise(guess.text)), guess)
    return list(found.values())


def _add_columns(
    document: Any,
    columns: Iterable[tuple[SheetTable, Guess]],
    mapping: Mapping | None,
    cards: Catalogue,
    card: SourceCard,
) -> int:
    """Add the columns that are not there; to a reviewed file as null, with the proposal beside."""
    known = {plain(str(header)) for header in document["columns"]}
    held = {field for field in document["columns"].values() if field}
    fields = cards.fields_of(card.feeds)
    added = 0
    for _, guess in columns:
        if plain(guess.header) in known:
            continue
        is_free = guess.field not in held or (
            guess.field in fields and fields[guess.field].kind == "codes"
        )
        is_safe = mapping is None or (not mapping.reviewed and is_free)
        label = _label(guess.field, cards, card)
        note = [label.fr] if label else ["non comprise"]
        if guess.field and not is_safe:
            note = [f"nouvelle ; proposé : {guess.field}", *note]
        if guess.field:
            note.append(f"{guess.confidence:.2f}")
        note += [guess.shown] if guess.shown else []
        key = DoubleQuotedScalarString(guess.header)
        document["columns"][key] = guess.field if is_safe else None
        document["columns"].yaml_add_eol_comment(_one_line(" ; ".join(note)), key)
        added += 1
    return added


def _add_values(document: Any, values: Iterable[ValueGuess], mapping: Mapping | None) -> int:
    """Add the texts that are not there; to a reviewed file as null, with the proposal beside."""
    if document.get("values") is None:
        document["values"] = CommentedMap()
    added = 0
    for guess in values:
        texts = document["values"].setdefault(guess.field, CommentedMap())
        if any(normalise(str(text)) == normalise(guess.text) for text in texts):
            continue
        is_safe = mapping is None or not mapping.reviewed
        key = DoubleQuotedScalarString(guess.text)
        texts[key] = guess.code if is_safe else None
        note = f"{guess.count} ligne(s)"
        if guess.code:
            note += f" ; {'' if is_safe else f'proposé : {guess.code} ; '}{guess.confidence:.2f}"
        else:
            note += " ; non compris : écrivez le code, ou laissez null"
        texts.yaml_add_eol_comment(_one_line(note), key)
        added += 1
    return added


def _one_line(text: str) -> str:
    return " ".join(text.split())[:160]


# --- what is told -------------------------------------------------------------------------------


def _label(field: str | None, cards: Catalogue, card: SourceCard) -> Text | None:
    if field is None:
        return None
    known = cards.fields_of(card.feeds).get(field)
    if known is None:
        return Text(fr="Titulaire", en="Holder")
    return Text(fr=known.label_fr, en=known.label_en)


def _told_sheet(table: SheetTable, card: SourceCard) -> str | None:
    """The name of a table's sheet; its number where the name may be a person's."""
    is_hidden = is_shielded(card) or names_a_person(table)
    return numbered_sheet(table.place) if is_hidden else table.sheet


def _told(
    document: Any,
    columns: Sequence[tuple[SheetTable, Guess]],
    values: Sequence[ValueGuess],
    mapping: Mapping | None,
    cards: Catalogue,
    card: SourceCard,
    path: Path,
) -> Told:
    written = {plain(str(header)): field for header, field in document["columns"].items()}
    before = {plain(header) for header in mapping.columns} if mapping else set()
    told = tuple(
        ToldColumn(
            _told_sheet(table, card),
            guess.letter,
            guess.header,
            written[plain(guess.header)],
            _label(written[plain(guess.header)], cards, card),
            guess.confidence,
            guess.shown,
            plain(guess.header) in before or guess.is_ignored,
        )
        for table, guess in columns
    )
    fields = {str(field) for field in written.values() if field}
    fields |= set(document.get("constants") or {})
    if document.get("sheet_field"):
        fields.add(str(document["sheet_field"]))
    if document.get("months"):
        fields |= {"month", str(document["months"])}
    missing = _missing(card, fields, document.get("tax_basis"), cards)
    listed = tuple(
        ToldValue(guess.field, guess.text, guess.code, guess.confidence, guess.count)
        for guess in values
    )
    place = f"{path.parent.parent.name}/mappings/{path.name}"
    if document.get("reviewed"):
        following = Text(
            fr=f"{place} est relu : les lignes suivantes de ce fichier seront lues ainsi.",
            en=f"{place} is reviewed: this file's rows will be read so.",
        )
    else:
        following = Text(
            fr=f"Relisez {place}, corrigez ce qui doit l'être, puis écrivez « reviewed: true ».",
            en=f"Review {place}, correct what must be, then write “reviewed: true”.",
        )
    return Told(told, listed, tuple(missing), following)


_SOCIAL = ("social_considerations", "social_clause", "social_criterion", "reserved")
_ENVIRONMENT = (
    "environmental_considerations",
    "environmental_clause",
    "environmental_criterion",
)
_NEEDS: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (_SOCIAL, ("has_social", "is_reserved", "reserved_for")),
    (_ENVIRONMENT, ("has_environmental",)),
    (("procedure",), ("procedure_code",)),
    (("cpv_code", "contract_type"), ("contract_type", "cpv_division")),
    (("published_date",), ("published_date", "publication_delay")),
    (("offers_received",), ("offers_received",)),
    (("is_innovative",), ("is_innovative",)),
    (("holder_id", "holders"), ("holder_count", "holder_")),
)
"""One field of the first makes the columns of the facts that the indicators of the second read."""

_ALWAYS: tuple[tuple[str, Text], ...] = (
    (
        "contract_id",
        Text(
            fr="l'identifiant du marché : sans lui, une ligne n'est rattachée à aucun marché",
            en="the contract id: without it a row belongs to no contract",
        ),
    ),
    (
        "buyer_id",
        Text(
            fr="le SIRET de l'acheteur (--buyer SIRET, ou un schéma d'un seul acheteur)",
            en="the buyer's SIRET (--buyer SIRET, or a scheme of one buyer)",
        ),
    ),
    (
        "notified_date",
        Text(
            fr="la date de notification : sans elle, un marché n'est d'aucune année",
            en="the notification date: without it a contract is of no year",
        ),
    ),
    (
        "amount",
        Text(fr="le montant : aucun chiffre en valeur", en="the amount: no figure in value"),
    ),
)


def _missing(
    card: SourceCard, fields: set[str], tax_basis: str | None, cards: Catalogue
) -> list[Text]:
    """What no column says, and the figures that need it."""
    if card.feeds != "register":
        return [
            Text(fr=field.label_fr, en=field.label_en)
            for name, field in cards.fields_of(card.feeds).items()
            if field.required and name not in fields
        ]
    found = [text for name, text in _ALWAYS if name not in fields]
    if "amount" in fields and tax_basis == "unknown" and "tax_basis" not in fields:
        found.append(
            Text(
                fr="la base du montant : écrivez tax_basis: ht ou ttc ; d'ici là il n'entre dans "
                "aucun seuil ni aucune somme",
                en="the basis of the amount: write tax_basis: ht or ttc; until then it enters no "
                "threshold and no sum",
            )
        )
    known = cards.fields_of("register")
    for names, columns in _NEEDS:
        if fields & set(names) or not (codes := _indicators(cards, columns)):
            continue
        listed = ", ".join(codes)
        found.append(
            Text(
                fr=f"{known[names[0]].label_fr} : {listed} y restent inconnus",
                en=f"{known[names[0]].label_en}: {listed} stay unknown",
            )
        )
    return found


def _indicators(cards: Catalogue, columns: Sequence[str]) -> list[str]:
    return sorted(
        code
        for code, card in cards.indicators.items()
        if any(column in _predicates(card) for column in columns)
    )


def _predicates(card: IndicatorCard) -> str:
    parts = [card.population]
    for method in card.methods:
        parts += [method.met, *(part for part in (method.of, method.part, method.whole) if part)]
    return " ".join(parts)


# --- refusals -----------------------------------------------------------------------------------


def _needs_none(file: Path) -> InputError:
    return InputError(
        f"{file.name} est en JSON, XML ou Parquet : sa forme dit ce que sont ses champs, il n'a "
        "pas de colonnes à relire. Lancez « spaser try » ou « spaser run ».",
        f"{file.name} is JSON, XML or Parquet: its form says what its fields are, it has no "
        "columns to review. Run `spaser try` or `spaser run`.",
    )


def _refused(file: Path, cards: Catalogue, unknown: Unrecognised) -> InputError:
    rule = cards.rules[unknown.rule]
    value = unknown.value or "—"
    return InputError(
        f"{file.name} : {rule.message_fr.replace('{value}', value)} {rule.action_fr}",
        f"{file.name}: {rule.message_en.replace('{value}', value)} {rule.action_en}",
    )


def _not_understood(
    file: Path, cards: Catalogue, strangers: Sequence[tuple[str | None, tuple[str, ...]]]
) -> InputError:
    widest = max((names for _, names in strangers), key=len, default=())
    listed = ", ".join(name for name in widest if name)[:1000] or None
    return _refused(file, cards, Unrecognised("input_unknown_form", listed))
