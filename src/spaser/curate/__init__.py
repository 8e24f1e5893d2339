"""staged → curated → facts: types, keys, lots, republications, amendments; nothing is lost."""

from spaser.curate.build import Settings, build

__all__ = ["Settings", "build"]
