"""What is timed, each in a process of its own: `python -m tests.bench.peers NAME FILE [NDJSON]`.

Prints one JSON line: seconds, peak anonymous bytes above the imported baseline, and the figures
that must agree: for each year, contracts, contracts with a social consideration, and their value.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.bench.memory import PeakMemory

Figures = dict[str, list[str]]


def spaser(register: Path, ndjson: Path) -> tuple[PeakMemory, Figures]:
    """Ingest → indicators: the functions the assets call, every card, every year, no evidence."""
    del ndjson
    import pandas  # noqa: F401 (DuckDB imports it when Arrow is handed over, as any run does)

    from spaser import curate, indicators, ingest
    from spaser.cards import catalogue
    from spaser.project import definitions_root
    from spaser.scheme import scheme_for_files
    from spaser.warehouse import Tables, session
    from tests.curate.run import build_table, stages

    cards = catalogue(definitions_root() / "assets")
    scheme = scheme_for_files((register,))
    settings = curate.Settings(scheme)
    with tempfile.TemporaryDirectory(dir=register.parent) as folder:
        tables = Tables(Path(folder))
        with PeakMemory() as peak:
            ingest.stage([register], tables, cards, register.parent)
            for key in stages():
                build_table(tables, key, settings)
            years = indicators.years_found(tables)
            indicators.compute(tables, cards, scheme, years, with_evidence=False)
        with session() as connection:
            tables.attach(connection, ["indicators.results"])
            rows = connection.execute(
                """select year, max(denominator) filter (where measure = 'count'),
                    max(numerator) filter (where measure = 'count'),
                    max(numerator) filter (where measure = 'value')
                from indicators.results where code = 'SOC-01' and scope = 'all'
                    and buyer_id = '*' and dimension = '*' and unit = 'share'
                group by year order by year"""
            ).fetchall()
    return peak, {str(year): [f"{value:.2f}" for value in values] for year, *values in rows}


def duckdb(register: Path, ndjson: Path) -> tuple[PeakMemory, Figures]:
    """A bare DuckDB `read_json` of the same records into a table: no key, no type, no trace."""
    del register
    import duckdb as engine

    connection = engine.connect()
    with PeakMemory() as peak:
        connection.execute(
            f"create table t as select * from read_json('{ndjson}', format='newline_delimited')"
        )
    return peak, {}


def pandas(register: Path, ndjson: Path) -> tuple[PeakMemory, Figures]:
    """A straightforward script: json, a frame, drop_duplicates, a group-by per dimension."""
    del ndjson
    import pandas as pd

    with PeakMemory() as peak:
        with register.open(encoding="utf-8") as lines:
            records = json.load(lines)["marches"]["marche"]
        frame = pd.DataFrame(
            {
                "buyer": [r["acheteur"]["id"] for r in records],
                "id": [r["id"] for r in records],
                "object": [r["objet"] for r in records],
                "published": [r["datePublicationDonnees"] for r in records],
                "notified": [r["dateNotification"] for r in records],
                "amount": [r["montant"] for r in records],
                "cpv": [str(r["codeCPV"])[:2] for r in records],
                "procedure": [r["procedure"] for r in records],
                "place": [str(r["lieuExecution"]["code"])[:2] for r in records],
                "offers": pd.to_numeric(
                    pd.Series([r["offresRecues"] for r in records]), errors="coerce"
                ),
                "innovative": [r["marcheInnovant"] is True for r in records],
                "framework": [r.get("idAccordCadre") for r in records],
                "social": [_list(r["considerationsSociales"]) for r in records],
                "environmental": [_list(r["considerationsEnvironnementales"]) for r in records],
            }
        )
        del records
        figures = _pandas_figures(pd, frame)
    return peak, figures


def _list(value: Any) -> str:
    inner = next(iter(value.values())) if isinstance(value, dict) else value
    return ", ".join(inner) if isinstance(inner, list) else str(inner)


def _pandas_figures(pd: Any, frame: Any) -> Figures:
    keys = ["buyer", "id"]
    frame = frame.sort_values(["published"], kind="stable")
    frame = frame.drop_duplicates([*keys, "object"], keep="last")
    ids = set(zip(frame["buyer"], frame["id"], strict=True))
    call_off = [
        reference is not None and reference != own and (buyer, reference) in ids
        for buyer, own, reference in zip(
            frame["buyer"], frame["id"], frame["framework"], strict=True
        )
    ]
    frame = frame[[not found for found in call_off]].copy()
    frame["year"] = frame["notified"].str[:4]
    for name, column, text in (
        ("soc02", "social", "Clause sociale"),
        ("soc04", "social", "Critère social"),
        ("soc05", "social", "Marché réservé"),
        ("env02", "environmental", "Clause environnementale"),
        ("env03", "environmental", "Critère environnemental"),
    ):
        frame[name] = frame[column].str.contains(text, regex=False)
    frame["known"] = ~frame["social"].isin(["NC", "MQ", "CDL", ""])
    frame["soc01"] = frame["soc02"] | frame["soc04"] | frame["soc05"]
    frame["env01"] = frame["env02"] | frame["env03"]
    frame["both"] = frame["soc01"] | frame["env01"]
    frame["single"] = frame["offers"] == 1
    frame["late"] = pd.to_datetime(frame["published"], errors="coerce") > (
        pd.to_datetime(frame["notified"], errors="coerce") + pd.DateOffset(months=2)
    )
    frame["band"] = pd.cut(
        frame["amount"], [0, 25e3, 4e4, 9e4, 2e5, 1e6, 5e6, 1e12], right=False
    ).astype(str)
    flags = ["soc01", "soc02", "soc04", "soc05", "env01", "env02", "env03", "both"]
    flags += ["innovative", "single", "late"]
    for flag in flags:
        frame[f"{flag}_value"] = frame["amount"].where(frame[flag], 0)
    measures = [*flags, *(f"{flag}_value" for flag in flags)]
    for scope in (frame, frame[frame["amount"] >= 40_000]):
        for dimension in ([], ["cpv"], ["procedure"], ["place"], ["band"]):
            scope.groupby(["year", *dimension])[measures].sum()
            scope.groupby(["year", "buyer", *dimension])[measures].sum()
        scope.groupby(["year", "buyer"])["offers"].agg(["mean", "median"])
    known = frame[frame["known"] & (frame["amount"] > 1)]
    counts = frame[frame["known"]].groupby("year").agg(n=("soc01", "size"), yes=("soc01", "sum"))
    values = known.groupby("year")["soc01_value"].sum()
    return {
        str(year): [f"{row.n:.2f}", f"{row.yes:.2f}", f"{values[year]:.2f}"]
        for year, row in counts.iterrows()
    }


PEERS: dict[str, Callable[[Path, Path], tuple[PeakMemory, Figures]]] = {
    "spaser": spaser,
    "duckdb": duckdb,
    "pandas": pandas,
}


def main() -> None:
    """Time one peer and print what was measured."""
    name, register, ndjson = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    peak, figures = PEERS[name](register, ndjson)
    measured = {"seconds": peak.seconds, "bytes": peak.above_start, "figures": figures}
    sys.stdout.write(json.dumps(measured) + "\n")


if __name__ == "__main__":
    main()
