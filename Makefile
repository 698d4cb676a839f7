# Each verb sets up what it needs: .venv, made at the first use and again when pyproject.toml changes.
#
#   make demo          run the demo
#   make test          run the tests that need nothing but Python
#   make test-system   run the tests that need chromium, node, PostgreSQL and curl
#   make lint          check the style
#   make types         check the types
#   make bench         measure
#
# PYTHON=... names the interpreter of .venv; ARGS=... is handed on: make test ARGS='-k stream -x'

PYTHON ?=
ARGS ?=
VENV := .venv
RUN := $(VENV)/bin/python
# The stamp is bound to this checkout's path: a copied venv would run the sources it was copied from.
READY := $(VENV)/ready-$(shell pwd | cksum | cut -d ' ' -f 1)

.DEFAULT_GOAL := test
.PHONY: demo test test-system lint types bench

demo: $(READY)
	$(RUN) examples/demo.py $(ARGS)

test: $(READY)
	$(RUN) -m pytest --ignore=tests/system $(ARGS)

test-system: $(READY)
	tools/system-deps
	$(RUN) -m pytest tests/system $(ARGS)

lint: $(READY)
	$(RUN) -m ruff check .

types: $(READY)
	$(RUN) -m mypy

bench: $(READY)
	$(RUN) -m benchmarks $(ARGS)

# Made anew, not added to: a dependency that pyproject.toml no longer names must be gone.
$(READY): pyproject.toml
	@echo 'installing into $(VENV); this takes a minute'
	python=$$(tools/find-python $(PYTHON)) && "$$python" -m venv --clear $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@
