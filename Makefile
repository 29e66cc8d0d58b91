# One word for each thing. Every target does its own set-up; nothing has to be run before it.
.DEFAULT_GOAL := help
.PHONY: help install install-tests run test test-fast test-long check bench

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PYTEST := QT_QPA_PLATFORM=offscreen OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(PYTEST_ARGS)
SOURCES := app assets engine plugins tests packaging setup.py

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Rebuilt when what we install has changed; a half-finished install leaves no stamp.
$(STAMP): pyproject.toml setup.py constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Mezzotint needs Python 3.11 or newer; this is %s. Try: make PYTHON=python3.11" % sys.version.split()[0])'
	@$(PYTHON) packaging/system_libraries.py --install || true
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV); the first time PyTorch and Qt take some minutes."
	@$(BIN)/python -m pip install --disable-pip-version-check -qq -e '.[app,engine,dev]' -c constraints.txt
	@touch $@

# A missing library is said in one line and stops nothing here: not every use needs every one.
install: $(STAMP) ## create .venv and install everything; name (as root on Debian: install) missing system libraries
	@$(BIN)/python packaging/system_libraries.py --install || true

install-tests: $(STAMP)
	@$(BIN)/python packaging/system_libraries.py --with-tests --install || true

run: install ## open the window; without a display: make one picture, write out/first-picture.png and out/window.png
	@$(BIN)/mezzotint

test: install-tests ## the whole suite without the long tests, under 15 minutes
	@$(PYTEST) -m "not long and not xvfb"

test-fast: install-tests ## what to run while working, under 2 minutes
	@$(PYTEST) -m "not slow and not long and not xvfb"

test-long: install-tests ## kill loops, fuzzing at length, every model family, real windows under Xvfb
	@$(PYTEST) -m "long or xvfb" --timeout 1800

check: $(STAMP) ## format, lint, types, import rules
	@$(BIN)/ruff format --check $(SOURCES)
	@$(BIN)/ruff check $(SOURCES)
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: install-tests ## our speed targets on this machine: a table, and JSON in out/
	@$(BIN)/python -m tests.benchmarks
