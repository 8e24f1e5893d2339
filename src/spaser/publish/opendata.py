"""The CSV files: UTF-8, comma, ISO dates, point decimal; formulas are disarmed."""

from __future__ import annotations

import errno
from pathlib import Path

from spaser.guards import guarded_sql
from spaser.publish.reading import Source
from spaser.warehouse import EngineError, literal

RESULT_COLUMNS = (
    "scheme",
    "code",
    "axis",
    "method",
    "method_version",
    "scope",
    "buyer_id",
    "year",
    "dimension",
    "member",
    "measure",
    "unit",
    "numerator",
    "denominator",
    "unknown",
    "excluded",
    "value",
    "low",
    "high",
    "status",
    "reason_fr",
    "reason_en",
)
RESULT_TEXTS = {"buyer_id", "member", "reason_fr", "reason_en"}
EVIDENCE_TEXTS = {"unit_id", "buyer_id", "object", "source_file", "source_pointer"}


def write_results(source: Source, path: Path) -> None:
    """`resultats.csv`: one row per key (ARCHITECTURE §4).

    Every result of the report's year, and the totals of the years before for the whole scheme and
    the buyers it names: under `buyers: all` these would be most of the file.
    """
    columns = ", ".join(_column(name, name in RESULT_TEXTS) for name in RESULT_COLUMNS)
    order = "code, method, measure, unit, scope, year, buyer_id, dimension, member"
    _copy(
        source,
        f"select {columns} from indicators.results where year = {source.year} "
        f"or year < {source.year} and dimension = '*' and (buyer_id = '*' or buyer_id in "
        "(select buyer_id from curated.buyers where named_in_scheme)) "
        f"order by {order}",
        path,
    )


def write_evidence(source: Source, path: Path, *, with_contracts: bool) -> None:
    """`preuves.csv`: the contracts, or lines of spending, behind each figure of the year.

    One row per code, method, scope, measure and unit: role, weight, reason, buyer, then, unless the
    year has too many contracts, what the register says of the contract.
    """
    contract: tuple[str, ...] = ()
    if with_contracts:
        contract = ("object", "notified_date", "amount_initial_eur")
        contract += ("source_file", "source_pointer")
    figure = ("code", "method", "scope", "measure", "year")
    evidence = (*figure, "unit_id", "role", "weight", "reason", "buyer_id")
    columns = [
        *(_column(name, name in EVIDENCE_TEXTS, "e.") for name in evidence),
        *(_column(name, name in EVIDENCE_TEXTS, "c.") for name in contract),
    ]
    _copy(
        source,
        f"select {', '.join(columns)} from (select distinct {', '.join(evidence)} "
        f"from indicators.evidence where year = {source.year}) e "
        "left join facts.contracts c on c.uid = e.unit_id "
        "order by e.code, e.method, e.measure, e.scope, e.buyer_id, e.role, e.unit_id, e.reason",
        path,
    )


def _column(name: str, text: bool, prefix: str = "") -> str:
    full = f"{prefix}{name}"
    return f"{guarded_sql(full)} as {name}" if text else full


def _copy(source: Source, query: str, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        source.connection.execute(
            f"copy ({query}) to {literal(path.as_posix())} (format csv, header, delimiter ',')"
        )
    except EngineError as error:
        # The engine has its own error for a disk that is full.
        if "No space left" in str(error):
            raise OSError(errno.ENOSPC, "No space left on device", str(path)) from error
        raise
