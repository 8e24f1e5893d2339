"""From facts on, SQL stays in the subset that every engine runs alike (ENGINE §4)."""

from __future__ import annotations

import re

import pytest
import sqlglot
from sqlglot import exp

from spaser.indicators.compiled import evidence_sql, median_sql, providers_sql, scan_sql
from spaser.indicators.compute import compile_for
from tests.curate.run import CARDS

WORDS = (
    r"\bexclude\b", r"\bgroup\s+by\s+all\b", r"\border\s+by\s+all\b", r"\bqualify\b",
    r"count\s*\(\s*distinct", r"\bregexp_\w+", r"\bsimilar\s+to\b", r"\blist_\w+", r"\bunnest\b",
    r"\bdouble\b", r"\bfloat\d?\b", r"\breal\b", r"//", r"\bexcept\b", r"\bsample\b",
    r"\bpercentile_cont\b", r"\bquantile\w*", r"\bmedian\s*\(", r"\bapprox_\w+", r"\blambda\b",
    r"\[", r"::", r"\bstrptime\b", r"\bcurrent_\w+", r"\bnow\s*\(", r"\brandom\b",
    r"\bby\s+name\b", r"\barg_m\w+", r"\bm\w\w_by\b",
)  # fmt: skip
"""What only one engine knows, or what gives another number on another one."""

NODES = (exp.Array, exp.List, exp.Lambda, exp.Bracket, exp.Distinct, exp.RegexpLike, exp.Div,
         exp.IntDiv, exp.Struct, exp.Limit, exp.Star)  # fmt: skip


COMPILED = {part.relation: part for part in compile_for(CARDS)}


def texts() -> dict[str, str]:
    found = {}
    for name, cards in COMPILED.items():
        key = cards.fact.key
        if (CARDS.assets / f"{key}.sql").is_file():  # operations are not built by SQL
            found[key] = CARDS.sql(key)
        found |= {
            f"{name}: scan": scan_sql(cards, 2024, buyer_dimensions=True),
            f"{name}: scan without buyer dimensions": scan_sql(cards, 2024, buyer_dimensions=False),
            f"{name}: evidence": evidence_sql(cards, 2024),
            f"{name}: providers": providers_sql(cards, 2024),
        }
        for median in cards.medians:
            text = median_sql(cards, median, 2024, buyer_dimensions=True)
            found[f"{name}: median {median.name}"] = text
    return found


TEXTS = texts()


def faults(text: str) -> list[str]:
    """What of a text is outside the subset."""
    code = re.sub(r"'[^']*'", "''", re.sub(r"--[^\n]*", "", text))
    found = [word for word in WORDS if re.search(word, code, re.IGNORECASE)]
    try:
        tree = sqlglot.parse_one(text, dialect="postgres")
    except sqlglot.errors.SqlglotError as error:
        return [*found, f"no SQL to another engine: {error}"]
    allowed = {id(star) for count in tree.find_all(exp.Count) for star in count.find_all(exp.Star)}
    allowed |= {id(column.this) for column in tree.find_all(exp.Column) if column.table}
    for node in tree.walk():
        if isinstance(node, NODES) and id(node) not in allowed:
            found.append(f"{type(node).__name__}: {node.sql()[:60]}")
        if isinstance(node, exp.DataType) and node.this in exp.DataType.FLOAT_TYPES:
            found.append(node.sql())
    return found


@pytest.mark.parametrize("name", TEXTS)
def test_the_text_is_in_the_portable_subset(name):
    assert faults(TEXTS[name]) == []


@pytest.mark.parametrize(
    "text",
    [
        "select * exclude (a) from t",
        "select a, count(*) from t group by all",
        "select a from t order by all",
        "select count(distinct a) from t",
        "select regexp_replace(a, 'x', 'y') from t",
        "select a[1:2] from t",
        "select [a, b] from t",
        "select cast(a as double precision) from t",
        "select cast(a as real) from t",
        "select a / b from t",
        "select a // b from t",
        "select a from t limit 5",
        "select median(a) from t",
        "select a::int from t",
        "select max_by(a, b) from t",
    ],
)
def test_the_lint_sees_what_is_not_portable(text):
    assert faults(text)


@pytest.mark.parametrize("name", COMPILED)
def test_one_scan_holds_every_additive_measure(name):
    scan = TEXTS[f"{name}: scan"]
    tree = sqlglot.parse_one(scan, dialect="postgres")
    tables = [table.name for table in tree.find_all(exp.Table) if table.name.startswith("facts_")]
    assert tables == [name]
    for measured in COMPILED[name].measured:
        assert f"{measured.name}_t" in scan
