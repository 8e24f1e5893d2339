"""What can be wrong with a whole file: it is damaged, or it is no register we know."""

from __future__ import annotations

from spaser.errors import InputError


class Damaged(InputError):
    """A register that cannot be read to its end: nothing is built from half a file."""


class Unrecognised(Exception):
    """A file that is no known register.

    Attributes:
        rule: the finding rule that says what it is instead.
        value: what was seen (columns, keys, root element).
    """

    def __init__(self, rule: str, value: str | None = None) -> None:
        super().__init__(rule)
        self.rule = rule
        self.value = value
