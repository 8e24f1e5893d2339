"""Seeded writers of fictional registers, for the demo, the tests and the benchmark."""
