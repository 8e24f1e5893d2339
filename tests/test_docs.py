"""The documents say what the program does: pages redone, examples and console blocks executed."""

from __future__ import annotations

import importlib.util
import re
import shlex
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from types import ModuleType

import pytest
import typer.main
import yaml
from typer.core import TyperGroup

from spaser import cli
from spaser.cards import catalogue, parse
from spaser.indicators import write_duty, years_found
from spaser.indicators.examples import example_faults
from spaser.project import Project
from spaser.publish.formats import half_up
from spaser.quality.audit import write_audits
from spaser.scheme import Scheme, scheme_for_files
from spaser.warehouse import Tables, open_database
from tests.curate.run import CARDS, ROOT, rows, run_files, run_indicators
from tests.published import CONTRIBUTING, FENCE, Tutorial, section, tutorial

DOCS = ROOT / "docs"


def blocks(text: str, language: str) -> list[tuple[str, str]]:
    """The fenced blocks of a language: (name, content)."""
    return [(name, content) for found, name, content in FENCE.findall(text) if found == language]


# --- pages derived from the cards ---------------------------------------------------------------


def builder() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_build", DOCS / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", ["docs/tables.md", "docs/indicators.md"])
def test_a_page_derived_from_the_cards_is_up_to_date(path: str) -> None:
    written = (ROOT / path).read_text(encoding="utf-8")
    assert written == builder().pages(CARDS)[path], "run `make docs`"


def test_every_column_and_every_indicator_is_in_the_pages() -> None:
    made = builder().pages(CARDS)
    for card in CARDS.tables.values():
        for column in card.columns:
            assert f"| `{column}` |" in made["docs/tables.md"]
    for code in CARDS.indicators:
        assert f"\n## {code}\n" in made["docs/indicators.md"]


# --- the method, by examples --------------------------------------------------------------------


METHOD = (DOCS / "method.md").read_text(encoding="utf-8")
EXAMPLES = [
    title
    for title in re.findall(r"^## (.+)$", METHOD, re.M)
    if "<!-- sql:" in section(METHOD, title)
]


def tables_of(text: str) -> Iterator[tuple[str, list[list[str]]]]:
    """The tables that follow a query: (query, cells)."""
    for query, lines in re.findall(r"<!-- sql: (.*?) -->\n\n((?:\|.*\|\n?)+)", text):
        yield query, cells_of(lines)[1:]


def cells_of(table: str) -> list[list[str]]:
    """The cells of a table, heads first; a bar inside a cell is escaped."""
    lines = [line.strip()[1:-1] for line in table.splitlines()]
    return [
        [cell.strip().replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", line)]
        for line in lines
        if line.strip("-|")
    ]


def as_printed(value: object, like: str) -> str:
    """A value as the page would print it: the page says percent or euros where it is one."""
    if value is None:
        return "—"
    if isinstance(value, bool):
        return "oui" if value else "non"
    if not isinstance(value, Decimal):
        return str(value)
    if like.endswith("%"):
        return f"{half_up(value * 100, 1):f}".replace(".", ",") + " %"
    whole = f"{value.normalize():,f}".replace(",", " ").replace(".", ",")
    return f"{whole} €" if like.endswith("€") else whole


def test_as_printed_reads_shares_euros_and_numbers() -> None:
    assert as_printed(Decimal("0.666667"), "1 %") == "66,7 %"
    assert as_printed(Decimal("0.3750"), "1 %") == "37,5 %"
    assert as_printed(Decimal("1500.00"), "1 €") == "1 500 €"
    assert as_printed(Decimal("100000.00"), "0") == "100 000"
    assert as_printed(None, "") == "—"
    assert [as_printed(True, ""), as_printed(False, "")] == ["oui", "non"]


def exemplified(text: str, folder: Path) -> Tables:
    """The tables of an example: what it declares is written, read, curated and computed."""
    inputs = []
    for name, content in [*blocks(text, "json"), *blocks(text, "csv"), *blocks(text, "yaml")]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
        if not name.startswith("pipelines/"):
            inputs.append(folder / name)
    scheme = scheme_for_files(tuple(inputs)).model_copy(update={"name": "exemple"})
    for name, content in blocks(text, "yaml"):
        given = yaml.safe_load(content) | {"name": "exemple"}
        scheme = parse(Scheme, given, name).model_copy(update={"inputs": scheme.inputs})
    tables = Tables(folder / "tables")
    if inputs:
        run_files(tables.root, [], scheme)
        run_indicators(tables, scheme)
        for year in years_found(tables):
            write_duty(tables, CARDS, scheme, year)
    write_audits(tables, Project(folder), scheme)
    return tables


@pytest.mark.parametrize("title", EXAMPLES)
def test_an_example_of_the_method_gives_what_the_page_says(title: str, tmp_path: Path) -> None:
    text = section(METHOD, title)
    tables = exemplified(text, tmp_path)
    expected = list(tables_of(text))
    assert expected
    for query, cells in expected:
        found = [list(row.values()) for row in rows(tables, query)]
        assert len(found) == len(cells), query
        printed = [
            [as_printed(value, cell) for value, cell in zip(values, line, strict=True)]
            for values, line in zip(found, cells, strict=True)
        ]
        assert printed == cells


def test_every_table_of_the_method_has_its_query() -> None:
    assert len(EXAMPLES) == 15
    assert METHOD.count("<!-- sql:") == len(re.findall(r"^\|[-|]+\|$", METHOD, re.M))


# --- the glossary -------------------------------------------------------------------------------


GLOSSARY = (DOCS / "glossary.md").read_text(encoding="utf-8")
EVIDENCE_ROLES = ("numerator", "denominator_only", "unknown", "excluded")
"""Written by `spaser.indicators`; a test of the demo below finds no other."""


def glossary_codes() -> list[str]:
    """What stands between backticks in the second column."""
    lines = [line for line in GLOSSARY.splitlines() if line.startswith("|") and "---" not in line]
    return [code for line in lines for code in re.findall(r"`([^`]+)`", line.split("|")[2])]


def values_of_columns() -> set[str]:
    """`column = value` for every closed list: of the cards and of the registers' code lists."""
    values = {
        f"{name} = {value}"
        for card in CARDS.tables.values()
        for name, column in card.columns.items()
        for value in column.codes
    }
    columns = {field.field: field.contract_column for field in CARDS.fields.values()}
    for row in CARDS.reference("code_lists"):
        values.add(f"{columns.get(row['field']) or row['field']} = {row['code']}")
    return values | {f"role = {role}" for role in EVIDENCE_ROLES}


def names() -> set[str]:
    tables = {card.table for card in CARDS.tables.values()}
    columns = {name for card in CARDS.tables.values() for name in card.columns}
    sources = {key.removeprefix("sources/") for key in CARDS.sources}
    return tables | columns | sources | set(CARDS.indicators) | set(CARDS.rules)


def test_every_code_of_the_glossary_exists() -> None:
    assert len(glossary_codes()) > 200
    assert [c for c in glossary_codes() if c not in names() | values_of_columns()] == []


def test_the_glossary_names_every_table_indicator_rule_and_source() -> None:
    missing = {card.table for card in CARDS.tables.values()} | set(CARDS.rules)
    missing |= set(CARDS.indicators) | {key.removeprefix("sources/") for key in CARDS.sources}
    assert missing - set(glossary_codes()) == set()


def test_the_glossary_names_every_column_that_people_read() -> None:
    # These two repeat the fields of the registers, which have a list of their own.
    repeated = ("curated/records", "curated/entries")
    read = [card for key, card in CARDS.tables.items() if key not in repeated]
    columns = {name for card in read for name in card.columns}
    assert columns - {code.partition(" = ")[0] for code in glossary_codes()} == set()


def test_the_glossary_names_every_value_of_the_cards() -> None:
    closed = {
        f"{name} = {value}"
        for card in CARDS.tables.values()
        for name, column in card.columns.items()
        for value in column.codes
    }
    rules = {f"rule = {rule}" for rule in CARDS.rules}  # named as rules
    assert closed - rules - set(glossary_codes()) == set()


def test_a_line_of_the_glossary_has_three_cells_all_filled() -> None:
    for line in GLOSSARY.splitlines():
        if line.startswith("|"):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            assert len(cells) == 3, line
            assert all(cells), line


# --- the tutorials ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def indicator_added(tmp_path_factory: pytest.TempPathFactory) -> Tutorial:
    return tutorial("Ajouter un indicateur", tmp_path_factory.getbasetemp() / "indicator")


@pytest.fixture(scope="module")
def source_added(tmp_path_factory: pytest.TempPathFactory) -> Tutorial:
    return tutorial("Ajouter une source", tmp_path_factory.getbasetemp() / "source")


def asked(database: Path, query: str) -> list[tuple[object, ...]]:
    with open_database(database) as connection:
        return connection.execute(query).fetchall()


@pytest.mark.demo
def test_every_command_of_the_indicator_tutorial_succeeds(indicator_added: Tutorial) -> None:
    assert [(said.command, said.code, said.err) for said in indicator_added.said] == [
        ("init mon-spaser", 0, ""),
        ("new indicator SOC-26", 0, ""),
        ("doctor", 0, ""),
        ("doctor", 0, ""),
        ("demo", 0, ""),
        ("explain SOC-26 --year 2025", 0, ""),
    ]


@pytest.mark.demo
def test_the_new_indicator_is_in_the_results_as_counted_by_hand(indicator_added: Tutorial) -> None:
    database = indicator_added.folder / "data/curated/demo/spaser.duckdb"
    computed = asked(
        database,
        """select numerator, denominator, unknown from indicators.results where code = 'SOC-26'
        and year = 2025 and scope = 'all' and buyer_id = '*' and dimension = '*'
        and measure = 'count' and unit = 'share'""",
    )
    counted = asked(
        database,
        """select count(*) filter (where has_social_clause), count(has_social_clause),
            count(*) filter (where has_social_clause is null or contract_type is null)
        from curated.contracts
        where year = 2025 and framework_role <> 'call_off'
            and (contract_type = 'works' or contract_type is null and has_social_clause is null)""",
    )
    assert computed == counted
    assert counted[0][0] != 0


@pytest.mark.demo
def test_the_new_indicator_is_in_the_report_and_explained(indicator_added: Tutorial) -> None:
    page = indicator_added.folder / "reports/rendered/demo/2025/interne/rapport.html"
    assert "Marchés de travaux avec clause sociale" in page.read_text(encoding="utf-8")
    told = indicator_added.said[-1].out
    assert told.startswith("SOC-26 — Marchés de travaux avec clause sociale — 2025\n")
    assert "numérateur" in told


@pytest.mark.demo
def test_the_card_of_the_tutorial_keeps_the_tests_of_cards_and_pages_green(
    indicator_added: Tutorial,
) -> None:
    cards = catalogue(indicator_added.folder / "assets")
    assert example_faults(cards, "SOC-26") == []
    assert "\n## SOC-26\n" in builder().pages(cards)["docs/indicators.md"]


@pytest.mark.demo
def test_the_evidence_has_no_role_that_the_glossary_does_not_name(
    indicator_added: Tutorial,
) -> None:
    database = indicator_added.folder / "data/curated/demo/spaser.duckdb"
    found = asked(database, "select distinct role from indicators.evidence")
    assert {str(role) for (role,) in found} <= set(EVIDENCE_ROLES)
    assert {f"role = {role}" for role in EVIDENCE_ROLES} <= set(glossary_codes())


@pytest.mark.demo
def test_every_command_of_the_source_tutorial_succeeds(source_added: Tutorial) -> None:
    assert [(said.command.split()[0], said.code, said.err) for said in source_added.said] == [
        ("init", 0, ""),
        ("doctor", 0, ""),
        ("try", 0, ""),
        ("explain", 0, ""),
    ]


@pytest.mark.demo
def test_the_new_source_is_read_to_the_cent_and_without_finding(source_added: Tutorial) -> None:
    database = source_added.folder / "essai/spaser.duckdb"
    assert asked(database, "select source, kept, rejected from quality.inputs") == [
        ("sources/registre_interne", 4, 0)
    ]
    assert asked(
        database,
        """select contract_id, cast(notified_date as varchar), amount_initial_eur,
            social_considerations from curated.contracts order by uid""",
    ) == [
        ("2024-01", "2024-02-12", Decimal("85000.00"), ["clause"]),
        ("2024-02", "2024-03-05", Decimal("120000.00"), ["reserved"]),
        ("2024-03", "2024-05-21", Decimal("45000.00"), []),
        ("2024-04", "2024-09-02", Decimal("60000.00"), None),
    ]
    assert asked(database, "select count(*) from quality.findings where rule like 'input%'") == [
        (0,)
    ]
    assert "66,7\N{NO-BREAK SPACE}% (entre 50,0" in source_added.said[-1].out


# --- the commands that the documents name -------------------------------------------------------


README = (ROOT / "README.md").read_text(encoding="utf-8")


def command_lines(text: str) -> list[list[str]]:
    """The `spaser …` commands of console blocks, of inline code and of French quotes."""
    found = []
    for _, content in blocks(text, "console"):
        for line in content.splitlines():
            for part in line.partition("#")[0].split("&&"):
                words = shlex.split(part)
                if words and Path(words[0]).name == "spaser":
                    found.append(words[1:])
    for quoted in re.findall(r"`(?:\.venv/bin/)?spaser ([^`]+)`|« spaser ([^»]+) »", text):
        line = next(filter(None, quoted)).replace("\\|", "|")
        words = line.replace("[", " ").replace("]", " ").split()
        found.append(words)
    return found


def unknown_words(words: list[str]) -> list[str]:
    """The command or the options that the program does not have."""
    known: object = typer.main.get_command(cli.app)
    options = {name for parameter in known.params for name in parameter.opts}  # type: ignore[attr-defined]
    rest = list(words)
    while isinstance(known, TyperGroup) and rest and not rest[0].startswith("-"):
        name = rest.pop(0)
        if name not in known.commands:
            return [name]
        known = known.commands[name]
        options |= {option for parameter in known.params for option in parameter.opts}
    return [word for word in rest if word.startswith("-") and word not in {*options, "--help"}]


@pytest.mark.parametrize(
    "page", ["README.md", "CONTRIBUTING.md", "docs/method.md", "docs/registers.md"]
)
def test_every_command_and_option_named_exists(page: str) -> None:
    lines = command_lines((ROOT / page).read_text(encoding="utf-8"))
    assert lines
    assert [(line, unknown_words(line)) for line in lines if unknown_words(line)] == []


def test_a_command_or_an_option_that_does_not_exist_is_seen() -> None:
    assert unknown_words(["publish"]) == ["publish"]
    assert unknown_words(["new", "indicateur"]) == ["indicateur"]
    assert unknown_words(["run", "demo", "--force"]) == ["--force"]
    assert command_lines(
        "```console\nmake demo && .venv/bin/spaser run x --year 1 # et\n```\n"
    ) == [["run", "x", "--year", "1"]]


def test_the_readme_names_every_command() -> None:
    group = typer.main.get_command(cli.app)
    assert isinstance(group, TyperGroup)
    assert set(group.commands) <= {line[0] for line in command_lines(README)}


PAGES = ["README.md", "CONTRIBUTING.md", *sorted(f"docs/{path.name}" for path in DOCS.glob("*.md"))]


@pytest.mark.parametrize("page", PAGES)
def test_every_link_inside_the_project_leads_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        if "://" not in target:
            assert ((ROOT / page).parent / target).exists(), target


def test_the_make_targets_named_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = set(re.findall(r"make (\w+)", README.split("## In English")[0] + CONTRIBUTING))
    (declared,) = re.findall(r"^\.PHONY: (.+)$", makefile, re.M)
    assert named - {"ARGS"} <= set(declared.split())
    assert {"demo", "test", "docs"} <= named
