# Needs make and one Python of 3.11 to 3.13 (make PYTHON=/path/to/python names another than the first found).
VENV := .venv
BIN := $(VENV)/bin
RANGE := (3, 11) <= sys.version_info[:2] <= (3, 13)
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not $(RANGE))' 2>/dev/null && { echo $$p; exit; }; done; echo python3)

# XLA's CPU pool can deadlock on few cores with batched LAPACK; more workers than cores avoid it.
export PJRT_NPROC ?= 8
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help reproduce test lint format bench clean distclean
.DELETE_ON_ERROR:

help:
	@echo "make reproduce   recompute the papers' figures and claims into out/"
	@echo "make test        run the tests"
	@echo "make lint        style, floors between modules, types"
	@echo "make format      rewrite the files in the project's style"
	@echo "make bench       print the benchmark table, write it to benchmarks/results/"
	@echo "make clean       remove what runs leave behind (distclean: the environment too)"

reproduce: $(VENV)/.installed
	$(BIN)/scmag reproduce all --output out

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n 2 --dist loadfile

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks

clean:
	rm -rf out build dist .pytest_cache .ruff_cache .mypy_cache .import_linter_cache .hypothesis
	find scmag_jax tests benchmarks notebooks -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean
	rm -rf $(VENV)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not $(RANGE))' || \
		{ echo "scmag_jax needs Python 3.11 to 3.13; name one: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# Editable, so that only a change of pyproject.toml asks for a new installation.
$(VENV)/.installed: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet -e .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet -e '.[dev]'
	@touch $(VENV)/.installed $@
