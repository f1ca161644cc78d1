# Every habit is one word. Plain pip equivalents stand in README.md.
PYTHON ?= python3
BIN := .venv/bin
PYTEST_WORKERS ?= auto
PYTEST := $(BIN)/python -m pytest
QUICK := $(addprefix tests/capitation/,money records allocation) $(addprefix tests/contracts/,language settlement) tests/lp tests/optimiser/blocks

# processes that tests start would otherwise compile every library anew
unexport PYTHONDONTWRITEBYTECODE

# tests run in as many processes as there are cores, so that threads within each would only be in the way
test test-quick test-deep: export POLARS_MAX_THREADS := 1

.PHONY: help demo test test-quick test-deep check bench bench-large docs client clean

help:  ## list the words
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/ -/'

PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check

# what runs; Python 3.11 puts setuptools into a new environment, which nothing here needs
.venv/.installed: requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) uninstall --yes setuptools
	$(PIP) install --require-hashes --requirement requirements.lock
	$(PIP) install --no-deps --editable .
	touch $@

# what tests and checks need as well
.venv/.developing: .venv/.installed requirements-dev.lock
	$(PIP) install --require-hashes --requirement requirements-dev.lock
	touch $@

demo: .venv/.installed  ## set up, run the BLMK scenario and show its allocations
	$(BIN)/capitation demo --out demo

test: .venv/.developing  ## run the tests, but for the deep ones
	$(PYTEST) -n $(PYTEST_WORKERS) -q

test-quick: .venv/.developing  ## a minute on two cores: money, allocation, the language of contracts and settlement, blocks of programmes
	$(PYTEST) -n $(PYTEST_WORKERS) -q -m "not deep and not large and not slow" $(QUICK)

test-deep: .venv/.developing  ## generated requests, a thousand examples, everything on PostgreSQL, each benchmark once untimed
	$(PYTEST) -n $(PYTEST_WORKERS) -q -m deep

check: .venv/.developing  ## format, lint, types, import layers, data pack
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/capitation check

bench: .venv/.developing  ## time the benchmarks and print ratios
	$(PYTEST) tests/benchmarks --benchmark-enable -q -m "not large"

bench-large: .venv/.developing  ## the same for programmes of 100,000 and 1,000,000 columns: minutes and 2 GB
	$(PYTEST) tests/benchmarks --benchmark-enable -q -o faulthandler_timeout=0 -m large

docs: .venv/.developing  ## build the documentation site in build/docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --clean

client: .venv/.developing  ## generate a Python client of the web service in build/
	rm -rf build/capitation-client
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/openapi-python-client generate --path api/openapi.json --config api/client.yaml \
		--meta setup --output-path build/capitation-client --fail-on-warning

clean:  ## remove the environment and what demo wrote
	rm -rf .venv demo runs build
