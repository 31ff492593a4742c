"""Trend tables as CSV: one file a level, in an order a reader would choose, safe to open in a spreadsheet."""

import io

import polars as pl

from pipelines.config import Settings
from pipelines.report.read import LEVELS, Leaving
from pipelines.statistics.measures import counted_measures

_PARENTS = {
    "practice": ("pcn_code", "pcn_name", "icb_code", "icb_name"),
    "pcn": ("icb_code", "icb_name"),
    "sub_icb": ("icb_code", "icb_name"),
}
_FIGURES = (
    "month", "provisional", "measure", "title", "unit", "shown", "denominator", "rate_per_1000", "ci_low",
    "ci_high", "rate_reason", "baseline_month", "baseline", "change_pct", "change_low", "change_high",
    "change_method", "aim", "aim_pct", "trajectory", "probability_aim_met", "aim_status", "spc_mean",
    "spc_lower", "spc_upper", "spc_signal", "spc_reason", "capture_rate", "denominator_basis", "definition",
    "snapshot_id",
)  # fmt: skip
_DECIMALS = {
    **dict.fromkeys(("rate_per_1000", "ci_low", "ci_high", "baseline", "trajectory"), 3),
    **dict.fromkeys(("spc_mean", "spc_lower", "spc_upper"), 3),
    **dict.fromkeys(("change_pct", "change_low", "change_high", "aim_pct"), 1),
    **dict.fromkeys(("probability_aim_met", "capture_rate"), 2),
}
_LIVE_IN_A_SPREADSHEET = r"^[=+\-@\t\r]"
_PLAIN_NUMBER = r"^-?[0-9]+(\.[0-9]+)?$"


def decimals_of(column: str) -> int | None:
    """To how many decimals a column leaves; None: as it is."""
    return _DECIMALS.get(column)


def trend_tables(leaving: Leaving, settings: Settings) -> dict[str, bytes]:
    """`trends_<level>.csv` → content, for every level, with no rows where nothing of it leaves."""
    counted = counted_measures(settings)
    titles = {measure.measure: measure.title for measure in counted}
    units = {measure.measure: measure.unit for measure in counted}
    order = {name: number for number, name in enumerate(titles)}
    measure_text = pl.col("measure").cast(pl.String)
    frame = leaving.trends.with_columns(
        measure_text.replace_strict(titles, default="", return_dtype=pl.String).alias("title"),
        measure_text.replace_strict(units, default="", return_dtype=pl.String).alias("unit"),
        measure_text.replace_strict(order, default=len(order), return_dtype=pl.Int64).alias("measure_number"),
        pl.lit(leaving.snapshot_id).alias("snapshot_id"),
    ).sort("org_code", "measure_number", "measure", "month")
    return {
        f"trends_{level}.csv": csv_of(
            frame.filter(pl.col("org_level") == level), ("org_code", "org_name", *_PARENTS.get(level, ()), *_FIGURES)
        )
        for level in LEVELS
    }


def csv_of(rows: pl.DataFrame, columns: tuple[str, ...]) -> bytes:
    """RFC 4180: UTF-8, CRLF, quotes where needed, plain decimals."""
    content = io.BytesIO()
    rows.select(_as_text(rows, name) for name in columns).write_csv(content, line_terminator="\r\n")
    return content.getvalue()


def _as_text(rows: pl.DataFrame, name: str) -> pl.Expr:
    kind = rows.schema[name]
    column = pl.col(name)
    if name in _DECIMALS:
        places = _DECIMALS[name]
        return column.cast(pl.Float64).round(places).cast(pl.Decimal(38, places)).cast(pl.String)
    if kind == pl.Date:
        return column.dt.strftime("%Y-%m-%d")
    if kind == pl.String:
        is_live = column.str.contains(_LIVE_IN_A_SPREADSHEET) & ~column.str.contains(_PLAIN_NUMBER)
        return pl.when(is_live).then(pl.concat_str(pl.lit("'"), column)).otherwise(column).alias(name)
    return column
