# Gatehouse: every command sets itself up. On a fresh machine: Python >= 3.11 and make.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
PORT ?= 8000
WORKERS ?= 2
SEED ?= 20260101
ARGS ?=

VENV := $(CURDIR)/.venv
PY := $(VENV)/bin/python
EMBEDDED := $(PY) -m portal.embedded
SERVICES := $(EMBEDDED) test --
SEEDED := -p randomly --randomly-seed=$(SEED) --hypothesis-seed=$(SEED)
export PORT
export UV_PYTHON_DOWNLOADS := never

.PHONY: help demo reset status test test-slow test-systems check audit bench faults fuzz lock runtime dev

help: ## list these commands
	@printf 'make COMMAND, where COMMAND is one of\n\n'
	@grep -hE '^[a-z-]+:.*## ' $(firstword $(MAKEFILE_LIST)) | awk -F ':.*## ' '{ printf "  %-14s%s\n", $$1, $$2 }'
	@printf '\nPORT (%s), GATEHOUSE_HOME (var), PYTHON (python3), ARGS (more words for pytest) may be set.\n' '$(PORT)'

demo: runtime ## run the whole portal with sample data in the foreground; Ctrl-C stops it
	@exec $(EMBEDDED) demo

reset: runtime ## forget the demo's data
	@$(EMBEDDED) reset

status: runtime ## say what runs
	@$(EMBEDDED) status || [ $$? = 3 ]

test: dev ## the whole suite, browser included
	@.ci/with-chromium $(SERVICES) pytest -n $(WORKERS) -m "not slow and not systems and not bench" $(ARGS)

test-slow: dev ## races, state machine, fuzz and faults at a tenth, fixed seeds
	@GATEHOUSE_SCALE=0.1 .ci/with-chromium $(SERVICES) pytest -n $(WORKERS) $(SEEDED) -m "slow" $(ARGS)

test-systems: dev ## connectors and verifiers against the real systems, each in its own environment
	@$(SERVICES) pytest -n 0 -m "systems" $(ARGS)

check: dev ## format, lint, types, import contracts, migrations, schema, generated docs
	@$(SERVICES) .ci/check

audit: dev ## known vulnerabilities in what we depend on (needs the network)
	@$(VENV)/bin/pip-audit --requirement requirements/runtime.txt --disable-pip --require-hashes

bench: dev ## measure; prints a table and writes var/bench.json
	@mkdir -p var && rm -f var/bench.json
	@GATEHOUSE_BENCH_FILE='$(CURDIR)/var/bench.json' $(EMBEDDED) test --durable -- \
		pytest -n 0 $(SEEDED) -m "bench" --capture=no $(ARGS)

faults: dev ## fault injection, the long form
	@GATEHOUSE_SCALE=1 $(EMBEDDED) test --durable -- pytest -n 0 $(SEEDED) -m "slow" --timeout=3600 tests/faults $(ARGS)

fuzz: dev ## API fuzzing, the long form
	@GATEHOUSE_SCALE=1 $(SERVICES) pytest -n 0 $(SEEDED) -m "slow" --timeout=3600 tests/fuzz $(ARGS)

lock: dev ## compile the requirements files again, within what pyproject.toml allows
	@.ci/lock $(ARGS)

runtime:
	@PYTHON='$(PYTHON)' .ci/venv runtime

dev:
	@PYTHON='$(PYTHON)' .ci/venv dev
