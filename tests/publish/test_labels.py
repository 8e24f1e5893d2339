"""The two label files say the same things."""

from __future__ import annotations

import re

import pytest

from spaser.publish.labels import Labels
from tests.publish.builders import PROJECT

FR, EN = (Labels(PROJECT.reports, language) for language in ("fr", "en"))


def test_both_languages_have_the_same_texts() -> None:
    assert set(FR.texts) == set(EN.texts)


@pytest.mark.parametrize("key", sorted(FR.texts))
def test_a_text_has_the_same_placeholders_in_both_languages(key: str) -> None:
    def names(text: str) -> list[str]:
        return sorted(re.findall(r"{(\w+)}", text))

    assert names(FR.texts[key]) == names(EN.texts[key])


def test_zero_is_singular_in_french_and_plural_in_english() -> None:
    assert FR.plural("page.undated", 0, n="0").startswith("0 marché sans")
    assert EN.plural("page.undated", 0, n="0").startswith("0 contracts without")


def test_values_put_in_html_are_escaped() -> None:
    text = FR.html("charts.member_value", member="<b>", value="1")
    assert text == "&lt;b&gt; 1"


def test_a_missing_text_is_our_fault() -> None:
    with pytest.raises(KeyError):
        FR("no.such.text")


def test_a_code_we_do_not_know_is_printed_as_it_is() -> None:
    assert FR.code("reasons", "new_reason") == "new_reason"
