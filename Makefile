# make app and make test work from a bare clone with python3 (3.11 to 3.13), make and a C compiler.
# Settings: PYTHON=python3.12, VENV=folder, ARGS="for app.py or pytest", TORCH_INDEX=URL|default
# (where torch comes from: see scripts/install.sh), CHROMIUM=path.

PYTHON ?= python3
VENV ?= .venv
ARGS ?=
PY := $(VENV)/bin/python
APP := $(VENV)/.app-installed
DEV := $(VENV)/.dev-installed
SECOND := $(VENV)/.second-installed
DOCS := $(VENV)/.docs-installed
PYTEST := HF_HUB_OFFLINE=1 $(PY) -m pytest
# Files of tests, four at a time with a thread each, for many wait for processes.
SEVERAL := -n 4 --dist loadfile
FAST := not slow and not browser and not gpu and not long
test-fast: export OMP_NUM_THREADS ?= 1

.DEFAULT_GOAL := help
.PHONY: help app test test-fast coverage test-long test-python lint types format docs clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 20

app: $(APP) ## environment, dependencies, and the app on http://127.0.0.1:7860
	$(PY) app.py $(ARGS)

test: $(DEV) ## environment, Chromium, and every test that this machine can run
	scripts/test.sh $(PY) $(ARGS)

test-fast: $(DEV) ## the tests that take seconds and need no browser or GPU
	$(PYTEST) $(SEVERAL) -m "$(FAST)" $(ARGS)

coverage: $(DEV) ## lines and branches that the fast tests reach; tracing makes them half as slow again
	OMP_NUM_THREADS=1 $(PYTEST) $(SEVERAL) -m "$(FAST)" --cov $(ARGS)

test-long: $(DEV) ## what takes minutes each: sizes against the card, stops at every kind of moment
	OMP_NUM_THREADS=1 $(PYTEST) $(SEVERAL) -m long $(ARGS)

# Another Python beside the first: its own environment, without gptqmodel's compiler; what takes long is left out.
test-python: ## PYTHON=python3.13: a second environment, the imports and the fast tests in it
	@other=".venv-$$($(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')"; \
	$(MAKE) --no-print-directory VENV="$$other" PYTHON="$(PYTHON)" second-environment && \
	$$other/bin/python -c 'import llada_viz.face, samplers.__main__, evaluation.__main__, training.__main__' && \
	$(MAKE) --no-print-directory VENV="$$other" second-tests

.PHONY: second-environment second-tests
second-environment: $(SECOND)

second-tests:
	OMP_NUM_THREADS=1 $(PYTEST) $(SEVERAL) -m "$(FAST)" $(ARGS)

lint: $(DEV) ## ruff: rules and format
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

types: $(DEV) ## mypy --strict on all six packages
	rm -f llada_viz/widgets/*.pyi # that gradio wrote there once: mypy would read them instead
	$(PY) -m mypy

format: $(DEV) ## ruff: safe fixes, then formatting
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

docs: $(DOCS) ## the documentation as a site that needs no server: .docs/site/index.html
	$(PY) -m scripts.docs_site .docs

clean: ## remove caches (runs/ and the environment stay)
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

$(PY):
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { \
		echo "Python 3.11, 3.12 or 3.13 is needed, and $(PYTHON) is not that." >&2; \
		echo "Name another: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || { \
		echo "$(PYTHON) cannot make environments (Debian, Ubuntu: install python3-venv)." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# The stamps are newer than what they were made from, so nothing is installed twice.
$(APP): pyproject.toml constraints.txt scripts/install.sh | $(PY)
	scripts/install.sh $(PY) gptq
	@touch $@

$(DEV): pyproject.toml constraints.txt scripts/install.sh | $(PY)
	scripts/install.sh $(PY) gptq suites dev
	@touch $(APP) $@

$(DOCS): pyproject.toml constraints.txt scripts/install.sh | $(PY)
	scripts/install.sh $(PY) docs
	@touch $@

$(SECOND): pyproject.toml constraints.txt scripts/install.sh | $(PY)
	scripts/install.sh $(PY) suites dev
	@touch $@
