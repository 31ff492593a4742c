"""The patients' three cohorts as an analyst would write them in polars: what in_pandas.py does."""

import time
from pathlib import Path

import polars as pl
from counted import COUNTED, OF_PRODUCT, OTHER_CLASSES


def run(folder: Path) -> dict[str, object]:
    """What is counted by month, and what it took."""
    start, cpu_start = time.perf_counter(), time.process_time()
    products = pl.scan_parquet(folder / "products.parquet").select("product_number", *OF_PRODUCT)
    items = pl.scan_parquet(folder / "items.parquet").with_columns(pl.col("total_quantity").cast(pl.Float64)).collect()
    calendar = (
        items.select(pl.col("month").unique().sort()).with_row_index("m").with_columns(pl.col("m").cast(pl.Int64))
    )
    days = calendar["month"].dt.days_in_month().cast(pl.Int64).to_list()
    items = items.join(calendar, on="month")
    full = _with_runs(_every_month(_dispensed(items, products), calendar))
    counted_by = full.with_columns(**_cohorts(days)).group_by("m").agg(pl.col(*COUNTED).sum()).sort("m").collect()
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu_start
    months = calendar["month"].to_list()
    counts = [
        {"month": str(months[row["m"]])[:10], **{name: int(row[name]) for name in COUNTED}}
        for row in counted_by.to_dicts()
    ]
    return {"seconds": seconds, "cpu": cpu, "counts": counts, "items": items.height}


def _dispensed(items: pl.DataFrame, products: pl.LazyFrame) -> pl.LazyFrame:
    """One row per patient and month: dose without injections, what a long script is told by, and gabapentinoids."""
    net = (
        items.lazy()
        .filter("in_scope")
        .group_by("patient_key", "m", "product_number")
        .agg(pl.col("total_quantity").sum().clip(0), given=(pl.col("total_quantity") >= 0).any())
        .join(products, on="product_number", how="left")
    )
    counted = (pl.col("ome_status") == "converted") & (pl.col("route") != "parenteral")
    oral = pl.col("form").str.contains("tablet|capsule").fill_null(False)
    quantity = pl.col("total_quantity")
    dispensed = net.group_by("patient_key", "m").agg(
        ome_mg=(quantity * pl.col("ome_mg_per_unit").cast(pl.Float64)).filter(counted).sum(),
        tablets=quantity.filter(oral).sum(),
        patch_hours=(quantity * pl.col("wear_hours").cast(pl.Float64)).filter(pl.col("form") == "patch").sum(),
        opioid=pl.col("given").any(),
    )
    others = (
        items.lazy()
        .filter(pl.col("product_class").is_in(OTHER_CLASSES) & ~(quantity <= 0).fill_null(False))
        .group_by("patient_key", "m")
        .agg(gabapentinoid=(pl.col("product_class") == "gabapentinoid").any())
    )
    return dispensed.join(others, on=["patient_key", "m"], how="full", coalesce=True)


def _every_month(seen: pl.LazyFrame, calendar: pl.DataFrame) -> pl.LazyFrame:
    """Every month of every person."""
    return (
        seen.select("patient_key").unique()
        .join(calendar.lazy().select("m"), how="cross")
        .join(seen, on=["patient_key", "m"], how="left")
        .with_columns(pl.col("ome_mg").fill_null(0.0), pl.col("opioid", "gabapentinoid").fill_null(False))
        .sort("patient_key", "m")
    )  # fmt: skip


def _with_runs(full: pl.LazyFrame) -> pl.LazyFrame:
    """The dose of the last three and six months, and the latest run and episode of opioid months."""
    of_person = {"partition_by": "patient_key", "order_by": "m"}
    opioid = pl.col("opioid")
    full = full.with_columns(
        *(
            pl.col("ome_mg").rolling_sum(length, min_samples=1).over("patient_key").alias(f"ome_{length}m")
            for length in (3, 6)
        ),
        last=pl.when(opioid).then("m").forward_fill().over(**of_person),
        allowed=pl.when(opioid)
        .then(pl.when((pl.col("tablets") >= 112) | (pl.col("patch_hours") >= 24 * 56)).then(2).otherwise(1))
        .forward_fill()
        .over(**of_person),
    )
    gap = pl.col("m") - pl.col("last").shift().over(**of_person) - 1
    begins = {
        "run_start": gap.is_null() | (gap > pl.col("allowed").shift().over(**of_person)),
        "episode_start": gap.is_null() | (gap >= 6),
    }
    return full.with_columns(
        **{name: pl.when(opioid & begin).then("m").forward_fill().over(**of_person) for name, begin in begins.items()}
    )


def _cohorts(days: list[int]) -> dict[str, pl.Expr]:
    """The three cohorts, given the days of each month."""
    ended = [sum(days[: m + 1]) for m in range(len(days))]
    month, episode = pl.col("m"), pl.col("episode_start")
    since = month.replace_strict(dict(enumerate(ended))) - episode.replace_strict(
        {m: ended[m] - days[m] for m in range(len(days))}, default=None
    ).fill_null(0)
    above = []
    for length in (3, 6):
        window = [sum(days[max(0, m - length + 1) : m + 1]) for m in range(len(days))]
        in_window = month.replace_strict(dict(enumerate(window)))
        above.append(pl.col(f"ome_{length}m") > 120 * pl.min_horizontal(in_window, since) + 1e-6)
    reached = pl.min_horizontal(pl.lit(3), month + 1, month - episode + 1)
    is_open = month - pl.col("last") <= pl.col("allowed")
    return {
        "high_dose": above[0] & above[1] & episode.is_not_null() & (reached >= 3) & (month >= 2),
        "long_term": is_open & (pl.col("last") - pl.col("run_start") + 1 >= 7) & (month >= 6),
        "opioid_gabapentinoid": pl.col("opioid") & pl.col("gabapentinoid"),
    }
