"""Build part of the warehouse from small tables given in place of whatever comes before it.

With OPIOIDS_TESTS_ON=spark in the environment, and Spark installed, it is built on Spark (`make test-spark`).
"""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from pipelines import assets, models
from pipelines.build import calendar_table, reviews_table, text_table
from pipelines.config import load_settings
from pipelines.engine.base import Engine
from pipelines.engine.duckdb import DuckDBEngine
from pipelines.returns import instruments_table, local_measures_table, returns_tables
from pipelines.statistics.measures import old_rules_table

SETTINGS = load_settings()


def parameters() -> dict[str, object]:
    """What `$name` means in a model, under the shipped settings."""
    return {
        **SETTINGS.cohorts.sql_parameters(),
        "factor_set": SETTINGS.pipeline.factor_set,
        "default_aim": SETTINGS.aims.default,
        "as_at_month": None,
    }


def new_engine(spill: Path, threads: int = 0) -> Engine:
    """An empty engine whose passing files lie in `spill`."""
    if os.environ.get("OPIOIDS_TESTS_ON") != "spark":
        return DuckDBEngine(None, spill, threads=threads)
    from pipelines.engine.spark import Publishing, SparkEngine, running_session, start_session

    session = running_session() or start_session("local[1]", spill, "2GB")
    return SparkEngine(session, Path(tempfile.mkdtemp(dir=spill)) / "build", Publishing(spill))


def build_from(given: Mapping[str, pa.Table], wanted: str, spill: Path, threads: int = 0) -> Engine:
    """An engine in which `wanted` and all it reads are built, with `given` tables standing for their models."""
    engine = new_engine(spill, threads)
    tables = {
        "reference.months": calendar_table(),
        "reference.review_outcomes": text_table(assets.REFERENCE_DIR / "review_outcomes.csv"),
        "reference.unallocated_practices": text_table(assets.REFERENCE_DIR / "unallocated_practices.csv"),
        "raw.reviews": reviews_table(()),
        "reference.superseded_rules": old_rules_table(SETTINGS),
        **returns_tables(()),
        "reference.local_measures": local_measures_table(SETTINGS),
        "reference.instruments": instruments_table(SETTINGS),
        **given,
    }
    for name, table in tables.items():
        engine.load(name, table)
    every = models.discover(assets.SQL_DIR)
    reads = {name: engine.tables_named_in(model.select) for name, model in every.items()}
    for name in models.in_build_order(models.needed_for([wanted], {k: v for k, v in reads.items() if k not in tables})):
        engine.create(name, every[name].select, parameters(), every[name].kind)  # type: ignore[arg-type]
    return engine
