"""Landing a registered EPD-like file against DuckDB's bare filtered text read of it.

Each run is a process of its own, so that its peak of memory is its own; the two sides take turns, and the medians of
the pairs are told. Time is told twice: on the clock, and of the processor, which other work on the machine moves less.

`python bench/landing.py` measures 5.5 million rows (2 GB); OPIOIDS_BENCH_ROWS sets another number.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
ROWS = 5_500_000
PAIRS = 3

# All 26 columns of EPD, one product in twenty an opioid and one a gabapentinoid, as wide as real rows are.
MADE_UP = """
COPY (
    SELECT
        '202401' AS YEAR_MONTH, 'NORTH EAST AND YORKSHIRE' AS REGIONAL_OFFICE_NAME, 'Y63' AS REGIONAL_OFFICE_CODE,
        'NHS BARTON AND LITTLE HUMBER INTEGRATED CARE BOARD' AS ICB_NAME, 'QAB' AS ICB_CODE,
        'BARTON SUB LOCATION ' || p % 100 AS PCO_NAME, (10 + p % 89) || 'X' AS PCO_CODE,
        'THE MEDICAL CENTRE NUMBER ' || p AS PRACTICE_NAME, 'A' || (81000 + p) AS PRACTICE_CODE,
        p || ' HIGH STREET' AS ADDRESS_1, 'Old Town, North' AS ADDRESS_2, 'LITTLE BARTON UPON HUMBER' AS ADDRESS_3,
        'WEST YORKSHIRE' AS ADDRESS_4, 'WF' || p % 20 || ' ' || p % 9 || 'AB' AS POSTCODE,
        chemical AS BNF_CHEMICAL_SUBSTANCE, 'Chemical substance name ' || d % 800 AS CHEMICAL_SUBSTANCE_BNF_DESCR,
        chemical || 'AA' || chr(CAST(65 + d % 26 AS INTEGER)) || chr(CAST(65 + d // 26 % 26 AS INTEGER)) || 'AB'
            AS BNF_CODE,
        'Morphine or other product ' || d || 'mg modified-release tablets' AS BNF_DESCRIPTION,
        '04: Central Nervous System' AS BNF_CHAPTER_PLUS_CODE,
        CAST(28 + q % 56 AS DECIMAL(9, 1)) AS QUANTITY, 1 + q % 9 AS ITEMS,
        CAST((28 + q % 56) * (1 + q % 9) AS DECIMAL(12, 1)) AS TOTAL_QUANTITY,
        CAST((28 + q % 56) * (1 + q % 9) AS DECIMAL(12, 5)) AS ADQUSAGE, CAST(q % 5000 / 100 AS DECIMAL(9, 2)) AS NIC,
        CAST(q % 5000 / 101 AS DECIMAL(12, 5)) AS ACTUAL_COST, 'N' AS UNIDENTIFIED
    FROM (
        SELECT
            i * 7919 % 100000 AS q, i % 1000 AS p, i // 917 % 6000 AS d,
            CASE i // 917 % 20
                WHEN 0 THEN '0407020Q0' WHEN 1 THEN '0408010G0' ELSE '0205051L' || i // 917 % 10
            END AS chemical
        FROM range({rows}) AS made (i)
    )
) TO '{file}' (FORMAT csv, HEADER)
"""
BARE = """
import duckdb, sys, time
start, cpu = time.perf_counter(), time.process_time()
duckdb.connect().execute(
    "CREATE TABLE t AS SELECT * FROM read_csv(?, all_varchar = true, header = true) WHERE BNF_CODE LIKE '0407%'",
    [sys.argv[1]],
)
print(time.perf_counter() - start, time.process_time() - cpu)
"""
LAND = """
import sys, time
from pathlib import Path
from pipelines import assets
from pipelines.config import load_settings
from pipelines.folders import DataFolder
from pipelines.ingest.landing import land_new_files
from pipelines.products import ProductReference, followed_prefixes
followed = followed_prefixes(ProductReference.load(assets.REFERENCE_DIR))
data, settings = DataFolder(Path(sys.argv[1])), load_settings()
start, cpu = time.perf_counter(), time.process_time()
landed = land_new_files(data, settings, followed)
assert landed == 1
print(time.perf_counter() - start, time.process_time() - cpu)
"""


class Measured(NamedTuple):
    """Seconds on the clock and of the processor that the work took, and the most memory its process held, in MB."""

    wall: float
    cpu: float
    peak_mb: float


def measured(script: str, argument: Path) -> Measured:
    """Run a script that prints the seconds its work took."""
    read, write = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(argument)], stdout=write, stderr=subprocess.DEVNULL, cwd=ROOT
    )
    os.close(write)
    with os.fdopen(read) as said:
        # DuckDB takes `python -c` for a person and shows its progress first.
        wall, cpu = map(float, said.read().split()[-2:])
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return Measured(wall, cpu, usage.ru_maxrss / (1024 if sys.platform != "darwin" else 1024 * 1024))


def median(numbers: Iterable[float]) -> float:
    """The middle one of an odd number of numbers."""
    return sorted(numbers)[PAIRS // 2]


def bench_landing(folder: Path, rows: int) -> str:
    import duckdb

    from pipelines.config import load_settings
    from pipelines.folders import DataFolder
    from pipelines.ingest.delivery import add_files

    file, data = folder / "EPD_202401.csv", DataFolder(folder / "data")
    duckdb.connect().execute(MADE_UP.format(rows=rows, file=file))
    data.prepare()
    start = time.perf_counter()
    add_files([file], data, load_settings())
    add = time.perf_counter() - start
    bare, land = [], []
    for _ in range(PAIRS):
        for landed in data.landed.iterdir():
            landed.unlink()
        bare.append(measured(BARE, file))
        land.append(measured(LAND, folder / "data"))
    ratios = sorted(ours.wall / theirs.wall for ours, theirs in zip(land, bare, strict=True))
    of_cpu = median(ours.cpu / theirs.cpu for ours, theirs in zip(land, bare, strict=True))
    return (
        f"landing {file.stat().st_size / 1e9:.2f} GB of EPD, {rows:,} rows: {median(ratios):.1f} x DuckDB's bare "
        f"filtered text read ({PAIRS} pairs: {ratios[0]:.1f} to {ratios[-1]:.1f}; of processor time {of_cpu:.1f} x; "
        f"{median(run.wall for run in land):.1f} s and {median(run.wall for run in bare):.1f} s), at most "
        f"{max(run.peak_mb for run in land):.0f} MB (bare {max(run.peak_mb for run in bare):.0f} MB); "
        f"hash and copy at add {add:.1f} s"
    )


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    with tempfile.TemporaryDirectory() as name:
        print(bench_landing(Path(name), int(os.environ.get("OPIOIDS_BENCH_ROWS", ROWS))))
