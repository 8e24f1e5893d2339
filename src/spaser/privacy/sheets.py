"""The internal sheets of operations in published reports, which show people without suppression.

A purge withdraws them: the breakdown of an operation that has lost persons tells who they were. The
report itself, the public sheets and the sealed editions stay. The next run of the year makes the
sheets again, without the breakdowns that no longer add up.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path

from spaser.guards import replace_file
from spaser.project import Project
from spaser.warehouse import swap_folder

INTERNAL, FOLDER, BOOK = "interne", "operations", "operations.xlsx"
"""The internal report of a year, and in it the pages of the operations and their workbook."""

_INDEX, _MANIFEST = "index.html", "manifest.json"

_NOTICE = """<!doctype html>
<html lang="fr">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'">
<title>Fiches d'opération retirées</title>
</head>
<body>
<main>
<h1>Fiches d'opération retirées</h1>
<p>Des personnes comptées dans ces fiches ont été effacées : leur durée de conservation est échue.
Pour refaire les fiches, sans répartition : « spaser run », avec --year et l'année du rapport.</p>
<p><a href="../rapport.html">Rapport annuel</a></p>
<section lang="en">
<h2>Operation sheets withdrawn</h2>
<p>Persons counted in these sheets have been erased: they were kept long enough. To make the sheets
again, without breakdown: `spaser run`, with --year and the year of the report.</p>
<p><a href="../rapport.html">Yearly report</a></p>
</section>
</main>
</body>
</html>
"""


def years_with_sheets(project: Project, scheme: str) -> tuple[str, ...]:
    """The years whose internal report has sheets of operations, in order."""
    return tuple(sorted({_year(project, scheme, report) for report in _reports(project, scheme)}))


def withdraw_sheets(project: Project, scheme: str) -> tuple[str, ...]:
    """Remove the sheets of every internal report; returns the years.

    A page in their place says why, so that the links of the report still lead somewhere; the
    manifest names what is there. The workbook goes last: what a kill leaves is found again.
    """
    years = years_with_sheets(project, scheme)
    for report in _reports(project, scheme):
        with tempfile.TemporaryDirectory(prefix=".spaser-", dir=report) as beside:
            notice = Path(beside) / FOLDER
            notice.mkdir()
            (notice / _INDEX).write_bytes(_NOTICE.encode())
            swap_folder(notice, report / FOLDER)
        _tell_manifest(report)
        (report / BOOK).unlink(missing_ok=True)
    return years


def _reports(project: Project, scheme: str) -> list[Path]:
    """The folders of internal reports that have sheets: a year's, and those of its languages."""
    years = sorted(project.rendered(scheme).glob(f"*/{INTERNAL}"))
    folders = [folder for year in years for folder in (year, *sorted(year.iterdir()))]
    return [folder for folder in folders if _has_sheets(folder)]


def _has_sheets(report: Path) -> bool:
    pages = {page.name for page in (report / FOLDER).glob("*")} - {_INDEX}
    return bool(pages) or (report / BOOK).exists()


def _year(project: Project, scheme: str, report: Path) -> str:
    return report.relative_to(project.rendered(scheme)).parts[0]


def _tell_manifest(report: Path) -> None:
    """The files that are gone leave the manifest; the page in their place has its own digest."""
    path = report / _MANIFEST
    if not path.is_file():
        return
    manifest = json.loads(path.read_text(encoding="utf-8"))
    kept = [
        entry
        for entry in manifest["files"]
        if entry["path"] != BOOK and not entry["path"].startswith(f"{FOLDER}/")
    ]
    notice = _NOTICE.encode()
    digest = hashlib.sha256(notice).hexdigest()
    told = {"path": f"{FOLDER}/{_INDEX}", "bytes": len(notice), "sha256": digest}
    manifest["files"] = [*kept, told]
    text = json.dumps(manifest, ensure_ascii=False, indent=2) + "\n"
    replace_file(path, text.encode())
