"""What a run is about, given to every step by the run's configuration."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import dagster as dg

from spaser import ledger
from spaser.cards import Catalogue, catalogue
from spaser.curate import Settings
from spaser.mappings import Mapping, load_mappings, spellings_of
from spaser.project import Project
from spaser.scheme import Scheme
from spaser.warehouse import Tables


class Run(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The values of one run.

    project: folder of the installation. scheme_json: the scheme as loaded. as_of: the day that
    stands for today (ISO), else the latest date found. language: of the report, else the scheme's.
    out, tables_folder: where a trial puts its report and its tables, else the project's folders.
    """

    project: str
    scheme_json: str
    as_of: str | None = None
    language: str | None = None
    out: str | None = None
    tables_folder: str | None = None

    @property
    def installation(self) -> Project:
        """The project."""
        return Project(Path(self.project))

    @property
    def scheme(self) -> Scheme:
        """The scheme."""
        return Scheme.model_validate_json(self.scheme_json)

    @property
    def cards(self) -> Catalogue:
        """Every card of the project."""
        return catalogue(self.installation.assets)

    @property
    def tables(self) -> Tables:
        """The scheme's tables."""
        folder = self.tables_folder
        return Tables(Path(folder) if folder else self.installation.curated(self.scheme.name))

    @property
    def mappings(self) -> tuple[Mapping, ...]:
        """How the department's own spreadsheets are read."""
        return load_mappings(self.installation, self.scheme.name)

    @property
    def settings(self) -> Settings:
        """What the curate step asks for."""
        name = self.scheme.name
        return Settings(
            scheme=self.scheme,
            as_of=date.fromisoformat(self.as_of) if self.as_of else None,
            spellings=spellings_of(self.mappings, self.cards),
            ledger=ledger.read(ledger.ledger_file(self.installation, name)),
        )

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages of the report, the first one at its root."""
        return (self.language,) if self.language else tuple(self.scheme.report.languages)

    @property
    def database(self) -> Path:
        """The DuckDB file of the published tables."""
        folder = self.out or self.installation.curated(self.scheme.name)
        return Path(folder) / "spaser.duckdb"


def run_of(project: Project, scheme: Scheme) -> Run:
    """The run of a scheme with nothing asked for."""
    return Run(project=str(project.root), scheme_json=scheme.model_dump_json(by_alias=True))
