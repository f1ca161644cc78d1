# Every habit is one word. Plain pip equivalents stand in README.md.
PYTHON ?= python3
BIN := .venv/bin
PYTEST_WORKERS ?= auto
PYTEST := $(BIN)/python -m pytest

# processes that tests start would otherwise compile every library anew
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test test-quick test-deep check bench bench-large client clean

help:  ## list the words
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/ -/'

.venv/.installed: requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

demo: .venv/.installed  ## set up, run the BLMK scenario and show its allocations
	$(BIN)/capitation demo --out demo

test: .venv/.installed  ## run the tests, but for the deep ones
	$(PYTEST) -n $(PYTEST_WORKERS) -q

test-quick: .venv/.installed  ## in a minute: the engine, contracts and small programmes; no server, no large problem
	$(PYTEST) -n $(PYTEST_WORKERS) -q -m "not deep and not large and not slow" tests/capitation tests/contracts tests/lp tests/optimiser

test-deep: .venv/.installed  ## generated requests, a thousand examples, everything on PostgreSQL, each benchmark once untimed
	$(PYTEST) -n $(PYTEST_WORKERS) -q -m deep

check: .venv/.installed  ## format, lint, types, import layers, data pack
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/capitation check

bench: .venv/.installed  ## time the benchmarks and print ratios
	$(PYTEST) tests/benchmarks --benchmark-enable -q -m "not large"

bench-large: .venv/.installed  ## the same for programmes of 100,000 and 1,000,000 columns: minutes and 2 GB
	$(PYTEST) tests/benchmarks --benchmark-enable -q -m large

client: .venv/.installed  ## generate a Python client of the web service in build/
	rm -rf build/capitation-client
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/openapi-python-client generate --path api/openapi.json --config api/client.yaml \
		--meta setup --output-path build/capitation-client --fail-on-warning

clean:  ## remove the environment and what demo wrote
	rm -rf .venv demo runs build
