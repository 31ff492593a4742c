"""The whole warehouse, built on DuckDB and on Spark from the same landed files, is the same: `make test-spark`.

OPIOIDS_SPARK_PATIENTS sets how many made-up people there are.
"""

import csv
import os
import re
import shutil
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from cluster import LOOPBACK, standalone
from returns.filled import HOSPITAL_COSTS, PILOT_SCORES, returned, workbook
from same_tables import differences, tables_of

from pipelines.folders import DataFolder
from pipelines.snapshots import Snapshot, current_snapshot

pytestmark = pytest.mark.skipif(
    "OPIOIDS_SPARK" not in os.environ, reason="minutes, Java 17 and an environment of its own: make test-spark"
)
PATIENTS = os.environ.get("OPIOIDS_SPARK_PATIENTS", "600")
MONTHS = "24"
# Six hundred people have no product whose code was replaced, and too few practices for tenths.
MAY_BE_EMPTY = {"marts.code_replacements", "marts.decile_lines"}
CONFIGS = Path(__file__).parents[2] / "configs"
SUPERSEDED = """
[[superseded]]
version = "2024-03"
last_month = "2024-12"
rules.high_dose = { ome_mg_per_day = 100, comparison = ">=", windows = ["3m"], months_covered = 3 }
"""
# For a build of many small tables: compiling each step of a plan to its last degree costs more than it saves.
DEFAULTS = "spark.driver.extraJavaOptions -XX:TieredStopAtLevel=1\n"


class Desk:
    """One data folder to be refreshed on several engines, and the command line to do it with."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.spark_conf = folder / "spark-conf"
        self.spark_conf.mkdir()
        (self.spark_conf / "spark-defaults.conf").write_text(DEFAULTS)
        self.config = folder / "config"
        self.config.mkdir()
        cohorts = (CONFIGS / "cohorts.toml").read_text(encoding="utf-8")
        (self.config / "cohorts.toml").write_text(cohorts + SUPERSEDED, encoding="utf-8")

    def run(self, *arguments: str | Path) -> str:
        ours = {"OPIOIDS_KEY_FILE": str(self.folder / "key"), "SPARK_CONF_DIR": str(self.spark_conf)}
        said = subprocess.run(
            [sys.executable, "-m", "pipelines", *map(str, arguments)],
            env={**os.environ, **ours, "SPARK_LOCAL_IP": LOOPBACK},
            capture_output=True,
            text=True,
            check=False,
        )
        assert said.returncode == 0, said.stderr[-2000:]
        return said.stdout

    def refresh(self, data: Path, *options: str) -> None:
        reason = ("--allow-unconverted", "made-up faults")
        self.run("refresh", "--no-report", "--data-dir", data, "--config-dir", self.config, *reason, *options)

    def refreshed(self, name: str, *options: str) -> Snapshot:
        """The folder's copy, refreshed; what was landed before is landed there."""
        copy = self.folder / name
        shutil.copytree(self.data, copy, symlinks=True)
        self.refresh(copy, *options)
        return current_snapshot(DataFolder(copy))


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Made-up people with the faults of real extracts, landed."""
    made = Desk(tmp_path_factory.mktemp("spark"))
    extract = made.folder / "extract"
    made.run("synth", "--patients", PATIENTS, "--months", MONTHS, "--seed", "7", "--dirty", "--out", extract)
    _say_days_supply(extract / "patient_items.csv")
    made.run("add", *sorted(extract.iterdir()), "--data-dir", made.data)
    made.refresh(made.data)
    _bring_back(made)
    return made


def _say_days_supply(file: Path) -> None:
    """Two further columns that an ePACT2 report may have: on which day, and for how many."""
    with file.open(encoding="utf-8", newline="") as handle:
        header, *rows = csv.reader(handle)
    with file.open("w", encoding="utf-8", newline="") as handle:
        written = csv.writer(handle)
        written.writerow([*header, "Dispensed Date", "Days Supply"])
        for number, row in enumerate(rows):
            month = row[0] if re.fullmatch(r"\d{6}", row[0]) else None
            day = f"{month[:4]}-{month[4:]}-{number % 28 + 1:02d}" if month else ""
            written.writerow([*row, day, 28 if number % 3 else 56])


def _bring_back(desk: Desk) -> None:
    """What people enter: two reviews that exclude, and a workbook of local returns."""
    reviews, returns = desk.folder / "reviews.csv", desk.folder / "returns.xlsx"
    listed = tables_of(current_snapshot(DataFolder(desk.data)).file)["marts.case_list"]["patient_key"].to_pylist()
    desk.run("reviews", "template", "--out", reviews, "--data-dir", desk.data)
    with reviews.open("a", encoding="utf-8") as handle:
        handle.writelines(f"{patient},2024-03-05,excluded: cancer,AB\n" for patient in listed[:2])
    desk.run("reviews", "import", reviews, "--data-dir", desk.data)
    cycle = {"id": "P1", "date": "2024-06-03", "organisation": "QZA", "change": "A clinic", "prediction": "Fewer"}
    sheets = {
        "local_returns": [returned("2024-05", "QZA", "mdt_cases", 12), returned("2024-06", "QZA", "mdt_cases", 9)],
        "pdsa": [cycle],
        "patient_reported_scores": PILOT_SCORES,
        "unit_costs": HOSPITAL_COSTS,
    }
    returns.write_bytes(workbook(sheets))
    desk.run("returns", "import", returns, "--data-dir", desk.data)


@pytest.fixture(scope="module")
def on_duckdb(desk: Desk) -> Snapshot:
    return desk.refreshed("on-duckdb")


@pytest.fixture(scope="module")
def as_on_duckdb(on_duckdb: Snapshot) -> dict[str, pa.Table]:
    found = tables_of(on_duckdb.file)
    # An empty table is alike on every engine.
    assert {name for name, table in found.items() if not table.num_rows} <= MAY_BE_EMPTY
    return found


def test_a_comparison_sees_one_digit_of_one_dose(as_on_duckdb: dict[str, pa.Table]) -> None:
    doses = as_on_duckdb["marts.item_ome"]
    values = doses["ome_mg"].to_pylist()
    first = next(number for number, value in enumerate(values) if value is not None)
    values[first] += Decimal("0.0001")
    column = doses.column_names.index("ome_mg")
    changed = doses.set_column(column, doses.schema.field(column), pa.array(values, doses.schema.field(column).type))
    assert differences(as_on_duckdb, {**as_on_duckdb, "marts.item_ome": changed}) == ["marts.item_ome.ome_mg differs"]


def test_on_this_machine(desk: Desk, on_duckdb: Snapshot, as_on_duckdb: dict[str, pa.Table]) -> None:
    published = desk.refreshed("on-spark", "--engine", "spark")
    assert differences(as_on_duckdb, tables_of(published.file)) == []
    # The same content, whatever computed it: code, SQL and data.
    assert published.snapshot_id == on_duckdb.snapshot_id
    # Nothing is left behind: no Parquet of the build, no spill file of Spark.
    assert list((desk.folder / "on-spark" / "tmp").iterdir()) == []


def test_on_a_master_and_two_workers(desk: Desk, as_on_duckdb: dict[str, pa.Table]) -> None:
    logs = desk.folder / "cluster"
    logs.mkdir()
    (desk.spark_conf / "spark-defaults.conf").write_text(
        f"{DEFAULTS}spark.executor.memory 1500m\nspark.executor.cores 1\nspark.sql.shuffle.partitions 4\n"
    )
    shipped = (CONFIGS / "pipeline.toml").read_text(encoding="utf-8")
    with standalone(logs, workers=2, memory="1800m") as address:
        (desk.config / "pipeline.toml").write_text(
            shipped.replace('engine = "duckdb"', 'engine = "spark"').replace('"local[*]" ', f'"{address}" ')
        )
        published = desk.refreshed("on-cluster")
    # Settings are part of the id, an address among them: only the tables are the same.
    assert differences(as_on_duckdb, tables_of(published.file)) == []
    said = [(logs / f"worker-{number}.log").read_text(encoding="utf-8") for number in range(2)]
    assert all("Asked to launch executor" in text for text in said), "a worker had nothing to do"
