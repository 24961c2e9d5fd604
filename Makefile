# Everything from nothing: Python 3.11 or newer, make and this checkout.
#
#   make test     virtual environment, install, all tests
#   make demo     virtual environment, install, the main job on real input; on servers with
#                 DATABASE=postgres://user@host:port/name or mysql://…, BROKER=redis://… or amqp://…
#   make bench    virtual environment, install, the benchmark, on PostgreSQL and Redis servers that
#                 it starts itself; QUICK=1 only tries it, ROUNDS=5 takes more rounds
#   make faults   virtual environment, install, every fault on every database and broker, and the
#                 table of the documentation; RUNS=20 times each, SEED=1 at the same moments again
#   make chaos    all faults at random for DURATION=600 seconds on every database and broker
#   make lint     ruff and mypy
#   make docs     the documentation, as HTML
#
# PYTHON chooses the interpreter, VENV the environment, PIN further pip requirements.

PYTHON ?= python3
VENV ?= .venv
PIN ?=
BIN := $(VENV)/bin
READY := $(VENV)/ready

.PHONY: test lint docs demo bench faults chaos clean

$(READY): setup.py Makefile
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]' $(PIN)
	touch $@

test: $(READY)
	$(BIN)/python tests/run.py $(ARGS)

# The demo has an environment of its own: what a project installs, without the tools of the tests.
DEMO_VENV ?= .venv-demo
DEMO_READY := $(DEMO_VENV)/ready
DRIVER := $(if $(filter postgres%,$(DATABASE)),psycopg)$(if $(filter mysql% mariadb%,$(DATABASE)),pymysql)
DEMO_PIP := $(DEMO_VENV)/bin/python -m pip install --quiet --disable-pip-version-check

$(DEMO_READY): setup.py
	$(PYTHON) -m venv $(DEMO_VENV)
	$(DEMO_PIP) --editable . $(PIN)
	touch $@

# What a database needs besides; nothing for SQLite.
$(DEMO_VENV)/psycopg: $(DEMO_READY)
	$(DEMO_PIP) 'psycopg[binary]>=3.2'
	touch $@

$(DEMO_VENV)/pymysql: $(DEMO_READY)
	$(DEMO_PIP) 'pymysql>=1.1.1'
	touch $@

demo: $(DEMO_READY) $(DRIVER:%=$(DEMO_VENV)/%)
	@$(DEMO_VENV)/bin/python -m demo $(ARGS)

# The benchmark's environment has the systems that Boogie is measured beside.
BENCH_VENV ?= .venv-bench
BENCH_READY := $(BENCH_VENV)/ready

$(BENCH_READY): setup.py
	$(PYTHON) -m venv $(BENCH_VENV)
	$(BENCH_VENV)/bin/python -m pip install --quiet --disable-pip-version-check \
		--editable '.[bench]' $(PIN)
	touch $@

bench: $(BENCH_READY)
	$(BENCH_VENV)/bin/python -m bench $(if $(QUICK),--quick) $(if $(ROUNDS),--rounds $(ROUNDS)) $(ARGS)

# The environment of the faults has what the control runs on.
FAULTS_VENV ?= .venv-faults
FAULTS_READY := $(FAULTS_VENV)/ready
FAULTS := $(FAULTS_VENV)/bin/python -m faults $(if $(SEED),--seed $(SEED))
DURATION ?= 600

$(FAULTS_READY): setup.py
	$(PYTHON) -m venv $(FAULTS_VENV)
	$(FAULTS_VENV)/bin/python -m pip install --quiet --disable-pip-version-check \
		--editable '.[faults]' $(PIN)
	touch $@

faults: $(FAULTS_READY)
	$(FAULTS) $(if $(RUNS),--runs $(RUNS)) --table docs/explanation/faults.inc $(ARGS)

chaos: $(FAULTS_READY)
	$(FAULTS) --chaos $(DURATION) --table docs/explanation/chaos.inc $(ARGS)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(READY)
	$(BIN)/python -m sphinx -W --keep-going -q docs docs/_build/html

clean:
	rm -rf $(VENV) $(DEMO_VENV) $(BENCH_VENV) $(FAULTS_VENV) build dist docs/_build *.egg-info demo/*.sqlite3* demo/*.log
