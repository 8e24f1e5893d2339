"""Reads the parts of a page: a section by its heading, a table by its caption, text as read."""

from __future__ import annotations

import re
from html.parser import HTMLParser


def part(page: str, anchor: str) -> str:
    """What stands between the `h3` of that id and the next `h3`, or the end of the section."""
    start = page.split(f'<h3 id="{anchor}">')
    assert len(start) == 2, f"{anchor}: {len(start) - 1} headings"
    return re.split(r"<h3|</section>", start[1])[0]


class _Reader(HTMLParser):
    """Gathers tables: caption, then the texts of the cells of each row of the body."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: list[tuple[str, list[list[str]]]] = []
        self._caption = self._cell = False
        self._text: list[str] = []
        self._body = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self.tables.append(("", []))
        elif tag == "tbody":
            self._body = True
        elif tag == "tr" and self._body:
            self.tables[-1][1].append([])
        elif tag in {"caption", "td", "th"}:
            self._text = []
        else:
            self._text.append(" ")

    def handle_data(self, data: str) -> None:
        self._text.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "caption":
            self.tables[-1] = (tidy("".join(self._text)), self.tables[-1][1])
        elif tag in {"td", "th"} and self._body:
            self.tables[-1][1][-1].append(tidy("".join(self._text)))
        elif tag == "tbody":
            self._body = False
        else:
            self._text.append(" ")


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []

    def handle_data(self, data: str) -> None:
        self.parts.append(data)


def rows_of(fragment: str, caption: str) -> list[list[str]]:
    """The cells of the rows of the table whose caption begins so."""
    reader = _Reader()
    reader.feed(fragment)
    found = [rows for name, rows in reader.tables if name.startswith(caption)]
    assert len(found) == 1, [name for name, _ in reader.tables]
    return found[0]


def text_of(fragment: str) -> str:
    """The text of a fragment, spaces of every kind made one."""
    reader = _Text()
    reader.feed(fragment)
    return tidy(" ".join(reader.parts))


def tidy(text: str) -> str:
    """One plain space for any run of spaces, none before a comma or a full stop."""
    return re.sub(r" +([.,)])", r"\1", re.sub(r"[\s\u00a0\u202f]+", " ", text)).strip()
