"""Files as received → staged tables: text first, nothing lost, nothing cleaned."""

from spaser.ingest.staging import stage

__all__ = ["stage"]
