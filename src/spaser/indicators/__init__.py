"""Cards → queries → results, evidence, verdicts; what is concluded from them."""

from spaser.indicators.actions import write_actions
from spaser.indicators.compute import compute, evidence_rows, years_found
from spaser.indicators.duty import write_duty
from spaser.indicators.targets import check_definitions
from spaser.indicators.verdicts import judge

__all__ = [
    "check_definitions",
    "compute",
    "evidence_rows",
    "judge",
    "write_actions",
    "write_duty",
    "years_found",
]
