# ccflare: `make run` serves, `make test` tests; `make help` lists the rest.
# Variables: PYTHON (interpreter of .venv), ARGS (further arguments), and every setting of docs/configuration.md.

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
export PYTHON
BIN := .venv/bin

.PHONY: help run test demo lint format types contracts docs docs-check check bench bench-history postgres lock vendor clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' Makefile

run: .venv/.run ## Serve on 127.0.0.1:8080 (HOST, PORT, WEB_CONCURRENCY are obeyed)
	@exec $(BIN)/python -m gunicorn -k gevent wsgi:app

test: .venv/.dev ## Run all tests (ARGS="-k name" for some)
	@if ls tests/browser/test_*.py >/dev/null 2>&1; then scripts/packages.sh chromium-headless-shell || scripts/packages.sh chromium || true; fi
	@# In the order of folders: what takes longest, browsers and servers, goes first, and no process is left with it.
	@$(BIN)/python -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder $(ARGS)

demo: .venv/.run ## Serve together with a scripted upstream and send it a few requests
	@exec $(BIN)/python -m flask ccflare demo $(ARGS)

lint: .venv/.dev ## Check style and formatting
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet . || { echo 'Not formatted; run "make format". Files:'; $(BIN)/ruff format --check . | grep '^ *-->'; exit 1; }

format: .venv/.dev ## Format the code
	@$(BIN)/ruff format .

types: .venv/.dev ## Check types
	@$(BIN)/mypy

contracts: .venv/.dev ## Check the direction of imports
	@$(BIN)/lint-imports --no-logo

docs: .venv/.dev ## Write the generated pages of docs/
	@$(BIN)/python scripts/gen_docs.py

docs-check: .venv/.dev
	@$(BIN)/python scripts/gen_docs.py --check

check: lint types contracts docs-check test ## All that CI runs

bench: .venv/.dev ## Measure beside nginx and a bare pass-through
	@scripts/packages.sh nginx-light || true
	@$(BIN)/python -m bench $(ARGS)

bench-history: .venv/.dev ## Fill SQLite with 10 million requests and time every page's queries
	@$(BIN)/python -m bench.history $(ARGS)

postgres: .venv/.run ## Install the driver that DATABASE_URL=postgresql://... needs
	@scripts/venv.sh requirements-postgres.txt

LOCK = UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile --quiet --no-config --universal --python-version 3.11 --generate-hashes $(ARGS)

lock: .venv/.dev ## Write the lock files anew (ARGS=--upgrade for newer versions)
	$(LOCK) requirements.in -o requirements.txt
	$(LOCK) -c requirements.txt requirements-postgres.in -o requirements-postgres.txt
	$(LOCK) -c requirements.txt -c requirements-postgres.txt requirements-dev.in -o requirements-dev.txt

vendor: .venv/.dev ## Fetch the scripts and styles of static/vendor anew
	@$(BIN)/python scripts/vendor.py

clean: ## Remove what can be made again; data stays
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.run: requirements.txt scripts/venv.sh
	@scripts/venv.sh requirements.txt
	@touch $@

.venv/.dev: requirements-dev.txt scripts/venv.sh
	@scripts/venv.sh requirements-dev.txt
	@touch .venv/.run $@
