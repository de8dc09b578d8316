# `make demo` and `make test` need Python 3.11 or newer, make and a package index; all else is set up here.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help setup setup-bench demo picture test test-agreement test-postgresql fetch-kafka test-kafka coverage check format bench chaos fuzz clean

help:            ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST)

setup: $(READY)  ## Create .venv with everything pinned in constraints.txt

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "pushmill needs Python 3.11 or newer: set PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: $(READY)   ## Run the main job end to end on loopback (ARGS="--help" for more)
	@$(BIN)/pushmill demo $(ARGS)

picture: $(READY) ## Run the demo and draw its closing screen, docs/demo.svg
	@$(BIN)/python -m docs.tools.picture

test: check      ## Run lint, types, unit, property and integration tests (ARGS="-k name")
	$(BIN)/pytest -n 3 --dist loadgroup -m "not test_kafka" $(ARGS)

test-agreement: $(READY) ## Run what encrypts once more, with key agreements by OpenSSL (AGREEMENT=multibuffer for the other)
	PUSHMILL_AGREEMENT=$(AGREEMENT) $(BIN)/pytest -n 3 --dist loadgroup -m "not test_kafka" \
	  tests/crypto tests/worker/pipeline tests/integration $(ARGS)

test-postgresql: $(READY) ## Run what uses the database once more, on the oldest PostgreSQL that is supported
	PUSHMILL_TEST_POSTGRESQL=15 $(BIN)/pytest -n 3 --dist loadgroup -m "not test_kafka" \
	  tests/campaigns/store tests/campaigns/operations tests/campaigns/collect tests/campaigns/launch \
	  tests/integration/campaigns/test_run.py tests/integration/campaigns/test_round.py $(ARGS)

AGREEMENT ?= openssl
KAFKA_VERSIONS ?= 3.9 4
WITH_KAFKA = $(BIN)/python -m tests.harness.kafka
SHORT_CHAOS = --only kill term freeze expire cut \
	--kill 6 --term 6 --freeze 1 --expire 1 --cut 1 --seconds 180

fetch-kafka: $(READY) ## Fetch Apache Kafka by Maven (needs Java and Maven)
	@$(BIN)/python -m tests.harness.kafka.jars

test-kafka: fetch-kafka ## Run what concerns the broker, and a short chaos, on Apache Kafka 3.9 and 4
	$(BIN)/pytest -n 2 -m "test_kafka and not given_broker" $(ARGS)
	@set -e; for version in $(KAFKA_VERSIONS); do \
	  echo "Apache Kafka $$version"; \
	  $(WITH_KAFKA) $$version $(BIN)/pytest -n 4 -m given_broker tests/integration $(ARGS); \
	  $(WITH_KAFKA) $$version $(BIN)/python -m tests.chaos --recipients 20000 $(SHORT_CHAOS); \
	  $(WITH_KAFKA) $$version $(BIN)/python -m tests.chaos --recipients 20000 --dynamic --only join --join 6; \
	done

coverage: $(READY) ## Trace the tests of the packages; fails below the floor in pyproject.toml
	$(BIN)/pytest -n 2 --dist loadgroup --cov --cov-report term-missing tests/crypto tests/worker tests/campaigns $(ARGS)

check: $(READY)  ## Lint, formatting, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY) ## Apply the formatter and the safe fixes
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

setup-bench: $(READY) ## Install what only benchmarks need, and their tests
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[bench]'

bench: setup-bench ## Measure CPU a push against the floor and other senders (ARGS="--sweeps" for more)
	@$(BIN)/python -m benchmarks $(ARGS)

chaos: $(READY)  ## Kill, freeze and restart everything for minutes, and count (ARGS="--only campaigns", "--help")
	@$(BIN)/python -m tests.chaos $(ARGS)

fuzz: $(READY)   ## Change valid records as others write them, and feed every decoder (ARGS="--help" for more)
	@$(if $(ARGS),,$(BIN)/python -m tests.fuzz.serializers)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[fuzz]'
	@$(BIN)/python -m tests.fuzz $(ARGS)

clean:           ## Remove the virtual environment and caches
	rm -rf $(VENV) build/kafka build/peers .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage
