"""The patient models beside pandas and polars: generated items → doses, windows, cohorts, each in its own process.

`python bench/patients.py` measures about 2 million items of 188,500 people in 24 months; `--people 900000 --months 48`
about 20 million. All start from the same classified items. What they count as high dose, long-term and with a
gabapentinoid is compared, month by month, and must be equal. The others compute those three alone, ours every column
of marts.patient_month, so the ratios flatter them.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import Any

from costs import cost_of

ROOT = Path(__file__).parents[1]
PEOPLE, MONTHS, REPEATS = 188_500, 24, 3
OTHERS = ("pandas", "polars")
# What stands before the patient models and is made for EPD as well.
GIVEN = (
    "intermediate.int_items__classified",
    "reference.products",
    "intermediate.int_organisations__practices",
    "intermediate.int_months__patient",
    "intermediate.int_reviews__exclusions",
)
ITEMS_OF_PANDAS = """
COPY (
    SELECT patient_key, month, product_number, product_class, in_scope, total_quantity
    FROM intermediate.int_items__classified WHERE source = 'patient' AND patient_key IS NOT NULL
) TO '{file}' (FORMAT parquet)
"""
COUNTS = """
SELECT
    CAST(month AS VARCHAR) AS month,
    count(*) FILTER (high_dose) AS high_dose,
    count(*) FILTER (long_term) AS long_term,
    count(*) FILTER (opioid_gabapentinoid) AS opioid_gabapentinoid
FROM marts.patient_month GROUP BY month ORDER BY month
"""


def generate(folder: Path, people: int, months: int) -> None:
    """Made-up items, landed below `folder`/data."""
    from pipelines import assets
    from pipelines.config import load_settings
    from pipelines.folders import DataFolder
    from pipelines.ingest.delivery import add_files
    from pipelines.ingest.landing import land_new_files
    from pipelines.products import ProductReference, followed_prefixes
    from pipelines.synthetic import write_extract

    extract, data, settings = folder / "extract", DataFolder(folder / "data"), load_settings()
    data.prepare()
    write_extract(
        extract, patients=people, months=months, seed=1, start=date(2024, 1, 1), reference_dir=assets.REFERENCE_DIR
    )
    add_files([extract / "patient_items.csv", extract / "epraccur.csv"], data, settings)
    land_new_files(data, settings, followed_prefixes(ProductReference.load(assets.REFERENCE_DIR)))


def run_ours(folder: Path, memory_limit: str) -> dict[str, object]:
    """Build marts.patient_month; only the models after the classified items are timed, their key checks with them."""
    from pipelines import assets, models
    from pipelines.build import PRODUCTS, BuildInputs, build
    from pipelines.config import load_settings
    from pipelines.engine.base import Parameter
    from pipelines.engine.duckdb import DuckDBEngine
    from pipelines.folders import DataFolder
    from pipelines.ingest.register import Register

    seconds: dict[str, float] = {}
    cpu = 0.0

    class TimedEngine(DuckDBEngine):
        def create(self, name: str, select: str, parameters: Mapping[str, Parameter], kind: str = "table") -> None:
            nonlocal cpu
            start, cpu_start = time.perf_counter(), time.process_time()
            super().create(name, select, parameters, kind)  # type: ignore[arg-type]
            if name not in before:
                seconds[name] = time.perf_counter() - start
                cpu += time.process_time() - cpu_start

        def rows_beyond_key(self, name: str, key: object) -> int:
            nonlocal cpu
            start, cpu_start = time.perf_counter(), time.process_time()
            beyond = super().rows_beyond_key(name, key)  # type: ignore[arg-type]
            if name in seconds:
                seconds[name] += time.perf_counter() - start
                cpu += time.process_time() - cpu_start
            return beyond

    data = DataFolder(folder / "data")
    data.tmp.mkdir(exist_ok=True)
    file = data.tmp / "bench.duckdb"
    file.unlink(missing_ok=True)
    engine = TimedEngine(file, data.tmp, memory_limit=memory_limit)
    reads = {name: engine.tables_named_in(model.select) for name, model in models.discover(assets.SQL_DIR).items()}
    reads[PRODUCTS.name] = frozenset(PRODUCTS.inputs)
    before = set(models.needed_for(GIVEN, reads))
    loaded = tuple(Register(data).loaded_months())
    inputs = BuildInputs(data, load_settings(), loaded, assets.SQL_DIR, assets.REFERENCE_DIR, None)
    build(inputs, engine, ["marts.patient_month"])
    start, cpu_start = time.perf_counter(), time.process_time()
    counts = engine.fetch(COUNTS).to_pylist()
    seconds["counting"] = time.perf_counter() - start
    cpu += time.process_time() - cpu_start
    items = folder / "items.parquet"
    if not items.exists():
        engine.connection.execute(ITEMS_OF_PANDAS.format(file=items))
        engine.connection.execute(f"COPY reference.products TO '{folder / 'products.parquet'}' (FORMAT parquet)")
    engine.close()
    file.unlink()
    return {"seconds": sum(seconds.values()), "cpu": cpu, "models": seconds, "counts": counts}


def measured(side: str, folder: Path, memory_limit: str) -> dict[str, object]:
    """What one side says of its work, and the most memory its process held."""
    arguments = ["--side", side, "--folder", str(folder), "--memory-limit", memory_limit]
    cost = cost_of([__file__, *arguments])
    return json.loads((folder / f"{side}.json").read_text()) | {"peak_gb": cost.peak_gb}


def bench_patients(
    folder: Path, people: int, months: int, repeats: int, memory_limit: str, others: Sequence[str] = OTHERS
) -> dict[str, list[dict[str, Any]]]:
    """What every run of each side said, the sides in turn; refuses to compare what does not count the same people."""
    os.environ["OPIOIDS_KEY_FILE"] = str(folder / "key")
    generate(folder, people, months)
    runs: dict[str, list[dict[str, Any]]] = {side: [] for side in ("ours", *others)}
    for _ in range(repeats):
        for side in runs:
            runs[side].append(measured(side, folder, memory_limit))
    for side in others:
        if runs[side][0]["counts"] != runs["ours"][0]["counts"]:
            raise SystemExit(f"{side} and the patient models do not count the same people: nothing to compare.")
    return runs


def lines_of(runs: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    """A table of the sides as Markdown, the median of each, and which of our models took longest."""

    def middle(side: str, what: str) -> float:
        return statistics.median(float(run[what]) for run in runs[side])

    own = middle("ours", "seconds")
    slowest = sorted(runs["ours"][0]["models"].items(), key=lambda model: -model[1])[:6]
    return [
        "| | seconds | of processor | GB at most | times ours |",
        "|---|---:|---:|---:|---:|",
        *(
            f"| {side} | {middle(side, 'seconds'):.1f} | {middle(side, 'cpu'):.1f}"
            f" | {max(run['peak_gb'] for run in each):.1f} | {middle(side, 'seconds') / own:.1f} |"
            for side, each in runs.items()
        ),
        "",
        f"Of ours, in the first of {len(runs['ours'])} runs: "
        + ", ".join(f"`{name.split('.')[-1]}` {seconds:.1f} s" for name, seconds in slowest)
        + ".",
    ]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--people", type=int, default=PEOPLE)
    arguments.add_argument("--months", type=int, default=MONTHS)
    arguments.add_argument("--repeats", type=int, default=REPEATS)
    arguments.add_argument("--memory-limit", default="2GB")
    arguments.add_argument("--beside", nargs="*", choices=OTHERS, default=OTHERS)
    arguments.add_argument("--side", choices=("ours", *OTHERS), help=argparse.SUPPRESS)
    arguments.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.side:
        if given.side == "ours":
            found = run_ours(given.folder, given.memory_limit)
        else:
            found = import_module(f"in_{given.side}").run(given.folder)
        (given.folder / f"{given.side}.json").write_text(json.dumps(found))
        return
    with tempfile.TemporaryDirectory() as name:
        runs = bench_patients(Path(name), given.people, given.months, given.repeats, given.memory_limit, given.beside)
    print("\n".join(lines_of(runs)))


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
