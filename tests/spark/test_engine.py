"""The Spark engine in a session that somebody else made, with settings of their own: `make test-spark`."""

import os
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cluster import LOOPBACK

from pipelines.config import load_settings
from pipelines.engine.base import LandedPart
from pipelines.engine.duckdb import DuckDBEngine
from pipelines.engine.opening import open_engine
from pipelines.engine.spark import Publishing, SparkEngine
from pipelines.errors import ModelError

pytestmark = pytest.mark.skipif(
    "OPIOIDS_SPARK" not in os.environ, reason="minutes, Java 17 and an environment of its own: make test-spark"
)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A session as it must not be for us: another time zone, errors that become NULL."""
    from pyspark.sql import SparkSession

    made = (
        SparkSession.builder.master("local[1]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.host", LOOPBACK)
        .config("spark.driver.bindAddress", LOOPBACK)
        .config("spark.log.level", "OFF")
        .config("spark.local.dir", str(tmp_path_factory.mktemp("local")))
        .config("spark.sql.shuffle.partitions", "1")
        .config("spark.sql.session.timeZone", "Asia/Tokyo")
        .config("spark.sql.ansi.enabled", "false")
        .getOrCreate()
    )
    yield made
    made.stop()


@pytest.fixture
def engine(session: Any, tmp_path: Path) -> Iterator[SparkEngine]:
    made = SparkEngine(session, tmp_path / "build", Publishing(tmp_path))
    yield made
    made.close()


def test_a_session_that_is_there_is_used_and_left_as_it_was(session: Any, tmp_path: Path) -> None:
    settings = load_settings().on_engine("spark").pipeline
    engine = open_engine(settings, tmp_path, "build")
    assert isinstance(engine, SparkEngine)
    engine.load("reference.given", pa.table({"noon": pa.array([1_700_000_000_000_000], pa.timestamp("us", "UTC"))}))
    # 2023-11-14 22:13:20 in UTC, which is the 15th in Tokyo.
    told = engine.fetch("SELECT CAST(noon AS DATE) AS day FROM reference.given").to_pylist()
    assert told == [{"day": date(2023, 11, 14)}]
    engine.close()
    assert session.conf.get("spark.sql.session.timeZone") == "Asia/Tokyo"
    assert session.conf.get("spark.sql.ansi.enabled") == "false"
    assert session.range(1).count() == 1
    assert not session.catalog.tableExists("reference__given")
    assert not (tmp_path / "build").exists()


def test_what_is_no_number_stops_the_build_and_is_not_quoted(engine: SparkEngine) -> None:
    engine.load("reference.given", pa.table({"dose": pa.array(["10", "NHS 943 476 5919"])}))
    with pytest.raises(ModelError) as raised:
        engine.create("marts.doses", "SELECT CAST(dose AS DECIMAL(18, 4)) AS dose FROM reference.given", {})
    assert "943" not in str(raised.value)
    assert "marts.doses" in str(raised.value)


def test_a_column_that_is_not_there_is_named(engine: SparkEngine) -> None:
    engine.load("reference.given", pa.table({"dose": pa.array(["10"])}))
    with pytest.raises(ModelError, match="dosage"):
        engine.create("marts.doses", "SELECT dosage FROM reference.given", {})


def test_a_digit_too_many_stops_the_build(engine: SparkEngine) -> None:
    """(10^14 - 10^-4)^2 = 10^28 - 2*10^10 + 10^-8, of 36 digits, fits into 38; times itself once more it does not."""
    given = pa.table({"dose": pa.array([Decimal("99999999999999.9999")], pa.decimal128(18, 4))})
    engine.load("reference.given", given)
    assert engine.fetch("SELECT dose * dose AS x FROM reference.given").to_pylist() == [
        {"x": Decimal("9999999999999999980000000000.00000001")}
    ]
    with pytest.raises(ModelError):
        engine.fetch("SELECT dose * dose * dose AS x FROM reference.given")


def test_landed_rows_count_in_their_current_months_alone(engine: SparkEngine, tmp_path: Path) -> None:
    """Of the newer file March, and what has no month; of the older one February. A column it lacks is NULL."""
    newer = {"source_row": [1, 2, 3], "month": ["2024-03-01", "2024-02-01", None], "sex": ["F", "M", "F"]}
    older = {"source_row": [1, 2, 3], "month": ["2024-03-01", "2024-02-01", None]}
    for name, rows in (("a1", newer), ("b2", older)):
        pq.write_table(pa.table(rows), tmp_path / f"{name}.parquet")
    shape = pa.schema(
        [("source_row", pa.int64()), ("month", pa.string()), ("sex", pa.string()), ("file_sha256", pa.string())]
    )
    parts = [
        LandedPart(tmp_path / "a1.parquet", "a1", (date(2024, 3, 1), None)),
        LandedPart(tmp_path / "b2.parquet", "b2", (date(2024, 2, 1),)),
    ]
    select = "SELECT source_row, month, sex, file_sha256 FROM raw.items ORDER BY source_row"
    expected = [
        {"source_row": 1, "month": "2024-03-01", "sex": "F", "file_sha256": "a1"},
        {"source_row": 2, "month": "2024-02-01", "sex": None, "file_sha256": "b2"},
        {"source_row": 3, "month": None, "sex": "F", "file_sha256": "a1"},
    ]
    on_duckdb = DuckDBEngine(None, tmp_path)
    for one in (engine, on_duckdb):
        one.view_landed("raw.items", parts, shape)
        assert one.fetch(select).to_pylist() == expected
        one.view_landed("raw.nothing", [], shape)
        assert one.fetch(select.replace("items", "nothing")).to_pylist() == []
    on_duckdb.close()


def test_rows_come_in_order_whole_and_with_their_types(engine: SparkEngine) -> None:
    digits = [f"{n * 7919 % 1000:03}" for n in range(1000)]
    exact = pa.decimal128(24, 4)
    given = pa.table(
        {"code": digits, "day": [date(2024, 2, 29)] * 1000, "dose": pa.array([Decimal("1.5")] * 1000, exact)}
    )
    engine.load("intermediate.given", given)
    found = engine.in_order("SELECT * FROM intermediate.given", "code").read_all()
    assert found["code"].to_pylist() == sorted(digits)
    assert found.schema.types == given.schema.types
    assert engine.in_order("SELECT * FROM intermediate.given WHERE code = 'x'", "code").read_all().num_rows == 0


def test_two_tables_are_taken_in_order_side_by_side(engine: SparkEngine) -> None:
    engine.load("intermediate.given", pa.table({"code": ["b", "a", "c"]}))
    one, other = (engine.in_order(f"SELECT * FROM intermediate.given WHERE code > '{n}'", "code") for n in ("", "a"))
    assert (one.read_all()["code"].to_pylist(), other.read_all()["code"].to_pylist()) == (["a", "b", "c"], ["b", "c"])


def test_rows_that_a_key_does_not_tell_apart_are_counted(engine: SparkEngine) -> None:
    engine.load("marts.given", pa.table({"a": pa.array([1, 1, 1, 2, None, None]), "b": pa.array([1, 1, 1, 1, 1, 1])}))
    assert engine.rows_beyond_key("marts.given", ("a", "b")) == 3
    assert engine.count("marts.given") == 6


def test_what_is_published_is_a_duckdb_file_with_views_where_there_were_views(
    engine: SparkEngine, tmp_path: Path
) -> None:
    import duckdb

    engine.load("intermediate.given", pa.table({"a": pa.array([2, 1])}))
    engine.create("marts.empty", "SELECT a FROM intermediate.given WHERE a > 5", {})
    engine.create("marts.over_intermediate", "SELECT a FROM intermediate.given", {}, "view")
    engine.create("marts.over_marts", "SELECT a FROM marts.over_intermediate WHERE a > $least", {"least": 1}, "view")
    engine.copy_published(tmp_path / "p.duckdb", {"marts.over_marts": "Told."}, {"marts.over_intermediate": ("a",)})
    with duckdb.connect(str(tmp_path / "p.duckdb"), read_only=True) as published:
        kinds = published.execute("SELECT table_name, table_type FROM information_schema.tables ORDER BY 1").fetchall()
        assert kinds == [("empty", "BASE TABLE"), ("over_intermediate", "BASE TABLE"), ("over_marts", "VIEW")]
        assert published.execute("SELECT a FROM marts.over_intermediate").fetchall() == [(1,), (2,)]
        assert published.execute("SELECT a FROM marts.over_marts").fetchall() == [(2,)]
        assert published.execute("SELECT count(*) FROM marts.empty").fetchall() == [(0,)]
