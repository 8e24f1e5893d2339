# Each target does the set-up it needs. The work is in dev.py, which also serves where there is no make.
PYTHON ?= python3

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint bench soak docs lock clean

help:
	@$(PYTHON) dev.py --help

setup demo test lint bench soak docs lock clean:
	@$(PYTHON) dev.py $@ $(ARGS)
