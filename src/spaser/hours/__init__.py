"""The hours half: what is committed, what was worked, by whom it may count, and what is missing.

Pure functions and SQL over tables that are handed in; `build` writes the tables. Nothing here reads
a file or knows a name.
"""

from spaser.hours.build import BUILDERS, build

__all__ = ["BUILDERS", "build"]
