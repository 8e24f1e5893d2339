"""Files as received → staged tables: text first, nothing lost, nothing cleaned."""

from spaser.ingest.stage import stage

__all__ = ["stage"]
