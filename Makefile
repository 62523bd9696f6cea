# Foretell: one word for each thing one does here. `make` alone lists them.

SHELL := /bin/sh
.DEFAULT_GOAL := help

FORETELL_HOME ?= var
FORETELL_PORT ?= 8000
export FORETELL_HOME FORETELL_PORT
export MLFLOW_DISABLE_TELEMETRY := true
# Many containers forbid it: then each process compiles all that it imports, which takes twice as long as to import it.
export PYTHONDONTWRITEBYTECODE :=

ACCOUNT ?= demo
CAPABILITY ?= scoring
OUTCOME ?= $(if $(filter scoring,$(CAPABILITY)),redeem)
ONLY ?=
ARGS ?=
# One more than the cores: tests with processes wait a third of their time.
WORKERS ?= 3
COVERAGE_FLOOR ?= 95
# One thread a worker: two workers whose libraries wait for each other's threads took twice the time of the processor.
PYTEST = OMP_THREAD_LIMIT=1 OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest
SPREAD = -n $(WORKERS) --dist loadfile --no-loadscope-reorder
# To count branches takes half as long again, so that the tests of every day go without; CI and the full run do not.
COUNTED = --cov --cov-report=term:skip-covered --cov-fail-under=$(COVERAGE_FLOOR)
UV_VERSION := 0.13.9

BIN := .venv/bin
PRODUCT := .venv/.installed-product
DEV := .venv/.installed-dev
GENERATORS := .venv/.installed-generators
BROWSER := .venv/.installed-browser
BENCHES := $(patsubst bench/%.py,%,$(wildcard bench/[a-z]*.py)) $(patsubst bench/%/__main__.py,%,$(wildcard bench/*/__main__.py))

.PHONY: help setup run up train test test-fast test-full coverage check bench docs lock clean

help: ## List what can be done
	@echo 'Foretell: make <verb>'
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1|\2/p' Makefile | awk -F'|' '{printf "%-12s %s\n", $$1, $$2}'
	@echo 'Settings: FORETELL_HOME ($(FORETELL_HOME)), FORETELL_PORT ($(FORETELL_PORT)), PYTHON (first of 3.11 or newer)'

setup: $(DEV) ## Make .venv and install everything, tools included, from the lock file

$(PRODUCT): requirements.lock pyproject.toml .ci/install
	@.ci/install requirements.lock
	@touch $@

$(DEV): requirements-dev.lock pyproject.toml .ci/install
	@.ci/install requirements-dev.lock
	@touch $(PRODUCT) $@

# Without them (no network) the tests that need them are skipped, which .ci/run refuses.
$(GENERATORS): $(wildcard tests/contract/generators/*) .ci/generators $(DEV)
	@if .ci/generators; then touch $@; else echo 'foretell: no client generators; their tests are skipped' >&2; fi

$(BROWSER): .ci/browser $(DEV)
	@.ci/browser && touch $@

run: $(PRODUCT) ## Load the sample and train when that is not done yet, then start every process
	@$(BIN)/foretell demo --if-needed && exec $(BIN)/foretell up

up: $(PRODUCT) ## Start every process on what FORETELL_HOME holds
	@exec $(BIN)/foretell up

train: $(PRODUCT) ## Train and register: ACCOUNT=demo CAPABILITY=scoring OUTCOME=redeem (segmentation has none)
	@exec $(BIN)/foretell --account $(ACCOUNT) train $(CAPABILITY) $(if $(OUTCOME),--outcome $(OUTCOME)) $(ARGS)

test: $(DEV) $(GENERATORS) ## Run all tests but the slow ones (5 to 7 minutes on 2 cores); ARGS goes to pytest
	@$(PYTEST) -m 'not slow' $(SPREAD) $(ARGS)

coverage: $(DEV) $(GENERATORS) ## Run the same tests and hold the floor of branch coverage; ARGS goes to pytest
	@$(PYTEST) -m 'not slow' $(SPREAD) $(COUNTED) $(ARGS)

test-fast: $(DEV) ## Run what needs no database, process or training, in under a minute; ARGS goes to pytest
	@$(PYTEST) -m 'not slow' -q -n $(WORKERS) --dist loadfile tests/unit $(ARGS)

test-full: $(DEV) $(GENERATORS) $(BROWSER) ## Run all tests, the slow ones too, properties on five times as many examples, with the floor
	@$(PYTEST) $(SPREAD) $(COUNTED) $(ARGS)

check: $(DEV) ## Lint, formatting, types, and which package may import which
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/hadolint Dockerfile

bench: $(DEV) ## Measure everything in bench/, or ONLY=name; ARGS goes to the measurement
	@for one in $(or $(ONLY),$(BENCHES)); do echo "== $$one" && $(BIN)/python -m bench.$$one $(ARGS) || exit 1; done

docs: $(DEV) ## Check the documentation: links, settings table, decisions, picture of the folders
	@$(BIN)/python -m pytest tests/architecture/test_documentation.py -q --no-header -p no:cacheprovider

lock: $(DEV) ## Write the lock files again from pyproject.toml (UPGRADE=1 takes the newest versions)
	@$(BIN)/python -m venv .venv/lock && .venv/lock/bin/pip install -qq uv==$(UV_VERSION)
	@UV=.venv/lock/bin/uv .ci/lock $(if $(UPGRADE),--upgrade)

clean: ## Remove .venv and everything that was built; FORETELL_HOME stays
	@rm -rf .venv build dist *.egg-info .coverage .coverage.* .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	@find foretell services gateway shared tests bench -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
