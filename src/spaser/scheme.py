"""The scheme file: who reports, on what, against which objectives."""

from __future__ import annotations

import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Literal

from pydantic import ConfigDict, Field, field_validator, model_validator

from spaser.cards import Model, Origin, Text, load_yaml, parse
from spaser.errors import InputError
from spaser.project import Project


class Period(Model):
    """First and last year of the scheme; `from` and `to` in the file."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
    first: int = Field(alias="from")
    last: int = Field(alias="to")

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Period:
        if self.last < self.first:
            msg = f"to ({self.last}) < from ({self.first})"
            raise ValueError(msg)
        return self


class Buyer(Model):
    """A buyer of the scheme, by its SIRET."""

    id: str
    name: str

    @field_validator("id")
    @classmethod
    def _fourteen_digits(cls, value: str) -> str:
        if len(value) != 14 or not value.isdigit():
            msg = (
                f"« {value} » : 14 chiffres attendus, entre guillemets / 14 digits expected, quoted"
            )
            raise ValueError(msg)
        return value


class Target(Model):
    """An objective: an indicator's result, its due year and the threshold to meet.

    Exactly one of `at_least`, `at_most` and `times_baseline` is given; `times_baseline` needs
    `baseline_year`. Shares are written 0–1.
    """

    id: str = ""
    indicator: str
    method: str = "default"
    measure: str = "count"
    unit: str = "share"
    scope: str = "floor"
    buyer: str = "*"
    year: int
    at_least: Decimal | None = None
    at_most: Decimal | None = None
    times_baseline: Decimal | None = None
    baseline_year: int | None = None
    label: Text | None = None

    @model_validator(mode="after")
    def _one_threshold(self) -> Target:
        given = [self.at_least, self.at_most, self.times_baseline]
        if sum(value is not None for value in given) != 1:
            msg = "exactly one of at_least, at_most, times_baseline is needed"
            raise ValueError(msg)
        if self.times_baseline is not None and self.baseline_year is None:
            msg = "times_baseline needs baseline_year"
            raise ValueError(msg)
        return self

    @property
    def direction(self) -> Literal["up", "down"]:
        """Whether the value must rise to the threshold or stay below it."""
        return "down" if self.at_most is not None else "up"


class ReportSettings(Model):
    """How the report looks."""

    languages: tuple[Literal["fr", "en"], ...] = ("fr",)
    logo: str | None = None
    accent: str = "#1f5f8b"


def _decp_publishes() -> dict[str, Origin]:
    """Only DECP knows the day it was published."""
    return {"published_date": "decp"}


class Precedence(Model):
    """Which register a field is taken from when the department's own and DECP both have it.

    The other one fills what the first does not know. `only_in_decp`: what becomes of a contract of
    DECP that the own register, which covers its buyer and year, does not have.
    """

    default: Origin = "own"
    fields: dict[str, Origin] = Field(default_factory=_decp_publishes)
    only_in_decp: Literal["set_aside", "counted"] = "set_aside"

    def of(self, field: str) -> Origin:
        """Where a field is taken from first."""
        return self.fields.get(field, self.default)


class Scheme(Model):
    """A SPASER scheme (`pipelines/<name>.yml`).

    `register_buyer` is the SIRET of the buyer whose registers name none. `controller` and `dpo` are
    printed in the register of processing: an organisation and a contact role, never a name.
    """

    name: str
    title: Text
    period: Period | None = None
    buyers: tuple[Buyer, ...] | Literal["all"]
    register_buyer: str | None = None
    inputs: tuple[str, ...]
    floor_eur: Decimal = Decimal(40000)
    precedence: Precedence = Precedence()
    targets: tuple[Target, ...] = ()
    report: ReportSettings = ReportSettings()
    controller: str | None = None
    dpo: str | None = None

    @field_validator("title", mode="before")
    @classmethod
    def _one_language_is_enough(cls, value: object) -> object:
        if isinstance(value, str):
            return {"fr": value, "en": value}
        if isinstance(value, dict) and len(value) == 1:
            text = next(iter(value.values()))
            return {"fr": text, "en": text, **value}
        return value

    @model_validator(mode="after")
    def _buyers_of_targets_are_known(self) -> Scheme:
        if self.buyers != "all":
            known = {buyer.id for buyer in self.buyers} | {"*"}
            for target in self.targets:
                if target.buyer not in known:
                    msg = f"target on an unknown buyer {target.buyer}"
                    raise ValueError(msg)
        return self

    def numbered_targets(self) -> tuple[Target, ...]:
        """The targets, each with an id: its own, else `T01`, `T02`… in the order of the file."""
        return tuple(
            target if target.id else target.model_copy(update={"id": f"T{number:02d}"})
            for number, target in enumerate(self.targets, start=1)
        )

    @property
    def only_buyer(self) -> str | None:
        """Whose registers are that name no buyer: `register_buyer`, else the scheme's only one."""
        if self.register_buyer or self.buyers == "all":
            return self.register_buyer
        return self.buyers[0].id if len(self.buyers) == 1 else None

    def buyer_names(self) -> dict[str, str]:
        """Name of each buyer the scheme names."""
        return {} if self.buyers == "all" else {buyer.id: buyer.name for buyer in self.buyers}


def load_scheme(project: Project, name: str) -> Scheme:
    """The scheme of that name, or at that path.

    Raises:
        InputError: no such file, or a key that is unknown, missing or wrong.
    """
    path = project.scheme_file(name)
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in project.pipelines.glob("*.yml"))) or "—"
        raise InputError(
            f"Schéma « {name} » introuvable dans {project.pipelines}. Schémas présents : {known}.",
            f"Scheme “{name}” not found in {project.pipelines}. Schemes present: {known}.",
        )
    return parse(Scheme, {"name": path.stem, **load_yaml(path)}, f"pipelines/{path.name}")


def scheme_for_files(files: tuple[Path, ...], buyer: str | None = None) -> Scheme:
    """The scheme behind `spaser try`: every buyer found, no targets.

    Args:
        files: the registers.
        buyer: whose they are, where they do not say.
    """
    return Scheme(
        name="essai",
        title=Text(fr="Essai sur des registres", en="Trial on registers"),
        buyers="all",
        register_buyer=buyer,
        inputs=tuple(str(file.resolve()) for file in files),
    )


def input_files(scheme: Scheme, root: Path) -> list[Path]:
    """The files a scheme reads, sorted by name: globs and folders are opened, hidden files left.

    Raises:
        InputError: no file at all.
    """
    found: dict[Path, Path] = {}
    for pattern in scheme.inputs:
        path = Path(pattern) if Path(pattern).is_absolute() else root / pattern
        matches = [path] if os.path.lexists(path) else _glob(path)
        for match in sorted(matches):
            # By real path: a link, or a loop of links, gives no file twice.
            for file in sorted(_files_of(match)):
                found.setdefault(file.resolve(), file)
    if not found:
        places = ", ".join(scheme.inputs) or "inputs: []"
        raise InputError(
            f"Aucun fichier d'entrée : {places}. "
            "Déposez-y les exports de vos registres (DECP, CSV…).",
            f"No input file: {places}. Put the exports of your registers there.",
        )
    return sorted(found.values(), key=lambda file: (file.name, str(file)))


def _glob(pattern: Path) -> list[Path]:
    """What a pattern finds, hidden folders left; the folders it names itself may be hidden."""
    parts = pattern.parts
    fixed = next(n for n, part in enumerate((*parts, "*")) if any(c in part for c in "*?["))
    if fixed == len(parts):
        return []
    start = Path(*parts[:fixed])
    found = start.glob(str(Path(*parts[fixed:])))
    return [match for match in found if not _is_hidden(match, start)]


def _files_of(path: Path) -> set[Path]:
    candidates = _entries(path) if path.is_dir() else [path]
    shown = {file for file in candidates if not _is_hidden(file, path.parent)}
    for file in sorted(shown):
        _refuse_no_file(file)
    return {file for file in shown if file.is_file() and not _is_note(file)}


def _entries(folder: Path) -> Iterator[Path]:
    """What lies in a folder that is no folder itself; linked folders are opened, each once."""
    seen: set[str] = set()
    for place, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders.sort()
        yield from (Path(place, file) for file in files)


def _refuse_no_file(file: Path) -> None:
    """A register that cannot be opened must not be left out in silence.

    Raises:
        InputError: a link that leads nowhere, or a pipe, socket or device.
    """
    if file.is_file() or file.is_dir():
        return
    if file.is_symlink():
        raise InputError(
            f"{file} : lien cassé, il ne mène à aucun fichier. Réparez-le ou retirez-le.",
            f"{file}: broken link, it leads to no file. Mend it or remove it.",
        )
    if file.exists():
        raise InputError(
            f"{file} : ce n'est pas un fichier ordinaire (tube, prise ou périphérique). "
            "Remplacez-le par l'export lui-même.",
            f"{file}: not a regular file (pipe, socket or device). "
            "Put the export itself in its place.",
        )


def _is_hidden(file: Path, parent: Path) -> bool:
    return any(part.startswith((".", "~$")) for part in file.relative_to(parent).parts)


def _is_note(file: Path) -> bool:
    """A folder of registers may explain itself in a LISEZMOI or README."""
    return file.suffix == ".md"
