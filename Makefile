# pitwasm: every target sets up what it needs under build/ by itself
# MIT license; Copyright (c) 2026 the pitwasm authors
#
#   make run      run modules that import from each other in a pool of 64 KB; ARGS=life: a program compiled from C
#   make test     the tests, on MicroPython 64- and 32-bit
#   make emulate  a Raspberry Pi Pico with its real firmware, emulated, its REPL on a TCP port; ARGS=--frozen: with pitwasm in it
#   make test-board  the tests on the emulated Pico, on 32-bit Arm (Thumb-2) and on RV32
#   make test-arm, test-rv32, test-m7   the specification's tests, all of them, on MicroPython for Arm, for RV32, for a Cortex-M7
#   make firmware BOARD=RPI_PICO    firmware with pitwasm frozen into it; boards/ has the boards
#   make dist     dist/<arch>/: packages for mpremote mip install; ARGS="--port …" names the one for a board
#   make lint     ruff, and a type check against MicroPython's stubs
#   make build    build/<arch>/pitwasm/*.mpy for every architecture
#   make env      shell assignments to run pitwasm from anywhere: eval "$(make -s env)"
#   make spec     the WebAssembly specification's tests, a table per file
#   make bench    pitwasm beside other runtimes
#   make bench-board  cycles on an emulated Pico, beside C engines on the same core; ARGS=--renew: as the baseline
#   make profile  the code words that run in many programs, and what each costs on the Pico's core
#   make dis      code words next to the WebAssembly: make dis ARGS=app.wasm
#   make clean    remove build/
#
# ARGS="…" hands arguments on. PYTHON=… names another Python (3.11 or later).

PYTHON ?= python3
ARGS ?=
BOARD ?= RPI_PICO
PY := build/venv/bin/python
export PYTHONDONTWRITEBYTECODE := 1

.PHONY: help run test test-board test-arm test-rv32 test-m7 emulate firmware dist lint env build spec bench bench-board profile dis clean venv

help:
	@sed -n 's/^#   make/make/p' Makefile

run spec dis profile: venv
	@$(PY) -m tools.$@ $(ARGS)

test: venv
	@$(PY) -m tools.micropython
	@$(PY) -m pytest -n 2 --dist worksteal --ignore=tests/board $(ARGS)

test-board: venv
	@$(PY) -m pytest tests/board $(ARGS)

test-arm: venv
	@$(PY) -m tools.arm $(ARGS)

test-rv32 test-m7: venv
	@$(PY) -m tools.qemu $(@:test-%=%) $(ARGS)

emulate: venv
	@$(PY) -m tools.emulator $(ARGS)

firmware: venv
	@$(PY) -m tools.firmware $(BOARD) $(if $(TREE),--micropython $(TREE)) $(ARGS)

dist: venv
	@$(PY) -m tools.dist $(ARGS)

build: venv
	@$(PY) -m tools.build $(ARGS)

env: venv
	@$(PY) -m tools.mp

lint: venv
	@$(PYTHON) -m tools.venv requirements-lint.txt
	@$(PY) -m tools.lint $(ARGS)

bench: venv
	@$(PYTHON) -m tools.venv requirements-bench.txt
	@$(PY) -m tools.bench $(ARGS)

bench-board: venv
	@$(PY) -m tools.micropython
	@$(PY) -m tools.benchboard $(ARGS)

venv:
	@$(PYTHON) -m tools.venv

clean:
	rm -rf build
