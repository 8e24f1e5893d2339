"""Cards → queries → results, evidence, verdicts."""

from spaser.indicators.compute import compute, evidence_rows, years_found
from spaser.indicators.verdicts import judge

__all__ = ["compute", "evidence_rows", "judge", "years_found"]
