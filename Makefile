# Each verb sets up what it needs: .venv, made at the first use and again when pyproject.toml changes.
#
#   make demo          run the demo
#   make test          run the tests that need nothing but Python
#   make test-system   run the tests that need chromium, node, PostgreSQL and curl, or Sanic to compare with
#   make test-long     run those at full length, 4 GiB at once and 30 MB at 20 KB/s: half an hour
#   make fuzz          send mutated bytes for a minute; ARGS='--minutes 10' for longer
#   make autobahn      run the WebSocket conformance suite, for which it needs a Python 2.7: PYTHON2=...
#   make lint          check the style
#   make types         check the types
#   make bench         measure
#   make simulate      run the server under simulation: make simulate ARGS='--seeds 100000'
#
# PYTHON=... names the interpreter of .venv; ARGS=... is handed on: make test ARGS='-k stream -x'
# Tests run in a process for each core; ARGS='-n 0' has them in one, one after another, and --pdb does the same.

PYTHON ?=
ARGS ?=
VENV := .venv
RUN := $(VENV)/bin/python
# The stamp is bound to this checkout's path: a copied venv would run the sources it was copied from.
READY := $(VENV)/ready-$(shell pwd | cksum | cut -d ' ' -f 1)

.DEFAULT_GOAL := test
.PHONY: demo test test-system test-long fuzz autobahn lint types bench simulate

demo: $(READY)
	$(RUN) examples/demo.py $(ARGS)

test: $(READY)
	$(RUN) -m pytest --ignore=tests/system -n auto --dist worksteal $(ARGS)

test-system: $(READY)
	tools/system-deps
	$(RUN) -m pytest tests/system -n auto --dist loadfile $(ARGS)

# Its tests take longer than one that hangs may.
test-long: $(READY)
	tools/system-deps
	TRIOSANIC_FULL=1 $(RUN) -m pytest tests/system -o faulthandler_timeout=0 $(ARGS)

fuzz: $(READY)
	$(RUN) -m tests.fuzz $(ARGS)

autobahn: $(READY)
	$(RUN) -m tests.autobahn $(ARGS)

lint: $(READY)
	$(RUN) -m ruff check .

types: $(READY)
	$(RUN) -m mypy

bench: $(READY)
	$(RUN) -m benchmarks $(ARGS)

simulate: $(READY)
	$(RUN) -m triosanic.testing.simulation tests.simulation.program:simulation $(ARGS)

# Made anew, not added to: a dependency that pyproject.toml no longer names must be gone.
$(READY): pyproject.toml
	@echo 'installing into $(VENV); this takes a minute'
	python=$$(tools/find-python $(PYTHON)) && "$$python" -m venv --clear $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@
