"""The patients' three cohorts as an analyst would write them in pandas: group, fill the months, roll."""

import time
from pathlib import Path
from typing import Any

from counted import COUNTED, OF_PRODUCT, OTHER_CLASSES


def run(folder: Path) -> dict[str, object]:
    """What is counted by month, and what it took."""
    import numpy as np
    import pandas as pd

    items = pd.read_parquet(folder / "items.parquet")
    products = pd.read_parquet(folder / "products.parquet").set_index("product_number")
    start, cpu_start = time.perf_counter(), time.process_time()
    months = pd.DatetimeIndex(np.sort(pd.to_datetime(items["month"]).unique()))
    days = pd.Series(months.days_in_month, index=range(len(months)))
    items["m"] = months.get_indexer(pd.to_datetime(items["month"]))
    items["patient"] = pd.factorize(items["patient_key"])[0]
    items["total_quantity"] = items["total_quantity"].astype(float)
    full = _with_runs(_every_month(_dispensed(items, products), len(months)))
    since_episode = full["m"].map(days.cumsum()) - full["episode_start"].map(days.cumsum().shift(fill_value=0)).fillna(
        0
    )
    above = {}
    for length in (3, 6):
        window = full["m"].map(days.rolling(length, min_periods=1).sum())
        above[length] = full[f"ome_{length}m"] > 120 * np.minimum(window, since_episode) + 1e-6
    reached = np.minimum(np.minimum(3, full["m"] + 1), full["m"] - full["episode_start"] + 1)
    full["high_dose"] = above[3] & above[6] & (reached >= 3) & (full["m"] >= 2)
    is_open = full["m"] - full["last_opioid"] <= full["allowed"]
    full["long_term"] = is_open & (full["last_opioid"] - full["run_start"] + 1 >= 7) & (full["m"] >= 6)
    full["opioid_gabapentinoid"] = full["opioid"] & full["gabapentinoid"]
    counted = full.groupby("m")[list(COUNTED)].sum()
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu_start
    counts = [
        {"month": str(months[m].date()), **{name: int(row[name]) for name in COUNTED}} for m, row in counted.iterrows()
    ]
    return {"seconds": seconds, "cpu": cpu, "counts": counts, "items": len(items)}


def _dispensed(items: Any, products: Any) -> Any:
    """One row per patient and month: dose without injections, what a long script is told by, and gabapentinoids."""
    of = ["patient", "m", "product_number"]
    opioids = items[items["in_scope"]]
    # What reversals leave of a product in a month, never below zero.
    net = opioids.groupby(of, as_index=False)["total_quantity"].sum().join(products[OF_PRODUCT], on="product_number")
    net["total_quantity"] = net["total_quantity"].clip(lower=0)
    is_counted = (net["ome_status"] == "converted") & (net["route"] != "parenteral")
    net["ome_mg"] = (net["total_quantity"] * net["ome_mg_per_unit"].astype(float)).where(is_counted)
    net["tablets"] = net["total_quantity"].where(net["form"].str.contains("tablet|capsule", na=False), 0.0)
    patch_hours = net["total_quantity"] * net["wear_hours"].astype(float)
    net["patch_hours"] = patch_hours.where(net["form"] == "patch", 0.0)
    dispensed = net.groupby(["patient", "m"])[["ome_mg", "tablets", "patch_hours"]].sum()
    given = opioids[opioids["total_quantity"] >= 0].groupby(["patient", "m"]).size()
    dispensed["opioid"] = given.reindex(dispensed.index).notna()
    others = items[items["product_class"].isin(OTHER_CLASSES) & ~(items["total_quantity"] <= 0)]
    is_gabapentinoid = others.assign(gabapentinoid=others["product_class"] == "gabapentinoid")
    return dispensed.join(is_gabapentinoid.groupby(["patient", "m"])["gabapentinoid"].any(), how="outer")


def _every_month(dispensed: Any, months: int) -> Any:
    """Every month of every person, with the dose of the last one, three, six and twelve."""
    import pandas as pd

    people = dispensed.index.get_level_values(0).unique()
    grid = pd.MultiIndex.from_product([people, range(months)], names=["patient", "m"])
    full = dispensed.reindex(grid).reset_index()
    full["ome_mg"] = full["ome_mg"].fillna(0.0)
    for flag in ("opioid", "gabapentinoid"):
        full[flag] = full[flag].eq(True)
    by_person = full.groupby("patient", sort=False)
    for length in (1, 3, 6, 12):
        full[f"ome_{length}m"] = by_person["ome_mg"].rolling(length, min_periods=1).sum().to_numpy()
    return full


def _with_runs(full: Any) -> Any:
    """The latest run and episode of opioid months, carried into the months that follow."""
    import numpy as np

    runs = full.loc[full["opioid"], ["patient", "m", "tablets", "patch_hours"]].copy()
    runs["allowed"] = np.where((runs["tablets"] >= 112) | (runs["patch_hours"] >= 24 * 56), 2, 1)
    of_person = runs.groupby("patient")
    gap = runs["m"] - of_person["m"].shift() - 1
    runs["run_start"] = runs["m"].where(gap.isna() | (gap > of_person["allowed"].shift()))
    runs["episode_start"] = runs["m"].where(gap.isna() | (gap >= 6))
    runs["last_opioid"] = runs["m"]
    carried = ["run_start", "episode_start", "last_opioid", "allowed"]
    runs[carried] = runs.groupby("patient")[carried].ffill()
    full = full.join(runs[carried])
    full[carried] = full.groupby("patient", sort=False)[carried].ffill()
    return full
