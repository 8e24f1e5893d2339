"""Registers and hour logs of any size, for the benchmarks.

`python -m tests.generators.volume N FILE [--ndjson]`: a register.

Writes N contracts or awarded lots in the 2022 format, as one JSON object (`{"marches": {"marche":
[…]}}`) or, with `--ndjson`, the same records one a line. About 1.2 kB a record. Seeded: the same N
gives the same bytes. N/200 buyers (at least 50), five years; N/100 further records are
republications with another amount; three records in twenty are the lots of one consultation, under
one id; some contracts are amended, some say nothing of their considerations.

`python -m tests.generators.volume N FOLDER --hours`: N hour lines in the canonical log, of N/50
people on the N/500 contracts of a register of three buyers, with their commitments and participant
sheets. One line in a hundred cannot be right. All is fictional.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import chain, islice
from pathlib import Path
from typing import Any

from tests.generators.demo import clauses, hour_files
from tests.generators.demo import people as people_files
from tests.generators.demo.registers import (
    CLAUSE,
    CRITERION,
    ENV_CLAUSE,
    ENV_CRITERION,
    LOCATIONS,
    NO_ENVIRONMENTAL,
    NO_SOCIAL,
    RESERVED,
    TRADES,
    fictional_siret,
)

SEED = 41
FIRST_DAY = date(2021, 1, 1)
DAYS = 5 * 365
VARIANTS = 1024
"""Different middles of a record, built once: what keeps the writer fast."""
PER_WRITE = 4096
LOTS = 3

_DAYS_TEXT = [(FIRST_DAY + timedelta(days=day)).isoformat() for day in range(DAYS + 400)]


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _considerations(rng: random.Random) -> dict[str, Any]:
    social = rng.choices(
        ([NO_SOCIAL], [CLAUSE], [CRITERION], [CLAUSE, CRITERION], [RESERVED], ["NC"], []),
        (70, 12, 6, 3, 2, 5, 2),
    )[0]
    environmental = rng.choices(
        ([NO_ENVIRONMENTAL], [ENV_CLAUSE], [ENV_CRITERION], [ENV_CLAUSE, ENV_CRITERION], ["MQ"]),
        (44, 26, 12, 14, 4),
    )[0]
    return {
        "considerationsSociales": {"considerationSociale": social},
        "considerationsEnvironnementales": {"considerationEnvironnementale": environmental},
    }


def _middle(number: int, rng: random.Random) -> str:
    """The fields of a record that do not depend on its buyer, id, dates or amount."""
    trade = TRADES[number % len(TRADES)]
    framework = rng.random() < 0.2
    location = rng.choice(LOCATIONS)
    holders = 1 + (rng.random() < 0.1) + (rng.random() < 0.03)
    advance = rng.random() < 0.4
    fields: dict[str, Any] = {
        "nature": "Marché",
        "codeCPV": trade.cpv,
        "procedure": rng.choice(("Procédure adaptée", "Appel d'offres ouvert")),
        "marcheInnovant": rng.random() < 0.01,
        "ccag": trade.ccag,
        "offresRecues": 1 + int(rng.expovariate(0.4)),
        "attributionAvance": advance,
        **({"tauxAvance": 0.05} if advance else {}),
        "typeGroupementOperateurs": "Solidaire" if holders > 1 else "Pas de groupement",
        "lieuExecution": {"code": location[0], "typeCode": location[1]},
        "dureeMois": rng.choice(trade.months),
        "formePrix": rng.choice(("Unitaire", "Forfaitaire", "Mixte")),
        "sousTraitanceDeclaree": rng.random() < 0.1,
        "origineUE": 0.8 if trade.has_origin else None,
        "origineFrance": 0.5 if trade.has_origin else None,
        "titulaires": [
            {
                "titulaire": {
                    "typeIdentifiant": "SIRET",
                    "id": fictional_siret(rng.randrange(60_000, 99_999)),
                }
            }
            for _ in range(holders)
        ],
        **_considerations(rng),
        "modalitesExecution": {
            "modaliteExecution": ["Bons de commande" if framework else "Sans objet"]
        },
        "techniques": {"technique": ["Accord-cadre" if framework else "Sans objet"]},
        "typesPrix": {"typePrix": ["Définitif révisable"]},
        **({"idAccordCadre": f"AC{number:06d}"} if rng.random() < 0.1 else {}),
    }
    return _text(fields)[1:-1]


def _modifications(day: int, amount: int) -> str:
    late = _DAYS_TEXT[min(day + 180, len(_DAYS_TEXT) - 31)]
    seen = _DAYS_TEXT[min(day + 210, len(_DAYS_TEXT) - 1)]
    return (
        ',"modifications":[{"modification":{"id":1,"dateNotificationModification":"'
        f'{late}","datePublicationDonneesModification":"{seen}","montant":{amount + amount // 10}'
        "}}]"
    )


def _subcontract(day: int, amount: int) -> str:
    return (
        ',"actesSousTraitance":[{"acteSousTraitance":{"id":1,"sousTraitant":{"typeIdentifiant":'
        f'"SIRET","id":"{fictional_siret(59_000 + day % 900)}"}},"dureeMois":6,"dateNotification":"'
        f'{_DAYS_TEXT[day + 20]}","datePublicationDonnees":"{_DAYS_TEXT[day + 40]}","montant":'
        f'{amount // 8 + 1},"variationPrix":"Ferme"}}}}]'
    )


def _objects() -> list[str]:
    """Openings of the object texts, escaped for JSON."""
    titles = [
        title.format(place="secteur centre", building="des bâtiments communaux")
        for trade in TRADES
        for title in trade.objects
    ]
    tail = "pour les services de l'acheteur, y compris les prestations annexes décrites au cahier"
    return [_text(f"{title} {tail} des charges")[1:-1] for title in titles]


def records(count: int, seed: int = SEED, buyer_count: int | None = None) -> Iterator[str]:
    """The records as JSON texts: `count` contracts or lots, then one republication in a hundred."""
    rng = random.Random(seed)
    buyers = _buyers(buyer_count or max(count // 200, 50))
    middles = [_middle(number, rng) for number in range(VARIANTS)]
    objects = _objects()
    # Round amounts around 60 k€, from 2 k€ to several millions.
    amounts = [max(int(rng.lognormvariate(11, 1.3)) // 100 * 100, 2_000) for _ in range(8192)]
    return chain(
        _contracts(count, rng, (buyers, middles, objects, amounts)),
        _contracts(
            count // 100, random.Random(seed + 1), (buyers, middles, objects, amounts), True
        ),
    )


def _buyers(count: int) -> list[str]:
    return [fictional_siret(number) for number in range(1, count + 1)]


def _contracts(
    count: int,
    rng: random.Random,
    pools: tuple[Sequence[str], Sequence[str], Sequence[str], Sequence[int]],
    republished: bool = False,
) -> Iterator[str]:
    """`count` records; the republished ones carry the ids of every hundredth contract."""
    buyers, middles, objects, amounts = pools
    bits_of, n_buyers, n_objects = rng.getrandbits, len(buyers), len(objects)
    for rank in range(count):
        number = rank * 100 if republished else rank
        bits = bits_of(64)
        # Twenty consecutive records: seventeen contracts, then three lots of one consultation.
        place = number % 20
        lot = place - 20 + LOTS + 1
        consultation = number - lot + 1 if lot > 0 else number
        buyer = buyers[consultation * 7919 % n_buyers]
        day = consultation * 104_729 % (DAYS - 1)
        amount = amounts[bits & 8191]
        delay = (bits >> 13) % 45 + (120 if bits >> 58 < 14 else 0) + (130 if republished else 0)
        title = objects[consultation % n_objects]
        lot_text = f" - Lot {lot} : tranche {lot}" if lot > 0 else ""
        kind = bits >> 32 & 63
        extra = _modifications(day, amount) if kind < 5 else ""
        if kind == 63:
            extra = _subcontract(day, amount)
        yield (
            f'{{"id":"{consultation:09d}","acheteur":{{"id":"{buyer}"}},"objet":"{title}'
            f' (consultation {consultation}){lot_text}",{middles[bits >> 20 & 1023]},'
            f'"dateNotification":"{_DAYS_TEXT[day]}","datePublicationDonnees":"'
            f'{_DAYS_TEXT[day + delay]}","montant":{amount}{extra}}}'
        )


def write(
    count: int,
    file: Path,
    *,
    ndjson: bool = False,
    seed: int = SEED,
    buyer_count: int | None = None,
) -> int:
    """Write the register; the number of records written is returned."""
    opening, between, closing = (
        ("", "\n", "\n") if ndjson else ('{"marches":{"marche":[', ",", "]}}")
    )
    written = 0
    with file.open("w", encoding="utf-8", newline="\n") as stream:
        stream.write(opening)
        block: list[str] = []
        for record in records(count, seed, buyer_count):
            block.append(record)
            if len(block) == PER_WRITE:
                stream.write((between if written else "") + between.join(block))
                written += len(block)
                block.clear()
        if block:
            stream.write((between if written else "") + between.join(block))
            written += len(block)
        stream.write(closing)
    return written


# --- hours ---------------------------------------------------------------------------------------

HOURS, REGISTER = "heures.csv", "marches.json"
COMMITMENTS, PARTICIPANTS = "engagements.csv", "participants.csv"
LINES_PER_PERSON, LINES_PER_CONTRACT = 50, 500
BUYERS = 3
ELIGIBLE_MONTHS = 24
FACILITATOR = "PLIE d'Exemple"
_MONTHS = [f"{year}-{month:02d}" for year in range(2021, 2026) for month in range(1, 13)]
_STATES = (*["Validée"] * 45, "Corrigée", "Corrigée", "Rejetée", "Déclarée", "Déclarée")
_WAYS = (
    ("Embauche directe", "", "CDD"),
    ("Mise à disposition", "ETTI", "Contrat de mission"),
    ("Sous-traitance", "ACI", "CDDI"),
)
_SECTORS = ("BTP", "BTP", "Propreté", "Espaces verts", "Restauration")
_CRITERIA = ("RSA", "RSA", "DETLD", "DELD", "CAP_BEP", "TH", "SENIOR, RSA", "JEUNE, QPV")


@dataclass(frozen=True)
class _Place:
    """A contract that has a clause, and the company on it."""

    contract_id: str
    buyer: str
    company: str


def _places(lines: int) -> list[_Place]:
    """The contracts of the register that share their id with none."""
    buyers = _buyers(BUYERS)
    return [
        _Place(f"{number:09d}", buyers[number * 7919 % BUYERS], fictional_siret(60_000 + number))
        for number in range(max(lines // LINES_PER_CONTRACT, 20))
        if number % 20 < 20 - LOTS
    ]


def write_hours(lines: int, folder: Path) -> list[Path]:
    """Write a register, commitments, participant sheets and the log; the files are returned."""
    places = _places(lines)
    people = max(lines // LINES_PER_PERSON, 1)
    files = [folder / name for name in (REGISTER, COMMITMENTS, PARTICIPANTS, HOURS)]
    write(max(lines // LINES_PER_CONTRACT, 20), files[0], buyer_count=BUYERS)
    for file, rows in zip(
        files[1:],
        (_commitments(places), _participants(people), _hour_lines(lines, places)),
        strict=True,
    ):
        with file.open("w", encoding="utf-8", newline="\n") as stream:
            while block := list(islice(rows, PER_WRITE)):
                stream.write("\n".join(block) + "\n")
    return files


def _row(header: Sequence[str], **cells: object) -> str:
    return ";".join(str(cells.get(name, "")) for name in header)


def _commitments(places: Sequence[_Place]) -> Iterator[str]:
    yield ";".join(clauses.HEADER)
    for place in places:
        yield _row(
            clauses.HEADER, marche_id=place.contract_id, maitre_ouvrage=place.buyer,
            facilitateur=FACILITATOR, entreprise_siret=place.company, mode="Volume fixe",
            date_effet="2021-01-01", heures=LINES_PER_CONTRACT * 12, debut="2021-01-01",
            fin="2025-12-31", periodicite="Trimestriel",
        )  # fmt: skip


def _first_month(person: int) -> int:
    return person * 7 % (len(_MONTHS) - ELIGIBLE_MONTHS)


def _participants(people: int) -> Iterator[str]:
    yield ";".join(people_files.HEADER)
    for person in range(people):
        yield _row(
            people_files.HEADER, beneficiaire_id=f"PLIE-{person:07d}", facilitateur=FACILITATOR,
            sexe="Femme" if person % 3 == 0 else "Homme", annee_naissance=1960 + person % 45,
            niveau_formation="CAP/BEP" if person % 2 else "Sans diplôme",
            publics=_CRITERIA[person % len(_CRITERIA)],
            residence_qpv="oui" if person % 4 == 0 else "non",
            eligible_du=f"{_MONTHS[_first_month(person)]}-05",
        )  # fmt: skip


def _hour_lines(lines: int, places: Sequence[_Place]) -> Iterator[str]:
    """Fifty lines a person, two or three a month, each on another contract.

    Of a thousand: five copy the line before, three name no known contract, two are negative.
    """
    header = hour_files.HEADER
    yield ";".join(header)
    # One text per line, filled by place: a million of them must not take a minute.
    template = ";".join(f"{{{name}}}" if name in _FILLED else "" for name in header)
    before = ""
    for number in range(lines):
        person, rank = divmod(number, LINES_PER_PERSON)
        month = _first_month(person) + rank % ELIGIBLE_MONTHS
        place = places[(person * 37 + rank // ELIGIBLE_MONTHS * 613) % len(places)]
        way, kind, employed = _WAYS[person % 3]
        state = _STATES[number * 31 % len(_STATES)]
        halves = 6 + (person * 7 + rank * 13) % 45
        fault = number % 1000
        if rank and fault < 50 and fault % 10 == 1:
            yield before
            continue
        validated = {"Validée": halves, "Corrigée": halves - 2}.get(state)
        before = template.format(
            marche_id="INCONNU" if fault in {60, 70, 80} else place.contract_id,
            maitre_ouvrage=place.buyer,
            facilitateur=FACILITATOR,
            entreprise_siret=place.company,
            periode=_MONTHS[month],
            heures_realisees=-4 if fault in {90, 95} else halves / 2,
            heures_validees="" if validated is None or fault in {90, 95} else validated / 2,
            nature_heures="Formation" if number % 40 == 7 else "",
            etat=state if fault not in {90, 95} else "Déclarée",
            decide_le="" if state == "Déclarée" else f"{_MONTHS[month]}-28",
            beneficiaire_id=f"PLIE-{person:07d}",
            modalite=way,
            structure=kind,
            secteur=_SECTORS[person % len(_SECTORS)],
            type_contrat=employed,
        )
        yield before


_FILLED = {
    "marche_id", "maitre_ouvrage", "facilitateur", "entreprise_siret", "periode",
    "heures_realisees", "heures_validees", "nature_heures", "etat", "decide_le", "beneficiaire_id",
    "modalite", "structure", "secteur", "type_contrat",
}  # fmt: skip


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, metavar="N")
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--ndjson", action="store_true")
    parser.add_argument("--hours", action="store_true", help="hour lines, into a folder")
    options = parser.parse_args()
    if options.hours:
        options.file.mkdir(parents=True, exist_ok=True)
        write_hours(options.count, options.file)
    else:
        write(options.count, options.file, ndjson=options.ndjson)


if __name__ == "__main__":
    main()
