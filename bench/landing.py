"""Landing a registered EPD-like file against DuckDB's bare filtered text read of it, each in a process of its own.

`python bench/landing.py` measures 5.5 million rows (2 GB); OPIOIDS_BENCH_ROWS sets another number.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROWS = 5_500_000

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
start = time.perf_counter()
duckdb.connect().execute(
    "CREATE TABLE t AS SELECT * FROM read_csv(?, all_varchar = true, header = true) WHERE BNF_CODE LIKE '0407%'",
    [sys.argv[1]],
)
print(time.perf_counter() - start)
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
start = time.perf_counter()
land_new_files(data, settings, followed)
print(time.perf_counter() - start)
"""


def measured(script: str, argument: Path) -> tuple[float, float]:
    """Seconds that a script says its work took, and the most memory its process held, in MB."""
    read, write = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(argument)], stdout=write, stderr=subprocess.DEVNULL, cwd=ROOT
    )
    os.close(write)
    with os.fdopen(read) as said:
        # DuckDB takes `python -c` for a person and shows its progress first.
        seconds = float(said.read().split()[-1])
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return seconds, usage.ru_maxrss / (1024 if sys.platform != "darwin" else 1024 * 1024)


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
    bare, bare_mb = measured(BARE, file)
    land, land_mb = measured(LAND, folder / "data")
    return (
        f"landing {file.stat().st_size / 1e9:.2f} GB of EPD, {rows:,} rows: {land / bare:.1f} x DuckDB's bare filtered "
        f"text read ({land:.1f} s and {bare:.1f} s), at most {land_mb:.0f} MB (bare {bare_mb:.0f} MB); "
        f"hash and copy at add {add:.1f} s"
    )


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    with tempfile.TemporaryDirectory() as name:
        print(bench_landing(Path(name), int(os.environ.get("OPIOIDS_BENCH_ROWS", ROWS))))
