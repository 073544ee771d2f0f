PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help setup demo test check bench bench-score chaos month run

help:
	@echo "make demo   a whole day against local stand-ins of HubSpot and Zoom"
	@echo "make test   the whole test suite"
	@echo "make check  ruff, mypy, import-linter"
	@echo "make bench  measured figures, each beside its floor"
	@echo "make chaos  processes killed at random: nothing lost, nothing doubled (half an hour; CHAOS=--short: 5 min)"
	@echo "make month  a month of every vendor in story time (MONTH='--contacts 600 --webinars 4': 2 min)"
	@echo "make bench-score  the score's figures, each beside its target"
	@echo "make run    web, worker and clock on this machine"

setup: $(STAMP)

$(STAMP): requirements.txt requirements-dev.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

demo: setup
	@$(BIN)/python -m tests.demo

# Three on two cores: those that wait for a dead writer's lease leave room.
test: setup
	@$(BIN)/python -m pytest -n 3 --dist loadgroup

check: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: setup
	@$(BIN)/python -m bench

chaos: setup
	@$(BIN)/python -m tests.chaos $(CHAOS)

month: setup
	@$(BIN)/python -m tests.month $(MONTH)

bench-score: setup
	@$(BIN)/python -m bench.score

run: setup
	@$(BIN)/python -m jobs all
