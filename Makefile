# One line a target, no logic: what a target does is in the program it calls. `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: bench-patients bench-refresh help install sample run test test-twin test-mutants test-mutants-python test-fuzz test-orders test-disclosure test-faults test-browser test-schedule install-spark test-spark lock-spark lint format lock bench bench-statistics bench-definitions bench-orchestration bench-report dictionary docs wheelhouse sbom audit clean
BIN := .venv/bin
MUTMUT := PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 $(BIN)/uv run --no-project --python $(BIN)/python --with "mutmut>=3.8,<4"

help:  ## list the targets
	@grep -E '^[a-z-]+:.*## ' Makefile | sed 's/:.*## /\t/' | expand -t 20

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

test-twin: install  ## the SQL against its naive twin on 5,000 synthetic people and thousands of generated ones (minutes)
	OPIOIDS_TWIN_PATIENTS=5000 OPIOIDS_TWIN_EXAMPLES=100 $(BIN)/python -m pytest --numprocesses 2 --dist load tests/equivalence

test-mutants: install  ## small faults put into the SQL of doses and cohorts, 40 a model: does a test notice each? (an hour)
	$(BIN)/python bench/mutants.py sql --most 40

test-mutants-python: install  ## the same for the Python of doses, statistics and disclosure, 6 a module, made by mutmut (half an hour)
	$(MUTMUT) mutmut run "pipelines.factor_sets.*_1" && $(MUTMUT) python bench/mutants.py python --most 6

test-fuzz: install  ## a million odd fields against plain csv and Decimal (minutes)
	OPIOIDS_FUZZ_ROWS=150000 $(BIN)/python -m pytest tests/faults/test_f24_silent_changes.py

test-disclosure: install  ## attacks on what leaves, on a thousand random hierarchies (minutes)
	OPIOIDS_DISCLOSURE_HIERARCHIES=1000 $(BIN)/python -m pytest --numprocesses 2 --dist load tests/unit/test_disclosure_attacks.py tests/unit/test_disclosure_parts.py tests/unit/test_disclosure_practices.py tests/unit/test_disclosure_system.py tests/unit/report/test_built_files.py

test-orders: install  ## 24 monthly deliveries in 30 random orders, again and renamed: the same marts (a quarter of an hour)
	OPIOIDS_ORDERS=30 $(BIN)/python -m pytest tests/faults/test_f13_orders.py

test-faults: install  ## a refresh killed 50 times and at every step, disks that fill, 20 publications under readers (an hour)
	OPIOIDS_KILLS=50 OPIOIDS_REFRESHES=20 $(BIN)/python -m pytest tests/faults/test_kills.py tests/faults/test_disk.py tests/faults/test_f32_readers.py

test-browser: install  ## every kind of page in Chromium, with axe-core: screenshots in reports/build/screenshots (a minute)
	$(BIN)/python -m pytest tests/browser -rs

test-schedule: install  ## schedules fire under a real Prefect server and worker on this machine (minutes)
	OPIOIDS_SCHEDULE=1 $(BIN)/python -m pytest tests/functional/test_schedule.py

.venv-spark/installed: .venv/bin/uv requirements-spark.lock pyproject.toml
	python3 -m venv .venv-spark && $(BIN)/uv pip sync --quiet --python .venv-spark --require-hashes requirements-spark.lock && $(BIN)/uv pip install --quiet --python .venv-spark --no-deps --no-build-isolation --editable . && touch $@

install-spark: .venv-spark/installed  ## make .venv-spark, with pyspark beside everything else, as locked in requirements-spark.lock

test-spark: install-spark  ## every table built on DuckDB, on Spark and on a Spark cluster, row by row (half an hour; needs Java 17)
	OPIOIDS_SPARK=1 .venv-spark/bin/python -m pytest tests/spark tests/unit/test_dialect.py -rs

lint: install  ## lint, format and type checks
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

format: install  ## put code into its format
	$(BIN)/ruff format . && $(BIN)/ruff check --fix .

lock: .venv/bin/uv  ## resolve requirements.lock anew
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --extra dev --extra docs pyproject.toml --output-file requirements.lock

lock-spark: .venv/bin/uv  ## resolve requirements-spark.lock anew, with the versions of requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --extra dev --extra spark -c requirements.lock pyproject.toml --output-file requirements-spark.lock

bench: install  ## speed as ratios measured side by side
	$(BIN)/python bench/main.py

bench-patients: install  ## the patient models at 2 million items, beside pandas and polars
	$(BIN)/python bench/patients.py

bench-report: install  ## the whole site of 150 practices, kind by kind (minutes the first time: it makes the publication)
	$(BIN)/python bench/report.py

bench-refresh: install  ## the whole refresh by stage, beside the bare read, pandas and polars: writes docs/performance.md (a quarter of an hour)
	$(BIN)/python bench/refresh.py

bench-statistics: install  ## whether intervals and charts keep what they promise: writes docs/statistics.md (a minute)
	$(BIN)/python bench/simulations.py

bench-definitions: install  ## how often the definitions find what is true: writes docs/definitions.md (some minutes)
	$(BIN)/python -m bench.definitions

bench-orchestration: install  ## what the orchestrator costs: the refresh alone beside the flow (minutes)
	$(BIN)/python bench/orchestration.py

dictionary: install  ## docs/data-dictionary.md, from the comments of the warehouse in data/demo (after make run)
	$(BIN)/opioids warehouse dictionary --data-dir data/demo > docs/data-dictionary.md

docs: install  ## the documentation as a site that opens from its folder: reports/build/docs/site/index.html
	$(BIN)/python -m docs.site

wheelhouse: install  ## the wheel with all it needs, to install where there is no network: dist/wheelhouse (minutes)
	$(BIN)/uv build --quiet --wheel --out-dir dist/wheelhouse && $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links -c requirements.lock pyproject.toml --output-file dist/requirements.txt && $(BIN)/python -m pip download --quiet --require-hashes --no-deps --dest dist/wheelhouse -r dist/requirements.txt

sbom: install  ## what it is made of, as CycloneDX: dist/sbom.json
	mkdir -p dist && $(BIN)/uv tool run --from "cyclonedx-bom>=7,<8" cyclonedx-py requirements requirements.lock --pyproject pyproject.toml --output-reproducible --of JSON --output-file dist/sbom.json

audit: install  ## known vulnerabilities of what is locked; needs a network, and fails where a package could not be looked up
	$(BIN)/uv tool run --from "pip-audit>=2.9,<3" pip-audit --strict --require-hashes --disable-pip -r requirements.lock

clean:  ## remove what make made: environment, demo data, reports, caches
	rm -rf .venv .venv-spark data/demo reports/build dist mutants .pytest_cache .ruff_cache .mypy_cache .hypothesis
