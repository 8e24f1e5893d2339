"""Interface texts of the report (`reports/labels.<language>.yml`) and French typography."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

from spaser.cards import load_yaml

_NARROW = "\u202f"
_NBSP = "\u00a0"


def typography(text: str, language: str) -> str:
    """The text with the non-breaking spaces of its language; English is left as it is."""
    if language != "fr":
        return text
    text = re.sub(r" ([;!?])", rf"{_NARROW}\1", text)
    text = re.sub(r" ([:%€»])", rf"{_NBSP}\1", text)
    return text.replace("« ", f"«{_NBSP}")


class Labels:
    """The texts of one language, by dotted key; a missing key is a fault of ours (KeyError)."""

    def __init__(self, folder: Path, language: str) -> None:
        self.language = language
        self.texts = dict(_flatten(load_yaml(folder / f"labels.{language}.yml")))

    def __call__(self, key: str, **values: object) -> str:
        """A text with its `{placeholders}` filled."""
        template = typography(self.texts[key], self.language)
        return template.format(**values) if values else template

    def html(self, key: str, **values: object) -> Markup:
        """The same as HTML: values are escaped, but those that know their own HTML."""
        return Markup(escape(typography(self.texts[key], self.language))).format(**values)

    def plural(self, key: str, number: int, **values: object) -> Markup:
        """The text of `<key>.one` or `<key>.other`: French counts zero as singular."""
        single = number == 1 or (number == 0 and self.language == "fr")
        return self.html(f"{key}.{'one' if single else 'other'}", **values)

    def code(self, family: str, code: str) -> str:
        """The label of a data code; the code itself where registers know more than we do."""
        text = self.texts.get(f"{family}.{code}")
        return code if text is None else typography(text, self.language)

    def family(self, prefix: str) -> dict[str, str]:
        """Every text under a prefix, in the order of the file."""
        start = f"{prefix}."
        return {
            key.removeprefix(start): typography(text, self.language)
            for key, text in self.texts.items()
            if key.startswith(start)
        }


def _flatten(content: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    flat: list[tuple[str, str]] = []
    for name, value in content.items():
        key = f"{prefix}{name}"
        flat += _flatten(value, f"{key}.") if isinstance(value, dict) else [(key, str(value))]
    return flat
