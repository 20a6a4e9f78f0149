# The list of commands. Two are enough to begin with: `make run` and `make test`.
# They need Python 3.11 to 3.13 (with venv) and make; everything else comes from the hashed lock files.

PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && { echo $$p; break; }; done)
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet install --require-hashes --no-build-isolation
# One more than processors: many tests wait for a browser, an exchange or another process.
WORKERS ?= $(shell n=$$(nproc 2>/dev/null || echo 1); echo $$((n < 3 ? n + 1 : 4)))
STAMP := $(BIN)/.installed
STAMP_DEV := $(BIN)/.installed-dev
STAMP_BENCH := $(BIN)/.installed-bench

.PHONY: run venv test check bench format messages vendor lock clean

run: $(STAMP)                 ## start everything with the demo
	$(BIN)/hub up --demo

venv: $(STAMP)                ## the environment in .venv, the command .venv/bin/hub

test: $(STAMP_DEV)            ## all tests, with browser, PostgreSQL and a real Asterisk where it can be had
	$(BIN)/python -m tests.prepare
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

check: $(STAMP_DEV)           ## style, types, who may import whom, shipped front-end files
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python hub/web/vendor/vendor.py check

bench: $(STAMP_BENCH)         ## the numbers we promise, beside a raw baseline of the same run
	$(BIN)/python -m tests.prepare
	$(BIN)/python -m tests.bench $(ARGS)

format: $(STAMP_DEV)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

messages: $(STAMP_DEV)        ## collect visible texts into the catalogues
	PYTHONPATH=. $(BIN)/pybabel -q extract -F babel.cfg --no-location --sort-output -k lazy_gettext -o /tmp/hub-messages.pot .
	$(BIN)/pybabel -q update -i /tmp/hub-messages.pot -d hub/web/translations --no-fuzzy-matching --ignore-obsolete -w 120
	rm -f /tmp/hub-messages.pot

vendor: $(STAMP_DEV)          ## fetch the front-end files again (maintainers; needs npm)
	$(BIN)/python hub/web/vendor/vendor.py update

lock: $(STAMP_DEV)            ## write the lock files again (maintainers)
	$(BIN)/python -m pip --quiet install uv
	$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q -o requirements.lock
	$(BIN)/uv pip compile pyproject.toml --extra test --extra check --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q -o requirements-dev.lock
	$(BIN)/uv pip compile pyproject.toml --extra test --extra check --extra bench --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q -o requirements-bench.lock

clean:                        ## forget the environment; the data in var/ stay
	rm -rf .venv

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 with venv is needed (Debian: apt install python3 python3-venv)." >&2; exit 1; }
	$(PYTHON) -m venv .venv

# setuptools first: one dependency comes as source and is built with it, not with something downloaded unhashed.
$(STAMP): requirements.lock requirements-build.lock pyproject.toml | $(BIN)/python
	$(PIP) -r requirements-build.lock
	$(PIP) -r requirements.lock
	$(BIN)/python -m pip --disable-pip-version-check --quiet install --no-deps --no-build-isolation --editable .
	@touch $@

$(STAMP_DEV): requirements-dev.lock $(STAMP)
	$(PIP) -r requirements-dev.lock
	@touch $@

$(STAMP_BENCH): requirements-bench.lock $(STAMP_DEV)
	$(PIP) -r requirements-bench.lock
	@touch $@
