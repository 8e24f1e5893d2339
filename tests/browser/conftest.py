"""The report in headless Chromium, as a reader opens it: from the disk, without network."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from spaser.publish import render
from tests.publish import builders

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def report_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    tables = builders.build(tmp_path_factory.mktemp("tables"))
    out = tmp_path_factory.mktemp("report")
    render(tables, builders.PROJECT, builders.SCHEME, 2025, out, "fr")
    return (out / "rapport.html").as_uri()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not on this machine: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@dataclass
class Opened:
    """A page, what it asked of the network and what it complained of."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


@pytest.fixture
def open_report(chromium: Browser, report_url: str) -> Iterator[Callable[..., Opened]]:
    pages: list[Page] = []

    def opened(width: int = 1280, *, javascript: bool = True) -> Opened:
        page = chromium.new_page(
            viewport={"width": width, "height": 900}, java_script_enabled=javascript
        )
        pages.append(page)
        found = Opened(page)
        page.on("request", lambda request: found.requests.append(request.url))
        page.on("console", lambda message: found.complaints.append(message.text))
        page.on("pageerror", lambda error: found.complaints.append(str(error)))
        page.goto(report_url)
        return found

    yield opened
    for page in pages:
        page.close()
