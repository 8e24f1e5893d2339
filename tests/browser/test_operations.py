"""The sheets of operations as a reader meets them: narrow, printed, without a network."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from spaser.publish import render, render_public
from tests.browser.test_report import CONTRAST
from tests.publish import builders, insertion

PAGES = ("index.html", "op-a.html", "op-b.html", "op-c.html")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tables = builders.build(tmp_path_factory.mktemp("tables"))
    insertion.add(tables)
    out = tmp_path_factory.mktemp("report")
    scheme = builders.SCHEME
    render(tables, builders.PROJECT, scheme, insertion.YEAR, out, "fr")
    render_public(tables, builders.PROJECT, scheme, insertion.YEAR, out / "public", "fr")
    return out


@pytest.mark.parametrize("name", PAGES)
def test_it_reads_at_320_pixels_with_contrast_and_no_request(
    chromium: Browser, folder: Path, name: str
) -> None:
    page = chromium.new_page(viewport={"width": 320, "height": 800})
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.goto((folder / "operations" / name).as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert page.evaluate(CONTRAST) == []
    assert complaints == []
    assert all(url.startswith("file:") for url in asked)
    page.close()


def test_headings_go_down_by_one_and_tables_say_what_they_are(
    chromium: Browser, folder: Path
) -> None:
    page = chromium.new_page()
    for path in sorted(folder.rglob("operations/*.html")):
        page.goto(path.as_uri())
        levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3')].map(h => +h.tagName[1])")
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after - before <= 1 for before, after in pairwise(levels))
        bare = page.evaluate(
            "[...document.querySelectorAll('table')].filter(t => !t.caption?.textContent.trim() "
            "|| [...t.querySelectorAll('th')].some(h => !h.scope)).length"
        )
        assert bare == 0, path.name
        assert page.evaluate("document.documentElement.lang") == "fr"
    page.close()


def test_every_link_between_the_pages_leads_somewhere(chromium: Browser, folder: Path) -> None:
    page = chromium.new_page()
    for path in sorted(folder.rglob("operations/*.html")):
        page.goto(path.as_uri())
        for link in page.evaluate(
            "[...document.querySelectorAll('a')].map(a => a.getAttribute('href'))"
        ):
            file, _, anchor = link.partition("#")
            target = (path.parent / file).resolve() if file else path
            assert target.is_file(), (path.name, link)
            if anchor:
                assert f'id="{anchor}"' in target.read_text("utf-8"), (path.name, link)
    page.close()


def test_the_link_of_a_figure_on_people_opens_its_aggregates(
    chromium: Browser, folder: Path
) -> None:
    page = chromium.new_page()
    page.goto((folder / "rapport.html").as_uri())
    page.locator("#soc-18 a[href='#soc-18-agregats']").first.click()
    page.wait_for_timeout(100)
    assert page.locator("#soc-18 details.aggregates table").is_visible()
    page.close()
