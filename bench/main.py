"""Speed as ratios, measured side by side in one run on made-up data: `make bench`.

Seconds depend on the machine; a ratio of two things done one after the other on the same input says more.
"""

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "equivalence")]

PATIENTS, MONTHS = 20_000, 24
TWIN_PATIENTS = 2_000


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def cpu_seconds(*command: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *command], capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def bench_help() -> str:
    cpu_seconds("-m", "pipelines", "--help")
    own = min(cpu_seconds("-m", "pipelines", "--help") for _ in range(5))
    bare = min(cpu_seconds("-c", "pass") for _ in range(5))
    return f"opioids --help: {own - bare:.2f} s of processor time beyond Python's own start"


def bench_synth(folder: Path) -> str:
    from pipelines import assets
    from pipelines.synthetic import write_extract

    seconds = timed(
        lambda: write_extract(
            folder, patients=PATIENTS, months=MONTHS, seed=1, start=date(2024, 1, 1), reference_dir=assets.REFERENCE_DIR
        )
    )
    rows = sum(1 for _ in (folder / "patient_items.csv").open(encoding="utf-8")) - 1
    return f"opioids synth: {rows:,} patient rows, {rows / seconds:,.0f} rows/s"


def bench_landing(extract: Path, folder: Path) -> str:
    import duckdb

    from pipelines import assets
    from pipelines.config import load_settings
    from pipelines.folders import DataFolder
    from pipelines.ingest.delivery import add_files
    from pipelines.ingest.landing import land_new_files
    from pipelines.products import ProductReference, followed_prefixes

    data, settings = DataFolder(folder / "data"), load_settings()
    data.prepare()
    file = extract / "epd.csv"
    add = timed(lambda: add_files([file], data, settings))
    followed = followed_prefixes(ProductReference.load(assets.REFERENCE_DIR))
    bare_sql = (
        "CREATE OR REPLACE TABLE t AS SELECT * FROM read_csv(?, all_varchar = true, header = true) "
        "WHERE BNF_CODE LIKE '0407%'"
    )
    bare = timed(lambda: duckdb.connect().execute(bare_sql, [str(file)]))
    land = timed(lambda: land_new_files(data, settings, followed))
    return (
        f"landing {file.stat().st_size / 1e6:.0f} MB of EPD: {land / bare:.1f} x DuckDB's bare filtered text read "
        f"({land:.2f} s and {bare:.2f} s); hash and copy at add {add:.2f} s"
    )


def bench_models(folder: Path) -> str:
    from extract_items import items_of_extract
    from given import tables_of
    from naive import patient_months
    from support import build_from

    from pipelines import assets

    extract = items_of_extract(
        folder, patients=TWIN_PATIENTS, months=MONTHS, seed=1, dirty=False, reference=assets.REFERENCE_DIR
    )
    given = tables_of(extract.items, extract.loaded_months, extract.gp_practices)
    sql = timed(lambda: build_from(given, "marts.patient_month", folder))
    naive = timed(lambda: patient_months(extract.items, extract.loaded_months, extract.gp_practices))
    return f"patient models, {len(extract.items):,} items: SQL {naive / sql:.1f} x faster than the naive twin"


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for line in (
            bench_help(),
            bench_synth(folder / "extract"),
            bench_landing(folder / "extract", folder),
            bench_models(folder / "twin"),
        ):
            print(line, flush=True)


if __name__ == "__main__":
    main()
