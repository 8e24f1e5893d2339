"""One set of tables and one report, shared by the tests that only read them."""

from __future__ import annotations

from pathlib import Path

import pytest

from spaser.publish import render
from spaser.warehouse import Tables
from tests.publish import builders, insertion


@pytest.fixture(scope="session")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    return builders.build(tmp_path_factory.mktemp("tables"))


@pytest.fixture(scope="session")
def report(tables: Tables, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("report")
    render(tables, builders.PROJECT, builders.SCHEME, 2025, out, "fr")
    return out


@pytest.fixture(scope="session")
def page(report: Path) -> str:
    return (report / "rapport.html").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def register_tables(tables: Tables, tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """The same tables, with those that the department's own register brings."""
    other = builders.linked(tables, tmp_path_factory.mktemp("register"))
    builders.add_register(other)
    return other


@pytest.fixture(scope="session")
def register_report(register_tables: Tables, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("register-report")
    render(register_tables, builders.PROJECT, builders.SCHEME, 2025, out, "fr")
    return out


@pytest.fixture(scope="session")
def full(register_report: Path) -> str:
    """The page of a scheme that has everything."""
    return (register_report / "rapport.html").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def clause_tables(tables: Tables, tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """The same tables, with insertion clauses."""
    other = builders.linked(tables, tmp_path_factory.mktemp("clauses"))
    insertion.add(other)
    return other


@pytest.fixture(scope="session")
def clause_report(clause_tables: Tables, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("clause-report")
    render(clause_tables, builders.PROJECT, builders.SCHEME, insertion.YEAR, out, "fr")
    return out
