"""The Dagster layer: assets and checks from the cards, one job, its partitions and its triggers."""
