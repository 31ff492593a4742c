"""Run the benchmark and write its page: `make bench-definitions`."""

import logging
import os
import sys
import tempfile
import time
from pathlib import Path

import polars as pl

from bench.definitions.accounting import counted, dose_errors
from bench.definitions.charts import dose_chart, found_chart
from bench.definitions.measured import WINDOWS, measure
from bench.definitions.page import DOSE_CHART, FOUND_CHART, PAGE, page
from bench.definitions.populations import PATIENTS, POPULATIONS, SCRIPTS
from bench.definitions.results import Results
from bench.definitions.rules import rules

DOCS = Path(__file__).parents[2] / "docs"
SEED = 1


def run(patients: dict[str, int]) -> Results:
    """Every population in every script length, one after the other."""
    flags, doses = [], []
    for population, drawn_from in POPULATIONS.items():
        for script, script_days in SCRIPTS.items():
            start = time.perf_counter()
            with tempfile.TemporaryDirectory() as folder:
                judged = measure(drawn_from, script_days, patients[population], SEED, Path(folder))
            where = pl.lit(population).alias("population"), pl.lit(script).alias("script")
            flags.append(counted(judged, rules()).select(*where, pl.all()))
            doses.append(dose_errors(judged, WINDOWS).select(*where, pl.all()))
            print(f"{population}, {script}: {judged.height:,} people, {time.perf_counter() - start:.0f} s", flush=True)
    return Results(pl.concat(flags), pl.concat(doses))


def write(results: Results) -> None:
    """The tables, the charts and the page: made-up figures, for everybody to read."""
    os.umask(0o022)
    results.write(DOCS)
    (DOCS / FOUND_CHART).write_text(found_chart(results), encoding="utf-8")
    (DOCS / DOSE_CHART).write_text(dose_chart(results), encoding="utf-8")
    (DOCS / PAGE).write_text(page(results), encoding="utf-8")


if __name__ == "__main__":
    logging.getLogger("pipelines").setLevel(logging.ERROR)
    if sys.argv[1:] == ["page"]:  # new words for the same figures
        write(Results.read(DOCS))
        sys.exit()
    asked = os.environ.get("OPIOIDS_BENCH_PATIENTS")
    write(run(dict.fromkeys(POPULATIONS, int(asked)) if asked else PATIENTS))
