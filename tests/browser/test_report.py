"""The page as a reader meets it: offline, by keyboard, on a narrow screen, on paper."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from tests.browser.conftest import Opened

Open = Callable[..., Opened]

CONTRAST = """() => {
  const linear = (c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const channel = (c) => linear(c / 255);
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const rgb = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const ground = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const colour = rgb(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const faint = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    const seen = walker.currentNode.data.trim() && node.checkVisibility();
    if (!seen || node.closest('svg, script')) continue;
    const a = light(rgb(getComputedStyle(node).color)), b = light(ground(node));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) faint.add(node.tagName + '.' + node.className + ' ' + ratio.toFixed(2));
  }
  return [...faint];
}"""


def test_it_opens_offline_without_a_request_or_a_complaint(open_report: Open) -> None:
    opened = open_report()
    for step in range(60):
        opened.page.mouse.wheel(0, 1000)
        if step % 10 == 0:
            opened.page.wait_for_timeout(50)
    asked = [url for url in opened.requests if not url.startswith(("file:", "data:"))]
    assert asked == []
    assert opened.complaints == []


def test_every_visible_chart_is_drawn(open_report: Open) -> None:
    page = open_report().page
    for box in page.locator(".chart").all():
        if not box.is_visible():
            continue
        box.scroll_into_view_if_needed()
        box.locator("svg.main-svg").first.wait_for()
        drawn = box.locator(".point path, .points path, path.point").count()
        identifier = box.get_attribute("id")
        values = page.evaluate(
            """id => JSON.parse(document.getElementById('charts-data').textContent)[id].data
                .some(s => (s.orientation === 'h' ? s.x : s.y).some(v => v !== null))""",
            identifier,
        )
        assert (drawn > 0) == values, identifier


def test_a_folded_breakdown_draws_its_chart_when_opened(open_report: Open) -> None:
    page = open_report().page
    fold = page.locator("#soc-01 details.breakdown").first
    assert fold.locator("svg.main-svg").count() == 0
    fold.locator("summary").first.click()
    fold.locator("svg.main-svg").first.wait_for()
    assert fold.locator("svg.main-svg").first.is_visible()


def test_a_figure_opens_on_its_lines_by_keyboard(open_report: Open) -> None:
    page = open_report().page
    button = page.locator("#soc-01 button.lines").first
    button.focus()
    page.keyboard.press("Enter")
    dialog = page.locator("#lines-dialog")
    assert dialog.is_visible()
    for _ in range(12):
        page.keyboard.press("Tab")
        inside = page.evaluate(
            "() => document.activeElement === document.body "
            "|| !!document.activeElement.closest('dialog')"
        )
        assert inside
    page.keyboard.press("Escape")
    assert not dialog.is_visible()
    assert page.evaluate("() => document.activeElement.matches('#soc-01 button.lines')")


TOTALS = """() => {
  const wrong = [];
  let checked = 0;
  const parts = ['numerator', 'denominator', 'unknown', 'excluded'];
  for (const button of document.querySelectorAll('table.figures button.lines')) {
    const printed = {};
    for (const mark of button.closest('tr').querySelectorAll('data.figure'))
      printed[mark.dataset.part] = mark.textContent;
    button.click();
    const dialog = document.getElementById('lines-dialog');
    for (const part of parts) {
      const total = dialog.querySelector(`[data-total=${part}]`);
      if (!(part in printed) && !total) continue;
      if (printed[part] === undefined || total === null) {
        if (printed[part] !== undefined) wrong.push([button.dataset.key, part, 'no total']);
        continue;
      }
      checked += 1;
      if (total.textContent !== printed[part])
        wrong.push([button.dataset.key, button.dataset.buyer, button.dataset.member, part,
                    printed[part], total.textContent]);
    }
    dialog.close();
  }
  return { wrong, checked };
}"""


def test_the_totals_of_the_lines_are_the_printed_figures(open_report: Open) -> None:
    found = open_report().page.evaluate(TOTALS)
    assert found["checked"] > 2000
    assert found["wrong"] == []


def test_lines_are_filtered_by_role_and_sorted(open_report: Open) -> None:
    page = open_report().page
    page.locator("#soc-01 button.lines").first.click()
    dialog = page.locator("#lines-dialog")
    rows = dialog.locator("tbody tr")
    everything = rows.count()
    dialog.get_by_label("Numérateur").check()
    total = dialog.locator("[data-total=numerator]").inner_text()
    assert str(rows.count()) == total
    assert rows.count() < everything
    dialog.get_by_role("button", name="Montant initial").click()
    amounts = [
        float("".join(c for c in text if c.isdigit()))
        for text in dialog.locator("td.c-amount").all_inner_texts()
    ]
    assert amounts == sorted(amounts)
    assert dialog.locator("th[aria-sort=ascending]").inner_text().startswith("Montant initial")


def test_a_hostile_object_is_shown_as_text(open_report: Open) -> None:
    opened = open_report()
    page = opened.page
    page.on("dialog", lambda alert: pytest.fail(f"a script ran: {alert.message}"))
    page.locator("#gen-02 button.lines").nth(1).click()
    assert page.locator("#lines-dialog td.c-object", has_text="</script><img src=x").count() == 1
    assert page.locator("img").count() == 1
    assert opened.complaints == []


@pytest.mark.parametrize("width", [320, 640])
def test_a_narrow_page_does_not_scroll_sideways(open_report: Open, width: int) -> None:
    page = open_report(width).page
    for details in page.locator("#soc-01 details").all():
        details.evaluate("node => { node.open = true; }")
    page.wait_for_timeout(300)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    page.locator("#soc-01 button.lines").first.click()
    assert page.evaluate("() => document.getElementById('lines-dialog').scrollWidth") <= width


def test_headings_go_down_one_level_at_a_time(open_report: Open) -> None:
    levels = open_report().page.evaluate(
        "() => [...document.querySelectorAll('h1,h2,h3,h4,h5,h6')]"
        ".filter(h => !h.closest('dialog')).map(h => Number(h.tagName[1]))"
    )
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_tables_pictures_and_landmarks_are_named(open_report: Open) -> None:
    page = open_report().page
    faults = page.evaluate(
        """() => [
          ...[...document.querySelectorAll('table')].filter(t => !t.caption).map(() => 'caption'),
          ...[...document.querySelectorAll('th')].filter(t => !t.scope).map(() => 'scope'),
          ...[...document.querySelectorAll('img')].filter(i => !i.alt).map(() => 'alt'),
          ...[...document.querySelectorAll('[role=img]')].filter(i =>
            !document.getElementById(i.getAttribute('aria-labelledby')) ||
            !document.getElementById(i.getAttribute('aria-describedby'))).map(i => i.id),
          ...[...document.querySelectorAll('[aria-labelledby]')].filter(i =>
            !document.getElementById(i.getAttribute('aria-labelledby'))).map(i => i.outerHTML),
          ...[...document.querySelectorAll('button')].filter(b =>
            !b.textContent.trim()).map(() => 'button'),
          ...[...document.querySelectorAll('a[href^="#"]')].filter(a =>
            !document.getElementById(a.getAttribute('href').slice(1))).map(a => a.href),
        ]"""
    )
    assert faults == []
    identifiers = page.evaluate("() => [...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(identifiers) == len(set(identifiers))
    for landmark in ("header", "nav", "main", "footer"):
        assert page.locator(f"body {landmark}").count() == 1
    assert page.locator("html").get_attribute("lang") == "fr"


def test_the_first_tab_leads_to_the_content(open_report: Open) -> None:
    page = open_report().page
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("() => document.activeElement.id") == "contenu"


def test_text_stands_out_from_its_ground(open_report: Open) -> None:
    page = open_report().page
    for details in page.locator("#soc-01 details, #qualite details").all():
        details.evaluate("node => { node.open = true; }")
    page.locator("#soc-01 button.lines").first.click()
    assert page.evaluate(CONTRAST) == []


def test_without_javascript_the_tables_remain_and_say_where_the_lines_are(
    open_report: Open,
) -> None:
    page = open_report(javascript=False).page
    notice = page.locator("noscript .notice")
    assert notice.is_visible()
    assert "donnees/preuves.csv" in notice.inner_text()
    assert not page.locator("button.lines").first.is_visible()
    assert page.locator("#soc-01 data.figure").first.is_visible()


def test_on_paper_the_method_stands_under_its_figure(open_report: Open) -> None:
    page = open_report().page
    page.emulate_media(media="print")
    page.evaluate("() => window.dispatchEvent(new Event('beforeprint'))")
    assert page.locator("#soc-01 details.method dl").is_visible()
    assert not page.locator("nav.contents").is_visible()
    page.evaluate("() => window.dispatchEvent(new Event('afterprint'))")
    assert page.locator("#soc-01 details.method[open]").count() == 0
