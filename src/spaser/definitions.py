"""What Dagster's tools load: the graph of the scheme named by `SPASER_SCHEME`."""

from spaser.defs.graph import current_definitions

defs = current_definitions()
