"""Speed and memory of ingest → indicators beside two peers: `make bench`.

`python -m tests.bench.bench [N …] [--runs R]` writes seeded DECP-2022-like registers of N contracts
(100 000 and 1 000 000 by default), times each peer in processes of their own, alternating, and
prints a Markdown table: the median of R runs, the ratio to the bare peer, the peak memory above the
imported baseline, and the whole `spaser try` beside. The peers must agree on the figures. Last, a
workbook of 100 000 rows and 30 columns is staged.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PEERS = ("spaser", "duckdb", "pandas")
NAMES = {
    "spaser": "spaser, ingest → indicators",
    "duckdb": "bare DuckDB `read_json` (NDJSON → table)",
    "pandas": "pandas script, same indicators",
}


def main() -> None:
    """Run the benchmark and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, default=[100_000, 1_000_000])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--no-whole", action="store_true", help="leave out `spaser try`")
    options = parser.parse_args()
    for size in options.sizes:
        with tempfile.TemporaryDirectory() as folder:
            bench(size, Path(folder), options.runs, whole=not options.no_whole)
    for other in ("tests.bench.workbook", "tests.bench.hours"):
        subprocess.run([sys.executable, "-m", other], cwd=ROOT, check=True)


def bench(size: int, folder: Path, runs: int, *, whole: bool) -> None:
    """One size: write the register, time every peer, print the table."""
    register, ndjson = folder / "register.json", folder / "register.ndjson"
    generate(size, register)
    generate(size, ndjson, "--ndjson")
    megabytes = register.stat().st_size / 1e6
    measured: dict[str, list[dict[str, Any]]] = {name: [] for name in PEERS}
    for _ in range(runs):
        for name in PEERS:
            measured[name].append(peer(name, register, ndjson))
    agree(measured)
    say(f"\n### {size:,} contracts, {megabytes:,.0f} MB, median of {runs}\n")
    say("| what | seconds | MB/s | ratio to bare DuckDB | peak memory MB |\n|---|---|---|---|---|")
    bare = median(measured["duckdb"], "seconds")
    for name in PEERS:
        seconds = median(measured[name], "seconds")
        memory = median(measured[name], "bytes") / 1e6
        say(
            f"| {NAMES[name]} | {seconds:.2f} | {megabytes / seconds:.0f} "
            f"| {seconds / bare:.1f} | {memory:.0f} |"
        )
    if whole:
        seconds = whole_run(register, folder / "out")
        ratio = seconds / bare
        say(f"| whole `spaser try`, report and workbook | {seconds:.1f} | | {ratio:.1f} | |")


def generate(size: int, target: Path, *flags: str) -> None:
    """Write a seeded register."""
    command = [sys.executable, "-m", "tests.generators.volume", str(size), str(target), *flags]
    subprocess.run(command, check=True, cwd=ROOT)


def peer(name: str, register: Path, ndjson: Path) -> dict[str, Any]:
    """Time one peer once, in its own process."""
    command = [sys.executable, "-m", "tests.bench.peers", name, str(register), str(ndjson)]
    done = subprocess.run(command, check=True, cwd=ROOT, capture_output=True, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def agree(measured: dict[str, list[dict[str, Any]]]) -> None:
    """The peers that compute indicators found the same figures, in every run."""
    found = {
        json.dumps(run["figures"], sort_keys=True)
        for name in ("spaser", "pandas")
        for run in measured[name]
    }
    if len(found) != 1:
        msg = "the peers disagree:\n" + "\n".join(sorted(found))
        raise SystemExit(msg)


def median(runs: list[dict[str, Any]], key: str) -> float:
    """The median of a measure."""
    return statistics.median(run[key] for run in runs)


def whole_run(register: Path, out: Path) -> float:
    """Wall time of `spaser try` as a user would run it."""
    command = [sys.executable, "-m", "spaser", "try", str(register), "--out", str(out)]
    start = time.perf_counter()
    subprocess.run(command, check=True, cwd=out.parent, env=dict(os.environ), capture_output=True)
    return time.perf_counter() - start


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
