"""Speed as ratios, measured side by side in one run on made-up data: `make bench`.

Seconds depend on the machine; a ratio of two things done one after the other on the same input says more.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "equivalence"), str(ROOT / "bench")]

from costs import cost_of
from landing import bench_landing

PATIENTS, MONTHS = 20_000, 24
TWIN_PATIENTS = 2_000
# 2 GB, 26 columns.
LANDED_ROWS = int(os.environ.get("OPIOIDS_BENCH_ROWS", "5500000"))


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def bench_help() -> str:
    cost_of(["-m", "pipelines", "--help"])
    own = min(cost_of(["-m", "pipelines", "--help"]).cpu_seconds for _ in range(5))
    bare = min(cost_of(["-c", "pass"]).cpu_seconds for _ in range(5))
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
            bench_landing(folder, LANDED_ROWS),
            bench_models(folder / "twin"),
        ):
            print(line, flush=True)


if __name__ == "__main__":
    main()
