# The project's commands, also used by continuous integration. `make help` lists them.

VENV := .venv
BIN := $(VENV)/bin
export PYTHON

.DEFAULT_GOAL := help
.PHONY: help run test test-faults test-abuse test-history test-browsers lint format bench bench-change snippet dashboards dashboard-pictures needs clean
.DELETE_ON_ERROR:

help: ## list these commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

run: $(VENV)/.installed ## start Wakeline with its demo shop; pass flags with RUN_ARGS="--simulate 50"
	@exec $(BIN)/wakeline up --demo $(RUN_ARGS)

test: needs $(VENV)/.installed-dev snippet/node_modules/.package-lock.json ## all tests but the slow ones; pass flags with TEST_ARGS
	$(BIN)/python -m pytest -m "not slow and not browsers" --numprocesses 3 --dist loadfile --no-loadscope-reorder $(TEST_ARGS)

test-faults: needs $(VENV)/.installed-dev ## every fault under load, as a table, in 70 minutes, then hours of generated cases; less by FAULTS_ARGS="--log redis --seeds 1"
	@.ci/needs prometheus cc java mvn
	$(BIN)/python -m tests.faults $(FAULTS_ARGS)

test-abuse: needs $(VENV)/.installed-dev snippet/node_modules/.package-lock.json ## attack the public port (five minutes); select with ABUSE_ARGS="--only flood"
	@.ci/needs strace
	$(BIN)/python -m tests.abuse $(ABUSE_ARGS)

test-history: $(VENV)/.installed-dev ## two years of a shop, told, folded, replayed: every order, product and customer is compared; less by HISTORY_ARGS="--customers 150"
	$(BIN)/python -m tests.shop_years $(HISTORY_ARGS)

test-browsers: needs $(VENV)/.installed-dev snippet/node_modules/.package-lock.json ## test the snippet in Chromium, Firefox and WebKit
	@.ci/needs firefox-esr WebKitWebDriver Xvfb xdotool
	$(BIN)/python -m pytest tests/browsers --numprocesses 3 --dist loadgroup $(TEST_ARGS)

lint: $(VENV)/.installed-dev snippet/node_modules/.package-lock.json ## ruff, mypy and tsc
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	npm --prefix snippet run --silent check

format: $(VENV)/.installed-dev ## format with ruff
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.installed-dev snippet/node_modules/.package-lock.json ## run the benchmarks; exits with 1 if a floor is missed; pass flags with BENCH_ARGS
	@.ci/needs java mvn chromium
	$(BIN)/python -m benchmarks $(BENCH_ARGS)

bench-change: $(VENV)/.installed-dev ## the processor's CPU per event against an earlier commit: make bench-change BASE=main
	$(BIN)/python -m benchmarks --only processor_change --base "$(BASE)" $(BENCH_ARGS)

snippet: snippet/node_modules/.package-lock.json ## build the snippet into collector/static
	npm --prefix snippet run --silent build

dashboards: $(VENV)/.installed-dev ## write the Grafana boards, docs/numbers.md, docs/metrics.md, docs/profiles.md and docs/segments.md from their code
	$(BIN)/python -m dashboards.build
	$(BIN)/python -m dashboards.metrics
	$(BIN)/python -m dashboards.profiles
	$(BIN)/python -m dashboards.rules

DRAWN = dashboards/drawn/node_modules/.package-lock.json

dashboard-pictures: needs $(VENV)/.installed-dev $(DRAWN) ## draw the boards of a Wakeline that runs with Prometheus, for looking; PICTURES_ARGS="--help"
	@.ci/needs chromium node npm
	$(BIN)/python -m dashboards.pictures $(PICTURES_ARGS)

$(DRAWN): dashboards/drawn/package.json dashboards/drawn/package-lock.json
	npm --prefix dashboards/drawn ci --ignore-scripts --legacy-peer-deps --no-audit --no-fund

clean: ## remove everything that these commands created, except your data
	rm -rf $(VENV) build dist snippet/dist snippet/node_modules benchmarks/rivals/node_modules dashboards/drawn/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

needs:
	@.ci/needs chromium prometheus promtool node npm cc java mvn

# ---- set up once, and again when dependencies change

$(VENV)/bin/python:
	@python=$$(.ci/python) && echo "Making $(VENV) with $$python" && $$python -m venv $(VENV) || \
	  { rm -rf $(VENV); echo "No virtual environment could be made. On Debian: apt-get install python3-venv" >&2; exit 1; }

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	@echo "Installing Wakeline into $(VENV); this takes about a minute, once"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[demo]"
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(VENV)/bin/python
	@echo "Installing Wakeline and what its tests need into $(VENV); this takes about a minute, once"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[dev]"
	@touch $@ $(VENV)/.installed

snippet/node_modules/.package-lock.json: snippet/package-lock.json | needs
	npm --prefix snippet ci --no-audit --no-fund
	@touch $@
