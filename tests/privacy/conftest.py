"""The rules as the program ships them."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import pytest

from spaser.privacy import Rules, rules_on

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def rule_rows() -> list[dict[str, str]]:
    path = ROOT / "assets/references/suppression_rules.csv"
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


@pytest.fixture(scope="session")
def rules(rule_rows: list[dict[str, str]]) -> Rules:
    return rules_on(rule_rows, date(2026, 1, 1))
