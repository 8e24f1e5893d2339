"""From the tables of a scheme to the files of one year's report."""

from __future__ import annotations

import errno
import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from spaser.cards import Catalogue, catalogue
from spaser.errors import InputError
from spaser.project import Project
from spaser.publish import (
    consolidation,
    opendata,
    operation_book,
    operation_pages,
    page,
    workbook,
)
from spaser.publish import lines as contract_lines
from spaser.publish.annexes import Annexes
from spaser.publish.clauses import Clauses, Operation, grouped
from spaser.publish.clauses_view import clauses_view
from spaser.publish.context import Context, about_people, member_names
from spaser.publish.formats import Formats
from spaser.publish.labels import Labels
from spaser.publish.model import Figures, Objective
from spaser.publish.objectives import ObjectiveBuilder
from spaser.publish.operation_view import Ground, SheetBuilder
from spaser.publish.public_view import PublicBuilder
from spaser.publish.quality_view import quality
from spaser.publish.reading import (
    Buyer,
    Cell,
    InputFile,
    Line,
    Result,
    Role,
    Run,
    Source,
    Verdict,
)
from spaser.publish.register_view import register
from spaser.publish.view import Builder
from spaser.scheme import Scheme
from spaser.warehouse import Tables, session

BESIDE = ".spaser-en-cours"
NAMED_BUYERS = 12
"""The cover names that many buyers at most; beyond, it counts them."""

OPERATIONS = "operations.xlsx"
TASKS = "suivi-facilitateurs.xlsx"

VERDICTS = ("reached", "not_reached", "undecidable", "not_due")


def render(
    tables: Tables, project: Project, scheme: Scheme, year: int, out: Path, language: str
) -> list[Path]:
    """Write the report of a year into a folder.

    Files: `rapport.html`, `indicateurs.xlsx`, `donnees/resultats.csv`, `donnees/preuves.csv`; where
    insertion clauses are followed, `operations/`, `operations.xlsx`, `suivi-facilitateurs.xlsx` and
    `donnees/consolidation-nationale.csv`; and `manifest.json`. They are built in a folder beside,
    inside `out`, then moved over the old ones.

    Returns:
        The files written, in that order.

    Raises:
        InputError: a table is missing, the year has no result, or `out` cannot be written.
    """
    return _in_one_step(out, lambda folder: _build(tables, project, scheme, year, folder, language))


def render_public(
    tables: Tables, project: Project, scheme: Scheme, year: int, out: Path, language: str
) -> list[Path]:
    """Write what of a year's report may be read by anyone: `operations/`, after suppression.

    Only facts of the register of contracts and figures of `indicators.figures`. Returns the files;
    none where no operation runs in the year on a contract of the register.

    Raises:
        InputError: a table is missing, or `out` cannot be written.
    """
    return _in_one_step(
        out, lambda folder: _build_public(tables, project, scheme, year, folder, language)
    )


def _in_one_step(out: Path, build: Callable[[Path], list[str]]) -> list[Path]:
    beside = out / BESIDE
    try:
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True)
        names = build(beside)
        for name in names:
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            (beside / name).replace(out / name)
    except OSError as error:
        raise _unwritable(out, error) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return [out / name for name in names]


def _unwritable(out: Path, error: OSError) -> InputError:
    full = error.errno in {errno.ENOSPC, errno.EDQUOT}
    cause_fr = "le disque est plein" if full else f"écriture impossible ({error.strerror})"
    cause_en = "the disk is full" if full else f"it cannot be written ({error.strerror})"
    out = _known_to_the_user(out)
    return InputError(
        f"Dossier de sortie {out} : {cause_fr}. Libérez de la place ou changez de dossier ; "
        "le rapport précédent est intact.",
        f"Output folder {out}: {cause_en}. Free some space or choose another folder; "
        "the previous report is untouched.",
    )


def _known_to_the_user(out: Path) -> Path:
    """The folder itself, or the one that a hidden working folder lies in."""
    shown = (out, *out.parents)
    return next(p for p in shown if not any(part.startswith(".spaser-") for part in p.parts))


def _build(
    tables: Tables, project: Project, scheme: Scheme, year: int, folder: Path, language: str
) -> list[str]:
    with session() as connection:
        source = Source(connection, tables, year)
        results = source.results()
        if not any(result.year == year for result in results):
            raise InputError(
                f"Aucun résultat pour {year}. Choisissez une année présente dans les registres.",
                f"No result for {year}. Choose a year present in the registers.",
            )
        run = source.run()
        buyers = _buyers(source, results, year)
        clauses = Clauses(source)
        operations = clauses.operations()
        context = _context(project, scheme, run, buyers, operations, year, language)
        cards = context.catalogue
        line_count = source.line_count()
        embed = line_count <= contract_lines.MAX_LINES
        year_lines, roles = (source.lines(), source.roles()) if embed else ([], [])
        verdicts = _in_scheme_order(source.verdicts(), scheme)
        report = _page(
            project,
            context,
            scheme,
            source,
            run,
            results,
            verdicts,
            buyers,
            line_count,
            year_lines,
            roles,
            clauses,
            operations,
        )
        inputs = source.inputs()
        page.write(folder / "rapport.html", page.html(project, context, report))
        workbook.write(
            folder / "indicateurs.xlsx",
            context,
            run,
            source,
            results,
            verdicts,
            line_count,
            year_lines,
            roles,
            report.quality,
        )
        opendata.write_results(source, folder / "donnees" / "resultats.csv")
        opendata.write_evidence(source, folder / "donnees" / "preuves.csv", with_contracts=embed)
        names = ["rapport.html", "indicateurs.xlsx", "donnees/resultats.csv", "donnees/preuves.csv"]
        names += _clauses(folder, project, scheme, context, run, clauses, operations)
    manifest = _manifest(folder, names, cards, run, inputs, year, language)
    page.write(folder / "manifest.json", json.dumps(manifest, ensure_ascii=False, indent=2) + "\n")
    return [*names, "manifest.json"]


def _context(
    project: Project,
    scheme: Scheme,
    run: Run,
    buyers: Sequence[Buyer],
    operations: Sequence[Operation],
    year: int,
    language: str,
) -> Context:
    cards = catalogue(project.assets)
    names = {
        ("operation", one.operation_id): one.operation or one.operation_id for one in operations
    }
    return Context(
        cards,
        Labels(project.reports, language),
        Formats(language),
        year,
        run.as_of,
        run.floor_eur,
        {buyer.buyer_id: buyer.buyer_name or buyer.buyer_id for buyer in buyers}
        | scheme.buyer_names(),
        member_names(cards, language) | names,
        f"{operation_pages.FOLDER}/index.html" if operations else None,
    )


def _clauses(
    folder: Path,
    project: Project,
    scheme: Scheme,
    context: Context,
    run: Run,
    clauses: Clauses,
    operations: Sequence[Operation],
) -> list[str]:
    """Write the operations, the work list and the consolidation; returns the files, if any."""
    names = []
    if operations:
        builder = SheetBuilder(context, Ground.read(clauses))
        sheets = builder.sheets(operations)
        look = _look(context, scheme, run, is_public=False)
        heads = builder.index_heads()
        names += operation_pages.write(folder, project, context, look, sheets, heads)
        operation_book.write_operations(folder / OPERATIONS, context, run, builder, sheets)
        names.append(OPERATIONS)
    tasks = clauses.tasks()
    if tasks:
        operation_book.write_tasks(folder / TASKS, context, run, tasks)
        names.append(TASKS)
    return [*names, *consolidation.write(folder, context, run, clauses.totals())]


def _build_public(
    tables: Tables, project: Project, scheme: Scheme, year: int, folder: Path, language: str
) -> list[str]:
    with session() as connection:
        source = Source(connection, tables, year)
        clauses, run = Clauses(source), source.run()
        operations = clauses.operations()
        context = _context(project, scheme, run, source.buyers(), [], year, language)
        builder = PublicBuilder(context, Ground.read_public(clauses))
        sheets = builder.sheets(operations)
        if not sheets:
            return []
        look = _look(context, scheme, run, is_public=True)
        return operation_pages.write(folder, project, context, look, sheets, builder.index_heads())


def _look(context: Context, scheme: Scheme, run: Run, *, is_public: bool) -> operation_pages.Look:
    return operation_pages.Look(
        context.text(scheme.title.fr, scheme.title.en),
        page.readable_accent(scheme.report.accent),
        run.software_version,
        is_public,
    )


def _in_scheme_order(verdicts: Sequence[Verdict], scheme: Scheme) -> list[Verdict]:
    """Objectives as the scheme lists them."""
    place = {target.id: number for number, target in enumerate(scheme.numbered_targets())}
    return sorted(verdicts, key=lambda verdict: place.get(verdict.target_id, len(place)))


def _buyers(source: Source, results: Sequence[Result], year: int) -> list[Buyer]:
    """Buyers that have results in the year."""
    present = {result.buyer_id for result in results if result.year == year}
    return [buyer for buyer in source.buyers() if buyer.buyer_id in present]


def _page(
    project: Project,
    context: Context,
    scheme: Scheme,
    source: Source,
    run: Run,
    results: Sequence[Result],
    verdicts: Sequence[Verdict],
    buyers: Sequence[Buyer],
    line_count: int,
    year_lines: Sequence[Line],
    roles: Sequence[Role],
    clauses: Clauses,
    operations: Sequence[Operation],
) -> page.Page:
    embed = bool(year_lines) or not line_count
    accent = page.readable_accent(scheme.report.accent)
    figures, targets = Figures(results), scheme.numbered_targets()
    builder = Builder(context, figures, targets, openable=embed, accent=accent)
    builder.cells = _cells(context, source)
    objectives = ObjectiveBuilder(context, figures, targets, openable=embed).objectives(verdicts)
    return page.Page(
        title=context.text(scheme.title.fr, scheme.title.en),
        run=run,
        key_figures=builder.key_figures(),
        objectives=objectives,
        tally=_tally(context, objectives),
        axes=builder.axes(),
        quality=quality(context, source),
        register=register(context, Annexes(source), scheme.precedence, results),
        buyers=[context.buyer(buyer.buyer_id) for buyer in buyers]
        if len(buyers) <= NAMED_BUYERS
        else [],
        buyer_count=len(buyers),
        line_count=line_count,
        undated=source.undated(),
        accent=accent,
        logo=scheme.report.logo,
        lines=contract_lines.embedded(context, year_lines, roles) if embed else None,
        clauses=clauses_view(context, clauses, operations, builder.clause_figures()),
    )


def _cells(context: Context, source: Source) -> dict[str, list[Cell]]:
    """The published aggregates behind the indicators about people."""
    cards = context.catalogue.indicators.values()
    about = [card.id for card in cards if about_people(card)]
    return grouped(source.cells(about), lambda cell: cell.code)


def _tally(context: Context, objectives: Sequence[Objective]) -> list[tuple[str, str, int]]:
    counts = Counter(objective.verdict for objective in objectives)
    return [
        (
            verdict,
            str(context.labels.plural(f"objectives.summary.{verdict}", counts[verdict])),
            counts[verdict],
        )
        for verdict in VERDICTS
        if counts[verdict]
    ]


def _manifest(
    folder: Path,
    names: Sequence[str],
    cards: Catalogue,
    run: Run,
    inputs: Sequence[InputFile],
    year: int,
    language: str,
) -> dict[str, Any]:
    """What was published from what: no clock, so the same inputs give the same bytes."""
    return {
        "scheme": run.scheme,
        "year": year,
        "language": language,
        "as_of": run.as_of.isoformat(),
        "floor_eur": f"{run.floor_eur:f}",
        "software": {"name": "spaser", "version": run.software_version},
        "methods": {card.id: card.method_version for card in cards.indicators.values()},
        "files": [
            {
                "path": name,
                "bytes": (folder / name).stat().st_size,
                "sha256": _sha256(folder / name),
            }
            for name in names
        ],
        "inputs": [{"path": item.source_file, "sha256": item.sha256} for item in inputs],
    }


def _sha256(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
