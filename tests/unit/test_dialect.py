"""SQL of the house in the words of Spark: what sqlglot leaves alike although it means something else is changed."""

import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from pipelines import assets, models
from pipelines.config import load_settings
from pipelines.engine.base import Parameter
from pipelines.engine.dialect import spark_sql, tables_named_in
from pipelines.engine.duckdb import DuckDBEngine
from pipelines.engine.opening import open_engine
from pipelines.errors import ModelError, UsageError
from pipelines.folders import DataFolder
from pipelines.refresh import RefreshOptions, refresh

MODELS = models.discover(assets.SQL_DIR)


@pytest.mark.parametrize(
    ("here", "on_spark"),
    [
        (
            "SELECT a / b / 2 AS x FROM t",
            "SELECT CAST(CAST(a AS DOUBLE) / CAST(b AS DOUBLE) AS DOUBLE) / CAST(2 AS DOUBLE) AS x FROM t",
        ),
        ("SELECT extract(year FROM d) AS x FROM t", "SELECT CAST(EXTRACT(YEAR FROM d) AS BIGINT) AS x FROM t"),
        (
            "SELECT CAST(sum(a) OVER w - a AS BIGINT) AS x FROM t WINDOW w AS (ORDER BY b)",
            "SELECT CAST((SUM(a) OVER w) - a AS BIGINT) AS x FROM t WINDOW w AS (ORDER BY b NULLS LAST)",
        ),
        ("SELECT isinf(a) AS x FROM t", "SELECT (ABS(a) = CAST('Infinity' AS DOUBLE)) AS x FROM t"),
        (
            "SELECT a, pdsa.b, c.d FROM marts.pdsa INNER JOIN staging.stg_c AS c USING (a)",
            "SELECT a, pdsa.b, c.d FROM marts__pdsa AS pdsa INNER JOIN staging__stg_c AS c USING (a)",
        ),
        ("SELECT a FROM t ORDER BY a", "SELECT a FROM t ORDER BY a NULLS LAST"),
        ("SELECT concat(a, 'x') AS y FROM t", "SELECT CONCAT(COALESCE(a, ''), 'x') AS y FROM t"),
    ],
)
def test_what_spark_would_read_otherwise_is_said_in_its_words(here: str, on_spark: str) -> None:
    assert spark_sql(here, {}) == on_spark


def test_settings_are_filled_in_as_the_values_they_are() -> None:
    given: dict[str, Parameter] = {
        "dose": Decimal("120.50"),
        "months": 3,
        "least": -2,
        "name": "Bell's",
        "as_at": None,
        "unused": 1,
    }
    select = "SELECT $dose AS a, $months AS b, 5 - $least AS c, $name AS d, $as_at AS e"
    assert spark_sql(select, given) == "SELECT 120.50 AS a, 3 AS b, 5 - (-2) AS c, 'Bell\\'s' AS d, NULL AS e"


def test_a_setting_that_nobody_gives_is_an_error() -> None:
    with pytest.raises(KeyError, match="dose"):
        spark_sql("SELECT $dose AS a", {})


def test_saying_it_for_spark_leaves_the_select_as_it_was() -> None:
    select = "SELECT $n / 2 AS a FROM marts.pdsa"
    assert spark_sql(select, {"n": 1}) != spark_sql(select, {"n": 2})


def test_what_is_no_sql_is_an_error_in_words() -> None:
    with pytest.raises(ModelError, match="not one valid SELECT"):
        spark_sql("SELECT FROM WHERE (", {})


@pytest.mark.parametrize("name", MODELS)
def test_every_model_has_words_for_spark_and_reads_the_same_tables(name: str, duckdb_engine: DuckDBEngine) -> None:
    select = MODELS[name].select
    assert tables_named_in(select) == duckdb_engine.tables_named_in(select)
    said = spark_sql(select, dict.fromkeys(re.findall(r"\$([a-z0-9_]+)", select), 1))
    assert not re.search(r"[$][a-z]|\b(raw|staging|intermediate|marts)[.]", said)


@pytest.fixture(scope="module")
def duckdb_engine(tmp_path_factory: pytest.TempPathFactory) -> DuckDBEngine:
    return DuckDBEngine(None, tmp_path_factory.mktemp("spill"))


def test_duckdb_is_the_engine_unless_another_is_asked_for(tmp_path: Path) -> None:
    engine = open_engine(load_settings().pipeline, tmp_path, "build")
    assert isinstance(engine, DuckDBEngine)
    engine.close()


def take_away(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if it were not installed, also where another test has imported it."""
    for name in {library, *(known for known in sys.modules if known.startswith(f"{library}."))}:
        monkeypatch.setitem(sys.modules, name, None)


@pytest.mark.parametrize("library", ["pyspark", "sqlglot"])
def test_without_the_extra_it_is_said_what_to_install(
    library: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_away(library, monkeypatch)
    with pytest.raises(UsageError) as raised:
        open_engine(load_settings().on_engine("spark").pipeline, tmp_path, "build")
    assert library in raised.value.what
    assert "[spark]" in raised.value.remedy


def test_a_refresh_without_the_extra_ends_before_it_lands_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_away("pyspark", monkeypatch)
    options = RefreshOptions(DataFolder(tmp_path / "data"), tmp_path / "reports", load_settings().on_engine("spark"))
    begun: list[str] = []
    with pytest.raises(UsageError, match="pyspark"):
        refresh(options, begun.append)
    assert begun == []


def test_a_build_on_duckdb_loads_neither_spark_nor_sqlglot() -> None:
    asked = (
        "import sys, pipelines.build, pipelines.engine.opening; "
        "print(sorted({'pyspark', 'py4j', 'sqlglot'} & sys.modules.keys()))"
    )
    said = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


def test_another_engine_is_no_other_content() -> None:
    settings = load_settings()
    assert settings.on_engine("spark").pipeline.engine == "spark"
    assert settings.on_engine("spark").content_hash == settings.content_hash
