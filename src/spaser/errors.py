"""The errors a user can act on; anything else is a fault of ours."""

from __future__ import annotations


class SpaserError(Exception):
    """A message in French and in English: what is wrong, where, and what to do."""

    exit_code = 2

    def __init__(self, fr: str, en: str) -> None:
        super().__init__(fr)
        self.fr = fr
        self.en = en

    def message(self, language: str) -> str:
        """The text in the language asked for, French unless English is."""
        return self.en if language == "en" else self.fr


class InputError(SpaserError):
    """Wrong usage or unreadable input: exit code 2."""


class Blocked(SpaserError):
    """A blocking check failed: nothing is published, the last result is kept: exit code 3."""

    exit_code = 3
