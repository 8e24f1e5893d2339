"""spaser: from procurement registers to a SPASER report whose figures open on their contracts."""

__version__ = "0.1.0"
