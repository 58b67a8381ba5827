# Each target makes its own environment first: Python 3.11 or newer, make and git are all that it takes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
PACKAGES := billing activities workflows adapters worker api sandbox bench tests

# Sandbox and tests start Python some hundred times, and load each workflow's code anew: none is to compile it all again.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo dev test screenshots check format lint types imports compose wheel lock bench clean

demo: $(INSTALLED)  ## a year of two agencies, then two acts of a third; EXIT=1 ends when they are played
	@$(BIN)/python -m sandbox demo $(if $(EXIT),--exit)

dev: $(INSTALLED)  ## the sandbox: every process on this machine, until Ctrl-C
	@$(BIN)/python -m sandbox up

test: $(INSTALLED)  ## every test; two workers, each with its own servers; the small ones last, which even out
	@$(BIN)/python tests/chromium.py
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

screenshots: $(INSTALLED)  ## docs/screenshots: every page and state, of the real thing in a real browser
	@$(BIN)/python tests/chromium.py
	$(BIN)/python -m pytest -q tests/browser/screenshots.py

check: format lint types imports compose wheel  ## what CI checks besides the tests

format: $(INSTALLED)
	$(BIN)/ruff format --check $(PACKAGES)

lint: $(INSTALLED)
	$(BIN)/ruff check $(PACKAGES)

types: $(INSTALLED)
	$(BIN)/mypy

imports: $(INSTALLED)
	$(BIN)/lint-imports

compose: $(INSTALLED)  ## docker-compose.yml against the Compose specification's schema, which the package carries
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml

wheel: $(INSTALLED)  ## builds the wheel and imports every package of it outside the checkout
	$(BIN)/python tests/wheel.py

bench: $(INSTALLED)
	$(BIN)/python -m bench

lock: $(INSTALLED)  ## pins what pyproject.toml asks for, with hashes and without addresses
	$(BIN)/uv pip compile pyproject.toml --universal --generate-hashes --no-emit-index-url --no-emit-find-links \
		--no-header --all-extras --group dev --quiet --output-file requirements.lock

clean:
	rm -rf $(VENV) .sandbox build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(INSTALLED): requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	@echo "Installing what requirements.lock names into $(VENV), once: some minutes …"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	@touch $(INSTALLED)
