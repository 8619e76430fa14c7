# Everything sets itself up: `make demo` and `make test` work on a fresh machine with git, Python 3.11+ and make.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test lint types check docs-check bench clean install

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[hub,run,dev]'
	$(BIN)/python -m compileall -q modelreg
	touch $(STAMP)

demo: $(VENV)/.light
	$(BIN)/modelreg list chatglm --no-copies
	-$(BIN)/modelreg check chatglm-6b --commercial
	$(BIN)/modelreg check chatglm-6b --commercial --registered

$(VENV)/.light: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -e .
	$(BIN)/python -m compileall -q modelreg
	touch $@

test: $(STAMP)
	$(BIN)/python -m pytest -q

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check modelreg scripts

types: $(STAMP)
	$(BIN)/mypy

docs-check: $(STAMP)
	$(BIN)/python scripts/check_readme.py
	$(BIN)/python scripts/make_rule_pages.py --check
	$(BIN)/python scripts/make_export_schema.py --check

check: lint types docs-check test
	$(BIN)/modelreg validate

bench: $(STAMP)
	$(BIN)/python benchmarks/cold_start.py

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .coverage*
