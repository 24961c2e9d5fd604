# Everything from nothing: Python 3.11 or newer, make and this checkout.
#
#   make test     virtual environment, install, all tests
#   make demo     virtual environment, install, the main job on real input
#   make lint     ruff and mypy
#   make docs     the documentation, as HTML
#
# PYTHON chooses the interpreter, VENV the environment, PIN further pip requirements.

PYTHON ?= python3
VENV ?= .venv
PIN ?=
BIN := $(VENV)/bin
READY := $(VENV)/ready

.PHONY: test lint docs demo clean

$(READY): setup.py Makefile
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]' $(PIN)
	touch $@

test: $(READY)
	$(BIN)/python tests/run.py $(ARGS)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(READY)
	$(BIN)/python -m sphinx -W --keep-going -q docs docs/_build/html

clean:
	rm -rf $(VENV) build dist docs/_build *.egg-info
