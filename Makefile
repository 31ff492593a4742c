# One line a target, no logic: what a target does is in the program it calls. `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help install sample run test lint format lock bench clean
BIN := .venv/bin

help:  ## list the targets
	@grep -E '^[a-z]+:.*## ' Makefile | sed 's/:.*## /\t/' | expand -t 12

.venv/bin/uv:
	python3 -m venv .venv && $(BIN)/python -m pip install --quiet "uv>=0.9,<1"

.venv/installed: .venv/bin/uv requirements.lock pyproject.toml
	$(BIN)/uv pip sync --quiet --require-hashes requirements.lock && $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable . && touch $@

install: .venv/installed  ## make .venv with everything the project needs, as locked

sample: install  ## write made-up extracts of 6,000 made-up people to data/demo/incoming
	$(BIN)/opioids synth --patients 6000 --months 24 --seed 1 --out data/demo/incoming

run: sample  ## the main job on the made-up extracts: warehouse in data/demo, reports in reports/build/demo
	$(BIN)/opioids refresh --data-dir data/demo --reports-dir reports/build/demo

test: install  ## all tests
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile

lint: install  ## lint, format and type checks
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

format: install  ## put code into its format
	$(BIN)/ruff format . && $(BIN)/ruff check --fix .

lock: .venv/bin/uv  ## resolve requirements.lock anew
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --extra dev pyproject.toml --output-file requirements.lock

bench: install  ## speed as ratios measured side by side
	$(BIN)/python bench/main.py

clean:  ## remove what make made: environment, demo data, reports, caches
	rm -rf .venv data/demo reports/build dist .pytest_cache .ruff_cache .mypy_cache .hypothesis
