# `make demo` and `make test` need nothing done before: Python 3.11 or newer, and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet install --constraint constraints.txt

.PHONY: help demo test test-all install check format clean

help:
	@echo "make demo     simulate a herd, compare four models on 33 traits, judge artificial animals; two pages in runs"
	@echo "make test     install everything and run the tests"
	@echo "make test-all run the slow ones too: more cases of what the others show"
	@echo "make install  install everything"
	@echo "make check    format, lint, types, layers"

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# torch goes first and by its exact version, so that no other package draws in a build for GPUs.
$(VENV)/.demo: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) torch==$$(sed -n 's/^torch==//p' constraints.txt)
	$(PIP) --editable '.[deep,trees,sim]'
	touch $@

$(VENV)/.all: $(VENV)/.demo
	$(PIP) --editable '.[all,dev]'
	touch $@

install: $(VENV)/.all

demo: $(VENV)/.demo
	@if [ -f runs/demo-judged/report.html ]; then $(BIN)/genialearn report runs/demo; \
	else $(BIN)/genialearn demo --out runs/demo; fi

# Two processes, each with whole files, since tests of a file share what is fitted.
test: $(VENV)/.all
	$(BIN)/python -m pytest -n 2 --dist loadfile

test-all: $(VENV)/.all
	$(BIN)/python -m pytest -n 2 --dist loadfile -m ""

check: $(VENV)/.all
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.all
	$(BIN)/ruff format src tests benchmarks
	$(BIN)/ruff check --fix src tests benchmarks

clean:
	rm -rf $(VENV) runs/demo runs/demo-* build dist .pytest_cache .mypy_cache .ruff_cache
