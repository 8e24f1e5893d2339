"""What the columns of an unknown table mean: a proposal with its confidence, for people to review.

A header is known by its words (case, accents, plurals, `dateNotification` or « Date de
notification » do not matter), else by likeness; then the cells confirm or deny it: a column of
dates whose cells are no dates loses its confidence. Nothing is guessed from the cells alone.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property, lru_cache

from rapidfuzz import fuzz

from spaser.cards import PEOPLE_FEEDS, Catalogue, Feeds, RegisterField, SourceCard
from spaser.ingest.personal import without_persons
from spaser.ingest.recognise import folded, mapped_names
from spaser.ingest.sheet_xml import column_letters
from spaser.ingest.sheets import SheetTable
from spaser.ingest.wide import month_of, months_in_a_row
from spaser.mappings import (
    HOLDER_PARTS,
    TaxBasis,
    code_list,
    holder_part,
    mapped_sources,
)
from spaser.values import (
    CodeList,
    is_filler,
    normalise,
    read_amount,
    read_boolean,
    read_date,
    read_duration_months,
    read_integer,
    read_percent,
    read_share,
    read_siret,
)

BAR = 0.6
"""Below this confidence a column is not understood."""

LIKENESS = 0.82
"""Two headers less alike than this are two headers."""

MARGIN = 0.04
"""A likeness counts only if no other field comes this near."""

VALUE_LIKENESS = 0.8
"""Two texts of a code list less alike than this are two texts."""

SAMPLE_ROWS = 5000
SAMPLES = 200
"""Rows looked at, and distinct cells read, to confirm a column."""

MAX_TEXTS = 60
"""Texts of one code list that a mapping lists; a column of more is no code list."""

SEVERAL = 2
"""From so many headers that are months on, a sheet has a column a month."""

MONTHS_FIELD = "declared_hours"
"""What the cells of columns of months are, until a mapping says otherwise."""

YEAR_DIGITS = 4
"""A longer number in a header may be a person's."""

DECP_NAMES = 5
"""A header with that many names of the DECP formats speaks their language."""

ENOUGH: dict[Feeds, tuple[tuple[str, ...], ...]] = {
    "register": (("contract_id", "object"), ("amount", "notified_date")),
    "spend": (("supplier_id", "supplier_siren", "supplier_name"), ("amount", "amount_with_tax")),
    "suppliers": (("siret", "siren"), ("supplier_kind", "name", "valid_from")),
    "establishments": (("siret",), ("establishment_state", "name", "opened_date")),
    "hours": (
        ("contract_reference", "operation"),
        ("month",),
        ("declared_hours", "validated_hours"),
    ),
    "participants": (("person_id",), ("eligible_from", "criteria")),
    "commitments": (
        ("contract_reference",),
        ("committed_hours", "insertion_rate", "tranche_amount", "people_count"),
        ("commitment_mode", "valid_from", "start_date", "schedule", "return_frequency"),
    ),
    "invoiced": (("contract_reference",), ("invoiced_date",), ("amount", "amount_to_date")),
    "clause_events": (("contract_reference",), ("event",), ("event_date",)),
}
"""One field of each group makes a table of a kind; with less it could be anything."""

# fmt: off
_OF_PERSONS = frozenset((
    "prenom", "naissance", "salarie", "beneficiaire", "participant", "telephone", "tel",
    "portable", "courriel", "mail", "email", "nir",
))
_COUNTS = frozenset(("nombre", "effectif", "total", "part", "taux"))
# fmt: on
"""Words of which one makes a column that of a natural person, unless it counts them."""

PERSONAL_KINDS = frozenset({"person", "birth_year"})

LEAST: dict[Feeds, float] = {
    "spend": 0.2,
    "suppliers": 0.3,
    "establishments": 0.3,
    "hours": 0.3,
    "participants": 0.3,
    "commitments": 0.4,
    "invoiced": 0.6,
    "clause_events": 0.5,
}
"""And this share of its columns: a SIRET and a name alone are in tables of every sort."""


# --- headers ------------------------------------------------------------------------------------

# fmt: off
_SMALL = frozenset((
    "de", "du", "des", "la", "le", "les", "l", "d", "en", "a", "au", "aux", "et", "ou", "par",
    "pour", "sur", "un", "une", "the", "of", "o", "n", "oui", "non", "yes", "no", "y", "euro",
    "eur",
))
# fmt: on
_SAME = {
    "no": "numero",
    "num": "numero",
    "ndeg": "numero",
    "nb": "nombre",
    "nbr": "nombre",
    "nbre": "nombre",
    "ref": "reference",
    "notif": "notification",
    "dt": "date",
    "mnt": "montant",
    "mt": "montant",
    "qte": "quantite",
    "env": "environnementale",
    "soc": "sociale",
}  # fmt: skip
# fmt: off
_TELLING = frozenset((
    "ht", "ttc", "tva", "avenant", "modification", "modifie", "acte", "traitant", "minimum",
    "maximum", "min", "max", "estime", "estimation", "previsionnel", "annuel", "mensuel", "fin",
    "debut", "limite", "reception", "publication", "signature", "lancement", "notification",
    "remise", "ouverture", "sociale", "social", "environnementale", "environnemental", "titulaire",
    "acheteur", "fournisseur", "mandataire", "lot", "reconduction", "restant", "consomme", "paye",
    "facture", "solde", "code", "nom", "type", "numero", "telephone", "mail", "adresse", "ville",
    "pays", "naf", "ape", "actuel", "initial", "commande", "engagement", "objet",
    "siret", "siren", "critere", "clause", "dernier", "premier",
))
# fmt: on
"""Words that change what a header means: two headers that differ by one are not alike."""

_UNIT = re.compile(r"(?<![a-z])(k ?€|keur|milliers d'euros|m ?€|meur|millions d'euros)", re.I)
_NUMERO = re.compile(r"(?<![^\W\d_])n\s?[°º]\s*", re.I)
_CAMEL = re.compile(r"(?<=[a-zà-ÿ])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-zà-ÿ])")
_HT = re.compile(r"\bh\.? ?t\b\.?|\bhors tax\w*|\b(excluding|without) vat\b", re.I)
_TTC = re.compile(
    r"\bt\.? ?t\.? ?c\b\.?|\btoutes taxes( comprises)?|\b(with|including) vat\b", re.I
)


@dataclass(frozen=True)
class Words:
    """A header as words; `number` is the rank of the holder it speaks of."""

    tokens: tuple[str, ...]
    number: int = 1

    @property
    def joined(self) -> str:
        """In their order, without blanks: `dateNotification` and « Date notification » are one."""
        return "".join(self.tokens)

    @property
    def telling(self) -> frozenset[str]:
        """The words, and the numbers, that change what it means."""
        return frozenset(
            token
            for token in self.tokens
            if token in _TELLING or any(letter.isdigit() for letter in token)
        )

    @property
    def bag(self) -> tuple[str, ...]:
        """In no order: « SIRET titulaire » and « Titulaire / SIRET » are one."""
        return tuple(sorted(self.tokens))


@lru_cache(maxsize=20_000)
def words(header: str) -> Words:
    """The words of a header, without what two spreadsheets write differently."""
    text = _UNIT.sub(" ", " ".join(header.split())).replace("%", " pourcent ")
    text = _TTC.sub(" ttc ", _HT.sub(" ht ", text))
    text = _NUMERO.sub(" numero ", text)
    if not re.search(r"\s", text.strip()):
        text = _CAMEL.sub(" ", text)
    found = [_SAME.get(token, token) for token in normalise(text).split()]
    return Words(tuple(_singular(token) for token in found if token not in _SMALL))


def unit_of(header: str) -> str | None:
    """The unit that a header gives its amounts: `k€`, `M€`, or none."""
    found = _UNIT.search(header)
    if not found:
        return None
    return "k€" if found[1].lower().startswith(("k", "milliers")) else "M€"


def tax_of(header: str) -> TaxBasis | None:
    """Whether a header says HT or TTC; null when it says neither, or both."""
    said = {"ht", "ttc"} & set(words(header).tokens)
    if said == {"ht"}:
        return "ht"
    return "ttc" if said == {"ttc"} else None


def _singular(token: str) -> str:
    return (
        token[:-1] if len(token) > 3 and token[-1] in "sx" and not token.endswith("prix") else token
    )


def _of_holder(header: Words) -> Words:
    """A header of a holder's column, with the number of the holder taken out."""
    tokens = list(header.tokens)
    numbers = [token for token in tokens if token.isdigit()]
    number = int(numbers[-1]) if numbers and 0 < int(numbers[-1]) < 100 else 1
    partner = "cotraitant" in tokens or {"co", "traitant"} <= set(tokens)
    kept = [token for token in tokens if not token.isdigit() and token not in ("co", "traitant")]
    if partner:
        kept = [token for token in kept if token != "cotraitant"] + ["titulaire"]
        number += 1
    return Words(tuple(kept), number)


# --- vocabulary ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Candidate:
    """A field that a header may be, and how alike it is to a header the card knows (0–1)."""

    field: str
    likeness: float
    known_as: str


class Vocabulary:
    """The headers of one mapped card; several columns may fill one of `lists`."""

    def __init__(self, card: SourceCard, lists: Iterable[str] = ()) -> None:
        self.card = card
        self.lists = frozenset(lists)
        self.joined: dict[str, list[str]] = defaultdict(list)
        self.bags: dict[tuple[str, ...], list[str]] = defaultdict(list)
        self.by_telling: dict[frozenset[str], list[tuple[str, str, Words]]] = defaultdict(list)
        for name, headers in card.headers.items():
            for header in headers:
                said = words(header)
                self.by_telling[said.telling].append((name, header, said))
                for keys, key in ((self.joined, said.joined), (self.bags, said.bag)):
                    if name not in keys[key]:  # type: ignore[index]
                        keys[key].append(name)  # type: ignore[index]
        self._ignored = {words(header).joined for header in card.ignored}
        self._found: dict[str, list[Candidate]] = {}

    def ignores(self, header: str) -> bool:
        """Whether the card names a header as one that no figure needs."""
        return words(header).joined in self._ignored

    def names(self, header: str, fields: frozenset[str]) -> bool:
        """Whether a header is written as the card writes that of one of some fields."""
        return bool(fields & set(self.joined.get(words(header).joined, ())))

    def candidates(self, header: str) -> list[Candidate]:
        """The fields that a header may be, the most alike first; a holder's with its number."""
        if header not in self._found:
            self._found[header] = self._look(header)
        return self._found[header]

    def _look(self, header: str) -> list[Candidate]:
        for variant, weight in _variants(header):
            exact = self._exact(words(variant))
            if exact:
                return [Candidate(name, weight * alike, variant) for name, alike in exact]
        return self._near(header)

    def _exact(self, said: Words) -> list[tuple[str, float]]:
        if not said.tokens:
            return []
        found = self._under(said)
        holder = _of_holder(said)
        if not found and holder != said:
            found = [
                (
                    f"{name}_{holder.number}"
                    if name in HOLDER_PARTS and holder.number > 1
                    else name,
                    alike,
                )
                for name, alike in self._under(holder)
                if name in HOLDER_PARTS or name in self.lists
            ]
        if not found and "ht" in said.tokens:
            bare = Words(tuple(token for token in said.tokens if token != "ht"))
            found = [(name, 0.98 * alike) for name, alike in self._under(bare) if "amount" in name]
        return found

    def _under(self, said: Words) -> list[tuple[str, float]]:
        if names := self.joined.get(said.joined):
            return [(name, 1.0) for name in names]
        return [(name, 0.97) for name in self.bags.get(said.bag, ())]

    def _near(self, header: str) -> list[Candidate]:
        said = words(header)
        if not 1 <= len(said.tokens) <= 12:
            return []
        best: dict[str, Candidate] = {}
        for name, known_as, known in self.by_telling.get(said.telling, ()):
            alike = _likeness(said, known)
            if alike >= LIKENESS and alike > best.get(name, Candidate(name, 0, "")).likeness:
                best[name] = Candidate(name, alike, known_as)
        ranked = sorted(best.values(), key=lambda found: -found.likeness)
        if len(ranked) > 1 and ranked[0].likeness - ranked[1].likeness < MARGIN:
            return []
        return [replace(found, likeness=0.9 * found.likeness) for found in ranked[:1]]


def _likeness(said: Words, known: Words) -> float:
    """Near 1 for a slip or for one word more; a word more beside a single one changes it."""
    one, other = " ".join(said.tokens), " ".join(known.tokens)
    in_order = fuzz.token_sort_ratio(one, other)
    if min(len(said.tokens), len(known.tokens)) == 1:
        return in_order / 100
    return (in_order + fuzz.token_set_ratio(one, other)) / 200


def _variants(header: str) -> list[tuple[str, float]]:
    """A header, then without its brackets, then without the title above it."""
    found = [(header, 1.0)]
    bare = re.sub(r"\([^)]*\)|\[[^\]]*\]", " ", header)
    if bare != header:
        found.append((bare, 0.95))
    if " / " in header:
        found.append((header.rsplit(" / ", 1)[1], 0.9))
    return found


# --- readers ------------------------------------------------------------------------------------

Understands = Callable[[str], bool]

_READERS: dict[str, Understands] = {
    "amount": lambda text: read_amount(text).value is not None,
    "share": lambda text: read_share(text).value is not None,
    "percent": lambda text: read_percent(text).value is not None,
    "integer": lambda text: read_integer(text).value is not None,
    "months": lambda text: read_duration_months(text).value is not None,
    "boolean": lambda text: read_boolean(text).value is not None,
    "date": lambda text: read_date(text).value is not None,
    "siret": lambda text: read_siret(text).problem != "siret_malformed",
}
_CPV = re.compile(r"\d{7,8}(-\d)?")
_HOLDER_IDS = re.compile(r"[A-Z0-9 .\-]{5,}", re.I)


def _is_tick(text: str) -> bool:
    """Whether a text says yes or no; a number is a number."""
    return not text.strip().isdigit() and read_boolean(text).value is not None


# --- proposals ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Guess:
    """What one column is held for; `field` is null where it is not understood.

    `is_month`: its header is a month, and each of its cells a line. `is_plain`: its header is made
    of words of the trade, and so names nobody. `is_personal`: its header is that of a person's
    data: no cell is shown, nor kept unless a mapping reads it.
    """

    letter: str
    header: str
    field: str | None
    confidence: Decimal
    samples: tuple[str, ...] = ()
    known_as: str | None = None
    is_ignored: bool = False
    is_month: bool = False
    is_plain: bool = False
    is_personal: bool = False

    @property
    def shown(self) -> str:
        """Some of its cells, on one line, without what may name a person."""
        cells = () if self.is_personal else self.samples
        return " | ".join(" ".join(without_persons(text).split())[:40] for text in cells)


@dataclass(frozen=True)
class ValueGuess:
    """A text that no spelling of a code list knows; `code` is null where nothing is like it."""

    field: str
    text: str
    code: str | None
    confidence: Decimal
    count: int


@dataclass(frozen=True)
class Proposal:
    """What a table is held for: its source and its columns, in their order.

    `months`: the field that the cells of the columns of months fill.
    """

    card: SourceCard
    columns: tuple[Guess, ...]
    tax_basis: TaxBasis | None = None
    values: tuple[ValueGuess, ...] = field(default=())
    months: str | None = None

    @property
    def fields(self) -> set[str]:
        """The fields that some column fills."""
        known = {guess.field for guess in self.columns if guess.field}
        return known | {"month", self.months} if self.months else known

    @property
    def is_enough(self) -> bool:
        """Whether the table can be read as its source."""
        known = self.fields
        groups = ENOUGH[self.card.feeds]
        columns = sum(not guess.is_ignored for guess in self.columns)
        understood = sum(guess.field is not None or guess.is_month for guess in self.columns)
        is_most = understood >= LEAST.get(self.card.feeds, 0.0) * columns
        return is_most and all(known & set(group) for group in groups)

    @property
    def total(self) -> Decimal:
        """How much of the table is understood: the sum of the confidences."""
        understood = (guess for guess in self.columns if guess.field or guess.is_month)
        return sum((guess.confidence for guess in understood), Decimal(0))


class Proposer:
    """Tells what tables are, from the cards of a catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.vocabularies = [
            Vocabulary(card, _lists(catalogue, card))
            for _, card in sorted(mapped_sources(catalogue).items())
        ]
        self._lists: dict[str, CodeList] = {}

    @cached_property
    def decp_names(self) -> frozenset[str]:
        """The column names of the DECP formats."""
        return frozenset(
            folded(name)
            for card in self.catalogue.sources.values()
            if card.feeds == "register" and not card.headers
            for name in mapped_names(card)
        )

    @cached_property
    def _table_names(self) -> frozenset[str]:
        return frozenset(
            folded(name) for card in self.catalogue.sources.values() for name in mapped_names(card)
        )

    def ignores(self, card: SourceCard, header: str) -> bool:
        """Whether a card names a header as one that it never reads."""
        known = (vocabulary for vocabulary in self.vocabularies if vocabulary.card.key == card.key)
        is_named = folded(header) in map(folded, card.ignored)
        return is_named or any(vocabulary.ignores(header) for vocabulary in known)

    def is_personal(self, header: str) -> bool:
        """Whether a header is that of a person's name, number, birth date, address or notes.

        It is, alone or under a title, one that a card about persons never reads, or one of their
        id or birth date, or it says « salarié », « prénom »…
        """
        return any(self._is_personal(variant) for variant, _ in _variants(header))

    def _is_personal(self, header: str) -> bool:
        said = set(words(header).tokens)
        if said & _OF_PERSONS and not said & _COUNTS:
            return True
        return any(
            vocabulary.ignores(header) or vocabulary.names(header, self._personal_fields)
            for vocabulary in self.vocabularies
            if vocabulary.card.feeds in PEOPLE_FEEDS
        )

    @cached_property
    def _personal_fields(self) -> frozenset[str]:
        return frozenset(
            name
            for feeds in PEOPLE_FEEDS
            for name, known in self.catalogue.fields_of(feeds).items()
            if known.kind in PERSONAL_KINDS
        )

    @cached_property
    def _known_words(self) -> frozenset[str]:
        headers = {
            *(
                header
                for card in self.catalogue.sources.values()
                for known in card.headers.values()
                for header in known
            ),
            *(header for card in self.catalogue.sources.values() for header in card.ignored),
            *(name for card in self.catalogue.sources.values() for name in mapped_names(card)),
        }
        return frozenset(token for header in headers for token in words(header).tokens)

    def is_plain(self, header: str) -> bool:
        """Whether a header is made of words of the trade alone, and so names nobody."""
        said = words(header).tokens
        return bool(said) and all(
            token in self._known_words or (token.isdigit() and len(token) <= YEAR_DIGITS)
            for token in said
        )

    def shown(self, table: SheetTable) -> str:
        """The headers of a table of no known kind: what may be a person's name by its letter."""
        pairs = zip(table.names, table.letters, strict=True)
        shown = [name if self.is_plain(name) else f"colonne {letter}" for name, letter in pairs]
        return ", ".join(shown)[:1000] or "—"

    def shown_names(self, names: Sequence[str]) -> str:
        """The columns of a file of no known form: what may be a person's name by its letter."""
        shown = [
            name if self.is_plain(name) else f"colonne {column_letters(place)}"
            for place, name in enumerate(names, start=1)
        ]
        return ", ".join(shown)[:1000] or "—"

    def score(self, names: Sequence[str]) -> float:
        """How much a row of names looks like the header of a known source, 0–1."""
        filled = [name for name in names if name and name.strip()]
        if not filled:
            return 0.0
        known = sum(map(self._known, filled)) + months_in_a_row(filled)
        return min(1.0, known / max(len(filled), 3))

    def _known(self, name: str) -> float:
        if len(name) > 80:
            return 0.0
        if folded(name) in self._table_names:
            return 1.0
        found = [
            candidate.likeness
            for vocabulary in self.vocabularies
            for candidate in vocabulary.candidates(name)[:1]
        ]
        return max(found, default=0.0)

    def propose(self, table: SheetTable) -> Proposal:
        """The source that explains the table best, among those it holds enough of, else at all."""
        samples = _all_samples(table)
        proposals = [self._propose(table, vocabulary, samples) for vocabulary in self.vocabularies]
        best = max(proposals, key=lambda proposal: (proposal.is_enough, proposal.total))
        return replace(best, values=self.values(table, best)) if best.is_enough else best

    def propose_as(self, table: SheetTable, key: str) -> Proposal:
        """The columns of a table of which the source (a card's key) is already known."""
        vocabulary = next(known for known in self.vocabularies if known.card.key == key)
        proposal = self._propose(table, vocabulary, _all_samples(table))
        return replace(proposal, values=self.values(table, proposal))

    def _propose(
        self, table: SheetTable, vocabulary: Vocabulary, samples: Sequence[Sequence[str]]
    ) -> Proposal:
        fields = self.catalogue.fields_of(vocabulary.card.feeds)
        ranked = sorted(
            (
                (self._confidence(candidate, fields, samples[place]), place, candidate)
                for place, header in enumerate(table.names)
                for candidate in vocabulary.candidates(header)
            ),
            key=lambda found: (
                -found[0],
                tax_of(table.names[found[1]]) != "ht",
                found[1],
                list(vocabulary.card.headers).index(_base(found[2].field)),
            ),
        )
        chosen: dict[int, tuple[str, float, str]] = {}
        taken: set[str] = set()
        for confidence, place, candidate in ranked:
            if confidence < BAR or place in chosen:
                continue
            name = _free(candidate.field, taken, fields)
            if name is not None:
                chosen[place] = (name, confidence, candidate.known_as)
                taken.add(name)
        best_seen: dict[int, float] = {}
        for confidence, place, _ in ranked:
            best_seen.setdefault(place, confidence)
        columns = tuple(
            replace(
                _guess(table, place, chosen.get(place), best_seen.get(place, 0.0), samples[place]),
                is_ignored=vocabulary.ignores(header),
                is_plain=self.is_plain(header),
                is_personal=self.is_personal(header),
            )
            for place, header in enumerate(table.names)
        )
        return _with_months(self._with_tax(Proposal(vocabulary.card, columns), table))

    def _confidence(
        self, candidate: Candidate, fields: dict[str, RegisterField], samples: Sequence[str]
    ) -> float:
        """The likeness of the header, confirmed or lowered by the cells."""
        filled = [text for text in samples if not is_filler(text)]
        if not filled:
            return 0.9 * candidate.likeness
        kind = fields[candidate.field].kind if candidate.field in fields else "text"
        understood = self._understands(candidate.field, kind)
        if understood is None:
            ticks = sum(map(_is_tick, filled)) / len(filled)
            return candidate.likeness * (1 - 0.7 * ticks)
        rate = sum(map(understood, filled)) / len(filled)
        floor = 0.65 if kind in ("code", "codes") else 0.3
        return candidate.likeness * (floor + (1 - floor) * rate)

    def _understands(self, name: str, kind: str) -> Understands | None:
        if kind in ("code", "codes"):
            codes = self._codes(name)
            return (lambda text: bool(_codes_of(codes, kind, text))) if codes.spellings else None
        if name == "cpv_code":
            return lambda text: _CPV.fullmatch(text.strip()) is not None
        part = holder_part(name)
        if part is not None and part[0] == "id":
            # A holder from abroad has a VAT number or another id.
            return lambda text: any(c.isdigit() for c in text) and bool(_HOLDER_IDS.fullmatch(text))
        return _READERS.get(kind)

    def _codes(self, name: str) -> CodeList:
        if name not in self._lists:
            self._lists[name] = code_list(self.catalogue, name)
        return self._lists[name]

    def _with_tax(self, proposal: Proposal, table: SheetTable) -> Proposal:
        """Say the tax basis of `amount`; a lone TTC column is taken for it."""
        columns = proposal.columns
        if "amount" not in proposal.fields and "amount_with_tax" in proposal.fields:
            columns = tuple(
                replace(guess, field="amount") if guess.field == "amount_with_tax" else guess
                for guess in columns
            )
        header = next((guess.header for guess in columns if guess.field == "amount"), None)
        if header is None:
            return proposal
        basis = tax_of(header) or ("ht" if self._speaks_decp(table.names) else "unknown")
        return replace(proposal, columns=columns, tax_basis=basis)

    def _speaks_decp(self, names: Sequence[str]) -> bool:
        """Whether a header is that of DECP, whose amounts are HT (arrêté du 22 décembre 2022)."""
        return sum(folded(name) in self.decp_names for name in set(names)) >= DECP_NAMES

    def values(self, table: SheetTable, proposal: Proposal) -> tuple[ValueGuess, ...]:
        """The texts of code lists that no spelling knows, and what each is most like."""
        fields = self.catalogue.fields_of(proposal.card.feeds)
        found: list[ValueGuess] = []
        for place, guess in enumerate(proposal.columns):
            kind = fields[guess.field].kind if guess.field in fields else None
            if guess.field is None or kind not in ("code", "codes"):
                continue
            codes = self._codes(guess.field)
            counts: dict[str, int] = defaultdict(int)
            for row in table.rows:
                if (text := row[place]) is not None and text.strip():
                    counts[text.strip()] += 1
            unknown = [
                text for text in counts if not is_filler(text) and not _codes_of(codes, kind, text)
            ]
            if codes.spellings and len(unknown) <= MAX_TEXTS:
                found += [
                    _value_guess(guess.field, text, codes, counts[text]) for text in sorted(unknown)
                ]
        return tuple(found)


def _with_months(proposal: Proposal) -> Proposal:
    """A sheet of hours with several months among its headers has a line in each of their cells."""
    if proposal.card.feeds != "hours":
        return proposal
    months = [guess.header for guess in proposal.columns if month_of(guess.header)]
    if len(months) < SEVERAL:
        return proposal
    given = {"month", MONTHS_FIELD}
    columns = tuple(
        replace(guess, field=None, confidence=Decimal("1.000"), is_month=True)
        if guess.header in months
        else (replace(guess, field=None) if guess.field in given else guess)
        for guess in proposal.columns
    )
    return replace(proposal, columns=columns, months=MONTHS_FIELD)


def _lists(catalogue: Catalogue, card: SourceCard) -> list[str]:
    fields = catalogue.fields_of(card.feeds)
    return [name for name, known in fields.items() if known.kind == "codes"]


def _base(name: str) -> str:
    return re.sub(r"_\d+$", "", name) if holder_part(name) else name


def _free(name: str, taken: set[str], fields: dict[str, RegisterField]) -> str | None:
    """The field as this column can fill it: several columns may fill a list, or name holders."""
    if name not in taken or (name in fields and fields[name].kind == "codes"):
        return name
    if (part := holder_part(name)) is None:
        return None
    base = _base(name)
    return next(
        numbered
        for number in range(part[1] + 1, 100)
        if (numbered := f"{base}_{number}") not in taken
    )


def _guess(
    table: SheetTable,
    place: int,
    chosen: tuple[str, float, str] | None,
    best: float,
    samples: Sequence[str],
) -> Guess:
    name, confidence, known_as = chosen or (None, best, None)
    rounded = Decimal(str(round(confidence, 3)))
    return Guess(
        table.letters[place], table.names[place], name, rounded, tuple(samples[:3]), known_as
    )


def _all_samples(table: SheetTable) -> list[list[str]]:
    return [_samples(table, place) for place in range(len(table.names))]


def _samples(table: SheetTable, place: int) -> list[str]:
    found: dict[str, None] = {}
    for row in table.rows[:SAMPLE_ROWS]:
        text = row[place]
        if text is not None and text.strip():
            found.setdefault(text)
            if len(found) >= SAMPLES:
                break
    return list(found)


def _codes_of(codes: CodeList, kind: str, text: str) -> bool:
    """Whether a text is understood whole."""
    if kind == "code":
        return codes.read_one(text).value is not None
    many = codes.read_many(text).value
    return many is not None and not many.partial


def _value_guess(name: str, text: str, codes: CodeList, count: int) -> ValueGuess:
    """The code that a text is most like; none when it says less than the spellings of several."""
    wanted = normalise(text)
    said = set(wanted.split())
    best: dict[str, float] = {}
    longer: set[str] = set()
    for spelling, code in codes.spellings.items():
        best[code] = max(fuzz.token_sort_ratio(wanted, spelling) / 100, best.get(code, 0.0))
        if said < set(spelling.split()):
            longer.add(code)
    ranked = sorted(best.items(), key=lambda pair: (-pair[1], pair[0]))
    second = ranked[1][1] if len(ranked) > 1 else 0.0
    code, alike = ranked[0]
    if len(longer) > 1 or alike < VALUE_LIKENESS or alike - second < MARGIN:
        return ValueGuess(name, text, None, Decimal("0.000"), count)
    return ValueGuess(name, text, code, Decimal(str(round(alike, 3))), count)
