"""One population through the real product, beside its truth: a row a person, at the month at which they are judged."""

import os
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
import polars as pl

from bench.definitions.populations import FIRST_JUDGED_MONTH, MONTHS
from pipelines import assets
from pipelines.build import BuildInputs, build
from pipelines.config import load_settings
from pipelines.engine.duckdb import DuckDBEngine
from pipelines.folders import DataFolder
from pipelines.identity import open_door
from pipelines.ingest.delivery import add_files
from pipelines.ingest.landing import land_new_files
from pipelines.ingest.register import Register
from pipelines.products import ProductReference, followed_prefixes
from pipelines.synthetic import write_extract
from pipelines.synthetic.draws import Draws, keys
from pipelines.synthetic.mix import Mix

WINDOWS = (1, 3, 6, 12)
COMPUTED = (
    *(f"ome_mg_per_day_{months}m" for months in WINDOWS),
    "high_dose_status",
    "high_dose_status_ge120",
    "high_dose_status_gt90",
    "high_dose_status_ge90",
    "long_term",
    "long_term_3m",
    "opioid_gabapentinoid",
    "opioid_gabapentinoid_3m",
    "escalating",
    "rapid_escalation",
)
"""Columns of marts.patient_month that are held against the truth."""


def measure(
    drawn_from: Mix, script_days: int | None, patients: int, seed: int, folder: Path, months: int = MONTHS
) -> pl.DataFrame:
    """Write, land and build one population below a folder; each person once, computed and true side by side."""
    truth_file = folder / "truth.csv"
    write_extract(
        folder / "extract",
        patients=patients,
        months=months,
        seed=seed,
        reference_dir=assets.REFERENCE_DIR,
        drawn_from=replace(drawn_from, script_days=script_days),
        truth=truth_file,
    )
    truth = pl.read_csv(truth_file, schema_overrides={"Patient ID": pl.String, "Year Month": pl.String})
    computed, key_of = _built(folder, folder / "extract" / "patient_items.csv", truth["Patient ID"].unique().to_list())
    truth = truth.join(key_of, on="Patient ID").with_columns(month=pl.col("Year Month").str.to_date("%Y%m"))
    return at_judged_month(with_windows(truth, _calendar(truth)), computed, seed, min(FIRST_JUDGED_MONTH, months))


def _calendar(truth: pl.DataFrame) -> pl.DataFrame:
    """The months of the truth with their number, from 1, and their days."""
    months = pl.DataFrame({"month": truth["month"].unique().sort()})
    return months.with_columns(
        month_number=pl.int_range(1, pl.len() + 1, dtype=pl.Int64),
        days=pl.col("month").dt.month_end().dt.day().cast(pl.Int64),
    )


def _built(folder: Path, extract: Path, patient_ids: list[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """marts.patient_month as the product makes it from the extract, and the pseudonym of each person."""
    data, settings = DataFolder(folder / "data"), load_settings()
    with mock.patch.dict(os.environ, OPIOIDS_KEY_FILE=str(folder / "key")):
        data.prepare()
        add_files([extract], data, settings)
        land_new_files(data, settings, followed_prefixes(ProductReference.load(assets.REFERENCE_DIR)))
        keyed = open_door(data).pass_through(patient_ids, "truth.csv")
    key_of = pl.DataFrame({"Patient ID": patient_ids, "patient_key": [each.patient_key for each in keyed]})
    engine = DuckDBEngine(data.tmp / "build.duckdb", data.tmp)
    try:
        months = tuple(Register(data).loaded_months())
        inputs = BuildInputs(data, settings, months, assets.SQL_DIR, assets.REFERENCE_DIR, None)
        build(inputs, engine, ["marts.patient_month"])
        _refuse_other_doses(engine)
        columns = ", ".join(
            f"CAST({name} AS DOUBLE) AS {name}" if name.startswith("ome_mg") else name for name in COMPUTED
        )
        table = engine.fetch(f"SELECT patient_key, month, {columns} FROM marts.patient_month")
    finally:
        engine.close()
    return pl.DataFrame(table), key_of


def _refuse_other_doses(engine: DuckDBEngine) -> None:
    """The truth and the product must mean the same by a milligram, or nothing below compares like with like."""
    table = engine.fetch(
        "SELECT bnf_code, CAST(ome_mg_per_unit AS DOUBLE) AS product_says FROM reference.products "
        "WHERE ome_mg_per_unit IS NOT NULL"
    )
    generator = pl.read_csv(assets.REFERENCE_DIR / "synthetic_products.csv", infer_schema=False).select(
        "bnf_code", pl.col("ome_mg_per_unit").cast(pl.Float64).alias("generator_says")
    )
    both = pl.DataFrame(table).join(generator, on="bnf_code", how="left")
    other = both.filter((pl.col("product_says") - pl.col("generator_says").fill_null(0.0)).abs() > 1e-6)
    if other.height or not both.height:
        raise SystemExit(f"Generator and product differ in the OME of a unit: {other.rows()[:5]}")


def with_windows(truth: pl.DataFrame, calendar: pl.DataFrame) -> pl.DataFrame:
    """The truth in every month of the calendar (absent: nothing taken), with its windows.

    `true_Nm`: mean mg a day over N calendar months, `…_before` over the N before these six months ago;
    `taken_Nm`: months with an opioid; `daily_Nm`: an opioid on every day; `steady_Nm`: one dose throughout.
    """
    facts = ("true_ome_mg_per_day", "opioid_days", "opioid_gabapentinoid_days", "opioid_course_days")
    grid = (
        truth.select("Patient ID", "patient_key")
        .unique()
        .join(calendar, how="cross")
        .join(truth.select("Patient ID", "month", *facts), on=["Patient ID", "month"], how="left")
        .with_columns(pl.col(facts).fill_null(0))
        .sort("Patient ID", "month")
        .with_columns(true_ome_mg=pl.col("true_ome_mg_per_day") * pl.col("days"), taken=pl.col("opioid_days") > 0)
    )

    def over(column: str, months: int) -> pl.Expr:
        return pl.col(column).cast(pl.Float64).rolling_sum(months).over("Patient ID")

    grid = grid.with_columns(
        *((over("true_ome_mg", n) / over("days", n)).round(4).alias(f"true_{n}m") for n in WINDOWS),
        *(over("taken", n).alias(f"taken_{n}m") for n in (3, 6)),
        *((over("opioid_days", n) == over("days", n)).alias(f"daily_{n}m") for n in WINDOWS),
        *(
            (
                pl.col("true_ome_mg_per_day").rolling_max(n).over("Patient ID")
                - pl.col("true_ome_mg_per_day").rolling_min(n).over("Patient ID")
                < 0.001
            ).alias(f"steady_{n}m")
            for n in WINDOWS
        ),
        both_days_3m=over("opioid_gabapentinoid_days", 3),
    )
    earlier = pl.col("true_3m", "true_6m", "taken_3m", "taken_6m").shift(6).over("Patient ID")
    return grid.with_columns(earlier.name.suffix("_before"))


def at_judged_month(windows: pl.DataFrame, computed: pl.DataFrame, seed: int, first: int) -> pl.DataFrame:
    """Each person at one month, drawn evenly from the `first` to the last; no row of the product: nothing found."""
    people = windows.select("Patient ID").unique().sort("Patient ID")
    last = int(windows["month_number"].max())  # type: ignore[arg-type]
    draws = Draws(keys(seed, "judged month", people["Patient ID"].cast(pl.Int64).to_numpy()))
    judged = first + np.floor(draws.uniform("month") * (last - first + 1)).astype(np.int64)
    return (
        people.with_columns(month_number=pl.Series(judged))
        .join(windows, on=["Patient ID", "month_number"])
        .join(computed, on=["patient_key", "month"], how="left")
    )
