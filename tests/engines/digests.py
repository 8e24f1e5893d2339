"""Builds the demo and prints a digest of each table: `python -m tests.engines.digests FOLDER`.

Runs in an environment of its own, with another version of DuckDB: it needs neither Dagster nor
Great Expectations.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

from spaser.project import Project
from spaser.scheme import load_scheme
from spaser.warehouse import Tables, session
from tests.curate.run import EVERYTHING, ROOT, conclude, run_files, run_indicators


def digests(tables: Tables) -> dict[str, str]:
    """SHA-256 of the rows of every table, in an order that only the rows decide."""
    found: dict[str, str] = {}
    with session() as connection:
        for table in tables.names():
            rows = connection.execute(f"select * from {tables.scan(table)} order by all").fetchall()
            found[table] = hashlib.sha256(repr(rows).encode()).hexdigest()
    return found


def main() -> None:
    """Build, digest, print."""
    scheme = load_scheme(Project(ROOT), "demo")
    tables = run_files(Path(sys.argv[1]), [], scheme, last=EVERYTHING)
    run_indicators(tables, scheme)
    conclude(tables, scheme)
    sys.stdout.write(json.dumps(digests(tables), sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
