"""Cards → queries → results, evidence, verdicts."""

from spaser.indicators.compute import compute, evidence_rows, years_found
from spaser.indicators.targets import check_definitions
from spaser.indicators.verdicts import judge

__all__ = ["check_definitions", "compute", "evidence_rows", "judge", "years_found"]
