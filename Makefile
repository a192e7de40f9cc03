# Incident Desk: one command each. `make help` says what there is.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
TOOLS  := .tools
LOCK   := --system-certs --generate-hashes --no-emit-index-url --no-header --universal --quiet

ifeq ($(strip $(HOME)),)
export UV_CACHE_DIR := $(CURDIR)/$(TOOLS)/cache
export PIP_CACHE_DIR := $(CURDIR)/$(TOOLS)/pip-cache
endif

.PHONY: help run test check fix lock bench shots

help: ## Say what each target does
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

run: $(VENV)/.run ## Start everything on this machine and print its address (Ctrl-C stops it all)
	@exec $(BIN)/python manage.py desk $(ARGS)

test: $(VENV)/.dev ## Run every test: unit and flow, browser, faults, each lane timed
	@exec $(BIN)/python -m tests.lanes $(ARGS)

check: $(VENV)/.dev ## Lint, types, layers, templates, missing migrations
	@exec $(BIN)/python -m tests.checks

fix: $(VENV)/.dev ## Let the tools repair what they can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: $(TOOLS)/.ready ## Resolve the dependencies again into hash-only lock files
	$(TOOLS)/bin/uv pip compile $(LOCK) $(UPGRADE) pyproject.toml -o requirements.lock
	$(TOOLS)/bin/uv pip compile $(LOCK) $(UPGRADE) pyproject.toml --group dev -c requirements.lock -o requirements-dev.lock
	echo "uv==$$($(TOOLS)/bin/uv --version | cut -d' ' -f2)" | $(TOOLS)/bin/uv pip compile $(LOCK) - -o requirements-tools.lock

bench: $(VENV)/.dev ## Measure against docs/performance.md, on processes started as shipped
	@exec $(BIN)/python -m bench $(ARGS)

shots: $(VENV)/.dev ## Take the screenshots of docs/guide again
	@exec $(BIN)/python -m tests.shots $(ARGS)

# The environment. Stamps make a second `make run` start at once; the dev set holds the runtime set whole.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Incident Desk needs Python 3.11 or newer; set PYTHON=python3.x." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) > /dev/null || { rm -rf $(VENV); echo "python3 -m venv failed; on Debian install it with: apt-get install -y python3-venv" >&2; exit 1; }

$(TOOLS)/.ready: requirements-tools.lock
	@$(PYTHON) -m venv $(TOOLS) > /dev/null || { rm -rf $(TOOLS); echo "python3 -m venv failed; on Debian install it with: apt-get install -y python3-venv" >&2; exit 1; }
	@$(TOOLS)/bin/pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements-tools.lock 2> $(TOOLS)/pip.log \
	  || echo "uv could not be had (see $(TOOLS)/pip.log); pip does its work, more slowly." >&2
	@touch $@

.PHONY: .venv
.venv: $(VENV)/.dev ## Make the environment for development without running anything

$(VENV)/.run: requirements.lock | $(VENV)/bin/python $(TOOLS)/.ready
	@if [ -e $(VENV)/.dev ] && [ $(VENV)/.dev -nt requirements-dev.lock ]; then :; else echo "Installing packages ..."; tools/install requirements.lock; fi
	@touch $@

$(VENV)/.dev: requirements-dev.lock | $(VENV)/bin/python $(TOOLS)/.ready
	@echo "Installing packages for development ..."
	@tools/install requirements-dev.lock
	@touch $@
