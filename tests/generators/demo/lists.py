"""Lists of suppliers: inclusive structures, ESUS, an extract of the register of establishments."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from tests.generators.demo.registers import (
    BUILDERS,
    BUYERS,
    INCLUSIVE,
    PROVIDERS,
    RESERVED,
    TRADERS,
    Contract,
    Holder,
    fictional_siret,
)

STRUCTURES, ESUS, SIRENE = "structures.csv", "esus.csv", "sirene-extrait.csv"
LISTED_ON = date(2026, 2, 15)
"""The day of the lists: after every notification, so that none is out of date."""

FAMILIES = {
    "EI": "siae", "ACI": "siae", "AI": "siae", "ETTI": "siae", "GEIQ": "geiq", "EA": "ea",
    "ESAT": "esat",
}  # fmt: skip
ADMITTED = {
    "L2113-12": ("ea", "esat"),
    "L2113-13": ("siae", "geiq"),
    "unspecified": ("ea", "esat", "siae", "geiq"),
}
"""Which structures an article admits (CCP art. L2113-12 to -14)."""


@dataclass(frozen=True)
class Structure:
    """A structure and the days between which its convention, or approval, is in force."""

    holder: Holder
    kind: str
    valid_from: date
    valid_to: date

    def on(self, day: date) -> bool:
        """Whether it is in force."""
        return self.valid_from <= day <= self.valid_to


def _structure(holder: Holder, kind: str, first: str, last: str) -> Structure:
    return Structure(holder, kind, date.fromisoformat(first), date.fromisoformat(last))


STRUCTURES_LISTED = (
    _structure(INCLUSIVE[0], "EI", "2017-03-01", "2027-02-28"),
    _structure(INCLUSIVE[1], "ACI", "2018-01-01", "2026-12-31"),
    _structure(INCLUSIVE[2], "ESAT", "2012-06-15", "2027-06-14"),
    _structure(INCLUSIVE[3], "EI", "2019-07-01", "2025-06-30"),  # ends in the middle of 2025
    _structure(INCLUSIVE[4], "EA", "2016-01-01", "2027-12-31"),
    _structure(INCLUSIVE[5], "ACI", "2020-01-01", "2026-12-31"),
    _structure(INCLUSIVE[6], "ETTI", "2024-07-01", "2027-06-30"),  # begins in the middle of 2024
    _structure(INCLUSIVE[7], "AI", "2015-09-01", "2026-08-31"),
    _structure(INCLUSIVE[8], "ACI", "2019-01-01", "2027-12-31"),
    _structure(INCLUSIVE[10], "GEIQ", "2018-05-01", "2027-04-30"),
    *(
        _structure(Holder(fictional_siret(62_000 + n), f"Solidaires Exemple {n + 1:02d}"), kind,
                   "2018-01-01", "2027-12-31")
        for n, kind in enumerate(("EI", "ACI", "EA", "ESAT", "AI", "ETTI"))
    ),
)  # fmt: skip
"""INCLUSIVE 10 and 12 are in no list: nothing admits the contracts reserved to them."""

ESUS_LISTED = (
    _structure(INCLUSIVE[0], "ESUS", "2019-04-01", "2027-03-31"),
    _structure(INCLUSIVE[4], "ESUS", "2020-05-11", "2025-05-10"),
    _structure(PROVIDERS[20], "ESUS", "2021-01-01", "2025-12-31"),
    _structure(PROVIDERS[44], "ESUS", "2024-09-01", "2026-08-31"),
    _structure(TRADERS[11], "ESUS", "2022-02-01", "2027-01-31"),
    _structure(BUILDERS[30], "ESUS", "2019-10-01", "2024-09-30"),
)

CLOSED = {PROVIDERS[5].siret: date(2025, 3, 31), BUILDERS[17].siret: date(2024, 8, 31)}
"""Establishments closed on these days; contracts notified later name them all the same."""

NOT_IN_EXTRACT = PROVIDERS[12]
"""A company of which the extract holds nothing."""


# --- what is true ---------------------------------------------------------------------------------


def _known(holder: Holder) -> bool:
    return holder.kind == "SIRET"


def _answer(yes: Iterable[bool], known: Iterable[bool]) -> bool | None:
    """One yes is enough; a no needs every holder known."""
    if any(yes):
        return True
    return False if all(known) else None


def has_inclusive_holder(contract: Contract) -> bool | None:
    """SOC-25: a holder whose convention was in force at the notification; a GEIQ is none."""
    day = contract.notified
    if day is None:
        return None
    inclusive = {s.holder.siret for s in STRUCTURES_LISTED if s.kind != "GEIQ" and s.on(day)}
    return _answer(
        (holder.siret in inclusive for holder in contract.holders),
        (_known(holder) for holder in contract.holders),
    )


def has_esus_holder(contract: Contract) -> bool | None:
    """ECO-04: a holder whose approval was in force at the notification, by SIREN."""
    day = contract.notified
    if day is None:
        return None
    approved = {s.holder.siret[:9] for s in ESUS_LISTED if s.on(day)}
    return _answer(
        (holder.siret[:9] in approved for holder in contract.holders),
        (_known(holder) for holder in contract.holders),
    )


def is_admitted(contract: Contract, article: str) -> bool:
    """Whether a holder of a reserved contract is of a kind its article admits, that day."""
    day = contract.notified or LISTED_ON
    admitted = {
        s.holder.siret[:9]
        for s in STRUCTURES_LISTED
        if FAMILIES[s.kind] in ADMITTED[article] and s.on(day)
    }
    return any(holder.siret[:9] in admitted for holder in contract.holders)


def is_reserved(contract: Contract) -> bool:
    """Whether the values in force say so."""
    return RESERVED in (contract.social or ())


def closed_holders(contract: Contract) -> int:
    """How many holders of a contract were closed before its notification."""
    day = contract.notified
    return sum(
        day is not None and holder.siret in CLOSED and CLOSED[holder.siret] < day
        for holder in contract.holders
    )


# --- the files ------------------------------------------------------------------------------------


def csv_bytes(
    header: Sequence[str], rows: Iterable[Sequence[object]], separator: str = ";"
) -> bytes:
    """Rows below a header, as one CSV file."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=separator, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return out.getvalue().encode()


def structures() -> bytes:
    """The centre's list of inclusive structures."""
    return csv_bytes(
        ("SIRET", "Structure", "Type", "Convention du", "Convention au", "Liste",
         "Date de la liste"),
        (
            (s.holder.siret, s.holder.name, s.kind, f"{s.valid_from:%d/%m/%Y}",
             f"{s.valid_to:%d/%m/%Y}", "Structures inclusives d'Exemple", f"{LISTED_ON:%d/%m/%Y}")
            for s in STRUCTURES_LISTED
        ),
    )  # fmt: skip


def esus() -> bytes:
    """A list of ESUS, by SIREN, its groups of three digits apart."""
    return csv_bytes(
        ("N° SIREN", "Dénomination", "Date de début d'agrément", "Date de fin d'agrément",
         "Date de mise à jour"),
        (
            (f"{s.holder.siret[:3]} {s.holder.siret[3:6]} {s.holder.siret[6:9]}", s.holder.name,
             f"{s.valid_from:%d/%m/%Y}", f"{s.valid_to:%d/%m/%Y}", f"{LISTED_ON:%d/%m/%Y}")
            for s in ESUS_LISTED
        ),
    )  # fmt: skip


def sirene() -> bytes:
    """An extract in the columns of SIRENE's file of establishments."""
    buyers = [Holder(buyer.siret, buyer.name) for buyer in BUYERS]
    companies = [*BUILDERS, *TRADERS, *PROVIDERS, *INCLUSIVE, *buyers]
    return csv_bytes(
        ("siren", "nic", "siret", "dateCreationEtablissement", "etatAdministratifEtablissement",
         "dateDebut", "categorieEntreprise", "activitePrincipaleEtablissement",
         "denominationUniteLegale"),
        (
            (h.siret[:9], h.siret[9:], h.siret, "2009-01-01", "F" if h.siret in CLOSED else "A",
             CLOSED.get(h.siret, date(2009, 1, 1)).isoformat(), "PME", "81.30Z", h.name)
            for h in sorted(companies, key=lambda holder: holder.siret)
            if h != NOT_IN_EXTRACT
        ),
        ",",
    )  # fmt: skip


FILES = {STRUCTURES: structures, ESUS: esus, SIRENE: sirene}
