# Every habit is one word. Plain pip equivalents stand in README.md.
PYTHON ?= python3
BIN := .venv/bin
PYTEST_WORKERS ?= auto

.PHONY: help demo test check bench client clean

help:  ## list the words
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/ -/'

.venv/.installed: requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

demo: .venv/.installed  ## set up, run the BLMK scenario and show its allocations
	$(BIN)/capitation demo --out demo

test: .venv/.installed  ## run the tests
	$(BIN)/python -m pytest -n $(PYTEST_WORKERS) -q

check: .venv/.installed  ## format, lint, types, import layers, data pack
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/capitation check

bench: .venv/.installed  ## time the benchmarks and print ratios
	$(BIN)/python -m pytest tests/benchmarks --benchmark-enable --benchmark-only -q

client: .venv/.installed  ## generate a Python client of the web service in build/
	rm -rf build/capitation-client
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/openapi-python-client generate --path api/openapi.json --config api/client.yaml \
		--meta setup --output-path build/capitation-client --fail-on-warning

clean:  ## remove the environment and what demo wrote
	rm -rf .venv demo runs build
