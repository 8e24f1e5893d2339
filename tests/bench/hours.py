"""Speed and memory of the hours half beside two peers: `python -m tests.bench.hours [N …]`.

Writes seeded logs of N hour lines (250 000 and 1 000 000 by default) with their register,
commitments and participant sheets; builds every table of the hours half, figures after secrecy and
indicators in a process of its own; prints the time of each step, the peak memory above the imported
baseline, the growth from the first size to the last, and the ratio to a bare DuckDB query and to a
pandas script that compute the validated hours by buyer and year. The script and the program must
agree; the bare query sets nothing apart and keeps no trace.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.bench import ROOT, say
from tests.bench.memory import PeakMemory
from tests.generators import volume

Figures = dict[str, str]
PEERS = ("spaser", "duckdb", "pandas")
MONTH_LIMIT = 200


@dataclass
class Steps:
    """Seconds of each step, in the order they were taken."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time what is inside, added to what the step already took."""
        began = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - began


def spaser(folder: Path, steps: Steps) -> tuple[PeakMemory, Figures]:
    """Files → staged → judged lines → figures after secrecy → indicators of every year."""
    import pandas  # noqa: F401 (DuckDB imports it when Arrow is handed over, as any run does)

    from spaser import curate, indicators, ingest, privacy
    from spaser.cards import catalogue
    from spaser.project import definitions_root
    from spaser.scheme import scheme_for_files
    from spaser.warehouse import Tables, session
    from tests.curate.run import EVERYTHING, build_table, stages

    cards = catalogue(definitions_root() / "assets")
    # The other tables of quality speak of registers.
    built = [key for key in stages(EVERYTHING) if not key.startswith("quality/")]
    built.append("quality/follow_up")
    files = sorted(folder.iterdir())
    scheme = scheme_for_files(tuple(files))
    settings = curate.Settings(scheme)
    with tempfile.TemporaryDirectory(dir=folder.parent) as out:
        os.environ["SPASER_KEY_FILE"] = f"{out}/key"
        tables = Tables(Path(out) / "tables")
        with PeakMemory() as peak:
            with steps.step("ingest"):
                ingest.stage(files, tables, cards, folder)
            for key in built:
                with steps.step(_step_of(key)):
                    build_table(tables, key, settings)
            with steps.step("secrecy"):
                privacy.build(tables, cards)
            with steps.step("indicators"):
                years = indicators.years_found(tables)
                indicators.compute(tables, cards, scheme, years, with_evidence=False)
        with session() as connection:
            tables.attach(connection, ["curated.hours"])
            rows = connection.execute(
                """select buyer_id, year, sum(hours_validated) from curated.hours
                where outcome in ('validated', 'corrected') group by all order by all"""
            ).fetchall()
    return peak, {f"{buyer} {year}": f"{hours:.2f}" for buyer, year, hours in rows}


_OWN_STEPS = {
    "curated/hour_lines", "curated/participants", "curated/hours", "curated/people",
    "curated/returns", "curated/operations", "facts/operations", "facts/people_figures",
    "quality/follow_up",
}  # fmt: skip


def _step_of(key: str) -> str:
    return key if key in _OWN_STEPS else "register and the rest"


def duckdb(folder: Path, steps: Steps) -> tuple[PeakMemory, Figures]:
    """A bare DuckDB query over the log: no rule, no key, no trace."""
    del steps
    import duckdb as engine

    connection = engine.connect()
    with PeakMemory() as peak:
        rows = connection.execute(
            f"""select maitre_ouvrage, periode[:4] as year,
                sum(coalesce(heures_validees, 0)::decimal(18, 2)) as hours
            from read_csv('{folder / volume.HOURS}', delim=';', header=true, types={{
                'maitre_ouvrage': 'VARCHAR', 'periode': 'VARCHAR', 'marche_id': 'VARCHAR',
                'heures_validees': 'DOUBLE'}})
            where etat in ('Validée', 'Corrigée') group by all order by all"""
        ).fetchall()
    return peak, {f"{buyer} {year}": f"{hours:.2f}" for buyer, year, hours in rows}


def pandas(folder: Path, steps: Steps) -> tuple[PeakMemory, Figures]:
    """A straightforward script that sets the same lines apart, each for one reason or another."""
    del steps
    import pandas as pd

    with PeakMemory() as peak:
        wanted = [
            "marche_id", "maitre_ouvrage", "entreprise_siret", "periode", "heures_realisees",
            "heures_validees", "nature_heures", "etat", "beneficiaire_id", "modalite",
        ]  # fmt: skip
        lines = pd.read_csv(folder / volume.HOURS, sep=";", usecols=wanted, dtype=str)
        for name in ("heures_realisees", "heures_validees"):
            lines[name] = pd.to_numeric(lines[name])
        bound = pd.read_csv(folder / volume.COMMITMENTS, sep=";", dtype=str)
        sheets = pd.read_csv(folder / volume.PARTICIPANTS, sep=";", dtype=str)
        lines = lines[lines["etat"] != "Rejetée"]
        known = lines.merge(bound[["marche_id", "maitre_ouvrage"]].drop_duplicates(), how="inner")
        known = known[known["heures_realisees"] >= 0]
        key = ["beneficiaire_id", "periode", "marche_id", "maitre_ouvrage"]
        key += ["nature_heures"]
        known["nature_heures"] = known["nature_heures"].fillna("")
        alike = known.drop_duplicates(
            [*key, "entreprise_siret", "heures_realisees", "heures_validees", "etat", "modalite"]
        )
        alike = alike[~alike.duplicated(key, keep=False)]
        alike["counted"] = alike["heures_validees"].fillna(alike["heures_realisees"])
        months = alike.groupby(["beneficiaire_id", "periode"])["counted"].transform("sum")
        alike = alike[months <= MONTH_LIMIT]
        told = alike.merge(sheets[["beneficiaire_id", "eligible_du"]], on="beneficiaire_id")
        since = pd.to_datetime(told["eligible_du"])
        month = pd.to_datetime(told["periode"] + "-01")
        ends = since + pd.DateOffset(months=volume.ELIGIBLE_MONTHS)
        told = told[(since <= month + pd.offsets.MonthEnd(0)) & (month < ends)]
        done = told[told["etat"].isin(["Validée", "Corrigée"])]
        done = done.assign(key=done["maitre_ouvrage"] + " " + done["periode"].str[:4])
        sums = done.groupby("key")["counted"].sum()
    return peak, {str(key): f"{hours:.2f}" for key, hours in sums.items()}


RUN: dict[str, Callable[[Path, Steps], tuple[PeakMemory, Figures]]] = {
    "spaser": spaser,
    "duckdb": duckdb,
    "pandas": pandas,
}


def measured(name: str, folder: Path) -> dict[str, Any]:
    """One peer once, in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.hours", "--peer", name, str(folder)]
    done = subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def bench(lines: int, folder: Path) -> dict[str, Any]:
    """One size: write the files, time every peer, print the tables; what `spaser` took."""
    files = folder / "files"
    files.mkdir()
    written = volume.write_hours(lines, files)
    megabytes = sum(file.stat().st_size for file in written) / 1e6
    found = {name: measured(name, files) for name in PEERS}
    if found["spaser"]["figures"] != found["pandas"]["figures"]:
        msg = f"the peers disagree:\n{found['spaser']['figures']}\n{found['pandas']['figures']}"
        raise SystemExit(msg)
    say(f"\n### {lines:,} hour lines, {megabytes:,.0f} MB\n")
    say("| what | seconds | lines/s | ratio to bare DuckDB | peak memory MB |")
    say("|---|---|---|---|---|")
    bare = found["duckdb"]["seconds"]
    for name in PEERS:
        seconds = found[name]["seconds"]
        say(
            f"| {NAMES[name]} | {seconds:.2f} | {lines / seconds:,.0f} | {seconds / bare:.1f} "
            f"| {found[name]['bytes'] / 1e6:.0f} |"
        )
    say("\n| step | seconds |\n|---|---|")
    for step, seconds in found["spaser"]["steps"].items():
        say(f"| {step} | {seconds:.2f} |")
    return found["spaser"]


NAMES = {
    "spaser": "spaser, files → indicators after secrecy",
    "duckdb": "bare DuckDB query, validated hours by buyer and year",
    "pandas": "pandas script, same hours set apart",
}


def grown(first: dict[str, Any], last: dict[str, Any], ratio: float) -> None:
    """How time and memory grow from one size to another."""
    say(f"\n### Growth, for {ratio:.1f} times the lines\n")
    say("| step | times the seconds |\n|---|---|")
    for step, seconds in last["steps"].items():
        before = first["steps"].get(step, 0.0)
        if seconds > 1 and before:
            say(f"| {step} | {seconds / before:.1f} |")
    say(f"| all | {last['seconds'] / first['seconds']:.1f} |")
    say(f"| peak memory | {last['bytes'] / max(first['bytes'], 1):.1f} |")


def main() -> None:
    """Run the benchmark and print its tables; or one peer, as one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, default=[250_000, 1_000_000])
    parser.add_argument("--peer", nargs=2, metavar=("NAME", "FOLDER"))
    options = parser.parse_args()
    if options.peer:
        steps = Steps()
        peak, figures = RUN[options.peer[0]](Path(options.peer[1]), steps)
        say(
            json.dumps(
                {
                    "seconds": peak.seconds,
                    "bytes": peak.above_start,
                    "steps": steps.seconds,
                    "figures": figures,
                }
            )
        )
        return
    results = []
    for size in options.sizes:
        with tempfile.TemporaryDirectory() as folder:
            results.append(bench(size, Path(folder)))
    if len(results) > 1:
        grown(results[0], results[-1], options.sizes[-1] / options.sizes[0])


if __name__ == "__main__":
    main()
