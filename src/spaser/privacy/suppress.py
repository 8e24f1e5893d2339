"""The mask of an edition: which figures about people are printed, which are « s ».

`mask_edition` hides by rule (primary suppression), then whatever else would let a hidden figure be
derived from the others, from another breakdown or from an earlier edition (complementary). Every
output — page, chart, hover text, alternative text, workbook, open data — asks `Mask.shows` with the
figures that its number is computed from, and prints `SYMBOL` where the answer is no.

The reasons are for the internal report: told to the public, a primary one would say that the figure
is small. The public reads `NOTE_FR` or `NOTE_EN` and nothing else.

What is not protected against: a reader who already knows some of the people counted, and one who
works the choice of cells backwards; both are why thresholds are wider than one person.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from types import MappingProxyType

import pyarrow as pa

from spaser.errors import InputError
from spaser.privacy.complementary import complete
from spaser.privacy.rules import HOURS, PEOPLE, Key, Rules, named
from spaser.privacy.structure import Edition, Figure, System, build

SYMBOL = "s"
NOTE_FR = (
    "s : secret statistique. Chiffre masqué pour protéger des personnes ou des entreprises, ou "
    "parce qu'il permettrait de déduire un chiffre masqué."
)
NOTE_EN = (
    "s: statistical secrecy. Figure hidden to protect people or companies, or because a hidden "
    "figure could be derived from it."
)

PUBLISHED, PRIMARY, COMPLEMENTARY = "published", "primary", "complementary"

REASONS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "published": ("Publié.", "Published."),
        "few_people": (
            "Moins de personnes que le seuil de publication.",
            "Fewer people than the publication threshold.",
        ),
        "everyone": (
            "Révélerait un fait sensible sur chacun des membres du groupe.",
            "Would reveal something sensitive about every member of the group.",
        ),
        "hours_of_hidden_people": (
            "Heures de personnes dont le nombre est masqué.",
            "Hours of people whose number is hidden.",
        ),
        "unknown_people": (
            "Le nombre de personnes qui ont fait ces heures est inconnu.",
            "How many people worked these hours is unknown.",
        ),
        "few_companies": (
            "Heures de moins d'entreprises que le seuil de publication.",
            "Hours of fewer companies than the publication threshold.",
        ),
        "dominant_company": (
            "Une entreprise fait presque toutes ces heures.",
            "One company makes nearly all of these hours.",
        ),
        "unknown_companies": (
            "Le nombre d'entreprises, ou la part de la première, est inconnu.",
            "The number of companies, or the share of the first of them, is unknown.",
        ),
        "hidden_before": (
            "Masqué dans une édition déjà publiée.",
            "Hidden in an edition already published.",
        ),
        "follows": (
            "Suit les personnes ou les heures de la même ligne.",
            "Follows the people or the hours of the same row.",
        ),
        "derivable": (
            "Secret secondaire : permettrait de déduire un chiffre masqué.",
            "Secondary suppression: a hidden figure could be derived from it.",
        ),
    }
)
"""Reason → what it says in French and in English, for the internal report only."""


@dataclass(frozen=True)
class Decision:
    """Whether a figure is printed (`published`, `primary`, `complementary`) and why."""

    state: str
    reason: str


@dataclass(frozen=True)
class Mask:
    """What an edition prints of its figures about people.

    `exposed` names what earlier editions let readers derive whatever is hidden now: a finding for
    the department, which can no longer undo it.
    """

    decisions: Mapping[Key, Decision]
    exposed: tuple[str, ...] = ()

    def shows(self, *keys: Key) -> bool:
        """Whether a number computed from these figures may be printed: none of them is hidden.

        A share, a mean or full-time equivalents are asked for with all that they are computed from.

        Raises:
            InputError: a figure the mask was not made for; nothing unmasked is ever printed.
        """
        for key in keys:
            if key not in self.decisions:
                raise InputError(
                    f"Le chiffre « {named(key)} » n'est pas passé par le secret statistique : il "
                    "ne peut être publié. Ajoutez-le aux figures du masque.",
                    f"The figure “{named(key)}” did not go through suppression: it cannot be "
                    "published. Add it to the figures of the mask.",
                )
        return all(self.decisions[key].state == PUBLISHED for key in keys)

    @property
    def hidden(self) -> frozenset[Key]:
        """The figures not printed: what the next edition must know of this one."""
        return frozenset(key for key, told in self.decisions.items() if told.state != PUBLISHED)

    def table(self) -> pa.Table:
        """The mask as a table, without any number.

        Grain: one row per figure. Columns: `measure` (people, hours), `place` (axis=member, joined
        by `|`, `*` for a grand total), `is_published`, `state` (published, primary, complementary),
        `reason` (key of `REASONS`), `reason_fr`, `reason_en`. Internal: the public gets
        `is_published`.
        """
        rows = [
            {
                "measure": measure,
                "place": "|".join(f"{axis}={member}" for axis, member in place) or "*",
                "is_published": told.state == PUBLISHED,
                "state": told.state,
                "reason": told.reason,
                "reason_fr": REASONS[told.reason][0],
                "reason_en": REASONS[told.reason][1],
            }
            for (measure, place), told in sorted(self.decisions.items())
        ]
        return pa.Table.from_pylist(rows, schema=_SCHEMA)


_SCHEMA = pa.schema(
    [
        ("measure", pa.string()),
        ("place", pa.string()),
        ("is_published", pa.bool_()),
        ("state", pa.string()),
        ("reason", pa.string()),
        ("reason_fr", pa.string()),
        ("reason_en", pa.string()),
    ]
)


def mask_edition(edition: Edition, rules: Rules, earlier: Sequence[Edition] = ()) -> Mask:
    """Decide what an edition prints of its figures about people.

    Args:
        edition: all its figures about people, hours included, of every table and breakdown.
        rules: thresholds in force on the day of publication.
        earlier: the editions published before, oldest first, with what they hid.

    Raises:
        InputError: figures that contradict each other, that cross two sensitive variables, or
            hours without the number of people behind them.
    """
    figures = {figure.key: figure for figure in edition.figures}
    _refuse(figures, rules)
    system = build(edition, earlier, rules)
    reasons = _primary(figures, rules)
    for key in _everyone(system, figures, rules):
        reasons.setdefault(key, "everyone")
    for key, index in system.places.items():
        cell = system.cells[index]
        if cell.secret and not cell.known and figures[key].shown:
            reasons.setdefault(key, "hidden_before")
    for key in [key for key in reasons if key[0] == PEOPLE]:
        hours = (HOURS, key[1])
        if hours in figures:
            reasons.setdefault(hours, "hours_of_hidden_people")
    choice = complete(
        system,
        {system.places[key] for key in reasons},
        _follows(system, figures),
        _people(system, figures),
    )
    decisions = {
        key: _decide(key, reasons, system.places[key], choice.hidden)
        for key in sorted(figures)
        if figures[key].shown
    }
    known = {system.places[key] for key in reasons if system.cells[system.places[key]].known}
    exposed = sorted(system.cells[index].name for index in choice.exposed | known)
    return Mask(MappingProxyType(decisions), tuple(exposed))


def _decide(key: Key, reasons: Mapping[Key, str], index: int, hidden: Set[int]) -> Decision:
    if key in reasons:
        return Decision(PRIMARY, reasons[key])
    if index in hidden:
        return Decision(COMPLEMENTARY, "derivable")
    return Decision(PUBLISHED, "published")


def _refuse(figures: Mapping[Key, Figure], rules: Rules) -> None:
    for key, figure in sorted(figures.items()):
        crossed = rules.sensitive_axes(key[1])
        if len(crossed) > 1:
            raise InputError(
                f"« {named(key)} » croise {len(crossed)} variables sensibles "
                f"({', '.join(crossed)}). Retirez ce croisement des tables publiées.",
                f"“{named(key)}” crosses {len(crossed)} sensitive variables "
                f"({', '.join(crossed)}). Take this crossing out of the published tables.",
            )
        if key[0] == HOURS and figure.value > 0 and (PEOPLE, key[1]) not in figures:
            raise InputError(
                f"« {named(key)} » n'a pas de nombre de personnes : on ne sait pas si ces heures "
                "peuvent être publiées. Ajoutez-le, même non affiché.",
                f"“{named(key)}” has no number of people: whether these hours may be published is "
                "unknown. Add it, even if it is not shown.",
            )


def _primary(figures: Mapping[Key, Figure], rules: Rules) -> dict[Key, str]:
    """The figures that a rule hides by themselves, with the reason."""
    reasons: dict[Key, str] = {}
    for key, figure in sorted(figures.items()):
        if key[0] == PEOPLE:
            if 0 < figure.value < rules.threshold(key[1]):
                reasons[key] = "few_people"
        elif figure.value > 0 and figures[PEOPLE, key[1]].value == 0:
            reasons[key] = "unknown_people"
        elif figure.value > 0 and (reason := _company_reason(figure, rules)):
            reasons[key] = reason
    return reasons


def _company_reason(figure: Figure, rules: Rules) -> str | None:
    if figure.companies is None or figure.largest_company is None:
        return "unknown_companies"
    if figure.companies < rules.min_companies:
        return "few_companies"
    if figure.largest_company > rules.max_company_share * figure.value:
        return "dominant_company"
    return None


def _everyone(system: System, figures: Mapping[Key, Figure], rules: Rules) -> Iterable[Key]:
    """The figures that say something sensitive of every member of a group.

    A sensitive part as large as its total, and the zeros of all the parts that are not sensitive.
    """
    keys = {index: key for key, index in system.places.items()}
    for total, parts in system.breakdowns:
        if total in keys and rules.sensitive_axes(keys[total][1]):
            continue
        everybody = system.cells[total].value
        printed = [(keys[index], figures[keys[index]]) for index in parts if index in keys]
        harmless = [key for key, _ in printed if not rules.sensitive_axes(key[1])]
        delicate = [(key, figure) for key, figure in printed if rules.sensitive_axes(key[1])]
        if everybody > 0 and delicate:
            yield from (key for key, figure in delicate if figure.value == everybody)
            if all(figures[key].value == 0 for key in harmless):
                yield from harmless


def _follows(system: System, figures: Mapping[Key, Figure]) -> dict[int, set[int]]:
    """People → their hours."""
    found: dict[int, set[int]] = defaultdict(set)
    for measure, place in figures:
        hours = (HOURS, place)
        if measure == PEOPLE and hours in figures and figures[measure, place].shown:
            found[system.places[measure, place]].add(system.places[hours])
    return dict(found)


def _people(system: System, figures: Mapping[Key, Figure]) -> dict[int, float]:
    """How many people are behind each figure of this edition."""
    return {
        system.places[key]: float(figures[PEOPLE, key[1]].value)
        for key in figures
        if (PEOPLE, key[1]) in figures
    }
