# What this checkout can do. Everything is installed into .venv and $GRIDGIS_HOME (default .gridgis) on demand.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help demo demo-streets test test-cluster soak check bench lock clean
ARGS ?=

help: ## list these commands
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r name what; do printf '  make %-13s %s\n' "$$name" "$$what"; done

demo: ## install what is missing, then run the engine and the web map on the demo grid until Ctrl-C
	@scripts/bootstrap.sh runtime
	@exec .venv/bin/python -m demo

demo-streets: ## the same with a synthetic grid along real streets, in a home of its own (streets/ in GRIDGIS_HOME)
	@scripts/bootstrap.sh runtime
	@GRIDGIS_HOME=$${GRIDGIS_HOME:-.gridgis}/streets exec .venv/bin/python -m demo streets

test: ## the whole test suite; ARGS="-k name" goes to pytest
	@scripts/bootstrap.sh dev
	@exec .venv/bin/python -m scripts.run_tests $(ARGS)

test-cluster: ## the tests that need Citus, on three nodes
	@scripts/bootstrap.sh dev
	@exec .venv/bin/python -m scripts.run_tests --cluster $(ARGS)

soak: ## kill loads, engines and PostgreSQL at random moments; ARGS="load --rounds 10 --seed 7"
	@scripts/bootstrap.sh dev
	@exec .venv/bin/python -m soak $(ARGS)

check: ## format, lint, import contracts, types
	@scripts/bootstrap.sh dev
	@exec scripts/check.sh

bench: ## the benchmarks, each beside its peer; ARGS="--quick" to try them out
	@scripts/bootstrap.sh dev
	@exec .venv/bin/gridgis bench $(ARGS)

lock: ## choose the newest versions that pyproject.toml allows and write requirements/*.lock
	@scripts/lock.sh

clean: ## stop the private clusters and delete .venv, their data and everything built
	@scripts/clean.sh
