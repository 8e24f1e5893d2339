"""Cards: one definition of each source, table, indicator and finding rule, read from `assets/`.

A card with an unknown key is refused, and the message names the nearest known key. Code, Dagster
metadata, documentation and the open-data schema are derived from the cards.
"""

from __future__ import annotations

import csv
import difflib
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from spaser.errors import InputError

Severity = Literal["ERROR", "WARN"]
Feeds = Literal[
    "register",
    "spend",
    "suppliers",
    "establishments",
    "commitments",
    "invoiced",
    "hours",
    "participants",
    "clause_events",
]
PEOPLE_FEEDS: tuple[Feeds, ...] = ("hours", "participants")
"""What holds lines about persons: its staged tables are restricted, and nothing of its cells is
repeated in a finding or a sample."""
INSERTION_FEEDS: tuple[Feeds, ...] = ("commitments", "invoiced", "clause_events", *PEOPLE_FEEDS)
"""The insertion half: files of those who follow persons, who may be named in any cell of them. They
are read as `PEOPLE_FEEDS` are, columns that no field reads included; only their staged tables are
not restricted, since nothing there is about a person."""
Origin = Literal["decp", "own"]
Language = Literal["fr", "en"]


class Model(BaseModel):
    """Base of every definition: frozen, unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Text(Model):
    """A text in the two languages of the tool."""

    fr: str
    en: str

    def get(self, language: str) -> str:
        """The text in the language asked for."""
        return self.en if language == "en" else self.fr


class Column(Model):
    """A column of a table; units are in the names (`_eur`, `_months`, `_hours`).

    One that is `about_person`, or counts people or companies without suppression, stays in the
    restricted zone: the published database leaves it out.
    """

    type: str
    description: Text
    codes: tuple[str, ...] = ()
    about_person: bool = False


class Check(Model):
    """A Great Expectations expectation under its own name and arguments."""

    name: str
    expectation: str
    args: dict[str, Any] = Field(default_factory=dict)
    severity: Severity = "ERROR"
    description: Text


FieldKind = Literal[
    "text",
    "code",
    "codes",
    "amount",
    "share",
    "percent",
    "integer",
    "months",
    "boolean",
    "date",
    "siret",
    "json",
    "hours",
    "month",
    "person",
    "birth_year",
]


class RegisterField(Model):
    """A field of a staged table (`assets/references/<feeds>_fields.csv`)."""

    field: str
    kind: FieldKind
    required: bool
    contract_column: str
    label_fr: str
    label_en: str

    @property
    def is_staged(self) -> bool:
        """Whether the field is kept at all: a birth year becomes an age band as it is read."""
        return self.kind != "birth_year"

    def columns(self) -> dict[str, Column]:
        """The typed columns of the field: its value, and what is known of its reading."""
        label = Text(fr=self.label_fr, en=self.label_en)
        columns = {self.field: Column(type=_FIELD_TYPES[self.kind], description=label)}
        for suffix, (kind, fr, en) in _READING_COLUMNS.get(self.kind, {}).items():
            text = Text(fr=f"{label.fr} : {fr}", en=f"{label.en}: {en}")
            columns[f"{self.field}_{suffix}"] = Column(type=kind, description=text)
        return columns


_FIELD_TYPES: dict[FieldKind, str] = {
    "text": "VARCHAR",
    "code": "VARCHAR",
    "codes": "VARCHAR[]",
    "amount": "DECIMAL(18,2)",
    "share": "DECIMAL(9,6)",
    "percent": "DECIMAL(9,6)",
    "integer": "INTEGER",
    "months": "INTEGER",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "siret": "VARCHAR",
    "json": "VARCHAR",
    "hours": "DECIMAL(18,2)",
    "month": "DATE",
    "person": "VARCHAR",
    "birth_year": "VARCHAR",
}

_READING_COLUMNS: dict[FieldKind, dict[str, tuple[str, str, str]]] = {
    "amount": {
        "text": ("VARCHAR", "tel que reçu", "as received"),
        "out_of_range": (
            "BOOLEAN",
            "trop grand pour être un montant",
            "too large to be an amount",
        ),
        "tax": ("VARCHAR", "HT ou TTC, écrit dans la cellule", "tax basis written in the cell"),
    },
    "codes": {
        "partial": ("BOOLEAN", "une partie n’est pas comprise", "a part is not understood"),
    },
}


class TableCard(Model):
    """One table: curated, facts, quality, indicators. Key = folder and file name.

    A card with `typed_from` has, after its own columns, the typed columns of that set of fields.
    A `restricted` table has a row per person or line of a person: the published database has not.
    """

    key: str
    title: Text
    description: Text
    grain: tuple[str, ...]
    owner: str = "equipe:achats"
    depends_on: tuple[str, ...] = ()
    typed_from: Feeds | None = None
    restricted: bool = False
    columns: dict[str, Column]
    checks: tuple[Check, ...] = ()

    @property
    def table(self) -> str:
        """`curated/contracts` → `curated.contracts`."""
        return self.key.replace("/", ".")


class Recognition(Model):
    """How a file of a source is told from the others, by its content."""

    container: Literal["json", "xml", "csv", "parquet"]
    all_of: tuple[str, ...] = ()
    any_of: tuple[str, ...] = ()
    none_of: tuple[str, ...] = ()


class SourceCard(Model):
    """One kind of register: how it is recognised and which field each of its columns feeds.

    `fields` maps a staged field (see `assets/references/register_fields.csv`) to the source's
    column, path or alternatives, first filled one wins. `lists` composes the nested parts
    (holders, amendments, subcontracts) of flat forms from groups of columns: `key: column`, where
    `sousTraitant/id` nests and `titulaires/0/id` makes a list of one. Texts of `absent` fill a
    cell that is empty. `ignored` names what no field reads, with the reason; it is kept in
    `other_fields` and not reported (of the insertion half: reported, and not kept).

    `feeds` says which set of fields the source fills (`assets/references/<feeds>_fields.csv`), and
    `origin` whether a register is the department's own (the reference) or DECP (the control). A
    source with `headers` (field → headers it is known under) is a mapped one: its files have any
    header, and are read through a mapping of the scheme.
    """

    key: str
    title: Text
    description: Text
    owner: str = "equipe:achats"
    feeds: Feeds = "register"
    origin: Origin = "decp"
    recognise: tuple[Recognition, ...] = ()
    grain: Literal["record", "row_per_holder"] = "record"
    headers: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    fields: dict[str, str | tuple[str, ...]] = Field(default_factory=dict)
    lists: dict[str, tuple[dict[str, str | tuple[str, ...]], ...]] = Field(default_factory=dict)
    concession_fields: dict[str, str | tuple[str, ...]] = Field(default_factory=dict)
    absent: tuple[str, ...] = ()
    ignored: dict[str, str] = Field(default_factory=dict)
    caveats: tuple[Text, ...] = ()


class Result(Model):
    """What a method prints: what is weighed, and what the value is."""

    measure: str
    unit: str


PEOPLE_TABLE = "indicators.figures"
"""What cards about people read: figures after suppression, the only door."""

Kind = Literal["share", "total", "mean", "median", "ratio", "rate", "known"]


class Method(Model):
    """One way to compute an indicator, over the card's population unless it names its own.

    A method may read another fact table than its card's (spend instead of contracts); it then
    names its own population, and has none of the card's dimensions.

    share: weight of the units where `met` is true over the weight of those where it is known.
    total: the weight of the units where `met` is true.
    mean, median: of `of`, over the units where it is known.
    ratio: sum of `part` over sum of `whole`, of which it is a part.
    rate: sum of `part` over sum of `whole`, which it may exceed; no interval while a unit is
    unknown.

    A method of a card about people reads figures that went through suppression. Its place is a
    member of an `axis`, `within` a member of another one (`left_6_months=yes`) or everywhere:

    total: the figure of `member`, of everybody without an axis; divided by the `divisor` (an item
    of the setting `fte_divisor`) where it is in full-time equivalents.
    share: of those whose member is known, those of the members named, or of all but `other_than`.
    known: of everybody, those whose member is known.
    """

    name: str = "default"
    kind: Kind = "share"
    labels: Text | None = None
    fact_table: str | None = None
    population: str | None = None
    met: str = "true"
    of: str | None = None
    part: str | None = None
    whole: str | None = None
    weights: dict[str, str] = Field(default_factory=dict)
    axis: str | None = None
    member: tuple[str, ...] = ()
    other_than: tuple[str, ...] = ()
    within: str | None = None
    divisor: str | None = None
    dimensions: tuple[str, ...] | None = None
    results: tuple[Result, ...]

    @property
    def place(self) -> tuple[tuple[str, str], ...]:
        """The axis and member that the method is within; none: everywhere."""
        if self.within is None:
            return ()
        axis, _, member = self.within.partition("=")
        return ((axis, member),)

    @model_validator(mode="after")
    def _another_table_has_another_population(self) -> Method:
        if self.fact_table is not None and self.population is None:
            msg = f"method {self.name}: fact_table needs its own population"
            raise ValueError(msg)
        return self


class Change(Model):
    """A line of an indicator's changelog: what changes in past figures."""

    version: int
    date: str
    text: Text


class Legal(Model):
    """A legal or methodological source of a definition."""

    text: Text
    source: str
    status: Literal["verified", "to_check"]


class Example(Model):
    """A case small enough to redo by hand; it is also the card's test."""

    text: Text
    rows: tuple[dict[str, Any], ...]
    scope: str = "all"
    expected: tuple[dict[str, Any], ...]


class DefaultTarget(Model):
    """A target that policy documents give, with its years of validity."""

    text: Text
    unit: str = "share"
    measure: str = "count"
    value: str
    valid_from: int
    valid_to: int | None
    source: str
    status: Literal["verified", "to_check"]


About = Literal["contracts", "companies", "people"]
"""Whom a figure tells something of. Of people: computed from published aggregates, never from
lines. Of companies (hours they had validated): hidden where such an aggregate is."""


class IndicatorCard(Model):
    """One indicator of the catalogue.

    `weights`: measure → the column of the fact table that it weighs (hours: committed_hours); a
    method may name its own. `value` is `value_weight` unless it is named there.
    """

    key: str
    id: str
    axis: Literal["general", "social", "environment", "economy", "ethics", "governance"]
    labels: Text
    counts: Text
    about: About = "contracts"
    fact_table: str = "facts.contracts"
    population: str
    population_text: Text
    value_weight: str = "amount_usable_eur"
    weights: dict[str, str] = Field(default_factory=dict)
    methods: tuple[Method, ...]
    dimensions: tuple[str, ...]
    direction: Literal["up", "down", "none"]
    legal: tuple[Legal, ...] = ()
    default_targets: tuple[DefaultTarget, ...] = ()
    method_version: int
    changelog: tuple[Change, ...]
    caveats: tuple[Text, ...] = ()
    example: Example

    @model_validator(mode="after")
    def _latest_change_is_the_version(self) -> IndicatorCard:
        if self.method_version not in {change.version for change in self.changelog}:
            msg = f"method_version {self.method_version} has no changelog line"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _people_are_read_in_published_figures(self) -> IndicatorCard:
        is_about_people = self.about == "people"
        if is_about_people != (self.fact_table == PEOPLE_TABLE):
            msg = f"about: people and fact_table: {PEOPLE_TABLE} go together"
            raise ValueError(msg)
        allowed = (
            {"share", "total", "known"} if is_about_people else set(get_args(Kind)) - {"known"}
        )
        for method in self.methods:
            if method.kind not in allowed:
                msg = f"method {method.name}: kind {method.kind} is not one of {sorted(allowed)}"
                raise ValueError(msg)
            if not is_about_people and (method.axis or method.within or method.divisor):
                msg = f"method {method.name}: axis, within and divisor are about people only"
                raise ValueError(msg)
            if is_about_people and method.kind != "total" and method.axis is None:
                msg = f"method {method.name}: a {method.kind} needs an axis"
                raise ValueError(msg)
        return self

    def table_of(self, method: Method) -> str:
        """The fact table that a method reads."""
        return method.fact_table or self.fact_table

    def dimensions_of(self, method: Method) -> tuple[str, ...]:
        """The dimensions of a method: its own, else the card's when it reads its fact table."""
        if method.dimensions is not None:
            return method.dimensions
        return self.dimensions if self.table_of(method) == self.fact_table else ()

    def weight_of(self, method: Method, measure: str) -> str | None:
        """The column that a measure weighs; null: it counts units, or the method sums its own."""
        weights = {"value": self.value_weight} | self.weights | method.weights
        return weights.get(measure)

    @property
    def fact_tables(self) -> tuple[str, ...]:
        """The fact tables that the methods read, each once; none of a card about people."""
        if self.about == "people":
            return ()
        return tuple(dict.fromkeys(self.table_of(method) for method in self.methods))


class Rule(Model):
    """A rule of `quality.findings`: what it says and what to do."""

    rule: str
    severity: Literal["error", "warning", "info"]
    title_fr: str
    title_en: str
    message_fr: str
    message_en: str
    action_fr: str
    action_en: str


ModelType = TypeVar("ModelType", bound=Model)

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The safe loader, in C where PyYAML was built with it: ten times faster."""

_OPENERS = 2000
"""Marks that may open a level (`[`, `{`, `- `, `? `) in a file given to the C loader.

It descends without a guard: a hundred thousand brackets end the process, where the one in Python
raises RecursionError. Cards have some hundreds.
"""


def load_yaml(path: Path) -> dict[str, Any]:
    """A YAML mapping.

    Raises:
        InputError: the file is absent, is no YAML or holds no mapping.
    """
    try:
        text = path.read_text(encoding="utf-8")
        deep = sum(map(text.count, ("[", "{", "- ", "? "))) > _OPENERS
        content = yaml.load(text, Loader=yaml.SafeLoader if deep else _LOADER)
    except FileNotFoundError:
        raise InputError(
            f"Fichier introuvable : {path}. Vérifiez le nom ou créez-le.",
            f"File not found: {path}. Check the name or create it.",
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(
            f"{path} : ce n'est pas un fichier YAML lisible ({_one_line(error)}). Corrigez-le.",
            f"{path}: not a readable YAML file ({_one_line(error)}). Correct it.",
        ) from None
    if not isinstance(content, dict):
        raise InputError(
            f"{path} : une liste de « clé: valeur » est attendue. Corrigez le fichier.",
            f"{path}: a mapping of “key: value” is expected. Correct the file.",
        )
    return content


def parse(model: type[ModelType], content: dict[str, Any], where: str) -> ModelType:
    """Validate a definition.

    Raises:
        InputError: one message with every fault and, for an unknown key, the nearest known one.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        faults = [_fault(model, fault) for fault in error.errors()]
        raise InputError(
            f"{where} : " + " ; ".join(fr for fr, _ in faults) + ". Corrigez le fichier.",
            f"{where}: " + "; ".join(en for _, en in faults) + ". Correct the file.",
        ) from None


def _fault(model: type[Model], fault: Any) -> tuple[str, str]:
    location = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        known = _known_keys(model, fault["loc"])
        near = difflib.get_close_matches(str(fault["loc"][-1]), known, n=1, cutoff=0.4)
        hint_fr = (
            f" (vouliez-vous dire « {near[0]} » ?)"
            if near
            else f" (clés connues : {', '.join(known)})"
        )
        hint_en = f" (did you mean “{near[0]}”?)" if near else f" (known keys: {', '.join(known)})"
        return f"clé inconnue « {location} »{hint_fr}", f"unknown key “{location}”{hint_en}"
    if fault["type"] == "missing":
        return f"clé obligatoire absente « {location} »", f"required key “{location}” is missing"
    return f"« {location} » : {fault['msg']}", f"“{location}”: {fault['msg']}"


def _known_keys(model: type[Model], location: tuple[Any, ...]) -> list[str]:
    """The keys allowed where the unknown one stands."""
    current: type[Model] | None = model
    for part in location[:-1]:
        if current is None or not isinstance(part, str) or part not in current.model_fields:
            continue
        current = _nested_model(current.model_fields[part].annotation)
    return sorted(_input_names(current)) if current else []


def _input_names(model: type[Model]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _nested_model(annotation: Any) -> type[Model] | None:
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        found = _nested_model(argument)
        if found is not None:
            return found
    return None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


class Catalogue:
    """Every card under an `assets/` folder, loaded once."""

    def __init__(self, assets: Path) -> None:
        self.assets = assets
        self._fields: dict[Feeds, dict[str, RegisterField]] = {}
        self._references: dict[str, list[dict[str, str]]] = {}

    def _load(
        self, folder: str, model: type[ModelType], names: str = "*.yml"
    ) -> dict[str, ModelType]:
        cards: dict[str, ModelType] = {}
        for path in sorted((self.assets / folder).glob(names)):
            key = f"{folder}/{path.stem}"
            cards[key] = parse(model, {"key": key, **load_yaml(path)}, f"assets/{key}.yml")
        return cards

    @cached_property
    def sources(self) -> dict[str, SourceCard]:
        """Source cards by key (`sources/decp_2022_json`)."""
        return self._load("sources", SourceCard)

    @cached_property
    def tables(self) -> dict[str, TableCard]:
        """Table cards by key (`curated/contracts`), layer by layer.

        In `indicators/` the names in capitals are indicators, the others are tables.
        """
        cards: dict[str, TableCard] = {}
        for folder in ("curated", "facts", "quality"):
            cards |= self._load(folder, TableCard)
        cards |= self._load("indicators", TableCard, "[a-z]*.yml")
        return {key: self._with_fields(card) for key, card in cards.items()}

    def _with_fields(self, card: TableCard) -> TableCard:
        if card.typed_from is None:
            return card
        fields = self.fields_of(card.typed_from).values()
        typed = {name: column for field in fields for name, column in field.columns().items()}
        return card.model_copy(update={"columns": card.columns | typed})

    @cached_property
    def restricted(self) -> dict[str, tuple[str, ...]]:
        """Table → its columns about persons, which no published table has; none: the whole table.

        The lines of persons are for the facilitator alone, pseudonyms included (ARCHITECTURE §2,
        rule 7).
        """
        staged = {
            card.key.replace("sources/", "staged."): ()
            for card in self.sources.values()
            if card.feeds in PEOPLE_FEEDS
        }
        hidden = {
            card.table: tuple(n for n, column in card.columns.items() if column.about_person)
            for card in self.tables.values()
        }
        partly = {table: columns for table, columns in hidden.items() if columns}
        whole: dict[str, tuple[str, ...]] = {
            card.table: () for card in self.tables.values() if card.restricted
        }
        return staged | partly | whole

    @cached_property
    def indicators(self) -> dict[str, IndicatorCard]:
        """Indicator cards by id (`SOC-01`)."""
        loaded = self._load("indicators", IndicatorCard, "[A-Z]*.yml")
        return {card.id: card for card in loaded.values()}

    @cached_property
    def rules(self) -> dict[str, Rule]:
        """Finding rules by name."""
        return {row["rule"]: Rule.model_validate(row) for row in self.reference("finding_rules")}

    @cached_property
    def fields(self) -> dict[str, RegisterField]:
        """Fields of a staged register by name, in order."""
        return self.fields_of("register")

    def fields_of(self, feeds: Feeds) -> dict[str, RegisterField]:
        """Fields of the staged tables that feed one thing, by name, in order."""
        if feeds not in self._fields:
            rows = self.reference(f"{feeds}_fields")
            self._fields[feeds] = {row["field"]: RegisterField.model_validate(row) for row in rows}
        return self._fields[feeds]

    def staged_fields(self, feeds: Feeds) -> dict[str, RegisterField]:
        """The fields that staged tables have: those of `fields_of` that are kept as received."""
        return {name: field for name, field in self.fields_of(feeds).items() if field.is_staged}

    def sources_of(self, feeds: Feeds) -> list[SourceCard]:
        """The sources that feed one thing, by key."""
        return [card for card in self.sources.values() if card.feeds == feeds]

    def reference(self, name: str) -> list[dict[str, str]]:
        """A reference table (`assets/references/<name>.csv`) as text."""
        if name not in self._references:
            path = self.assets / "references" / f"{name}.csv"
            with path.open(encoding="utf-8", newline="") as lines:
                self._references[name] = list(csv.DictReader(lines))
        return [dict(row) for row in self._references[name]]

    def sql(self, key: str) -> str:
        """The SQL of a card."""
        return (self.assets / f"{key}.sql").read_text(encoding="utf-8")


@lru_cache(maxsize=4)
def catalogue(assets: Path) -> Catalogue:
    """The catalogue of an `assets/` folder."""
    return Catalogue(assets)
