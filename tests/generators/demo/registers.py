"""The published registers (DECP) of the demo, and what is true of each contract in them."""

from __future__ import annotations

import gzip
import io
import random
import xml.etree.ElementTree as ET
from calendar import monthrange
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import msgspec

SEED = 20260302
EXPORT_DAY = date(2026, 3, 2)
"""The day the registers were exported: nothing true happens later."""
FLOOR_EUR = Decimal(40000)
FIRST_YEAR_2022_FORMAT = 2024

Record = dict[str, Any]
Years = Mapping[int, float]

CLAUSE, CRITERION, RESERVED = "Clause sociale", "Critère social", "Marché réservé"
NO_SOCIAL = "Pas de considération sociale"
ENV_CLAUSE, ENV_CRITERION = "Clause environnementale", "Critère environnemental"
NO_ENVIRONMENTAL = "Pas de considération environnementale"


# --- identifiers -------------------------------------------------------------------------------


def _check_digit(digits: str) -> int:
    """The digit that makes `digits` plus itself pass the Luhn check."""
    total = 0
    for rank, char in enumerate(reversed(digits)):
        doubled = int(char) * (2 if rank % 2 == 0 else 1)
        total += doubled // 10 + doubled % 10
    return -total % 10


def fictional_siret(number: int, establishment: int = 1) -> str:
    """A SIRET of a SIREN beginning with 000; both pass Luhn."""
    siren = f"000{number:05d}"
    siren += str(_check_digit(siren))
    siret = f"{siren}{establishment:04d}"
    return siret + str(_check_digit(siret))


# --- the actors ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Buyer:
    """One buyer of the scheme, with the story its figures tell (shares from 0 to 1)."""

    slug: str
    name: str
    siret: str
    id_pattern: str
    volumes: Mapping[int, int]
    social: Years
    environmental: Years
    reserved: Mapping[int, tuple[int, int]]
    """Reserved contracts of the year: at or above the floor, below it."""
    innovative: Mapping[int, int]
    single_bid: Years
    late: Years

    def contract_id(self, year: int, number: int) -> str:
        """The number a contract has in this buyer's register."""
        return self.id_pattern.format(year=year, yy=year % 100, n=number)


METROPOLE = Buyer(
    "metropole",
    "Métropole d'Exemple",
    fictional_siret(20001),
    "{year}-MET-{n:04d}",
    {2021: 158, 2022: 162, 2023: 166, 2024: 178, 2025: 188},
    {2024: 0.12, 2025: 0.295},
    {2024: 0.54, 2025: 0.885},
    {2024: (3, 2), 2025: (8, 4)},
    {2024: 1, 2025: 4},
    {2024: 0.21, 2025: 0.13},
    {2021: 0.40, 2022: 0.33, 2023: 0.26, 2024: 0.16, 2025: 0.08},
)
VILLE = Buyer(
    "ville",
    "Ville d'Exemple",
    fictional_siret(20002),
    "{yy}VDE{n:04d}",
    {2021: 82, 2022: 85, 2023: 87, 2024: 92, 2025: 97},
    {2024: 0.125, 2025: 0.225},
    {2024: 0.45, 2025: 0.72},
    {2024: (1, 2), 2025: (4, 3)},
    {2024: 0, 2025: 1},
    {2024: 0.24, 2025: 0.19},
    {2021: 0.48, 2022: 0.45, 2023: 0.36, 2024: 0.27, 2025: 0.16},
)
CCAS = Buyer(
    "ccas",
    "CCAS d'Exemple",
    fictional_siret(20003),
    "CCAS-{yy}-{n:03d}",
    {2021: 27, 2022: 28, 2023: 29, 2024: 31, 2025: 33},
    {2024: 0.20, 2025: 0.34},
    {2024: 0.40, 2025: 0.62},
    {2024: (1, 1), 2025: (2, 2)},
    {2024: 0, 2025: 0},
    {2024: 0.36, 2025: 0.30},
    {2021: 0.60, 2022: 0.55, 2023: 0.50, 2024: 0.40, 2025: 0.25},
)
BUYERS = (METROPOLE, VILLE, CCAS)


@dataclass(frozen=True)
class Holder:
    """A fictional company."""

    siret: str
    name: str
    kind: str = "SIRET"


def _companies(prefix: str, first: int, count: int) -> tuple[Holder, ...]:
    return tuple(
        Holder(fictional_siret(first + rank, 1 + rank % 3), f"{prefix} Exemple {rank + 1:02d}")
        for rank in range(count)
    )


BUILDERS = _companies("Bâtiment et Travaux", 31000, 60)
TRADERS = _companies("Comptoir", 41000, 55)
PROVIDERS = _companies("Services", 51000, 70)
INCLUSIVE = _companies("Insertion et Emploi", 61000, 12)
FOREIGN = (
    Holder("BE0000000097", "Levering Voorbeeld", "TVA"),
    Holder("CH-EXEMPLE-01", "Beispiel Dienste", "HORS-UE"),
)


# --- the trades ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Trade:
    """One kind of purchase: what it is called, how large, who buys it, what it lends itself to."""

    kind: str  # works, supplies, services
    cpv: str
    objects: tuple[str, ...]
    median_eur: int
    buyers: tuple[int, int, int]  # weights: metropolis, town, social centre
    social: float
    environmental: float
    months: tuple[int, ...]
    ccag: str
    lots: tuple[str, ...] = ()
    reservable: bool = False
    has_origin: bool = False  # food, vehicles, health, clothing: origin of the products is asked


# Tables and traps are read across, not down.
# fmt: off
FCS, PI = "Fournitures courantes et services", "Prestations intellectuelles"
BUILDING_LOTS = (
    "Gros œuvre et démolition", "Charpente et couverture", "Menuiseries extérieures",
    "Plomberie, chauffage, ventilation", "Électricité", "Peinture et sols souples",
)
TRADES = (
    Trade(
        "works", "45233140",
        (
            "Réfection de la chaussée et des trottoirs, {place}",
            "Aménagement d'une piste cyclable, {place}",
        ),
        210_000, (14, 6, 0), 1.3, 1.1, (3, 4, 6, 8), "Travaux",
    ),
    Trade(
        "works", "45214200",
        ("Rénovation énergétique {building}", "Extension et mise en accessibilité {building}"),
        240_000, (5, 12, 2), 1.6, 1.5, (8, 10, 14, 18), "Travaux", BUILDING_LOTS,
    ),
    Trade(
        "works", "45231300",
        (
            "Renouvellement des réseaux d'eau potable, {place}",
            "Mise en séparatif du réseau d'assainissement, {place}",
        ),
        320_000, (12, 0, 0), 1.0, 1.0, (4, 6, 9), "Travaux",
    ),
    Trade(
        "works", "45112700",
        ("Aménagement paysager, {place}", "Désimperméabilisation de la cour {building}"), 95_000,
        (6, 5, 0), 2.2, 2.2, (3, 4, 6), "Travaux", reservable=True,
    ),
    Trade(
        "works", "45331000", ("Remplacement des installations de chauffage {building}",), 88_000,
        (3, 6, 2), 0.8, 1.4, (2, 3, 5), "Travaux",
    ),
    Trade(
        "works", "45442100", ("Travaux de peinture {building}",), 46_000, (2, 6, 3), 2.0, 0.8,
        (2, 3, 4), "Travaux", reservable=True,
    ),
    Trade(
        "works", "45316110", ("Modernisation de l'éclairage public, {place}",), 130_000, (5, 4, 0),
        0.9, 1.6, (4, 6, 12), "Travaux",
    ),
    Trade(
        "supplies", "30192700",
        ("Acquisition de fournitures de bureau", "Fourniture de papier recyclé pour les services"),
        48_000, (3, 3, 2), 1.0, 1.4, (12, 24, 48), FCS, reservable=True,
    ),
    Trade(
        "supplies", "34144000",
        (
            "Acquisition de véhicules utilitaires électriques",
            "Acquisition de bennes à ordures ménagères",
        ),
        175_000, (5, 2, 0), 0.2, 1.8, (4, 6, 8), FCS, ("Véhicules légers", "Utilitaires"),
        has_origin=True,
    ),
    Trade(
        "supplies", "15800000",
        (
            "Approvisionnement en denrées alimentaires {building}",
            "Approvisionnement en produits laitiers biologiques {building}",
        ),
        62_000, (0, 7, 9), 0.5, 1.6, (12, 24, 36), FCS,
        ("Fruits et légumes", "Épicerie", "Produits laitiers"), has_origin=True,
    ),
    Trade(
        "supplies", "18110000", ("Fourniture de vêtements de travail",), 58_000, (4, 3, 1), 1.4,
        1.4, (24, 36, 48), FCS, reservable=True, has_origin=True,
    ),
    Trade(
        "supplies", "39130000", ("Renouvellement du mobilier {building}",), 44_000, (3, 5, 3), 0.8,
        1.2, (6, 12, 24), FCS,
    ),
    Trade(
        "supplies", "30213100",
        (
            "Acquisition d'ordinateurs portables reconditionnés",
            "Acquisition de matériel informatique",
        ),
        120_000, (4, 2, 1), 0.3, 1.1, (12, 24, 36),
        "Techniques de l'information et de la communication",
    ),
    Trade(
        "supplies", "37535200", ("Fourniture et pose de jeux, {place}",), 52_000, (1, 5, 0), 0.4,
        1.0, (4, 6), FCS,
    ),
    Trade(
        "supplies", "39830000", ("Fourniture de produits d'entretien écolabellisés",), 41_000,
        (2, 3, 4), 0.8, 1.6, (12, 24, 48), FCS, reservable=True,
    ),
    Trade(
        "services", "90910000",
        ("Nettoyage des locaux {building}", "Nettoyage des vitres {building}"), 98_000, (5, 7, 4),
        3.0, 1.4, (12, 24, 36, 48), FCS, ("Secteur nord", "Secteur sud"), reservable=True,
    ),
    Trade(
        "services", "77310000",
        ("Entretien des espaces verts, {place}", "Entretien des berges et des sentiers, {place}"),
        76_000, (7, 5, 0), 3.2, 2.0, (12, 24, 36), FCS,
        ("Secteur est", "Secteur ouest", "Secteur centre"), reservable=True,
    ),
    Trade(
        "services", "90511000",
        ("Collecte des déchets ménagers, {place}", "Exploitation des déchèteries, {place}"),
        620_000, (6, 0, 0), 2.4, 2.2, (36, 48, 60), FCS,
    ),
    Trade(
        "services", "71221000",
        ("Maîtrise d'œuvre pour la rénovation {building}", "Mission de maîtrise d'œuvre, {place}"),
        92_000, (7, 6, 1), 0.3, 1.0, (12, 18, 30), "Maitrise d'œuvre",
    ),
    Trade(
        "services", "71241000",
        ("Étude de faisabilité, {place}", "Étude d'impact environnemental, {place}"), 54_000,
        (7, 3, 1), 0.2, 1.0, (4, 6, 10), PI,
    ),
    Trade(
        "services", "79710000", ("Gardiennage et sécurité {building}",), 84_000, (3, 4, 1), 1.2,
        0.4, (12, 24, 36), FCS,
    ),
    Trade(
        "services", "55520000",
        ("Préparation et portage de repas à domicile", "Restauration collective {building}"),
        260_000, (0, 2, 8), 1.8, 1.8, (12, 24, 36), FCS, has_origin=True,
    ),
    Trade(
        "services", "60130000",
        ("Transport d'élèves vers les équipements sportifs", "Transport à la demande, {place}"),
        180_000, (4, 3, 1), 0.6, 1.2, (12, 24, 48), FCS,
    ),
    Trade(
        "services", "80500000",
        ("Formation des agents à l'achat responsable", "Formation aux gestes qui sauvent"), 32_000,
        (4, 2, 2), 0.6, 0.3, (6, 12, 24), PI,
    ),
    Trade(
        "services", "72267000", ("Maintenance de progiciels métiers",), 66_000, (5, 2, 2), 0.1, 0.3,
        (12, 36, 48), "Techniques de l'information et de la communication",
    ),
    Trade(
        "services", "85312000",
        ("Accompagnement de personnes isolées", "Animation d'ateliers pour les aînés"), 38_000,
        (0, 0, 8), 2.4, 0.2, (12, 24), FCS, reservable=True,
    ),
    Trade(
        "services", "98310000", ("Blanchisserie du linge {building}",), 47_000, (0, 2, 5), 2.6, 1.4,
        (12, 24, 36), FCS, reservable=True,
    ),
    Trade(
        "services", "79810000", ("Impression de documents d'information",), 36_000, (3, 3, 1), 1.4,
        1.6, (12, 24), FCS, reservable=True,
    ),
)
PLACES = (
    "rue des Tilleuls", "avenue de la Gare", "place du Lavoir", "quartier des Acacias",
    "boulevard des Deux-Ponts", "quai des Tanneurs", "quartier de la Filature", "rue du Moulin",
    "parc des Trois-Fontaines", "zone d'activité des Chênes", "chemin de halage",
)
BUILDINGS = (
    "du groupe scolaire des Acacias", "de la médiathèque du Lavoir", "du gymnase des Tanneurs",
    "de la piscine des Trois-Fontaines", "de la crèche des Coquelicots", "de l'hôtel de ville",
    "de la résidence autonomie des Glycines", "du centre technique", "de l'école du Moulin",
    "de la maison des associations",
)
# Real codes of two départements (DECP admits no other); nothing else about them is meant.
LOCATIONS = (
    ("58000", "Code postal", "Secteur A"), ("58160", "Code postal", "Secteur B"),
    ("58640", "Code postal", "Secteur C"), ("18000", "Code postal", "Secteur D"),
    ("18390", "Code postal", "Secteur E"), ("58194", "Code commune", "Secteur A"),
    ("58", "Code département", "Département"), ("27", "Code région", "Région"),
)
LOCATION_WEIGHTS = (34, 14, 12, 14, 6, 10, 7, 3)
# fmt: on


# --- what is true of a contract ------------------------------------------------------------------


@dataclass(frozen=True)
class Amendment:
    """A modification: the new total, or another duration."""

    notified: date
    published: date
    amount: Decimal | None
    months: int | None = None


@dataclass(frozen=True)
class Contract:
    """One contract or awarded lot as it must be understood once every file is read.

    `social` and `environmental` are None where the register does not say; `amount` is the initial
    one without VAT, None where missing; `notified` is None where no usable date is given,
    `published` where nothing was published.
    """

    buyer: Buyer
    trade: Trade
    contract_id: str
    title: str
    notified: date | None
    published: date | None
    amount: Decimal | None
    holders: tuple[Holder, ...]
    location: tuple[str, str, str] = LOCATIONS[0]
    procedure: str = "Procédure adaptée"
    months: int = 12
    offers: int = 3
    social: tuple[str, ...] | None = (NO_SOCIAL,)
    environmental: tuple[str, ...] | None = (NO_ENVIRONMENTAL,)
    is_call_off: bool = False
    is_framework: bool = False
    execution: str = "Sans objet"
    framework_reference: str | None = None
    innovative: bool = False
    price_form: str = "Forfaitaire"
    price_type: str = "Définitif révisable"
    advance_rate: Decimal | None = None
    subcontracting: bool = False
    subcontract: Record | None = None
    origin: tuple[Decimal, Decimal] | None = None
    amendments: tuple[Amendment, ...] = ()

    @property
    def uid(self) -> str:
        """Key of the contract; lots sharing an id have the same one here."""
        return f"{self.buyer.siret}-{self.contract_id}"

    @property
    def year(self) -> int | None:
        """Year of the first notification."""
        return self.notified.year if self.notified else None

    @property
    def is_above_floor(self) -> bool | None:
        """Membership of the scope `floor`: inclusive; unknown without an amount."""
        return None if self.amount is None else self.amount >= FLOOR_EUR


def _has_any(values: tuple[str, ...] | None, wanted: tuple[str, ...]) -> bool | None:
    return None if values is None else any(value in wanted for value in values)


def _published_in_time(contract: Contract) -> bool | None:
    """Within two calendar months of the notification (R2196-1), by the first publication."""
    if contract.notified is None or contract.published is None:
        return None
    years, month = divmod(contract.notified.month + 1, 12)
    year = contract.notified.year + years
    last = monthrange(year, month + 1)[1]
    return contract.published <= date(year, month + 1, min(contract.notified.day, last))


FACTS: Mapping[str, Callable[[Contract], bool | None]] = {
    "SOC-01": lambda c: _has_any(c.social, (CLAUSE, CRITERION, RESERVED)),
    "SOC-05": lambda c: _has_any(c.social, (RESERVED,)),
    "ENV-01": lambda c: _has_any(c.environmental, (ENV_CLAUSE, ENV_CRITERION)),
    "GOV-05": _published_in_time,
}


@dataclass(frozen=True)
class Trap:
    """Something planted on purpose and the tables it must lead to."""

    trap_id: str
    planted: str
    buyer: Buyer
    contract_ids: tuple[str, ...]
    expect: Record


@dataclass
class Book:
    """The registers being written, and the truth about them."""

    files: dict[str, list[tuple[str, Record]]] = field(default_factory=dict)
    truth: list[Contract] = field(default_factory=list)
    concessions: list[Record] = field(default_factory=list)
    traps: list[Trap] = field(default_factory=list)

    def add(self, contract: Contract, file: str = "", **patch: Any) -> None:
        """Record a contract and remember it as true; `patch` spoils fields of the record only."""
        self.truth.append(contract)
        self.repeat(contract, file or main_file(contract.buyer, _file_year(contract)), **patch)

    def repeat(self, contract: Contract, file: str, **patch: Any) -> None:
        """Record a contract that is already known: a duplicate or a republication."""
        self.put(file, "marche", patched(record_of(contract, file), patch))

    def put(self, file: str, family: str, record: Record) -> None:
        """Append one raw record to a file."""
        self.files.setdefault(file, []).append((family, record))

    def trap(
        self,
        trap_id: str,
        planted: str,
        contracts: Sequence[Contract],
        *rows: Record,
        **expect: Any,
    ) -> None:
        """State a trap; `rows` are what `curated.contracts` must hold for these contracts."""
        ids = tuple(dict.fromkeys(contract.contract_id for contract in contracts))
        wanted: Record = {"contracts": list(rows)} if rows else {}
        self.traps.append(Trap(trap_id, planted, contracts[0].buyer, ids, {**wanted, **expect}))


class OneLine(dict[str, Any]):
    """A mapping written on one line."""


def row(contract: Contract, count: int = 1, match: Record | None = None, **columns: Any) -> Record:
    """Expected rows of `curated.contracts`: how many match, and values all of them hold."""
    return {
        "match": OneLine(contract_id=contract.contract_id, **(match or {})),
        "count": count,
        "columns": OneLine(columns),
    }


def seen(code: str, scope: str, contract: Contract, role: str | None) -> Record:
    """Expected role of a contract in the evidence of a count; None = no part in it."""
    year = contract.year
    return OneLine(
        code=code,
        scope=scope,
        measure="count",
        year=year,
        contract_id=contract.contract_id,
        role=role,
    )


def flagged(contract: Contract) -> Record:
    """At least one finding about that contract."""
    return OneLine(contract_id=contract.contract_id, at_least=1)


MISSING = object()
"""In a patch: the field is left out of the record."""


def patched(record: Record, patch: Mapping[str, Any]) -> Record:
    """The record with some fields replaced, added or left out."""
    merged = {**record, **patch}
    return {key: value for key, value in merged.items() if value is not MISSING}


# --- the files -----------------------------------------------------------------------------------


def main_file(buyer: Buyer, year: int) -> str:
    """The file in which a buyer publishes the contracts of a year."""
    if buyer is CCAS and year < FIRST_YEAR_2022_FORMAT:
        return "decp2019_ccas_2021-2023.json"
    form = "decp2022" if year >= FIRST_YEAR_2022_FORMAT else "decp2019"
    suffix = {("metropole", 2025): ".json.gz", ("ccas", 2024): ".xml"}
    return f"{form}_{buyer.slug}_{year}{suffix.get((buyer.slug, year), '.json')}"


MET_2023_FIX = "decp2019_metropole_2023_rectificatif.json"
MET_2024_AGAIN = "decp2022_metropole_2024_republication.json"
VILLE_2024_AGAIN = "decp2022_ville_2024_republication.json"
CCAS_2025_MORE = "decp2022_ccas_2025_complement.json"
FILES_WITH_BOM = {"decp2022_ville_2025.json"}
FILES_WITH_ESCAPES = {"decp2022_metropole_2024.json"}
FILES_INDENTED = {"decp2019_ville_2021.json"}
FILES_WITH_2019_WRAPPER = {CCAS_2025_MORE}


def _file_year(contract: Contract) -> int:
    return (contract.notified or contract.published or EXPORT_DAY).year


def record_of(contract: Contract, file: str) -> Record:
    """The contract as a record of the format its file is in."""
    form = record_2019 if file.startswith("decp2019") else record_2022
    return form(contract)


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _listed(name: str, values: tuple[str, ...] | None) -> Record:
    return {name: list(values or ())}


def record_2022(contract: Contract) -> Record:
    """A `marche` of the 2022 format."""
    c = contract
    record: Record = {
        "id": c.contract_id,
        "acheteur": {"id": c.buyer.siret},
        "nature": "Marché",
        "objet": c.title,
        "codeCPV": c.trade.cpv,
        "procedure": c.procedure,
        "marcheInnovant": c.innovative,
        "ccag": c.trade.ccag,
        "offresRecues": c.offers,
        "attributionAvance": c.advance_rate is not None,
        "typeGroupementOperateurs": _grouping(c),
        "lieuExecution": {"code": c.location[0], "typeCode": c.location[1]},
        "dureeMois": c.months,
        "dateNotification": _iso(c.notified),
        "datePublicationDonnees": _iso(c.published),
        "montant": c.amount,
        "formePrix": c.price_form,
        "sousTraitanceDeclaree": c.subcontracting,
        "titulaires": [
            {"titulaire": {"typeIdentifiant": holder.kind, "id": holder.siret}}
            for holder in c.holders
        ],
        "considerationsSociales": _listed("considerationSociale", c.social),
        "considerationsEnvironnementales": _listed(
            "considerationEnvironnementale", c.environmental
        ),
        "modalitesExecution": {"modaliteExecution": [c.execution]},
        "techniques": {"technique": ["Accord-cadre" if c.is_framework else "Sans objet"]},
        "typesPrix": {"typePrix": [c.price_type]},
    }
    return {**record, **_optional_2022(c)}


def _optional_2022(c: Contract) -> Record:
    optional: Record = {}
    if c.advance_rate is not None:
        optional["tauxAvance"] = c.advance_rate
    if c.framework_reference:
        optional["idAccordCadre"] = c.framework_reference
    if c.origin:
        optional["origineUE"], optional["origineFrance"] = c.origin
    if c.subcontract:
        optional["actesSousTraitance"] = [{"acteSousTraitance": c.subcontract}]
    if c.amendments:
        optional["modifications"] = [
            {
                "modification": {
                    "id": number,
                    "dateNotificationModification": _iso(amendment.notified),
                    "datePublicationDonneesModification": _iso(amendment.published),
                    **_given(montant=amendment.amount, dureeMois=amendment.months),
                }
            }
            for number, amendment in enumerate(c.amendments, start=1)
        ]
    return optional


def _given(**values: Any) -> Record:
    return {key: value for key, value in values.items() if value is not None}


def _grouping(contract: Contract) -> str:
    if len(contract.holders) == 1 or contract.is_framework:
        return "Pas de groupement"
    return "Solidaire" if contract.trade.kind == "works" else "Conjoint"


PRICE_2019 = {
    "Définitif ferme": "Ferme",
    "Définitif actualisable": "Ferme et actualisable",
    "Définitif révisable": "Révisable",
}


def record_2019(contract: Contract) -> Record:
    """A record of the 2019 format: no consideration, no offers, names instead."""
    c = contract
    nature = "Accord-cadre" if c.is_framework else "Marché"
    record: Record = {
        "procedure": c.procedure,
        "nature": "Marché subséquent" if c.is_call_off else nature,
        "codeCPV": c.trade.cpv,
        "dureeMois": c.months,
        "datePublicationDonnees": _iso(c.published),
        "titulaires": [
            {"denominationSociale": h.name, "id": h.siret, "typeIdentifiant": h.kind}
            for h in c.holders
        ],
        "id": c.contract_id,
        "uid": c.buyer.siret + c.contract_id,
        "formePrix": PRICE_2019[c.price_type],
        "dateNotification": _iso(c.notified),
        "objet": c.title,
        "montant": c.amount,
        "_type": "Marché",
        "acheteur": {"id": c.buyer.siret, "nom": c.buyer.name},
        "lieuExecution": dict(zip(("code", "typeCode", "nom"), c.location, strict=True)),
        "modifications": [
            {
                "objetModification": "Prestations supplémentaires",
                "dateNotificationModification": _iso(a.notified),
                "datePublicationDonneesModification": _iso(a.published),
                **_given(montant=a.amount, dureeMois=a.months),
            }
            for a in c.amendments
        ],
    }
    return record


# --- the story: the ordinary contracts -----------------------------------------------------------


def ordinary_contracts(buyer: Buyer, year: int, rng: random.Random) -> list[Contract]:
    """All the untrapped contracts one buyer notified in one year."""
    count = buyer.volumes[year]
    contracts: list[Contract] = []
    while len(contracts) < count:
        contracts += _consultation(buyer, year, len(contracts) + 1, rng)
    contracts = _with_call_offs(contracts[:count], rng)
    if year >= FIRST_YEAR_2022_FORMAT:
        contracts = _with_considerations(contracts, buyer, year, rng)
        contracts = _with_innovation(contracts, buyer.innovative[year], rng)
    return contracts


def _consultation(buyer: Buyer, year: int, number: int, rng: random.Random) -> list[Contract]:
    weights = [trade.buyers[BUYERS.index(buyer)] for trade in TRADES]
    trade = rng.choices(TRADES, weights)[0]
    title = rng.choice(trade.objects).format(
        place=rng.choice(PLACES), building=rng.choice(BUILDINGS)
    )
    notified = date(year, 1, 4) + timedelta(days=int(rng.triangular(0, 357, 200)))
    published = _publication(notified, rng.random() < buyer.late[year], rng)
    location = rng.choices(LOCATIONS, LOCATION_WEIGHTS)[0]
    single_bid = buyer.single_bid.get(year, 0.25)
    split = bool(trade.lots) and rng.random() < 0.6
    lots = trade.lots[: rng.randint(2, len(trade.lots))] if split else ("",)
    ceiling = trade.median_eur * (0.6 if split else 1.0)
    made = []
    for rank, lot in enumerate(lots):
        made.append(
            _contract(
                Contract(
                    buyer=buyer,
                    trade=trade,
                    contract_id=buyer.contract_id(year, number + rank),
                    title=f"{title} - Lot {rank + 1} : {lot}" if lot else title,
                    notified=notified,
                    published=published,
                    amount=_amount(ceiling, rng),
                    holders=(),
                    location=location,
                    months=rng.choice(trade.months),
                ),
                single_bid,
                rng,
            )
        )
    return made


def _publication(notified: date, is_late: bool, rng: random.Random) -> date:
    days = rng.randint(72, 260) if is_late else rng.randint(4, 52)
    return min(notified + timedelta(days=days), EXPORT_DAY)


def _amount(median_eur: float, rng: random.Random) -> Decimal:
    euros = min(max(rng.lognormvariate(0, 1.15) * median_eur, 4_200), 14_000_000)
    cents = rng.randrange(100) if rng.random() < 0.3 else 0
    # Public amounts are round more often than not; the rounding also hides libm differences.
    rounded = int(euros) // 10 * 10 if cents else int(euros) // 100 * 100
    return Decimal(rounded) + Decimal(cents) / 100 if cents else Decimal(rounded)


def _contract(draft: Contract, single_bid: float, rng: random.Random) -> Contract:
    """The draft with its procedure, holders, price and execution drawn."""
    amount = draft.amount or Decimal(0)
    procedure = _procedure(draft.trade.kind, amount, rng)
    framework = rng.random() < (0.08 if draft.trade.kind == "works" else 0.3)
    year = draft.year or 0
    contract = replace(
        draft,
        procedure=procedure,
        offers=1 if rng.random() < single_bid else 2 + min(int(rng.expovariate(0.45)), 9),
        is_framework=framework,
        execution=rng.choices(("Bons de commande", "Marchés subséquents"), (85, 15))[0]
        if framework
        else rng.choices(("Sans objet", "Tranches"), (95, 5))[0],
        holders=_holders(draft.trade.kind, framework, rng),
        price_form="Unitaire" if framework else rng.choice(("Forfaitaire", "Forfaitaire", "Mixte")),
        price_type=rng.choice(tuple(PRICE_2019)),
        framework_reference=f"AC-{year - 2}-{rng.randint(10, 99)}"
        if year >= FIRST_YEAR_2022_FORMAT and rng.random() < 0.09
        else None,
        amendments=_amendments(draft, rng) if rng.random() < 0.09 else (),
    )
    return _with_money_matters(contract, rng)


def _procedure(kind: str, amount: Decimal, rng: random.Random) -> str:
    formal, direct = (5_382_000, 100_000) if kind == "works" else (221_000, 40_000)
    if amount < direct and rng.random() < 0.3:
        return "Marché passé sans publicité ni mise en concurrence préalable"
    if amount < formal:
        return "Procédure adaptée"
    return rng.choices(
        ("Appel d'offres ouvert", "Procédure avec négociation", "Appel d'offres restreint"),
        (88, 8, 4),
    )[0]


def _holders(kind: str, framework: bool, rng: random.Random) -> tuple[Holder, ...]:
    pool = {"works": BUILDERS, "supplies": TRADERS, "services": PROVIDERS}[kind]
    if kind == "supplies" and rng.random() < 0.02:
        return (rng.choice(FOREIGN),)
    several = rng.random() < (0.2 if framework else 0.08)
    return tuple(rng.sample(pool, rng.randint(2, 3) if several else 1))


def _amendments(draft: Contract, rng: random.Random) -> tuple[Amendment, ...]:
    if draft.notified is None or draft.amount is None:
        return ()
    made: list[Amendment] = []
    day, amount = draft.notified, draft.amount
    for _ in range(rng.choice((1, 1, 2))):
        day += timedelta(days=rng.randint(70, 200))
        published = day + timedelta(days=rng.randint(5, 40))
        if published > EXPORT_DAY:
            break
        amount = (amount * Decimal(rng.randint(102, 118)) / 100).quantize(Decimal("0.01"))
        extended = rng.random() < 0.2
        made.append(Amendment(day, published, amount, draft.months + 3 if extended else None))
    return tuple(made)


def _with_money_matters(contract: Contract, rng: random.Random) -> Contract:
    amount = contract.amount or Decimal(0)
    advance = amount > 50_000 and contract.months > 2 and rng.random() < 0.6
    subcontracting = contract.trade.kind == "works" and rng.random() < 0.25
    origin = None
    if contract.trade.has_origin and rng.random() < 0.7:
        france = Decimal(rng.randint(2, 8)) / 10
        origin = (min(france + Decimal(rng.randint(0, 3)) / 10, Decimal(1)), france)
    return replace(
        contract,
        advance_rate=Decimal(rng.choice((5, 10, 20, 30))) / 100 if advance else None,
        subcontracting=subcontracting,
        subcontract=_subcontract(contract, rng) if subcontracting and rng.random() < 0.5 else None,
        origin=origin,
    )


def _subcontract(contract: Contract, rng: random.Random) -> Record | None:
    if contract.notified is None or contract.amount is None:
        return None
    day = contract.notified + timedelta(days=rng.randint(10, 60))
    published = day + timedelta(days=rng.randint(5, 30))
    if published > EXPORT_DAY:
        return None
    return {
        "id": 1,
        "sousTraitant": {"typeIdentifiant": "SIRET", "id": rng.choice(BUILDERS).siret},
        "dureeMois": contract.months,
        "dateNotification": _iso(day),
        "datePublicationDonnees": _iso(published),
        "montant": max(int(contract.amount) // 10, 1),
        "variationPrix": "Révisable",
    }


def _with_call_offs(contracts: list[Contract], rng: random.Random) -> list[Contract]:
    """Turn the contract after each framework run by call-offs into one of its call-offs."""
    result = list(contracts)
    for rank, framework in enumerate(contracts[:-1]):
        following = result[rank + 1]
        if framework.execution != "Marchés subséquents" or following.is_framework:
            continue
        if not framework.notified or result[rank].is_call_off:
            continue
        later = framework.notified + timedelta(days=rng.randint(10, 120))
        notified = min(later, date(framework.notified.year, 12, 18))
        result[rank + 1] = replace(
            framework,
            contract_id=following.contract_id,
            title=f"Marché subséquent n° 1 : {framework.title}",
            notified=notified,
            published=_publication(notified, False, rng),
            amount=((framework.amount or Decimal(0)) / 5).quantize(Decimal(1)),
            holders=framework.holders[:1],
            is_call_off=True,
            is_framework=False,
            execution="Sans objet",
            framework_reference=framework.contract_id,
            amendments=(),
            subcontract=None,
        )
    return result


def _drawn(
    pool: Sequence[Contract], count: int, weight: Callable[[Contract], float], rng: random.Random
) -> set[str]:
    """Ids of `count` contracts drawn without replacement, the heavier the likelier."""
    ranked = sorted((rng.random() ** (1 / max(weight(c), 0.01)), c.contract_id) for c in pool)
    return {contract_id for _, contract_id in ranked[max(len(ranked) - count, 0) :]}


def _with_considerations(
    contracts: list[Contract], buyer: Buyer, year: int, rng: random.Random
) -> list[Contract]:
    """Give the contracts of 2024 on their considerations, in the shares the story tells."""
    big = [c for c in contracts if c.is_above_floor and not c.is_call_off]
    small = [c for c in contracts if not c.is_above_floor and not c.is_call_off]
    others = [c for c in contracts if c.is_call_off]
    quota = buyer.reserved[year]
    reserved: set[str] = set()
    social: set[str] = set()
    environmental: set[str] = set()
    for group, share, ticks in ((big, 1.0, quota[0]), (small, 0.35, quota[1]), (others, 0.8, 0)):
        kept = _drawn(
            [c for c in group if c.trade.reservable], ticks, lambda c: c.trade.social, rng
        )
        reserved |= kept
        rest = [c for c in group if c.contract_id not in kept]
        wanted = round(buyer.social[year] * share * len(group)) - len(kept)
        social |= kept | _drawn(rest, max(wanted, 0), lambda c: c.trade.social, rng)
        wanted = round(buyer.environmental[year] * (0.5 + share / 2) * len(group))
        environmental |= _drawn(group, wanted, lambda c: c.trade.environmental, rng)
    return [
        _considered(
            c,
            c.contract_id in social,
            c.contract_id in reserved,
            c.contract_id in environmental,
            rng,
        )
        for c in contracts
    ]


def _considered(
    contract: Contract, social: bool, reserved: bool, environmental: bool, rng: random.Random
) -> Contract:
    social_values: tuple[str, ...] | None = (NO_SOCIAL,)
    if reserved:
        social_values = rng.choices(((RESERVED,), (CLAUSE, RESERVED)), (70, 30))[0]
    elif social:
        social_values = rng.choices(((CLAUSE,), (CRITERION,), (CLAUSE, CRITERION)), (62, 22, 16))[0]
    elif rng.random() < 0.03:
        social_values = None
    environmental_values: tuple[str, ...] | None = (NO_ENVIRONMENTAL,)
    if environmental:
        environmental_values = rng.choices(
            ((ENV_CLAUSE,), (ENV_CRITERION,), (ENV_CLAUSE, ENV_CRITERION)), (42, 26, 32)
        )[0]
    elif rng.random() < 0.06:
        environmental_values = None
    return replace(
        contract,
        social=social_values,
        environmental=environmental_values,
        holders=(rng.choice(INCLUSIVE),) if reserved else contract.holders,
    )


def _with_innovation(contracts: list[Contract], count: int, rng: random.Random) -> list[Contract]:
    chosen = _drawn([c for c in contracts if not c.is_call_off], count, lambda _: 1.0, rng)
    return [replace(c, innovative=c.contract_id in chosen) for c in contracts]


UNKNOWN_SHAPES: tuple[Callable[[str], Any], ...] = (
    lambda name: {name: ["NC"]},
    lambda _: MISSING,
    lambda name: {name: []},
)


def _unknown_patch(contract: Contract, rank: int) -> Record:
    """How the register of a real authority says nothing: a filler, no field, an empty list."""
    if (contract.year or 0) < FIRST_YEAR_2022_FORMAT:
        return {}
    shape = UNKNOWN_SHAPES[rank % len(UNKNOWN_SHAPES)]
    patch: Record = {}
    if contract.social is None:
        patch["considerationsSociales"] = shape("considerationSociale")
    if contract.environmental is None:
        patch["considerationsEnvironnementales"] = shape("considerationEnvironnementale")
    return patch


def tell_story(book: Book, rng: random.Random) -> None:
    """Write the ordinary contracts of the three buyers."""
    for buyer in BUYERS:
        for year in sorted(buyer.volumes):
            for rank, contract in enumerate(ordinary_contracts(buyer, year, rng)):
                if year < FIRST_YEAR_2022_FORMAT:
                    contract = replace(contract, social=None, environmental=None)
                book.add(contract, **_unknown_patch(contract, rank))


# --- concessions ---------------------------------------------------------------------------------


def concession_2022(
    buyer: Buyer, contract_id: str, title: str, signed: date, **more: Any
) -> Record:
    """A `contrat-concession` of the 2022 format."""
    holder = more.pop("holder", PROVIDERS[3])
    return {
        "id": contract_id,
        "autoriteConcedante": {"id": buyer.siret},
        "nature": "Délégation de service public",
        "objet": title,
        "procedure": "Procédure négociée ouverte",
        "dureeMois": 60,
        "dateSignature": _iso(signed),
        "datePublicationDonnees": _iso(signed + timedelta(days=20)),
        "dateDebutExecution": _iso(signed + timedelta(days=45)),
        "valeurGlobale": 1_250_000,
        "montantSubventionPublique": 0,
        "concessionnaires": [{"concessionnaire": {"typeIdentifiant": "SIRET", "id": holder.siret}}],
        "considerationsSociales": {"considerationSociale": [NO_SOCIAL]},
        "considerationsEnvironnementales": {"considerationEnvironnementale": [ENV_CLAUSE]},
        **more,
    }


def concession_2019(buyer: Buyer, contract_id: str, title: str, signed: date) -> Record:
    """A concession of the 2019 format, told by `_type`."""
    return {
        "_type": "Contrat de concession",
        "id": contract_id,
        "uid": buyer.siret + contract_id,
        "autoriteConcedante": {"id": buyer.siret, "nom": buyer.name},
        "nature": "Délégation de service public",
        "objet": title,
        "procedure": "Procédure négociée ouverte",
        "lieuExecution": {"code": "58000", "typeCode": "Code postal", "nom": "Secteur A"},
        "dureeMois": 84,
        "dateSignature": _iso(signed),
        "datePublicationDonnees": _iso(signed + timedelta(days=25)),
        "dateDebutExecution": _iso(signed + timedelta(days=60)),
        "valeurGlobale": 3_400_000,
        "montantSubventionPublique": 120_000,
        "donneesExecution": [],
        "concessionnaires": [
            {
                "denominationSociale": PROVIDERS[9].name,
                "id": PROVIDERS[9].siret,
                "typeIdentifiant": "SIRET",
            }
        ],
        "modifications": [],
    }


def plant_concessions(book: Book) -> None:
    """Concessions go to their own table, never among contracts."""
    reserved_id = "2025-DSP-0002"
    planted = (
        (main_file(METROPOLE, 2022), concession_2019(
            METROPOLE, "2022-DSP-0001", "Exploitation du parc de stationnement de la Gare",
            date(2022, 5, 16))),
        (main_file(METROPOLE, 2024), concession_2022(
            METROPOLE, "2024-DSP-0001", "Gestion du réseau de chaleur urbain", date(2024, 6, 18),
            valeurGlobale=18_400_000,
            considerationsSociales={"considerationSociale": [CLAUSE]})),
        (main_file(METROPOLE, 2025), concession_2022(
            METROPOLE, reserved_id, "Exploitation de la recyclerie des Tanneurs",
            date(2025, 4, 7), holder=INCLUSIVE[0], valeurGlobale=640_000,
            considerationsSociales={"considerationSociale": ["Concession réservée"]})),
        (main_file(VILLE, 2024), concession_2022(
            VILLE, "24VDEDSP1", "Gestion de la fourrière automobile", date(2024, 9, 2),
            valeurGlobale=70_000)),
        (main_file(VILLE, 2025), concession_2022(
            VILLE, "25VDEDSP1", "Exploitation des marchés de plein air", date(2025, 2, 3),
            modifications=[{"modification": {
                "id": 1, "dateSignatureModification": "2025-10-06",
                "datePublicationDonneesModification": "2025-10-20", "valeurGlobale": 1_310_000,
            }}])),
    )  # fmt: skip
    for file, record in planted:
        family = "marche" if file.startswith("decp2019") else "contrat-concession"
        book.put(file, family, record)
        book.concessions.append(record)
    book.traps.append(
        Trap(
            "reserved-concession",
            "Une concession déclarée « Concession réservée » : table des concessions, jamais celle "
            "des marchés.",
            METROPOLE,
            (reserved_id,),
            {
                "contracts": [{"match": {"contract_id": reserved_id}, "count": 0, "columns": {}}],
                "concessions": [{"match": {"contract_id": reserved_id}, "count": 1}],
            },
        )
    )


# --- the traps -----------------------------------------------------------------------------------

# Tables and traps are read across, not down.
# fmt: off
TRADE = {trade.cpv: trade for trade in TRADES}
ROADS, BUILDING, PAINTING = TRADE["45233140"], TRADE["45214200"], TRADE["45442100"]
OFFICE, FOOD, CLEANING = TRADE["30192700"], TRADE["15800000"], TRADE["90910000"]
GREEN, STUDY, CARE = TRADE["77310000"], TRADE["71241000"], TRADE["85312000"]
ENERGY, PRINTING = TRADE["45331000"], TRADE["79810000"]


def special(
    buyer: Buyer,
    number: int,
    trade: Trade,
    title: str,
    notified: date,
    amount: int | str | None,
    **more: Any,
) -> Contract:
    """A contract to plant, its id apart from the ordinary ones (9001… or, at the centre, 901…)."""
    year = notified.year
    pool = {"works": BUILDERS, "supplies": TRADERS, "services": PROVIDERS}[trade.kind]
    known = year >= FIRST_YEAR_2022_FORMAT
    draft = Contract(
        buyer=buyer, trade=trade,
        contract_id=buyer.contract_id(year, (900 if buyer is CCAS else 9000) + number), title=title,
        notified=notified, published=notified + timedelta(days=24),
        amount=None if amount is None else Decimal(amount),
        holders=(pool[(number * 7) % len(pool)],), social=(NO_SOCIAL,) if known else None,
        environmental=(ENV_CLAUSE,) if known else None,
    )
    return replace(draft, **more)


def plant_republications(book: Book) -> None:
    """The latest publication wins; then file name, then position."""
    again = special(
        METROPOLE, 1, ROADS, "Réfection du pont de la Filature", date(2024, 3, 14), 195_000,
        social=(CLAUSE,),
    )
    book.add(again, MET_2024_AGAIN, datePublicationDonnees="2024-09-05")
    book.repeat(again, main_file(METROPOLE, 2024), montant=180_000)
    book.trap(
        "republished-later-amount",
        "Le même marché publié deux fois : 180 000 € puis, plus tard, 195 000 €. La dernière "
        "publication l'emporte ; le délai de publication compte depuis la première.", [again],
        row(
            again, amount_initial_eur="195000.00", year=2024, published_date="2024-04-07",
            has_social_clause=True,
        ),
        findings=[flagged(again)],
    )

    reverse = special(
        METROPOLE, 2, GREEN, "Élagage des arbres du quai des Tanneurs", date(2024, 5, 6), 72_000,
        social=(CLAUSE,),
    )
    book.add(reverse, main_file(METROPOLE, 2024), datePublicationDonnees="2024-11-18")
    book.repeat(
        reverse, MET_2024_AGAIN, montant=66_000,
        considerationsSociales=_listed("considerationSociale", (NO_SOCIAL,)),
    )
    book.trap(
        "later-publication-in-earlier-file",
        "La publication la plus récente est dans le fichier dont le nom vient en premier : la date "
        "prime sur le nom du fichier.", [reverse],
        row(
            reverse, amount_initial_eur="72000.00", has_social_clause=True,
            published_date="2024-05-30",
        ),
        findings=[flagged(reverse)],
    )

    tie = special(
        VILLE, 1, CLEANING, "Nettoyage des gymnases", date(2024, 4, 9), 88_000, social=(CRITERION,)
    )
    book.repeat(tie, main_file(VILLE, 2024), montant=91_000)
    book.add(tie, VILLE_2024_AGAIN)
    book.trap(
        "tie-by-file-name",
        "Deux montants publiés le même jour dans deux fichiers : le nom de fichier le plus grand "
        "l'emporte.", [tie], row(tie, amount_initial_eur="88000.00", has_social_criterion=True),
        findings=[flagged(tie)],
    )

    position = special(VILLE, 2, OFFICE, "Acquisition de papier", date(2024, 6, 3), 41_500)
    book.repeat(position, main_file(VILLE, 2024), montant=39_000)
    book.add(position)
    book.trap(
        "tie-by-position",
        "Deux montants publiés le même jour dans le même fichier, même objet : la dernière "
        "position l'emporte, et le marché passe au-dessus du seuil.", [position],
        row(position, amount_initial_eur="41500.00"),
        findings=[flagged(position)],
    )

    reworded = special(
        VILLE, 3, STUDY, "Étude de circulation autour de la place du Lavoir", date(2024, 2, 20),
        52_000,
    )
    book.add(reworded, VILLE_2024_AGAIN, datePublicationDonnees="2024-07-01")
    book.repeat(reworded, main_file(VILLE, 2024), objet="Etude circulation place Lavoir")
    book.trap(
        "republished-reworded",
        "L'objet est réécrit d'une publication à l'autre : un seul marché, pas deux lots, car "
        "aucun fichier ne contient deux objets sous ce numéro.", [reworded],
        row(reworded, object=reworded.title),
    )

    twin = special(
        CCAS, 1, CARE, "Ateliers de prévention des chutes", date(2024, 10, 7), 43_000,
        social=(CLAUSE,),
    )
    book.add(twin)
    book.repeat(twin, main_file(CCAS, 2024))
    old_twin = special(METROPOLE, 1, ROADS, "Marquage au sol", date(2022, 6, 13), 64_000)
    book.add(old_twin)
    book.repeat(old_twin, main_file(METROPOLE, 2022))
    for contract, trap_id in ((twin, "exact-duplicate-xml"), (old_twin, "exact-duplicate-2019")):
        book.trap(
            trap_id,
            "Le même enregistrement deux fois à l'identique : un seul marché, un doublon fusionné.",
            [contract], row(contract, amount_initial_eur=_cents(contract.amount)),
        )


def _cents(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount:.2f}"


def plant_lots(book: Book) -> None:
    """Lots sharing one id are contracts of their own, matched across files by their object."""
    names = BUILDING_LOTS
    amounts = (310_000, 148_000, 96_500, 122_000, 88_000, 36_000)
    lots = [
        special(
            METROPOLE, 10, BUILDING, f"Réhabilitation de la halle du Lavoir - Lot {n} : {name}",
            date(2024, 6, 25), amount, social=(CLAUSE,) if n in (1, 4) else (NO_SOCIAL,),
        )
        for n, (name, amount) in enumerate(zip(names, amounts, strict=True), start=1)
    ]
    republished = replace(lots[2], amount=Decimal(99_900))
    for lot in lots:
        book.add(republished if lot is lots[2] else lot, montant=lot.amount)
    for lot in (*lots[:2], republished, *lots[3:]):
        book.repeat(lot, MET_2024_AGAIN, datePublicationDonnees="2024-10-10")
    book.trap(
        "lots-sharing-one-id",
        "Six lots sous un seul numéro dans un fichier, les mêmes republiés dans un autre, le lot 3 "
        "avec un autre montant : six marchés, rapprochés par leur objet.", lots,
        row(lots[0], 6, year=2024),
        row(lots[2], 1, {"lot_number": "3"}, amount_initial_eur="99900.00"),
        row(
            lots[0], 1, {"lot_number": "1"}, amount_initial_eur="310000.00", has_social_clause=True
        ),
        row(
            lots[5], 1, {"lot_number": "6"}, amount_initial_eur="36000.00", has_social_clause=False
        ),
        findings=[flagged(lots[0])],
    )

    food = [
        special(
            VILLE, 10, FOOD, f"Denrées pour la restauration scolaire, lot n°{n} {name}",
            date(2025, 6, 30), amount, social=social,
        )
        for n, name, amount, social in (
            (1, "viandes", 120_000, (NO_SOCIAL,)),
            (2, "légumes", 64_000, (CRITERION,)),
            (3, "pain", 22_000, (RESERVED,)),
        )
    ]
    for lot in food[:2]:
        book.add(lot)
    book.add(food[2], main_file(VILLE, 2025), montant=20_000)
    book.repeat(food[2], main_file(VILLE, 2025), datePublicationDonnees="2025-12-01")
    book.trap(
        "one-lot-republished",
        "Trois lots sous un seul numéro ; le lot 3 est republié avec un autre montant : trois "
        "marchés, dont un réservé sous le seuil.", food, row(food[0], 3, year=2025),
        row(food[2], 1, {"lot_number": "3"}, amount_initial_eur="22000.00", is_reserved=True),
    )

    nameless = [
        special(CCAS, 10, CLEANING, title, date(2025, 3, 17), amount)
        for title, amount in (
            ("Nettoyage de la résidence des Glycines", 61_000),
            ("Nettoyage de la crèche des Coquelicots", 44_000),
        )
    ]
    for lot in nameless:
        book.add(lot)
    book.trap(
        "lots-without-number",
        "Deux objets différents sous un seul numéro, sans numéro de lot écrit : deux marchés.",
        nameless, row(nameless[0], 2, year=2025, lot_number=None),
    )


def plant_amounts(book: Book) -> None:
    """Amounts that are no amounts: set aside from values, kept in counts."""
    absurd = ("0.5", "1", "111111111", "3000000001", "123456789", "999999999")
    for number, amount in enumerate(absurd, start=20):
        contract = special(
            METROPOLE, number, ROADS, f"Entretien de la voirie, secteur {number}",
            date(2024, 9, number - 10), amount, social=(CLAUSE,) if number % 2 else (NO_SOCIAL,),
        )
        book.add(contract)
        book.trap(
            f"amount-{amount.replace('.', '-')}",
            f"Montant de {amount} € : écarté des valeurs avec un motif, gardé dans les nombres.",
            [contract],
            row(
                contract, year=2024, amount_usable_eur=None, amount_exclusion_reason="*",
                amount_initial_eur=_cents(contract.amount),
            ),
            findings=[flagged(contract)],
        )
    for number, value in ((26, MISSING), (27, None)):
        contract = special(
            METROPOLE, number, GREEN, f"Fauchage des accotements, tranche {number}",
            date(2025, 4, number - 10), None, social=(CLAUSE,),
        )
        book.add(contract, montant=value)
        book.trap(
            "amount-missing" if value is MISSING else "amount-null",
            "Aucun montant : compté sans seuil, d'appartenance inconnue au-dessus du seuil.",
            [contract],
            row(
                contract, year=2025, amount_initial_eur=None, amount_usable_eur=None,
                amount_exclusion_reason="*",
            ),
        )
    zero = special(
        VILLE, 20, OFFICE, "Accord-cadre de fournitures scolaires", date(2021, 6, 7), 0,
        is_framework=True,
    )
    book.add(zero)
    book.trap(
        "amount-zero-2019",
        "Montant de 0 € (accord-cadre sans maximum déclaré, format 2019) : écarté des valeurs.",
        [zero], row(zero, year=2021, amount_usable_eur=None, amount_exclusion_reason="*"),
    )

    exact = special(
        VILLE, 21, GREEN, "Entretien du cimetière paysager", date(2025, 2, 10), 40_000,
        social=(RESERVED,), holders=(INCLUSIVE[2],),
    )
    below = special(
        VILLE, 22, PAINTING, "Peinture de la salle des associations", date(2025, 2, 12), "39999.99",
        social=(CLAUSE,),
    )
    small = special(
        VILLE, 23, GREEN, "Débroussaillage du chemin de halage", date(2024, 10, 14), 12_500,
        social=(RESERVED,), holders=(INCLUSIVE[4],),
    )
    for contract in (exact, below, small):
        book.add(contract)
    book.trap(
        "exactly-at-floor", "Marché réservé d'exactement 40 000 € : au-dessus du seuil (inclus).",
        [exact], row(exact, amount_initial_eur="40000.00", is_reserved=True),
        evidence=[seen("SOC-05", "floor", exact, "numerator")],
    )
    book.trap(
        "one-cent-below-floor",
        "Marché de 39 999,99 € : compté sans seuil, absent au-dessus du seuil.", [below],
        row(below, amount_initial_eur="39999.99", has_social_clause=True),
        evidence=[seen("SOC-01", "floor", below, None)],
    )
    book.trap(
        "reserved-below-floor", "Marché réservé de 12 500 € : visible sans seuil seulement.",
        [small], row(small, amount_initial_eur="12500.00", is_reserved=True),
        evidence=[
            seen("SOC-05", "floor", small, None),
            seen("SOC-05", "all", small, "numerator"),
        ],
    )


def plant_dates(book: Book) -> None:
    """The first notification decides the year; a date that cannot be read gives none."""
    zoned = special(METROPOLE, 30, ROADS, "Pose de glissières", date(2021, 11, 27), 84_000)
    book.add(zoned, dateNotification="2021-11-27+01:00", datePublicationDonnees="2021-12-21+01:00")
    eve = special(METROPOLE, 31, ROADS, "Viabilité hivernale", date(2022, 1, 1), 132_000)
    book.add(eve, dateNotification="2022-01-01+01:00")
    for contract, day in ((zoned, "2021-11-27"), (eve, "2022-01-01")):
        book.trap(
            "time-zone" if contract is zoned else "time-zone-new-year",
            f"Date à fuseau horaire « {day}+01:00 » : le jour écrit, jamais la veille.", [contract],
            row(contract, notified_date=day, year=contract.year),
        )

    typo = special(METROPOLE, 32, STUDY, "Diagnostic des ouvrages d'art", date(2021, 3, 12), 58_000)
    absent = special(VILLE, 30, STUDY, "Relevés topographiques", date(2021, 5, 4), 47_000)
    nothing = special(
        VILLE, 31, CLEANING, "Nettoyage des tribunes", date(2025, 5, 5), 56_000, social=(CLAUSE,)
    )
    future = special(CCAS, 30, CARE, "Animation de la semaine bleue", date(2025, 9, 15), 45_000)
    spoiled: tuple[tuple[str, Contract, Any, str], ...] = (
        ("date-0218", typo, "0218-03-12", "Année « 0218 » : jamais réparée toute seule"),
        ("date-null-2019", absent, None, "Date de notification vide"),
        ("date-missing", nothing, MISSING, "Date de notification absente"),
        ("date-in-future", future, "2031-09-15", "Notification en 2031, après l'export"),
    )
    for trap_id, contract, value, planted in spoiled:
        undated = replace(contract, notified=None)
        book.add(
            undated, main_file(contract.buyer, _file_year(contract)), dateNotification=value
        )
        book.trap(
            trap_id, f"{planted} : le marché n'est dans aucune année, et cela se voit.", [undated],
            row(undated, notified_date=None, year=None),
            findings=[flagged(undated)],
        )

    late = special(
        METROPOLE, 33, CLEANING, "Nettoyage des abris de voyageurs", date(2025, 1, 10), 150_000,
        published=date(2025, 8, 20),
    )
    limit = special(
        METROPOLE, 34, STUDY, "Étude d'ombrage des parcs", date(2024, 12, 31), 49_000,
        published=date(2025, 2, 28),
    )
    for contract, trap_id, role in (
        (late, "late-publication", "denominator_only"),
        (limit, "published-on-last-day", "numerator"),
    ):
        book.add(contract)
        book.trap(
            trap_id,
            "Publication après les deux mois."
            if contract is late
            else "Publication le dernier jour des deux mois (31 décembre, 28 février).", [contract],
            row(contract, published_date=_iso(contract.published)),
            evidence=[seen("GOV-05", "floor", contract, role)],
        )


def plant_amendments(book: Book) -> None:
    """An amendment changes the current amount; never the year, never the count."""
    moved = special(
        METROPOLE, 40, OFFICE, "Abonnements documentaires", date(2023, 1, 1), 1_000,
        amendments=(
            Amendment(date(2023, 6, 15), date(2023, 7, 3), Decimal(1_200)),
            Amendment(date(2024, 2, 10), date(2024, 2, 19), Decimal(1_500)),
        ),
    )
    book.repeat(replace(moved, amendments=moved.amendments[:1]), main_file(METROPOLE, 2023))
    book.add(
        moved, MET_2023_FIX, dateNotification="2024-02-10", datePublicationDonnees="2024-02-19"
    )
    book.trap(
        "amendment-cannot-move-year",
        "1 000 € le 1er janvier 2023, modifié deux fois ; republié sous la date du second "
        "avenant : année 2023, montant initial 1 000 €, actuel 1 500 €.", [moved],
        row(
            moved, notified_date="2023-01-01", year=2023, amount_initial_eur="1000.00",
            amount_current_eur="1500.00", amendment_count=2,
        ),
    )

    group = special(
        METROPOLE, 41, BUILDING, "Construction du pôle de services de la Filature",
        date(2024, 7, 8), 100_000, holders=BUILDERS[10:13], social=(CLAUSE,),
        amendments=(
            Amendment(date(2024, 11, 4), date(2024, 11, 20), Decimal(110_000)),
            Amendment(date(2025, 3, 3), date(2025, 3, 21), Decimal(120_000)),
        ),
    )
    book.add(group)
    book.trap(
        "three-holders-two-amendments",
        "Trois cotraitants, deux avenants (exemple G8) : un marché, 100 000 € puis 120 000 €.",
        [group],
        row(
            group, amount_initial_eur="100000.00", amount_current_eur="120000.00", holder_count=3,
            amendment_count=2, year=2024,
        ),
        holders=[{"match": {"contract_id": group.contract_id}, "count": 3}],
        amendments=[{"match": {"contract_id": group.contract_id}, "count": 2}],
    )

    longer = special(
        VILLE, 40, CLEANING, "Nettoyage des écoles maternelles", date(2024, 8, 26), 210_000,
        social=(CLAUSE,), amendments=(Amendment(date(2025, 6, 2), date(2025, 6, 16), None, 18),),
    )
    book.add(longer)
    book.trap(
        "amendment-of-duration-only",
        "Avenant qui ne change que la durée : le montant actuel reste le montant initial.",
        [longer],
        row(
            longer, amount_initial_eur="210000.00", amount_current_eur="210000.00",
            amendment_count=1,
        ),
    )


def plant_frameworks(book: Book) -> None:
    """Only a proven call-off leaves the population."""
    ids = {"is_framework": True, "execution": "Marchés subséquents"}
    frame = special(
        METROPOLE, 50, STUDY, "Accord-cadre d'études de mobilité", date(2024, 3, 4), 400_000,
        social=(CLAUSE,), **ids,
    )
    call = special(
        METROPOLE, 51, STUDY, "Étude de mobilité, marché subséquent n° 1", date(2025, 2, 3), 60_000,
        social=(CLAUSE,), is_call_off=True, framework_reference=frame.contract_id,
    )
    itself = special(
        METROPOLE, 52, GREEN, "Plantations d'alignement", date(2024, 11, 12), 180_000,
        social=(RESERVED,), holders=(INCLUSIVE[6],), is_framework=True,
        execution="Bons de commande",
    )
    itself = replace(itself, framework_reference=itself.contract_id)
    orphan = special(
        METROPOLE, 53, OFFICE, "Fournitures de bureau", date(2025, 3, 10), 50_000,
        framework_reference="UGAP-2023-118", social=(CLAUSE,),
    )
    cousin = special(
        VILLE, 50, STUDY, "Étude du plan de circulation", date(2025, 4, 14), 55_000,
        framework_reference=frame.contract_id,
    )
    said = special(
        METROPOLE, 54, ROADS, "Marché subséquent de travaux de voirie", date(2022, 9, 5), 77_000,
        is_call_off=True,
    )
    for contract in (frame, call, itself, orphan, cousin, said):
        book.add(contract)
    book.trap(
        "real-call-off",
        "« idAccordCadre » nomme un autre marché du même acheteur : marché subséquent, hors "
        "population.", [frame, call], row(frame, framework_role="framework"),
        row(call, framework_role="call_off", framework_uid=frame.uid, year=2025),
        evidence=[seen("SOC-01", "all", call, None)],
    )
    book.trap(
        "self-reference",
        "« idAccordCadre » nomme le marché lui-même : il reste dans la population.", [itself],
        row(itself, framework_role="framework", is_reserved=True),
        evidence=[seen("SOC-05", "floor", itself, "numerator")],
    )
    book.trap(
        "reference-to-nothing",
        "« idAccordCadre » ne nomme aucun marché connu : rien n'est prouvé, il reste.", [orphan],
        row(orphan, framework_role="none", framework_reference="UGAP-2023-118", framework_uid=None),
        evidence=[seen("SOC-01", "all", orphan, "numerator")],
    )
    book.trap(
        "reference-to-other-buyer",
        "« idAccordCadre » nomme un marché d'un autre acheteur : il reste dans la population.",
        [cousin], row(cousin, framework_role="none", framework_uid=None),
        evidence=[seen("SOC-01", "all", cousin, "denominator_only")],
    )
    book.trap(
        "call-off-2019-nature",
        "Format 2019, nature « Marché subséquent » : le registre le dit, hors population.", [said],
        row(said, framework_role="call_off", year=2022),
    )


def plant_shapes(book: Book) -> None:
    """One field, many shapes: the meaning is the same."""
    both = (CLAUSE, CRITERION)
    shapes: tuple[tuple[str, str, tuple[str, ...] | None, tuple[str, ...] | None, Record], ...] = (
        ("scalar-wrapped", "valeur seule sous l'enveloppe officielle", (CLAUSE,), (ENV_CLAUSE,), {
            "considerationsSociales": {"considerationSociale": CLAUSE},
            "considerationsEnvironnementales": {"considerationEnvironnementale": ENV_CLAUSE},
            "techniques": {"technique": "Sans objet"},
            "modalitesExecution": {"modaliteExecution": "Tranches"},
        }),
        ("plain-list", "liste sans enveloppe", both, (ENV_CRITERION,), {
            "considerationsSociales": [CLAUSE, CRITERION],
            "considerationsEnvironnementales": [ENV_CRITERION],
        }),
        ("singular-keys", "clés au singulier des premières versions", (CRITERION,), (ENV_CLAUSE,), {
            "considerationsSociales": [CRITERION], "considerationsEnvironnementales": [ENV_CLAUSE],
            "techniques": MISSING, "technique": ["Sans objet"],
            "modalitesExecution": MISSING, "modaliteExecution": ["Sans objet"],
            "typesPrix": MISSING, "typePrix": ["Définitif ferme"],
        }),
        ("python-text", "liste écrite comme du Python", both, (ENV_CLAUSE, ENV_CRITERION), {
            "considerationsSociales": f"['{CLAUSE}', '{CRITERION}']",
            "considerationsEnvironnementales": f"['{ENV_CLAUSE}', '{ENV_CRITERION}']",
        }),
        ("comma-text", "valeurs jointes par une virgule", both, (ENV_CLAUSE,), {
            "considerationsSociales": f"{CRITERION}, {CLAUSE}",
            "considerationsEnvironnementales": ENV_CLAUSE,
        }),
        ("filler-nc", "« NC » : inconnu, jamais « non »", None, None, {
            "considerationsSociales": {"considerationSociale": ["NC"]},
            "considerationsEnvironnementales": "NC",
        }),
        ("filler-mq", "« MQ » : inconnu, jamais « non »", None, (ENV_CLAUSE,), {
            "considerationsSociales": {"considerationSociale": ["MQ"]},
        }),
        ("filler-cdl", "« CDL » : inconnu, jamais « non »", None, None, {
            "considerationsSociales": "CDL",
            "considerationsEnvironnementales": {"considerationEnvironnementale": ["CDL"]},
        }),
        ("sans-objet", "« Sans objet » : aucune considération", (NO_SOCIAL,), (NO_ENVIRONMENTAL,), {
            "considerationsSociales": "Sans objet", "considerationsEnvironnementales": "Sans objet",
        }),
        ("none-and-another", "« Pas de considération » et une autre valeur : la positive reste",
         (CLAUSE,), (ENV_CLAUSE,), {
             "considerationsSociales": {"considerationSociale": [NO_SOCIAL, CLAUSE]},
         }),
    )
    for number, (trap_id, planted, social, environmental, patch) in enumerate(shapes, start=50):
        contract = special(
            CCAS, number, CARE, f"Atelier collectif, session {number - 49}",
            date(2025, 10, number - 48), 42_000 + 500 * number, social=social,
            environmental=environmental,
        )
        book.add(contract, CCAS_2025_MORE, **patch)
        expect: Record = {}
        if trap_id == "none-and-another":
            expect["findings"] = [flagged(contract)]
        book.trap(
            trap_id, f"Considérations : {planted}.", [contract],
            row(
                contract, year=2025, has_social_clause=_has_any(social, (CLAUSE,)),
                has_social_criterion=_has_any(social, (CRITERION,)),
                has_environmental_clause=_has_any(environmental, (ENV_CLAUSE,)),
                has_environmental_criterion=_has_any(environmental, (ENV_CRITERION,)),
            ),
            **expect,
        )


def plant_codes(book: Book) -> None:
    """Codes and keys that need care."""
    short = special(
        METROPOLE, 60, ENERGY, "Remplacement d'une chaufferie", date(2025, 5, 19), 94_000
    )
    book.add(short, codeCPV="4533")
    checked = special(
        METROPOLE, 61, ROADS, "Réfection de la rue du Moulin", date(2025, 6, 11), 310_000,
        social=(CLAUSE,),
    )
    book.add(checked, codeCPV="45233140-2")
    extra = special(
        METROPOLE, 62, CLEANING, "Nettoyage du siège", date(2025, 7, 1), 260_000, social=(CLAUSE,)
    )
    book.add(extra, source="profil-exemple", heuresInsertion=1240)
    flat = special(METROPOLE, 63, STUDY, "Bilan carbone du territoire", date(2025, 7, 8), 68_000)
    book.add(flat, titulaires=[{"typeIdentifiant": "SIRET", "id": flat.holders[0].siret}])
    book.trap(
        "cpv-four-characters", "CPV de quatre caractères « 4533 » : division et type connus.",
        [short], row(short, cpv_division="45", contract_type="works"),
    )
    book.trap(
        "cpv-check-digit", "CPV avec son chiffre de contrôle « 45233140-2 ».", [checked],
        row(checked, cpv_code="45233140", cpv_division="45", contract_type="works"),
    )
    book.trap(
        "unknown-key", "Clés inconnues « source » et « heuresInsertion » : signalées, pas perdues.",
        [extra], row(extra, year=2025, amount_initial_eur="260000.00"),
        findings=[{"field": "heuresInsertion", "at_least": 1}],
    )
    book.trap(
        "flat-holders", "Titulaires sans leur enveloppe « titulaire » (format 2022).", [flat],
        row(flat, holder_count=1),
        holders=[{"match": {"contract_id": flat.contract_id}, "count": 1}],
    )


def plant_suspects(book: Book) -> None:
    """What is right to the letter and looks wrong: to be told, never repaired."""
    silent = special(
        METROPOLE, 70, GREEN, "Entretien des massifs du siège", date(2025, 6, 16), 47_000,
        holders=(INCLUSIVE[1],),
    )
    first, again = (
        special(
            METROPOLE, number, STUDY, "Étude de programmation de la maison du vélo",
            date(2025, 3, day), 61_300, holders=(PROVIDERS[33],),
        )
        for number, day in ((71, 18), (72, 20))
    )
    split = [
        special(
            METROPOLE, number, PRINTING, f"Impression du magazine, numéro de {month}",
            date(2025, rank, 12), amount, holders=(PROVIDERS[41],), offers=1,
        )
        for number, month, rank, amount in (
            (73, "printemps", 3, 34_500), (74, "été", 6, 36_800), (75, "automne", 9, 38_900),
        )
    ]
    increment, over_half = (
        special(
            METROPOLE, number, CLEANING, title, date(2024, 4, 22), amount,
            amendments=(Amendment(date(2025, 1, 13), date(2025, 1, 27), Decimal(amended)),),
        )
        for number, title, amount, amended in (
            (76, "Nettoyage des quais", 200_000, 15_000),
            (77, "Nettoyage des arrêts de bus", 80_000, 130_000),
        )
    )
    elsewhere = special(
        METROPOLE, 79, STUDY, "Étude acoustique", date(2025, 4, 7), 44_000,
        holders=(replace(PROVIDERS[7], siret=fictional_siret(51_007, 9)),),
    )
    planted = (
        ("listed_holder_not_declared", ("Une structure d'insertion tient un marché déclaré sans "
         "considération sociale."), silent, (silent,)),
        ("near_duplicate", ("Deux marchés presque pareils à deux jours près, sous deux numéros : "
         "rapprochés pour lecture, jamais fusionnés."), again, (first, again)),
        ("threshold_split", ("Trois besoins pareils au même titulaire, chacun juste sous 40 000 €, "
         "dans l'année."), split[0], tuple(split)),
        ("amendment_looks_like_increment", ("Une modification de 15 000 € sur un marché de "
         "200 000 € : sans doute le complément, pas le nouveau total."), increment, (increment,)),
        ("amendment_over_half", "Une modification de plus de la moitié.", over_half, (over_half,)),
        ("siret_unknown", ("Un établissement que l'extrait SIRENE, qui connaît sa société, ne "
         "connaît pas."), elsewhere, (elsewhere,)),
    )
    for rule, told, suspect, contracts in planted:
        for contract in contracts:
            book.add(contract)
        book.trap(
            f"suspect-{rule}", told, contracts, row(suspect, 1, year=suspect.year),
            suspicions=[{"rule": rule, "contract_id": suspect.contract_id, "count": 1}],
        )


LOTS_OF_2025 = (
    ("1", "gymnastique douce", 46_200),
    ("2", "ateliers numériques", 28_600),
    ("3", "chorale", None),
    ("4", "sorties culturelles", None),
)
"""The lots of one consultation of the centre: two are awarded, the others come to nothing."""
LOTS_TITLE = "Animation des résidences autonomie"


def plant_own(book: Book) -> None:
    """What the centre publishes of the consultation that its own register tells whole."""
    for number, title, amount in LOTS_OF_2025:
        if amount is not None:
            book.add(
                special(
                    CCAS, 60, CARE, f"{LOTS_TITLE} - Lot {number} : {title}", date(2025, 4, 28),
                    amount, social=(CLAUSE,) if number == "2" else (NO_SOCIAL,),
                )
            )


def plant_traps(book: Book) -> None:
    """Everything planted on purpose."""
    plant_republications(book)
    plant_lots(book)
    plant_amounts(book)
    plant_dates(book)
    plant_amendments(book)
    plant_frameworks(book)
    plant_shapes(book)
    plant_codes(book)
    plant_suspects(book)
    plant_own(book)
    plant_concessions(book)
# fmt: on


# --- writing -------------------------------------------------------------------------------------

_ENCODER = msgspec.json.Encoder(decimal_format="number")


def _json_text(record: Record) -> str:
    return _ENCODER.encode(record).decode()


def _json_list(family_records: Sequence[Record]) -> str:
    return "[\n" + ",\n".join(_json_text(record) for record in family_records) + "\n]"


def json_file(name: str, entries: Sequence[tuple[str, Record]]) -> bytes:
    """A register as JSON, one record a line unless the file is an indented one."""
    if name.startswith("decp2019") or name in FILES_WITH_2019_WRAPPER:
        text = '{"marches": ' + _json_list([record for _, record in entries]) + "}\n"
    else:
        families = ("marche", "contrat-concession")
        lists = {f: [record for kind, record in entries if kind == f] for f in families}
        parts = [f'"{f}": {_json_list(found)}' for f, found in lists.items() if found]
        text = '{"marches": {' + ",\n".join(parts) + "}}\n"
    if name in FILES_INDENTED:
        text = msgspec.json.format(text, indent=2) + "\n"
    if name in FILES_WITH_ESCAPES:
        text = "".join(char if char.isascii() else f"\\u{ord(char):04x}" for char in text)
    return (b"\xef\xbb\xbf" if name in FILES_WITH_BOM else b"") + text.encode()


def xml_file(entries: Sequence[tuple[str, Record]]) -> bytes:
    """A register as XML: lists are repeated elements, booleans `oui` or `non`."""
    root = ET.Element("marches")
    for family, record in entries:
        _fill(ET.SubElement(root, family), record)
    ET.indent(root, "  ")
    body = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'.encode()


def _fill(element: ET.Element, value: Any) -> None:
    if isinstance(value, dict):
        for key, content in value.items():
            repeated = isinstance(content, list) and all(not isinstance(c, dict) for c in content)
            for item in content if repeated else [content]:
                _fill(ET.SubElement(element, key), item)
    elif isinstance(value, list):
        for item in value:
            _fill(element, item)
    elif isinstance(value, bool):
        element.text = "oui" if value else "non"
    elif value is not None:
        element.text = str(value)


def file_bytes(name: str, entries: Sequence[tuple[str, Record]]) -> bytes:
    """The bytes of one published register, in publication order like an export."""
    ordered = sorted(entries, key=lambda entry: str(entry[1]["datePublicationDonnees"]))
    if name.endswith(".xml"):
        return xml_file(ordered)
    content = json_file(name, ordered)
    if not name.endswith(".gz"):
        return content
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=packed, mtime=0) as stream:
        stream.write(content)
    return packed.getvalue()


def make_book() -> Book:
    """The published registers and their truth; the same at every call."""
    book = Book()
    tell_story(book, random.Random(SEED))
    plant_traps(book)
    return book
