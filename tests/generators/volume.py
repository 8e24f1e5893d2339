"""A register of any size, for the benchmark: `python -m tests.generators.volume N FILE [--ndjson]`.

Writes N contracts or awarded lots in the 2022 format, as one JSON object (`{"marches": {"marche":
[…]}}`) or, with `--ndjson`, the same records one a line. About 1.2 kB a record. Seeded: the same N
gives the same bytes. N/200 buyers (at least 50), five years; N/100 further records are
republications with another amount; three records in twenty are the lots of one consultation, under
one id; some contracts are amended, some say nothing of their considerations. All is fictional.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import chain
from pathlib import Path
from typing import Any

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


def records(count: int, seed: int = SEED) -> Iterator[str]:
    """The records as JSON texts: `count` contracts or lots, then one republication in a hundred."""
    rng = random.Random(seed)
    buyers = [fictional_siret(number) for number in range(1, max(count // 200, 50) + 1)]
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


def write(count: int, file: Path, *, ndjson: bool = False, seed: int = SEED) -> int:
    """Write the register; the number of records written is returned."""
    opening, between, closing = (
        ("", "\n", "\n") if ndjson else ('{"marches":{"marche":[', ",", "]}}")
    )
    written = 0
    with file.open("w", encoding="utf-8", newline="\n") as stream:
        stream.write(opening)
        block: list[str] = []
        for record in records(count, seed):
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


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, metavar="N")
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--ndjson", action="store_true")
    options = parser.parse_args()
    write(options.count, options.file, ndjson=options.ndjson)


if __name__ == "__main__":
    main()
