# Everything sets itself up: `make demo` and `make test` work on a fresh machine with git, Python 3.11+ and make.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

<<<<<<< HEAD
.PHONY: demo test lint types check docs-check docs site bench clean install sarif-multitool
=======
.PHONY: demo test lint types check docs-check docs site bench audit clean install
>>>>>>> audit-policy

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[hub,run,dev]'
	$(BIN)/python -m compileall -q modelreg
	touch $(STAMP)

# From the registry to a running model, all of it offline once installed: look up, check, be refused, accept, ask.
demo: $(STAMP)
	$(BIN)/modelreg list chatglm --no-copies
	-$(BIN)/modelreg check chatglm-6b --commercial
	$(BIN)/modelreg check chatglm-6b --commercial --registered
	@rm -rf build/demo && mkdir -p build/demo
	-MODELREG_LEDGER=build/demo/ledger.jsonl $(BIN)/modelreg run chatglm-demo --research --prompt "What is a model licence?"
	MODELREG_LEDGER=build/demo/ledger.jsonl $(BIN)/modelreg accept chatglm-demo --research --yes --by "make demo"
	MODELREG_LEDGER=build/demo/ledger.jsonl $(BIN)/modelreg run chatglm-demo --research --prompt "What is a model licence?"
	MODELREG_LEDGER=build/demo/ledger.jsonl $(BIN)/modelreg run chatglm-demo --research --prompt "ChatGLM-6B 可以商用吗？"
	MODELREG_LEDGER=build/demo/ledger.jsonl $(BIN)/modelreg ledger verify

test: $(STAMP)
	$(BIN)/python -m pytest -q

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

docs-check: $(STAMP)
	$(BIN)/python scripts/check_readme.py
	$(BIN)/python scripts/make_rule_pages.py --check
	$(BIN)/python scripts/make_policy_schema.py --check
	$(BIN)/python scripts/make_example.py --check
	$(BIN)/python scripts/make_export_schema.py --check
	$(BIN)/python scripts/make_registry_pages.py --check
	$(BIN)/python scripts/make_statistics.py --check

# Everything in the repository that is made from the data or the code.
docs: $(STAMP)
	$(BIN)/python scripts/make_rule_pages.py
	$(BIN)/python scripts/make_policy_schema.py
	$(BIN)/python scripts/make_example.py
	$(BIN)/python scripts/make_export_schema.py
	$(BIN)/python scripts/make_registry_pages.py
	$(BIN)/python scripts/make_statistics.py

# The pages as a web site, in build/site; a broken link stops it.
site: $(VENV)/.site
	$(BIN)/zensical build --strict -f mkdocs.yml

$(VENV)/.site: $(STAMP)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[site]'
	touch $@

<<<<<<< HEAD
# Microsoft's validator of SARIF with GitHub's rules; the tests of the SARIF report use it where it is.
sarif-multitool:
	npm install --no-audit --no-fund --prefix build/npm @microsoft/sarif-multitool-linux@5

check: lint types docs-check test
=======
# The audit of this repository itself; the policy says which of its places are uses.
audit: $(STAMP)
	$(BIN)/modelreg audit . --policy .ci/audit-policy.yaml

check: lint types docs-check audit test
>>>>>>> audit-policy
	$(BIN)/modelreg validate

bench: $(STAMP)
	$(BIN)/python benchmarks/cold_start.py

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .coverage* .cache
