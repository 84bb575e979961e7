# Everything here needs python3 (3.11.2 to 3.14), pip and make. `make` alone lists what there is.

PYTHON ?= python3
SIDE_BY_SIDE ?= 3
BIN := .venv/bin
# Named after the place: a moved or copied checkout is set up again, since environments are not movable.
PLACE := $(shell pwd | cksum | cut -d ' ' -f 1)
PINNED := .venv/pinned-$(PLACE)
READY := .venv/ready-$(PLACE)
PEERS := .venv-peers/ready-$(PLACE)
# A Python that is named, and is another than that of .venv, gets an environment of its own in its place.
ifneq ($(origin PYTHON),file)
ifneq ($(shell $(BIN)/python -V 2>/dev/null),$(shell "$(PYTHON)" -V 2>/dev/null))
$(shell rm -f $(PINNED))
endif
endif
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo drill-restore up test test-fast check coverage lint bench bench-peers performance schemas images pins
.DEFAULT_GOAL := help

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(READY) ## Set up, play the main job through the real queue, stop everything
	@$(BIN)/python -m ops.cli demo

drill-restore: $(READY) ## Restore a backup under running workers, and see that what was withdrawn stays so
	@$(BIN)/python -m ops.cli drill-restore

up: $(READY) ## Run the whole stack until Ctrl-C and print its addresses
	@$(BIN)/python -m ops.cli up

# One more side by side than processors, as half of the time is spent waiting.
test: $(READY) ## Run all tests, or those of T: make test T=tests/services
	@$(BIN)/python -m pytest -n $(SIDE_BY_SIDE) $(T)

# The rules, the messages and the sharing protocol; a test of these that starts a process or opens an address fails.
test-fast: $(READY) ## Run the tests that need no server, in half a minute
	@$(BIN)/python -m pytest -n 0 -p tests.support.no_process tests/domain tests/schemas tests/sharing/test_mutants.py

check: lint test ## Check all that is checked before a change lands

# Processes that tests start are measured too; what a killed one has seen is lost.
coverage: $(READY) ## Run all tests, or those of T, and list the lines that none of them runs
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest -n $(SIDE_BY_SIDE) $(T)
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report

lint: $(READY) ## Check style, formatting, types and who imports whom
	@$(BIN)/python -m ruff check
	@$(BIN)/python -m ruff format --check
	@$(BIN)/python -m mypy
	@$(BIN)/lint-imports --no-logo

# What T has goes to these commands: `make bench-peers T=--quick` is a trial of four minutes.
bench: $(READY) ## Measure speed and memory of the hub, in 15 minutes
	@$(BIN)/python -m bench $(T)

bench-peers: $(READY) $(PEERS) ## Measure the same work by the hub and by other task queues, in 28 minutes
	@mkdir -p .bench
	@$(BIN)/python -m bench.peers --json .bench/peers.json $(T)

# Make goes on after a failed measurement ("-"): the page says what is missing.
performance: $(READY) $(PEERS) ## Measure all of it, and write docs/performance.md with its plots
	@mkdir -p .bench && rm -f .bench/hub.json .bench/peers.json
	-@$(BIN)/python -m bench --json $(T) > .bench/hub.json
	-@$(BIN)/python -m bench.peers --json .bench/peers.json $(T)
	@$(BIN)/python -m bench.document .bench/hub.json .bench/peers.json

schemas: $(READY) ## Generate again the schemas, the client's types and what providers support
	@$(BIN)/python -m schemas.documents
	@$(BIN)/datamodel-codegen
	@$(BIN)/python -m integrations.documents

images: $(READY) ## Take the pictures below docs/images/ again, while the tests of the web app's pages run
	@IMAGES=1 $(BIN)/python -m pytest tests/personal_space/test_guide.py tests/personal_space/test_pages.py

pins: $(READY) ## Make requirements/*.txt again from requirements/*.in
	$(COMPILE) --upgrade requirements/runtime.in --output-file requirements/runtime.txt
	$(COMPILE) --upgrade requirements/personal_space.in --constraints requirements/runtime.txt --output-file requirements/personal_space.txt
	$(COMPILE) --upgrade requirements/stack.in --constraints requirements/runtime.txt --constraints requirements/personal_space.txt --output-file requirements/stack.txt
	$(COMPILE) --upgrade requirements/dev.in --constraints requirements/stack.txt --output-file requirements/dev.txt
	$(COMPILE) --upgrade requirements/peers.in --constraints requirements/dev.txt --output-file requirements/peers.txt

# A command that fails here says in its last line what to do.
$(PINNED): requirements/dev.txt
	@test "$$("$(PYTHON)" -c 'import sys; print((3, 11, 2) <= sys.version_info < (3, 15))' 2>/dev/null)" = True || { \
		echo 'This needs Python 3.11.2 to 3.14, and "$(PYTHON)" is none. Install one, or name it: make PYTHON=python3.13' >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { \
		echo '"$(PYTHON)" lacks venv or ensurepip. On Debian and Ubuntu: apt install python3-venv' >&2; exit 1; }
	@echo "Setting up .venv (once, about a minute)" >&2
	@test -x $(BIN)/python && test -e $@ || "$(PYTHON)" -m venv --clear .venv || { \
		echo 'The environment .venv could not be made in this folder; the reason stands above.' >&2; exit 1; }
	@$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements/dev.txt || { \
		echo 'pip could not install the packages. Can it reach pypi.org? If not, name a mirror: make PIP_INDEX_URL=https://…' >&2; exit 1; }
	@touch $@

$(READY): $(PINNED) pyproject.toml upstream/client/pyproject.toml upstream/personal_space/pyproject.toml
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation \
		--editable upstream/client --editable upstream/personal_space --editable .
	@touch $@

$(PEERS): requirements/peers.txt $(PINNED)
	@echo "Setting up .venv-peers for the other task queues (once)" >&2
	@$(BIN)/python -m venv --clear .venv-peers
	@.venv-peers/bin/python -m pip install --quiet --require-hashes --requirement requirements/peers.txt || { \
		echo 'pip could not install the packages of .venv-peers; the reason stands above.' >&2; exit 1; }
	@touch $@
