# Everything from nothing: Python 3.11 or newer, make and this checkout.
#
#   make quick    virtual environment, install, lint, and what tests show in about a minute: the
#                 suite without workers, on SQLite
#   make test     virtual environment, install, all tests, on every database and broker that answers
#   make coverage the same with what runs counted, workers included, and a floor to the share
#   make demo     virtual environment, install, the main job on real input; on servers with
#                 DATABASE=postgres://user@host:port/name or mysql://…, BROKER=redis://… or amqp://…
#   make bench    virtual environment, install, the benchmark, on PostgreSQL and Redis servers that
#                 it starts itself; QUICK=1 only tries it, ROUNDS=5 takes more rounds
#   make million  virtual environment, install, a table of ROWS=1000000 rows in the database that
#                 DATABASE names as for the tests, and how long each page and each read takes
#   make faults   virtual environment, install, every fault on every database and broker, and the
#                 table of the documentation; RUNS=20 times each, SEED=1 at the same moments again
#   make chaos    all faults at random for DURATION=600 seconds on every database and broker
#   make suites   virtual environment, install, the test suites of Celery, Django and django-tasks-db on
#                 boogie://; DATABASE chooses one, ONLY=celery,django,django-tasks-db some of them
#   make lint     ruff, mypy and import-linter
#   make docs     the documentation, as HTML
#   make messages the catalogues of translations, with all texts of the code and the templates
#   make pictures the pictures of the documentation, taken anew with Chromium (CHROMIUM names one)
#   make build    the source distribution and the wheel, in dist/
#
# PYTHON chooses the interpreter, VENV the environment, PIN further pip requirements, ARGS options of
# pytest, LEGS among the pairs of a database and a broker: LEGS="sqlite+boogie postgresql+redis".

PYTHON ?= python3
VENV ?= .venv
PIN ?=
BIN := $(VENV)/bin
READY := $(VENV)/ready

.PHONY: quick test coverage lint docs messages pictures build demo bench million faults chaos suites clean

# $(call install,VENV,GROUP): an environment with this checkout and a group of dependencies. Python's
# own pip may be older than --group; -qq leaves the errors.
PIP_INSTALL := -m pip install -qq --disable-pip-version-check
define install
$(PYTHON) -m venv $(1)
$(1)/bin/python $(PIP_INSTALL) 'pip>=25.1'
$(1)/bin/python $(PIP_INSTALL) --editable . --group $(2) $(PIN)
endef

$(READY): pyproject.toml Makefile
	$(call install,$(VENV),dev)
	touch $@

quick: lint
	$(BIN)/python tests/run.py --quick $(ARGS)

test: $(READY)
	$(BIN)/python tests/run.py $(ARGS)

coverage: $(READY)
	$(BIN)/python tests/run.py --coverage $(ARGS)

# The demo has an environment of its own: what a project installs, without the tools of the tests.
DEMO_VENV ?= .venv-demo
DEMO_READY := $(DEMO_VENV)/ready
DRIVER := $(if $(filter postgres%,$(DATABASE)),psycopg)$(if $(filter mysql% mariadb%,$(DATABASE)),pymysql)
DEMO_PIP := $(DEMO_VENV)/bin/python $(PIP_INSTALL)

$(DEMO_READY): pyproject.toml
	$(call install,$(DEMO_VENV),demo)
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

$(BENCH_READY): pyproject.toml
	$(call install,$(BENCH_VENV),bench)
	touch $@

bench: $(BENCH_READY)
	$(BENCH_VENV)/bin/python -m bench $(if $(QUICK),--quick) $(if $(ROUNDS),--rounds $(ROUNDS)) $(ARGS)

ROWS ?= 1000000

million: $(READY)
	$(BIN)/python -m bench.million fill --rows $(ROWS) $(ARGS)
	$(BIN)/python -m bench.million measure
	$(BIN)/python -m bench.million pages

# The environment of the faults has what the control runs on.
FAULTS_VENV ?= .venv-faults
FAULTS_READY := $(FAULTS_VENV)/ready
FAULTS := $(FAULTS_VENV)/bin/python -m faults $(if $(SEED),--seed $(SEED))
DURATION ?= 600

$(FAULTS_READY): pyproject.toml
	$(call install,$(FAULTS_VENV),faults)
	touch $@

faults: $(FAULTS_READY)
	$(FAULTS) $(if $(RUNS),--runs $(RUNS)) --table docs/explanation/faults.inc $(ARGS)

chaos: $(FAULTS_READY)
	$(FAULTS) --chaos $(DURATION) --table docs/explanation/chaos.inc $(ARGS)

# The environment of others' suites has what their tests need.
SUITES_VENV ?= .venv-suites
SUITES_READY := $(SUITES_VENV)/ready

$(SUITES_READY): pyproject.toml
	$(call install,$(SUITES_VENV),suites)
	touch $@

suites: $(SUITES_READY)
	$(SUITES_VENV)/bin/python -m suites $(if $(ONLY),--only $(ONLY)) $(ARGS)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

docs: $(READY)
	$(BIN)/python -m sphinx -W --keep-going -q docs docs/_build/html

messages: $(READY)
	$(BIN)/python -m tests.house.messages

pictures: $(READY)
	$(BIN)/python -m demo.pictures $(ARGS)

# build makes the wheel from the source distribution, so that this one is complete.
build: $(READY)
	$(BIN)/python $(PIP_INSTALL) 'build>=1.2'
	rm -rf dist
	$(BIN)/python -m build --outdir dist .

clean:
	rm -rf $(VENV) $(DEMO_VENV) $(BENCH_VENV) $(FAULTS_VENV) $(SUITES_VENV) build dist docs/_build *.egg-info \
		.coverage* demo/*.sqlite3* demo/*.log
