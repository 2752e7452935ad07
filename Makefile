# Everything happens in .venv, made from PYTHON (3.10 or newer) with a C compiler at hand.
# The core is built in place, and again only when its sources have changed.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check -q
JOBS := $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
# By hand, since editable installs that compile do so from scratch every time.
INSTALL := VELOCITY_EXTENSIONS= $(PIP) install --no-build-isolation -e
SOURCES := setup.py $(filter-out $(wildcard velocity/_core/*.html), \
	$(wildcard velocity/_core/*.c velocity/_core/*.h velocity/_core/*.pyx velocity/_core/*.pxd \
	velocity/_core/*.pxi))
BUILT := build/.built

.PHONY: build demo test crash debug asan tsan freethreaded fuzz soak bench lint wheel clean

build: $(BUILT)

$(VENV)/.base: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or newer is needed")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --upgrade pip "setuptools>=77" "cython>=3.1" wheel
	$(INSTALL) .
	@touch $@

$(VENV)/.test: $(VENV)/.base
	$(INSTALL) ".[test]"
	@touch $@

$(VENV)/.dev: $(VENV)/.test
	$(INSTALL) ".[dev]"
	@touch $@

# The stores that `make bench` compares with; whatever is not to be had is left out.
$(VENV)/.peers: $(VENV)/.dev
	$(PY) -m bench.peers.install
	@touch $@

$(BUILT): $(SOURCES) | $(VENV)/.base
	$(PY) setup.py -q build_ext --inplace -j $(JOBS)
	@mkdir -p build && touch $@

demo: build
	$(PY) -m velocity demo $(ARGS)

test: build $(VENV)/.test
	$(PY) -m pytest $(ARGS)

# Many crash states under the log, and each call on files failing in turn: see docs/durability.md.
crash: build $(VENV)/.test
	$(PY) -m pytest tests/crash/test_power_loss.py tests/crash/test_each_call.py -q \
		--crash-states=100000 --crash-calls=all $(ARGS)

# The suite on another build of the core, in a copy of the tree: docs/testing.md.
debug asan freethreaded: $(VENV)/.test
	tools/test-build.sh $@ $(ARGS)

tsan: $(VENV)/.test
	tools/stress-core.sh
	tools/test-build.sh $@ tests/stress $(ARGS)

fuzz: build
	tools/fuzz.sh $(ARGS)

# An hour of mixed load in each storage mode, or as ARGS say: docs/testing.md.
soak: build $(VENV)/.test
	MALLOC_ARENA_MAX=1 PYTHONPATH=tests $(PY) -m support.soak $(ARGS)

bench: build wheel $(VENV)/.peers
	$(PY) -m bench.report $(ARGS)

lint: build $(VENV)/.dev
	$(VENV)/bin/ruff check
	$(VENV)/bin/mypy

wheel: $(VENV)/.base
	rm -rf dist
	$(PIP) wheel --no-build-isolation --no-deps -w dist .

clean:
	rm -rf $(VENV) build dist velocity/_core/*.so *.egg-info .mypy_cache .ruff_cache .pytest_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
