"""Which source card a file belongs to, from the names it uses."""

from __future__ import annotations

from collections.abc import Iterable

from spaser.cards import Recognition, SourceCard
from spaser.ingest.containers import Container


def folded(name: str) -> str:
    """A column name without what exports of one table differ by: case, `.` or `_`, blanks."""
    return name.strip().lower().replace(".", "_")


def recognise(
    cards: Iterable[SourceCard], container: Container, names: Iterable[str]
) -> SourceCard | None:
    """The card that knows these names; of several, the one that maps the most of them.

    Order, extra names and (in tables) case and separators do not matter.
    """
    tabular = container in ("csv", "parquet")
    seen = frozenset(folded(name) if tabular else name for name in names)
    matching = [card for card in cards if _matches(card, container, seen, tabular)]
    return max(matching, key=lambda card: (coverage(card, seen, tabular), card.key), default=None)


def first_of(cards: Iterable[SourceCard], container: Container) -> SourceCard | None:
    """The first card of a container: an empty register has no names to be told by."""
    of_container = (
        card for card in cards if any(rule.container == container for rule in card.recognise)
    )
    return min(of_container, key=lambda card: card.key, default=None)


def coverage(card: SourceCard, seen: frozenset[str], tabular: bool) -> int:
    """How many of the names the card maps."""
    mapped = {folded(name) if tabular else name.split("/")[0] for name in mapped_names(card)}
    return len(seen & mapped)


def mapped_names(card: SourceCard) -> set[str]:
    """Every column or path that feeds a staged field."""
    names: set[str] = set()
    for fields in (card.fields, card.concession_fields):
        for path in fields.values():
            names.update(alternatives(path))
    for groups in card.lists.values():
        for group in groups:
            for path in group.values():
                names.update(alternatives(path))
    return names


def alternatives(path: str | tuple[str, ...]) -> tuple[str, ...]:
    """The columns or paths of a field, in the order they are tried."""
    return (path,) if isinstance(path, str) else path


def _matches(card: SourceCard, container: Container, seen: frozenset[str], tabular: bool) -> bool:
    return any(_holds(rule, container, seen, tabular) for rule in card.recognise)


def _holds(rule: Recognition, container: Container, seen: frozenset[str], tabular: bool) -> bool:
    def known(names: tuple[str, ...]) -> set[str]:
        return {folded(name) if tabular else name for name in names}

    return (
        rule.container == container
        and known(rule.all_of) <= seen
        and (not rule.any_of or bool(known(rule.any_of) & seen))
        and not known(rule.none_of) & seen
    )
