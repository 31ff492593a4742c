"""trends.xlsx: the protected trend tables as one workbook, in the form that government guidance asks for.

Cover, contents and notes first; then one table a sheet: the headline measures by level, each further measure by itself,
and what was returned locally. Every figure is that of the protected frame, to the decimals of the CSV files.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from pipelines.config import Settings
from pipelines.disclosure import NOT_AVAILABLE_MARK, SUPPRESSED_MARK
from pipelines.report.figures import EPD_MEASURES, MISSION_MEASURES
from pipelines.report.leaving import Leaving
from pipelines.report.series import local_measures
from pipelines.report.tables import decimals_of
from pipelines.spreadsheets import EXCEL_ROWS, HEAD_ROWS, add_table_sheet, cell_of, new_workbook
from pipelines.statistics.measures import counted_measures

WORKBOOK = "trends.xlsx"
LEVELS = ("pcn", "sub_icb", "icb", "region", "all")
_SHEET_OF_LEVEL = {
    "pcn": "Headline_PCN", "sub_icb": "Headline_sub_ICB", "icb": "Headline_ICB", "region": "Headline_region",
    "all": "Headline_all",
}  # fmt: skip
_MOST_ROWS_OF_FURTHER = 100_000
"""Above this many rows together, further measures are given for ICBs and above alone."""
_TITLE = "Opioid safety: trend tables"

_COLUMNS = {
    "org_level": "Level",
    "org_code": "Organisation code",
    "org_name": "Organisation",
    "icb_code": "ICB code",
    "month": "Month",
    "provisional": "Provisional",
    "measure": "Measure",
    "shown": "Count",
    "denominator": "Of",
    "rate_per_1000": "Rate per 1,000",
    "ci_low": "Rate lower 95%",
    "ci_high": "Rate upper 95%",
    "baseline_month": "Baseline month",
    "baseline": "Baseline rate",
    "change_pct": "Change of rate %",
    "change_low": "Change lower 95%",
    "change_high": "Change upper 95%",
    "aim_pct": "Aim %",
    "trajectory": "Line to the aim",
    "probability_aim_met": "Probability aim met",
    "aim_status": "Against the aim",
    "spc_mean": "Process mean",
    "spc_lower": "Process lower limit",
    "spc_upper": "Process upper limit",
    "spc_variation": "Process control",
    "capture_rate": "Items linked to a person",
}
_FIGURES = frozenset({
    "shown", "rate_per_1000", "ci_low", "ci_high", "baseline", "change_pct", "change_low", "change_high", "trajectory",
    "probability_aim_met", "spc_mean", "spc_lower", "spc_upper", "capture_rate",
})  # fmt: skip
"""Hidden with the count."""
_LOCAL_COLUMNS = {
    "org_level": "Level", "org_code": "Organisation code", "org_name": "Organisation", "month": "Month",
    "measure": "Measure", "title": "Title", "kind": "Type", "unit": "Unit", "numerator": "Count or amount",
    "denominator": "Of", "value": "Figure", "returned_by": "Returned by", "baseline_month": "First month",
    "baseline": "Figure of the first month", "change": "Change", "change_unit": "Unit of the change",
    "change_low": "Change lower 95%", "change_high": "Change upper 95%", "change_reason": "Why no change or interval",
    "spc_mean": "Process mean", "spc_lower": "Process lower limit", "spc_upper": "Process upper limit",
    "spc_variation": "Process control",
}  # fmt: skip
_LOCAL_FIGURES = frozenset({"numerator", "denominator", "value"})
_SCORE_COLUMNS = {
    "org_code": "Organisation code", "org_name": "Organisation", "month": "Last month", "instrument": "Questionnaire",
    "n": "People", "mean_before": "Mean before", "mean_after": "Mean after", "mean_change": "Mean change",
    "change_low": "Change lower 95%", "change_high": "Change upper 95%", "interval_basis": "Interval stands on",
    "note": "Note",
}  # fmt: skip
_IMPACT_COLUMNS = {
    "org_code": "Organisation code", "org_name": "Organisation", "service": "Service", "unit_cost_gbp": "Unit cost £",
    "reduction_per_patient": "Fewer per patient and year", "patients": "Patients", "value_gbp_a_year": "£ a year",
    "note": "Where from",
}  # fmt: skip
_LOCAL_DECIMALS = {
    **dict.fromkeys(("value", "baseline", "change", "change_low", "change_high", "spc_mean", "spc_lower"), 3),
    **dict.fromkeys(("spc_upper", "numerator", "mean_before", "mean_after", "mean_change"), 3),
}


@dataclass(frozen=True)
class Table:
    """One sheet with a table."""

    sheet: str
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


def trend_workbook(leaving: Leaving, settings: Settings) -> bytes:
    """The whole workbook. The same frame gives the same bytes."""
    tables = [*_headline(leaving), *_further(leaving, settings), *_local(leaving, settings)]
    buffer = io.BytesIO()
    book = new_workbook(buffer, _TITLE)
    _cover(book, leaving)
    _contents(book, tables)
    notes = list(enumerate(_notes(leaving, settings), 1))
    add_table_sheet(book, "Notes", "Notes", ["Note number", "Note"], notes)
    for table in tables:
        add_table_sheet(book, table.sheet, table.title, table.columns, table.rows)
    book.close()
    return buffer.getvalue()


def _headline(leaving: Leaving) -> list[Table]:
    names = MISSION_MEASURES if leaving.has_patients else EPD_MEASURES
    tables = []
    for level in LEVELS:
        rows = leaving.trends.filter((pl.col("org_level") == level) & pl.col("measure").is_in(names))
        if not rows.is_empty():
            title = f"Headline measures: {_level_words(level)}"
            without = {"org_level", *({"icb_code"} if level in ("icb", "region", "all") else ())}
            order = {name: number for number, name in enumerate(names)}
            rows = rows.sort(
                pl.col("measure").cast(pl.String).replace_strict(order, return_dtype=pl.Int64), "org_code", "month"
            )
            tables.append(_trend_table(_SHEET_OF_LEVEL[level], title, rows, without))
    return tables


def _further(leaving: Leaving, settings: Settings) -> list[Table]:
    """A sheet for each other measure of measures.toml; its parts, twins and flows are in the CSV files."""
    headline = MISSION_MEASURES if leaving.has_patients else EPD_MEASURES
    names = [one.id for one in settings.measures.measures if one.id not in headline]
    rows = leaving.trends.filter(pl.col("measure").is_in(names) & pl.col("org_level").is_in(LEVELS))
    if rows.height > _MOST_ROWS_OF_FURTHER:
        rows = rows.filter(pl.col("org_level").is_in(["icb", "region", "all"]))
    titles = _titles(settings)
    order = {level: number for number, level in enumerate(LEVELS)}
    tables = []
    for name in names:
        own = rows.filter(pl.col("measure") == name).sort(
            pl.col("org_level").cast(pl.String).replace_strict(order, return_dtype=pl.Int64), "org_code", "month"
        )
        if not own.is_empty():
            tables.append(_trend_table(name[:31], titles[name], own, {"measure"}))
    return tables


def _trend_table(sheet: str, title: str, rows: pl.DataFrame, without: set[str]) -> Table:
    assert rows.height + HEAD_ROWS <= EXCEL_ROWS
    told = rows.filter(~pl.col("suppressed"))
    has_some = {name for name in rows.columns if told.is_empty() or told[name].null_count() < told.height}
    names = [name for name in _COLUMNS if name in has_some and name not in without]
    cells = [
        [_cell(name, row[name], bool(row["suppressed"]) and name in _FIGURES) for name in names]
        for row in rows.iter_rows(named=True)
    ]
    return Table(sheet, title, [_COLUMNS[name] for name in names], cells)


def _cell(name: str, value: Any, is_hidden: bool) -> Any:
    """A figure to the decimals of the CSV files; hidden as [c], not available as [x]."""
    if isinstance(value, float):
        places = decimals_of(name)
        value = round(value, places) if places is not None else value
    return cell_of(value, SUPPRESSED_MARK if is_hidden else NOT_AVAILABLE_MARK, is_figure=name == "shown")


def _local(leaving: Leaving, settings: Settings) -> list[Table]:
    titles = {name: measure.title for name, measure in local_measures(settings).items()}
    local, tables = leaving.local, []
    if not local.trends.is_empty():
        in_words = pl.col("measure").replace_strict(titles, default="", return_dtype=pl.String)
        rows = local.trends.with_columns(in_words.alias("title"))
        tables.append(
            _local_table(
                "Local_returns", "What organisations returned themselves", rows, _LOCAL_COLUMNS, _LOCAL_FIGURES
            )
        )
    if not local.scores.is_empty():
        figures = frozenset({"n", "mean_before", "mean_after", "mean_change", "change_low", "change_high"})
        title = "Mean scores that patients reported before and after"
        tables.append(_local_table("Scores", title, local.scores, _SCORE_COLUMNS, figures))
    if not local.service_impact.is_empty():
        figures = frozenset({"patients", "value_gbp_a_year"})
        title = "Service impact, from local unit costs and reductions as entered"
        tables.append(_local_table("Service_impact", title, local.service_impact, _IMPACT_COLUMNS, figures))
    if local.cycles:
        columns = ["Id", "Began on", "Organisation code", "Measure", "Change", "Prediction", "Result", "Next"]
        cells = [
            [c.id, c.began_on, c.org_code, c.studied_measure, c.change, c.prediction, c.result, c.next]
            for c in local.cycles
        ]
        rows_of_cells = [[cell_of(cell) for cell in row] for row in cells]
        tables.append(Table("PDSA", "Changes that were tried: plan, do, study, act", columns, rows_of_cells))
    return tables


def _local_table(sheet: str, title: str, rows: pl.DataFrame, columns: dict[str, str], figures: frozenset[str]) -> Table:
    def cell(row: dict[str, Any], name: str) -> Any:
        value = row[name]
        if name in _LOCAL_DECIMALS and value is not None:
            value = round(float(value), _LOCAL_DECIMALS[name])
        elif value is not None and name in ("unit_cost_gbp", "reduction_per_patient"):
            value = float(value)
        hidden = row["suppressed"] and name in figures
        return cell_of(value, SUPPRESSED_MARK if hidden else NOT_AVAILABLE_MARK)

    cells = [[cell(row, name) for name in columns] for row in rows.iter_rows(named=True)]
    return Table(sheet, title, [*columns.values()], cells)


def _titles(settings: Settings) -> dict[str, str]:
    return {measure.measure: measure.title for measure in counted_measures(settings)}


def _level_words(level: str) -> str:
    words = {
        "pcn": "PCNs",
        "sub_icb": "sub-ICB locations",
        "icb": "ICBs",
        "region": "regions",
        "all": "all loaded data",
    }
    return words[level]


def _cover(book: Any, leaving: Leaving) -> None:
    """Title in A1, then one line a cell, none left out."""
    sheet = book.add_worksheet("Cover")
    sheet.set_column(0, 0, 110)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    wrapped = book.add_format({"text_wrap": True, "valign": "top"})
    months = leaving.trends["month"]
    lines = [
        "Medicines dispensed, not taken. OME finds people to review; never use it to convert or switch medicines. Do "
        "not stop or cut opioids, gabapentinoids or benzodiazepines abruptly.",
        f"Months {str(months.min())[:7]} to {str(months.max())[:7]}." if len(months) else "No month is loaded.",
        f"Snapshot {leaving.snapshot_id}.",
        _protection(leaving),
        "The sheet Contents lists every table; the sheet Notes says what must be known beside them.",
        f"{SUPPRESSED_MARK} stands for a suppressed figure, {NOT_AVAILABLE_MARK} for one that is not available or does "
        "not apply.",
    ]
    sheet.write_string(0, 0, _TITLE, book.add_format({"bold": True, "font_size": 16}))
    for number, line in enumerate(lines, 1):
        sheet.write_string(number, 0, line, wrapped)
        sheet.set_row(number, 15 * (1 + len(line) // 100))


def _protection(leaving: Leaving) -> str:
    if leaving.policy.hides_nothing:
        return "Not protected: small counts are in it. For the secure side only; do not pass it on."
    return f"Counts of people are protected. Disclosure policy {leaving.policy.name}: {leaving.policy.source}."


def _contents(book: Any, tables: Sequence[Table]) -> None:
    rows = [("Notes", "What must be known beside the tables"), *((table.sheet, table.title) for table in tables)]
    add_table_sheet(book, "Contents", "Contents", ["Sheet", "What it holds"], rows)
    sheet = book.get_worksheet_by_name("Contents")
    link = book.add_format({"font_color": "#005eb8", "underline": 1, "valign": "top"})
    for number, (name, _) in enumerate(rows, HEAD_ROWS):
        sheet.write_url(number, 0, f"internal:'{name}'!A1", link, name)


def _notes(leaving: Leaving, settings: Settings) -> list[str]:
    definitions = leaving.trends["definition"].drop_nulls().unique().sort().to_list()
    returned = leaving.local.trends
    used = set() if returned.is_empty() else set(returned["measure"])
    return [
        f"{SUPPRESSED_MARK}: suppressed, because few people stand behind the figure or behind one that it would tell.",
        f"{NOT_AVAILABLE_MARK}: not available (no list sizes, too few months, no baseline), or does not apply. A "
        "column that would hold nothing else is left out of its sheet.",
        _protection(leaving),
        "Rates are per 1,000 registered patients of all ages, or in 1,000 long-acting items where the measure says so. "
        "Rates, intervals, changes and limits are worked out from the counts that are shown.",
        "Aims are settings, not facts. The interval of a change treats the people of both months as different people.",
        "A provisional month lacks people who are new to the data.",
        "Where further measures hold no PCN, their rows are in trends_pcn.csv, as are parts, twins and flows of "
        "measures.",
        *(f"Definition: {text}." for text in definitions),
        *(
            f"{one.measure}: {one.title}. {one.numerator}."
            for one in counted_measures(settings)
            if one.measure == one.cohort and not one.flow
        ),
        *(
            f"{name} (local return): {one.title}. {', of: '.join(filter(None, (one.numerator, one.denominator)))}."
            for name, one in local_measures(settings).items()
            if name in used
        ),
        *(
            ["Local returns were counted by the organisations themselves. A sum adds only those that returned."]
            * bool(used)
        ),
        *(f"Know before you read: {sentence}" for sentence in leaving.caveats),
    ]
