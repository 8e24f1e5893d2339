"""An audit that came back: contracts drawn from SOC-01 in 2025, and what their documents say.

The draw follows the rule that the method states: contracts ranked by the SHA-256 of the seed and
their uid, the first of each stratum taken in proportion to its size, ten at least.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction

from tests.generators.demo.registers import EXPORT_DAY, Contract, Record

CODE, YEAR, SCOPE, SCHEME = "SOC-01", 2025, "floor", "demo"
SIZE, LEAST = 60, 10
SEED = hashlib.sha256(f"{SCHEME}|{CODE}|{YEAR}|{SCOPE}|*".encode()).hexdigest()[:12]
FOUND = {
    "yes": ["no", "undeterminable", "no"],
    "no": ["yes", "yes", "undeterminable", "yes", "yes"],
    "unknown": ["yes", "no", "", "yes", "", "no", "yes", "no", "no", ""],
}
"""What is found of the first contracts of each stratum; the others are as declared."""
DOCUMENTS = {"yes": "CCAP, article 8", "no": "CCAP et règlement", "undeterminable": "CCAP absent"}
COLUMNS = (
    "uid", "declared", "code", "year", "scope", "buyer_id", "seed", "as_of", "declared_yes",
    "declared_no", "declared_unknown", "found", "evidence", "remark",
)  # fmt: skip

_LOT = re.compile(r"\blot\s*(?:n°)?\s*(\d+)", re.IGNORECASE)


def uids(contracts: Iterable[Contract]) -> list[tuple[str, Contract]]:
    """Each contract with its uid: lots sharing an id are numbered by lot, else by object."""
    groups: dict[str, list[Contract]] = defaultdict(list)
    for contract in contracts:
        groups[contract.uid].append(contract)
    return [
        (f"{uid}#{rank}" if rank > 1 else uid, contract)
        for uid, lots in sorted(groups.items())
        for rank, contract in enumerate(sorted(lots, key=_rank_of_lot), start=1)
    ]


def _rank_of_lot(contract: Contract) -> tuple[int, str]:
    number = _LOT.search(contract.title)
    return int(number[1]) if number else 0, contract.title


def declared(
    contracts: Sequence[Contract], fact: Callable[[Contract], bool | None]
) -> dict[str, str]:
    """What is declared of each contract that the figure may count."""
    answers: dict[str, str] = {}
    for uid, contract in uids(contracts):
        member, met = contract.is_above_floor, fact(contract)
        if contract.year != YEAR or contract.is_call_off or member is False:
            continue
        is_known = member is not None and met is not None
        answers[uid] = ("yes" if met else "no") if is_known else "unknown"
    return answers


def drawn(answers: Mapping[str, str]) -> dict[str, list[str]]:
    """The contracts drawn of each stratum, in the order of their ranks."""
    sizes = Counter(answers.values())
    whole = sizes["yes"] + sizes["no"]
    ranked = sorted(answers, key=lambda uid: hashlib.sha256(f"{SEED}|{uid}".encode()).hexdigest())
    return {
        stratum: [uid for uid in ranked if answers[uid] == stratum][
            : max(-(-SIZE * sizes[stratum] // whole), LEAST)
        ]
        for stratum in FOUND
    }


def _found(stratum: str, rank: int) -> str:
    planned = FOUND[stratum]
    return planned[rank] if rank < len(planned) else stratum


def file(answers: Mapping[str, str]) -> bytes:
    """`audits/SOC-01-2025.csv`."""
    sizes = Counter(answers.values())
    rows = [
        (
            uid, stratum, CODE, YEAR, SCOPE, "*", SEED, EXPORT_DAY.isoformat(), sizes["yes"],
            sizes["no"], sizes["unknown"], found, DOCUMENTS.get(found, ""), "",
        )
        for stratum, chosen in drawn(answers).items()
        for rank, uid in enumerate(chosen)
        for found in (_found(stratum, rank),)
    ]  # fmt: skip
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(sorted(rows))
    return out.getvalue().encode()


def audit_answers(answers: Mapping[str, str]) -> Record:
    """The declared rate and the one that the sample lets estimate, stratum by stratum."""
    sizes = Counter(answers.values())
    found = {
        stratum: Counter(_found(stratum, rank) for rank in range(len(chosen)))
        for stratum, chosen in drawn(answers).items()
    }
    whole = sizes["yes"] + sizes["no"]
    known = ("yes", "no")
    checked = {s: found[s]["yes"] + found[s]["no"] for s in known}
    estimated = sum(
        (Fraction(sizes[s] * found[s]["yes"], whole * checked[s]) for s in known), Fraction(0)
    )
    return {
        "declared_value": f"{float(Fraction(sizes['yes'], whole)):.6f}",
        "estimated_value": f"{float(estimated):.6f}",
        "sampled": sum(found[s].total() for s in known),
        "checked": sum(checked.values()),
        "undetermined": sum(found[s]["undeterminable"] for s in known),
        "population": whole,
        "declared_unknown": sizes["unknown"],
        "unknown_found": found["unknown"]["yes"],
        "unknown_checked": found["unknown"]["yes"] + found["unknown"]["no"],
    }
