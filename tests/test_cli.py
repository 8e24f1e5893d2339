"""The command line: every command, its exit codes, its messages in two languages."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from datetime import date
from decimal import Decimal
from hashlib import sha256
from pathlib import Path

import pytest
import yaml

from spaser import __version__, cli
from spaser.errors import Blocked, InputError
from spaser.scaffold import create_project
from spaser.warehouse import open_database
from tests.curate.run import BUYER, contract, register
from tests.published import Said, spaser, tutorial

COMMANDS = ("demo", "init", "try", "run", "check", "explain", "targets", "new", "doctor")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A new project where nothing has run."""
    return create_project(tmp_path / "projet")


def of(project: Path, *arguments: str, language: str = "fr") -> Said:
    return spaser("--project", str(project), *arguments, language=language)


def is_one_message(said: Said, code: int) -> bool:
    """One line on the error stream, nothing published, no traceback."""
    return (said.code, said.out, said.err.count("\n")) == (code, "", 1)


# --- before any command -------------------------------------------------------------------------


def test_help_names_every_command_in_both_languages() -> None:
    said = spaser("--help")
    assert said.code == 0
    assert "Des registres de marchés au rapport" in said.out
    assert "From procurement registers" in " ".join(said.out.split())
    assert all(f"\n  {command} " in said.out for command in COMMANDS)


@pytest.mark.parametrize("command", [*COMMANDS, "new indicator"])
def test_every_command_has_a_help_in_both_languages(command: str) -> None:
    said = spaser(*command.split(), "--help")
    assert said.code == 0
    assert " / " in said.out


def test_without_command_the_help_is_shown() -> None:
    assert spaser().out == spaser("--help").out


def test_the_version_is_told() -> None:
    assert (spaser("--version").code, spaser("--version").out) == (0, f"spaser {__version__}\n")


@pytest.mark.parametrize(
    ("arguments", "environment", "language"),
    [
        ([], {}, "fr"),
        ([], {"LANG": "C.UTF-8"}, "fr"),
        ([], {"LANG": "en_GB.UTF-8"}, "en"),
        ([], {"LANG": "fr_FR.UTF-8", "LC_ALL": "en_US.UTF-8"}, "en"),
        ([], {"LANG": "en_US.UTF-8", "LC_MESSAGES": "fr_FR.UTF-8"}, "fr"),
        (["--lang", "fr"], {"LANG": "en_US.UTF-8"}, "fr"),
        (["--lang=en", "doctor"], {}, "en"),
        (["--lang"], {}, "fr"),
    ],
)
def test_the_language_is_asked_for_else_the_locale(
    arguments: list[str], environment: dict[str, str], language: str
) -> None:
    assert cli.language_of(arguments, environment.get) == language


def test_the_command_line_imports_no_engine_before_a_command_needs_it() -> None:
    heavy = "{'duckdb', 'dagster', 'pandas', 'pyarrow', 'plotly', 'great_expectations', 'rich'}"
    code = f"import spaser.cli, sys; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


# --- the insertion clause -----------------------------------------------------------------------


def test_a_clause_is_sized_with_its_formula() -> None:
    asked = ["--labour", "50 %", "--rate", "5 %", "--hourly-cost", "30"]
    told = spaser("clause", "size", "1 000 000", *asked)
    assert told.code == 0
    assert "833 h" in re.sub(r"\s", " ", told.out)


@pytest.mark.parametrize("trade", ["peinture", "Painting", "painting"])
def test_a_trade_has_its_labour_share(trade: str) -> None:
    assert "1 167 h" in re.sub(r"\s", " ", spaser("clause", "size", "1 M€", "--trade", trade).out)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["1000", "--trade", "peintre"], "peinture"),
        (["1000"], "corps d'état"),
        (["beaucoup", "--trade", "peinture"], "MONTANT"),
        (["1000 € TTC", "--trade", "peinture"], "hors taxes"),
        (["1000", "--labour", "moitié"], "--labour"),
    ],
)
def test_a_clause_that_cannot_be_sized_says_why(arguments: list[str], says: str) -> None:
    told = spaser("clause", "size", *arguments)
    assert told.code == 2
    assert says in told.err


# --- wrong usage --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ["publish"],
        ["run"],
        ["run", "demo", "--force"],
        ["run", "demo", "--year", "deux mille"],
        ["explain", "SOC-01"],
        ["explain", "SOC-01", "--year", "2024", "--format", "xml"],
        ["--lang", "de", "doctor"],
        ["run", "demo", "--report-lang", "de"],
        ["try"],
    ],
    ids=" ".join,
)
def test_a_wrong_command_is_one_message_and_code_2(arguments: list[str]) -> None:
    french, english = spaser(*arguments), spaser(*arguments, language="en")
    assert is_one_message(french, 2)
    assert french.err.startswith("Commande mal formée : ")
    assert english.err.startswith("Wrong command: ")
    assert "spaser --help" in french.err


@pytest.mark.parametrize("day", ["hier", "2024-13-01", "01/02/2024", ""])
@pytest.mark.parametrize("command", [["run", "demo"], ["demo"], ["check", "demo"]])
def test_a_day_that_is_no_date_is_refused(project: Path, command: list[str], day: str) -> None:
    said = of(project, *command, "--as-of", day)
    assert is_one_message(said, 2)
    assert f"--as-of : « {day} » n'est pas une date" in said.err
    assert "AAAA-MM-JJ" in said.err
    assert "YYYY-MM-DD" in of(project, *command, "--as-of", day, language="en").err


def test_a_missing_file_is_named(project: Path) -> None:
    said = of(project, "try", "absent.json", "--out", str(project / "essai"))
    assert is_one_message(said, 2)
    assert said.err == "Fichier introuvable : absent.json. Vérifiez le chemin.\n"
    assert not (project / "essai").exists()
    assert of(project, "--lang", "en", "try", "absent.json").err == (
        "File not found: absent.json. Check the path.\n"
    )


@pytest.mark.parametrize("command", ["run", "check"])
def test_an_unknown_scheme_is_told_with_those_present(project: Path, command: str) -> None:
    said = of(project, command, "metropole")
    assert is_one_message(said, 2)
    assert "« metropole » introuvable" in said.err
    assert "Schémas présents : demo, mon-schema." in said.err
    assert (
        "Schemes present: demo, mon-schema." in of(project, command, "metropole", language="en").err
    )


@pytest.mark.parametrize(
    ("written", "nearest"),
    [
        ("flor_eur: 1", "floor_eur"),
        ("target: []", "targets"),
        ("report: {language: [fr]}", "languages"),
        ("period: {from: 2024, until: 2029}", "to"),
    ],
)
def test_an_unknown_key_of_a_scheme_names_the_nearest(
    project: Path, written: str, nearest: str
) -> None:
    known = "title: x\nbuyers: all\ninputs: [data/raw/demo/**]\n"
    (project / "pipelines/faux.yml").write_text(known + written + "\n", encoding="utf-8")
    said = of(project, "run", "faux")
    assert is_one_message(said, 2)
    assert said.err.startswith("pipelines/faux.yml : ")
    assert nearest in said.err
    assert written.partition(":")[0] in said.err


def test_a_scheme_without_any_input_file_says_where_to_put_them(project: Path) -> None:
    said = of(project, "run", "mon-schema")
    assert is_one_message(said, 2)
    assert "data/raw/registres/**" in said.err
    assert "Déposez-y" in said.err


def change_card(project: Path, path: str, **changes: object) -> None:
    card = yaml.safe_load((project / path).read_text(encoding="utf-8")) | changes
    (project / path).write_text(yaml.safe_dump(card, allow_unicode=True), encoding="utf-8")


@pytest.mark.parametrize(
    ("path", "key", "nearest"),
    [
        ("assets/indicators/SOC-01.yml", "populations", "population"),
        ("assets/sources/aws_flat.yml", "recognize", "recognise"),
        ("assets/curated/contracts.yml", "colums", "columns"),
    ],
)
def test_an_unknown_key_of_a_card_names_the_nearest(
    project: Path, path: str, key: str, nearest: str
) -> None:
    change_card(project, path, **{key: "x"})
    said = of(project, "run", "demo")
    assert is_one_message(said, 2)
    assert f"{path} : clé inconnue « {key} » (vouliez-vous dire « {nearest} » ?)" in said.err
    assert of(project, "doctor").code == 1
    assert f"did you mean “{nearest}”?" in of(project, "--lang", "en", "doctor").out


@pytest.mark.parametrize("met", ["1", "uid in (select uid from facts_contracts)", "a; b"])
def test_a_card_whose_predicate_is_no_condition_is_refused(project: Path, met: str) -> None:
    results = [{"measure": "count", "unit": "share"}]
    methods = [{"kind": "share", "met": met, "results": results}]
    change_card(project, "assets/indicators/SOC-01.yml", methods=methods)
    said = of(project, "doctor")
    assert said.code == 1
    assert f"✗ assets/indicators/SOC-01.yml : l'expression « {met} » est refusée" in said.out


def test_a_folder_that_is_no_project_is_refused(tmp_path: Path) -> None:
    said = of(tmp_path, "doctor")
    assert is_one_message(said, 2)
    assert str(tmp_path) in said.err
    assert "spaser init" in said.err


def test_a_figure_of_a_scheme_that_has_not_run_says_to_run_it(project: Path) -> None:
    for command in (["explain", "SOC-01", "--scheme", "demo"], ["targets", "demo"]):
        said = of(project, *command, "--year", "2025")
        assert is_one_message(said, 2)
        assert "« spaser run demo »" in said.err
    assert "Schémas publiés : —" in of(project, "explain", "SOC-01", "--year", "2025").err


def test_init_refuses_a_folder_with_content(project: Path) -> None:
    said = spaser("init", str(project))
    assert is_one_message(said, 2)
    assert "n'est pas vide" in said.err


def test_init_says_what_to_do_next(tmp_path: Path) -> None:
    said = spaser("--lang", "en", "init", str(tmp_path / "x"))
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("Project created: ")
    assert "spaser demo" in said.out


def test_new_indicator_writes_a_card_that_doctor_accepts(project: Path) -> None:
    said = of(project, "new", "indicator", "SOC-26")
    assert said.code == 0
    assert str(project / "assets/indicators/SOC-26.yml") in said.out
    assert of(project, "doctor").code == 0
    assert is_one_message(of(project, "new", "indicator", "SOC-26"), 2)


# --- faults -------------------------------------------------------------------------------------


def fail(error: Exception) -> object:
    def failing(*_: object) -> None:
        raise error

    return failing


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (InputError("fr : quoi", "en: what"), 2, "fr : quoi\n"),
        (Blocked("fr : arrêté", "en: stopped"), 3, "fr : arrêté\n"),
        (KeyboardInterrupt(), 2, "Interrompu. / Interrupted.\n"),
        (KeyError("x"), 3, "Un défaut de spaser, pas de vos données : KeyError: 'x'."),
    ],
    ids=["input", "blocked", "interrupted", "fault of ours"],
)
def test_an_error_is_one_message_with_its_code(
    monkeypatch: pytest.MonkeyPatch, error: Exception, code: int, told: str
) -> None:
    monkeypatch.setattr("spaser.scaffold.examine", fail(error))
    said = spaser("doctor")
    assert is_one_message(said, code)
    assert said.err.startswith(told)
    assert "Traceback" not in said.err


def test_debug_shows_where_an_error_was_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spaser.scaffold.examine", fail(InputError("quoi", "what")))
    said = spaser("--debug", "doctor")
    assert said.code == 2
    assert "Traceback" in said.err
    monkeypatch.setattr("spaser.scaffold.examine", fail(KeyError("x")))
    with pytest.raises(KeyError):
        spaser("--debug", "doctor")


# --- on the published demo ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tutorial("Ajouter un indicateur", tmp_path_factory.getbasetemp() / "indicator").folder


@pytest.mark.demo
def test_the_demo_prints_what_it_wrote(published: Path) -> None:
    (demo,) = tutorial("Ajouter un indicateur", published.parent).said[4:5]
    assert "Date d'arrêté : 2026-03-02\n" in demo.out
    for line in demo.out.splitlines():
        if line.startswith(("Rapport", "Classeur", "Base")):
            assert (published / line.partition(" : ")[2]).is_file()


@pytest.mark.demo
def test_explain_opens_a_figure_on_its_contracts(published: Path) -> None:
    said = of(published, "explain", "SOC-01", "--year", "2025")
    assert (said.code, said.err) == (0, "")
    assert "SOC-01 — Marchés avec au moins une considération sociale — 2025" in said.out
    assert "numérateur" in said.out
    english = of(published, "--lang", "en", "explain", "SOC-01", "--year", "2025")
    assert "Contracts with at least one social consideration" in english.out
    assert "denominator only" in english.out


@pytest.mark.demo
@pytest.mark.parametrize("buyer", ["*", "00020002200010"])
@pytest.mark.parametrize("measure", ["count", "value"])
def test_the_lines_of_explain_add_up_to_the_figure(
    published: Path, measure: str, buyer: str
) -> None:
    options = ["--measure", measure, *([] if buyer == "*" else ["--buyer", buyer])]
    said = of(published, "explain", "ENV-01", "--year", "2025", "--format", "json", *options)
    told = json.loads(said.out)
    weights: dict[str, Decimal] = {}
    for line in told["lines"]:
        weight = Decimal(line["weight"] or 0)
        weights[line["role"]] = weights.get(line["role"], Decimal(0)) + weight
    (share,) = [result for result in told["results"] if result["unit"] == "share"]
    numerator, denominator = weights["numerator"], weights["denominator_only"]
    assert Decimal(share["numerator"]) == numerator
    assert Decimal(share["denominator"]) == numerator + denominator
    assert Decimal(share["unknown"]) == weights.get("unknown", Decimal(0))
    assert {line["buyer_id"] for line in told["lines"]} >= ({buyer} - {"*"})


@pytest.mark.demo
def test_explain_computes_again_the_lines_of_a_year_without_stored_evidence(
    published: Path,
) -> None:
    database = published / "data/curated/demo/spaser.duckdb"
    with open_database(database) as connection:
        stored = connection.execute(
            "select distinct year from indicators.evidence order by 1"
        ).fetchall()
    assert (2025,) in stored
    said = of(published, "explain", "GEN-02", "--year", "2024", "--format", "json")
    told = json.loads(said.out)
    (count,) = [result for result in told["results"] if result["unit"] == "contracts"]
    assert len([x for x in told["lines"] if x["role"] == "numerator"]) == int(
        Decimal(count["value"])
    )


@pytest.mark.demo
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["SOC-99"], "Indicateur « SOC-99 » inconnu. Indicateurs : ECO-04, ECO-08"),
        (["SOC-01", "--method", "mean"], "Aucun chiffre SOC-01 pour 2025"),
        (["SOC-01", "--buyer", "123"], "Aucun chiffre SOC-01 pour 2025"),
        (["SOC-01", "--scope", "everything"], "Aucun chiffre SOC-01 pour 2025"),
        (["SOC-01", "--from", "nulle-part"], "Pas de résultats dans nulle-part"),
    ],
)
def test_a_figure_that_does_not_exist_is_told(
    published: Path, arguments: list[str], told: str
) -> None:
    said = of(published, "explain", *arguments, "--year", "2025")
    assert is_one_message(said, 2)
    assert said.err.startswith(told)


@pytest.mark.demo
def test_targets_give_1_when_one_is_missed_and_0_before_they_are_due(published: Path) -> None:
    due = of(published, "targets", "demo", "--year", "2025")
    assert due.code == 1
    assert "non atteint" in due.out
    assert "indécidable" in due.out
    before = of(published, "targets", "demo", "--year", "2022")
    assert before.code == 0
    assert "non échu" in before.out
    assert "not reached" in of(published, "--lang", "en", "targets", "demo", "--year", "2025").out


@pytest.mark.demo
def test_targets_of_a_year_without_verdict_say_what_to_do(published: Path) -> None:
    said = of(published, "targets", "demo", "--year", "2030")
    assert is_one_message(said, 2)
    assert "Aucun objectif jugé pour 2030" in said.err


# --- on a scheme of three contracts -------------------------------------------------------------


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Said]:
    """A project whose scheme has run: objects that a spreadsheet would execute, no fault."""
    root = create_project(tmp_path_factory.mktemp("small") / "projet")
    inputs = root / "data/raw/registres"
    objects = {"A": "=1+1", "B": "@SUM(A1)", "C": "Papier, enveloppes"}
    register(inputs, "r.json", [contract(id=name, objet=text) for name, text in objects.items()])
    return root, of(root, "run", "mon-schema", "--report-lang", "en")


@pytest.mark.demo
def test_run_publishes_and_says_where(small: tuple[Path, Said]) -> None:
    root, said = small
    assert (said.code, said.err) == (0, "")
    report = root / "reports/rendered/mon-schema/2024/interne/rapport.html"
    assert '<html lang="en"' in report.read_text(encoding="utf-8")
    assert str(report) in said.out
    assert str(root / "data/curated/mon-schema/spaser.duckdb") in said.out


@pytest.mark.demo
def test_without_scheme_explain_takes_the_only_one_published(small: tuple[Path, Said]) -> None:
    said = of(small[0], "explain", "GEN-02", "--year", "2024")
    assert said.code == 0
    assert f"{BUYER}-A" in said.out


@pytest.mark.demo
def test_no_cell_of_the_csv_is_run_by_a_spreadsheet(small: tuple[Path, Said]) -> None:
    said = of(small[0], "explain", "GEN-02", "--year", "2024", "--format", "csv")
    lines = list(csv.DictReader(io.StringIO(said.out)))
    assert [line["object"] for line in lines] == ["'=1+1", "'@SUM(A1)", "Papier, enveloppes"]
    assert {line["role"] for line in lines} == {"numerator"}


@pytest.mark.demo
def test_a_year_outside_the_scheme_is_refused_and_the_report_kept(
    small: tuple[Path, Said],
) -> None:
    root, _ = small
    before = digests(root / "reports/rendered")
    said = of(root, "run", "mon-schema", "--year", "2031")
    assert is_one_message(said, 2)
    assert "Année 2031 hors du schéma « mon-schema », qui couvre 2024–2029" in said.err
    assert digests(root / "reports/rendered") == before


@pytest.mark.demo
def test_check_gives_0_without_error_and_1_with_one_and_publishes_nothing(
    small: tuple[Path, Said],
) -> None:
    root, _ = small
    before = digests(root / "reports/rendered")
    sound = of(root, "check", "mon-schema")
    assert (sound.code, sound.err) == (0, "")
    assert sound.out.endswith("Aucune erreur.\n")
    records = [contract(id="D"), contract(id=...)]
    extra = register(root / "data/raw/registres", "sans-id.json", records)
    wrong = of(root, "check", "mon-schema")
    extra.unlink()
    assert wrong.code == 1
    assert "Enregistrement sans acheteur ou sans identifiant" in wrong.out
    assert wrong.out.endswith("1 erreur(s) à corriger.\n")
    assert digests(root / "reports/rendered") == before


@pytest.mark.demo
def test_a_blocking_check_gives_3_and_keeps_what_was_published(small: tuple[Path, Said]) -> None:
    root, _ = small
    before = digests(root / "reports/rendered")
    card = root / "assets/curated/contracts.yml"
    written = card.read_text(encoding="utf-8")
    blocking = {
        "name": "amounts_are_tiny",
        "expectation": "expect_column_values_to_be_between",
        "args": {"column": "amount_initial_eur", "min_value": 1, "max_value": 2},
        "severity": "ERROR",
        "description": {"fr": "Montants minuscules.", "en": "Tiny amounts."},
    }
    change_card(root, "assets/curated/contracts.yml", checks=[blocking])
    said = of(root, "run", "mon-schema")
    card.write_text(written, encoding="utf-8")
    assert is_one_message(said, 3)
    assert "Montants minuscules" in said.err
    assert digests(root / "reports/rendered") == before


@pytest.mark.demo
def test_a_later_day_is_taken_for_today(small: tuple[Path, Said]) -> None:
    said = of(small[0], "run", "mon-schema", "--as-of", date(2024, 12, 31).isoformat())
    assert said.code == 0
    assert "Date d'arrêté : 2024-12-31" in said.out
