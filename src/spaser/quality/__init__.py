"""The checks that cards declare: verdicts, findings and `quality.checks`."""

from spaser.quality.checks import CheckResult, check_table, checks_of, failing_rows, run_checks

__all__ = ["CheckResult", "check_table", "checks_of", "failing_rows", "run_checks"]
