"""Build part of the warehouse from small tables given in place of whatever comes before it."""

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from pipelines import assets, models
from pipelines.build import calendar_table, reviews_table, text_table
from pipelines.config import load_settings
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


def build_from(given: Mapping[str, pa.Table], wanted: str, spill: Path, threads: int = 0) -> DuckDBEngine:
    """An engine in which `wanted` and all it reads are built, with `given` tables standing for their models."""
    engine = DuckDBEngine(None, spill, threads=threads)
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
