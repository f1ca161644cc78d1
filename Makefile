# Every habit is one word. Plain pip equivalents stand in README.md.
PYTHON ?= python3
BIN := .venv/bin
PYTEST_WORKERS ?= auto

.PHONY: help demo test check bench client clean

help:  ## list the words
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/ -/'

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

test: .venv/.developing  ## run the tests
	$(BIN)/python -m pytest -n $(PYTEST_WORKERS) -q

check: .venv/.developing  ## format, lint, types, import layers, data pack
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/capitation check

bench: .venv/.developing  ## time the benchmarks and print ratios
	$(BIN)/python -m pytest tests/benchmarks --benchmark-enable --benchmark-only -q

client: .venv/.developing  ## generate a Python client of the web service in build/
	rm -rf build/capitation-client
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/openapi-python-client generate --path api/openapi.json --config api/client.yaml \
		--meta setup --output-path build/capitation-client --fail-on-warning

clean:  ## remove the environment and what demo wrote
	rm -rf .venv demo runs build
