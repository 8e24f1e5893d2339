"""Where the definitions and the data of an installation are."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from spaser.errors import InputError

PACKAGED = Path(__file__).parent / "_project"
"""The definitions shipped in the wheel; absent from a checkout."""


@dataclass(frozen=True)
class Project:
    """One installation: the folder that holds `dagster.yaml` and `assets/`."""

    root: Path

    @property
    def assets(self) -> Path:
        """Cards: what is built."""
        return self.root / "assets"

    @property
    def pipelines(self) -> Path:
        """Scheme files: who reports."""
        return self.root / "pipelines"

    @property
    def reports(self) -> Path:
        """Templates, labels and styles."""
        return self.root / "reports"

    def curated(self, scheme: str) -> Path:
        """Built tables of one scheme."""
        return self.root / "data" / "curated" / scheme

    def rendered(self, scheme: str) -> Path:
        """Published reports of one scheme, one folder a year."""
        return self.root / "reports" / "rendered" / scheme

    def history(self, scheme: str) -> Path:
        """Dagster's runs and events of one scheme."""
        return self.root / ".dagster" / scheme

    def own(self, scheme: str) -> Path:
        """What a scheme's department decided: mappings, corrections, audits."""
        return self.pipelines / scheme

    def scheme_file(self, scheme: str) -> Path:
        """The scheme's YAML file; `scheme` is its name or a path to it."""
        direct = Path(scheme)
        if direct.suffix in {".yml", ".yaml"} and direct.is_file():
            return direct
        return self.pipelines / f"{scheme}.yml"


def is_project(folder: Path) -> bool:
    """Whether a folder is the root of an installation."""
    return (folder / "dagster.yaml").is_file() and (folder / "assets").is_dir()


def find_project(explicit: Path | None = None, start: Path | None = None) -> Project:
    """The project to work in.

    Order: the one named (`--project` or `SPASER_PROJECT`), the nearest parent of the working
    folder, the checkout this code runs from, the copy shipped in the wheel.

    Raises:
        InputError: the folder named is no project.
    """
    named = explicit or (Path(value) if (value := os.environ.get("SPASER_PROJECT")) else None)
    if named is not None:
        if not is_project(named):
            raise InputError(
                f"« {named} » n'est pas un projet spaser : il y manque dagster.yaml ou assets/. "
                "Créez-en un avec « spaser init DOSSIER ».",
                f"“{named}” is not a spaser project: dagster.yaml or assets/ is missing. "
                "Create one with `spaser init DIR`.",
            )
        return Project(named.resolve())
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if is_project(folder):
            return Project(folder)
    return Project(definitions_root())


def definitions_root() -> Path:
    """The folder of the definitions that came with this code: the checkout's, else the wheel's."""
    checkout = Path(__file__).resolve().parents[2]
    return checkout if is_project(checkout) else PACKAGED


def is_packaged(project: Project) -> bool:
    """Whether a project is the read-only copy of the wheel."""
    return project.root == PACKAGED
