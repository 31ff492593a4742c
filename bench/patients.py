"""The patient models beside pandas: generated items → doses, windows, cohorts, each side in a process of its own.

`python bench/patients.py` measures about 2 million items of 188,500 people in 24 months; `--people 900000 --months 48`
about 20 million. Both sides start from the same classified items. What they count as high dose, long-term and
with a gabapentinoid is compared, month by month, and must be equal. pandas computes those three alone, ours every
column of marts.patient_month, so the ratio flatters pandas.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PEOPLE, MONTHS, REPEATS = 188_500, 24, 3
COUNTED = ("high_dose", "long_term", "opioid_gabapentinoid")
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


OF_PRODUCT = ["ome_mg_per_unit", "ome_status", "route", "form", "wear_hours"]
OTHER_CLASSES = (
    "gabapentinoid",
    "benzodiazepine",
    "z_drug",
    "sedative_not_counted",
    "dependence_treatment",
    "just_in_case",
)


def run_pandas(folder: Path) -> dict[str, object]:
    """The same three cohorts as an analyst would write them: group, fill the months, roll."""
    import numpy as np
    import pandas as pd

    items = pd.read_parquet(folder / "items.parquet")
    products = pd.read_parquet(folder / "products.parquet").set_index("product_number")
    start, cpu_start = time.perf_counter(), time.process_time()
    months = pd.DatetimeIndex(np.sort(pd.to_datetime(items["month"]).unique()))
    days = pd.Series(months.days_in_month, index=range(len(months)))
    items["m"] = months.get_indexer(pd.to_datetime(items["month"]))
    items["patient"] = pd.factorize(items["patient_key"])[0]
    items["total_quantity"] = items["total_quantity"].astype(float)
    full = _with_runs(_every_month(_dispensed(items, products), len(months)))
    since_episode = full["m"].map(days.cumsum()) - full["episode_start"].map(days.cumsum().shift(fill_value=0)).fillna(
        0
    )
    above = {}
    for length in (3, 6):
        window = full["m"].map(days.rolling(length, min_periods=1).sum())
        above[length] = full[f"ome_{length}m"] > 120 * np.minimum(window, since_episode) + 1e-6
    reached = np.minimum(np.minimum(3, full["m"] + 1), full["m"] - full["episode_start"] + 1)
    full["high_dose"] = above[3] & above[6] & (reached >= 3) & (full["m"] >= 2)
    is_open = full["m"] - full["last_opioid"] <= full["allowed"]
    full["long_term"] = is_open & (full["last_opioid"] - full["run_start"] + 1 >= 7) & (full["m"] >= 6)
    full["opioid_gabapentinoid"] = full["opioid"] & full["gabapentinoid"]
    counted = full.groupby("m")[list(COUNTED)].sum()
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu_start
    counts = [
        {"month": str(months[m].date()), **{name: int(row[name]) for name in COUNTED}} for m, row in counted.iterrows()
    ]
    return {"seconds": seconds, "cpu": cpu, "counts": counts, "items": len(items)}


def _dispensed(items: Any, products: Any) -> Any:
    """One row per patient and month: dose without injections, what a long script is told by, and gabapentinoids."""
    of = ["patient", "m", "product_number"]
    opioids = items[items["in_scope"]]
    # What reversals leave of a product in a month, never below zero.
    net = opioids.groupby(of, as_index=False)["total_quantity"].sum().join(products[OF_PRODUCT], on="product_number")
    net["total_quantity"] = net["total_quantity"].clip(lower=0)
    is_counted = (net["ome_status"] == "converted") & (net["route"] != "parenteral")
    net["ome_mg"] = (net["total_quantity"] * net["ome_mg_per_unit"].astype(float)).where(is_counted)
    net["tablets"] = net["total_quantity"].where(net["form"].str.contains("tablet|capsule", na=False), 0.0)
    patch_hours = net["total_quantity"] * net["wear_hours"].astype(float)
    net["patch_hours"] = patch_hours.where(net["form"] == "patch", 0.0)
    dispensed = net.groupby(["patient", "m"])[["ome_mg", "tablets", "patch_hours"]].sum()
    given = opioids[opioids["total_quantity"] >= 0].groupby(["patient", "m"]).size()
    dispensed["opioid"] = given.reindex(dispensed.index).notna()
    others = items[items["product_class"].isin(OTHER_CLASSES) & ~(items["total_quantity"] <= 0)]
    is_gabapentinoid = others.assign(gabapentinoid=others["product_class"] == "gabapentinoid")
    return dispensed.join(is_gabapentinoid.groupby(["patient", "m"])["gabapentinoid"].any(), how="outer")


def _every_month(dispensed: Any, months: int) -> Any:
    """Every month of every person, with the dose of the last one, three, six and twelve."""
    import pandas as pd

    people = dispensed.index.get_level_values(0).unique()
    grid = pd.MultiIndex.from_product([people, range(months)], names=["patient", "m"])
    full = dispensed.reindex(grid).reset_index()
    full["ome_mg"] = full["ome_mg"].fillna(0.0)
    for flag in ("opioid", "gabapentinoid"):
        full[flag] = full[flag].eq(True)
    by_person = full.groupby("patient", sort=False)
    for length in (1, 3, 6, 12):
        full[f"ome_{length}m"] = by_person["ome_mg"].rolling(length, min_periods=1).sum().to_numpy()
    return full


def _with_runs(full: Any) -> Any:
    """The latest run and episode of opioid months, carried into the months that follow."""
    import numpy as np

    runs = full.loc[full["opioid"], ["patient", "m", "tablets", "patch_hours"]].copy()
    runs["allowed"] = np.where((runs["tablets"] >= 112) | (runs["patch_hours"] >= 24 * 56), 2, 1)
    of_person = runs.groupby("patient")
    gap = runs["m"] - of_person["m"].shift() - 1
    runs["run_start"] = runs["m"].where(gap.isna() | (gap > of_person["allowed"].shift()))
    runs["episode_start"] = runs["m"].where(gap.isna() | (gap >= 6))
    runs["last_opioid"] = runs["m"]
    carried = ["run_start", "episode_start", "last_opioid", "allowed"]
    runs[carried] = runs.groupby("patient")[carried].ffill()
    full = full.join(runs[carried])
    full[carried] = full.groupby("patient", sort=False)[carried].ffill()
    return full


def measured(side: str, folder: Path, memory_limit: str) -> dict[str, object]:
    """What one side says of its work, and the most memory its process held, in MB."""
    answer = folder / f"{side}.json"
    command = [sys.executable, __file__, "--side", side, "--folder", str(folder), "--memory-limit", memory_limit]
    process = subprocess.Popen(command, cwd=ROOT)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"The side '{side}' failed.")
    scale = 1024 if sys.platform != "darwin" else 1024 * 1024
    return json.loads(answer.read_text()) | {"peak_mb": usage.ru_maxrss / scale}


def bench_patients(
    folder: Path, people: int, months: int, repeats: int, memory_limit: str, with_pandas: bool = True
) -> str:
    """Both sides in turn, the median of each; refuses to compare what does not count the same people."""
    os.environ["OPIOIDS_KEY_FILE"] = str(folder / "key")
    generate(folder, people, months)
    ours = [measured("ours", folder, memory_limit) for _ in range(repeats)]
    own = statistics.median(float(run["seconds"]) for run in ours)  # type: ignore[arg-type]
    own_cpu = statistics.median(float(run["cpu"]) for run in ours)  # type: ignore[arg-type]
    lines = [
        f"patient models of {people:,} people, {months} months: {own:.1f} s ({own_cpu:.1f} s of processor), "
        f"at most {max(float(run['peak_mb']) for run in ours):.0f} MB with memory_limit {memory_limit}"  # type: ignore[arg-type]
    ]
    slowest = sorted(ours[0]["models"].items(), key=lambda model: -model[1])[:8]  # type: ignore[attr-defined]
    lines.append("  " + ", ".join(f"{name.split('.')[-1]} {seconds:.1f} s" for name, seconds in slowest))
    if with_pandas:
        theirs = [measured("pandas", folder, memory_limit) for _ in range(repeats)]
        if theirs[0]["counts"] != ours[0]["counts"]:
            raise SystemExit("pandas and the patient models do not count the same people: nothing to compare.")
        pandas = statistics.median(float(run["seconds"]) for run in theirs)  # type: ignore[arg-type]
        pandas_cpu = statistics.median(float(run["cpu"]) for run in theirs)  # type: ignore[arg-type]
        items = int(theirs[0]["items"])  # type: ignore[call-overload]
        lines.append(
            f"  {items:,} items: {own / items * 1e6:.2f} s a million; pandas takes {pandas / own:.1f} x the time "
            f"({pandas:.1f} s, {pandas_cpu:.1f} s of processor) and "
            f"{max(float(run['peak_mb']) for run in theirs):.0f} MB"  # type: ignore[arg-type]
        )
    return "\n".join(lines)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--people", type=int, default=PEOPLE)
    arguments.add_argument("--months", type=int, default=MONTHS)
    arguments.add_argument("--repeats", type=int, default=REPEATS)
    arguments.add_argument("--memory-limit", default="2GB")
    arguments.add_argument("--no-pandas", action="store_true")
    arguments.add_argument("--side", choices=("ours", "pandas"), help=argparse.SUPPRESS)
    arguments.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.side:
        found = run_ours(given.folder, given.memory_limit) if given.side == "ours" else run_pandas(given.folder)
        (given.folder / f"{given.side}.json").write_text(json.dumps(found))
        return
    with tempfile.TemporaryDirectory() as name:
        done = bench_patients(
            Path(name), given.people, given.months, given.repeats, given.memory_limit, not given.no_pandas
        )
        print(done)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
