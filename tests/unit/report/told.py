"""Read every figure of an organisation, month and measure back from the built files, wherever it stands in them."""

import csv
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import fastexcel
import polars as pl

from pipelines.report.charts import BLUE
from pipelines.report.wording import readable_name
from pipelines.statistics.measures import counted_measures
from tests.unit.report.made import SETTINGS
from tests.unit.report.reading import Table, figures, marks, tables

Name = tuple[str, str, date, str]
"""Level, code, month and measure of a count."""

_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
MONTH = rf"(?:{'|'.join(_MONTHS)}) \d{{4}}"
NUMBER = r"\d[\d,]*(?:\.\d+)?"
_MARKS = {"[c]", "[x]", "–", ""}
_COLUMNS = {
    "Above 120 mg a day": "high_dose", "Longer than 6 months": "long_term",
    "With a gabapentinoid": "opioid_gabapentinoid", "mg OME per 1,000 patients (open data)": "epd_ome_total",
}  # fmt: skip
_SHORT = {
    "OME dispensed, mg (open data)": "epd_ome_total", "Opioid items (open data)": "epd_opioid_items",
    "High-strength items, of 1,000 long-acting (open data)": "epd_high_strength_120_items",
    "Gabapentinoids, daily doses (open data)": "epd_gabapentinoid_ddd",
}  # fmt: skip
TITLES = {measure.title: measure.measure for measure in counted_measures(SETTINGS)} | _SHORT
_WORKBOOK = {"Count": "numerator", "Rate per 1,000": "rate_per_1000", "Rate lower 95%": "ci_low",
             "Rate upper 95%": "ci_high", "Baseline rate": "baseline"}  # fmt: skip
_NO_FIGURES = (
    "To fill in at the practice meeting", "Rules, their version", "Rows by source", "Opioid items without a dose",
    "References beside the newest month",
)  # fmt: skip
"""Tables of nothing that the protected table holds."""


class Told(NamedTuple):
    """A figure as it stands in a file: which column of the protected table it is, and how exactly it is told."""

    where: str
    name: Name
    column: str
    value: float
    slack: float


class Unread(AssertionError):
    """A table, or a chart, of which this reader does not know what it says."""


def titled(text: str, end: str = ", ") -> tuple[str, str]:
    """The measure whose title a text begins with, and what follows it."""
    found = [title for title in TITLES if text.startswith(title + end)]
    if not found:
        raise Unread(text)
    title = max(found, key=len)
    return TITLES[title], text.removeprefix(title + end)


def month_of(text: str) -> date:
    word, year = text.split()
    return date(int(year), _MONTHS.index(word) + 1, 1)


def numbers(text: str) -> set[str]:
    """Numbers that are no part of a word, a code or a date."""
    text = re.sub(rf"{MONTH}|\b20\d\d-\d\d\b|\d+ {MONTH}", " ", text)
    return set(re.findall(r"(?<![\w.,-])(\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)(?!\w)", text))


class Site:
    """The files of one folder, and the organisations by their names."""

    def __init__(self, folder: Path, trends: pl.DataFrame) -> None:
        self.folder = folder
        newest = trends.sort("month").unique(["org_level", "org_code"], keep="last")
        self.places = {
            readable_name(str(row["org_name"])).casefold(): (row["org_level"], row["org_code"])
            for row in newest.sort(pl.col("org_level") == "all", descending=True).iter_rows(named=True)
        }
        self.kinds: set[str] = set()

    def everything(self) -> Iterator[Told]:
        yield from self.of_csv()
        yield from self.of_workbook()
        for page in sorted(self.folder.glob("*.html")):
            yield from self.of_page(page.name, page.read_text(encoding="utf-8"))

    def of_csv(self) -> Iterator[Told]:
        for file in sorted(self.folder.glob("trends_*.csv")):
            level = file.stem.removeprefix("trends_")
            with file.open(encoding="utf-8", newline="") as handle:
                for row in csv.DictReader(handle):
                    name = (level, row["org_code"], date.fromisoformat(row["month"]), row["measure"])
                    yield from self._cell(file.name, name, "numerator", row["shown"])
                    for column in ("rate_per_1000", "ci_low", "ci_high", "baseline", "trajectory", "change_pct"):
                        yield from self._cell(file.name, name, column, row[column])

    def of_workbook(self) -> Iterator[Told]:
        book = fastexcel.read_excel(self.folder / "trends.xlsx")
        for sheet in book.sheet_names:
            rows = book.load_sheet(sheet, header_row=None, skip_rows=0, dtypes="string").to_arrow().to_pylist()
            cells = [[cell or "" for cell in row.values()] for row in rows]
            if len(cells) < 5 or "Count" not in cells[3]:
                continue
            for line in cells[4:]:
                row = dict(zip(cells[3], line, strict=True))
                level = row.get("Level") or sheet.removeprefix("Headline_").lower()
                measure = row.get("Measure") or sheet
                name = (level, row["Organisation code"], date.fromisoformat(row["Month"][:10]), measure)
                for heading, column in _WORKBOOK.items():
                    yield from self._cell(f"trends.xlsx, {sheet}", name, column, row.get(heading, ""), digits=3)

    def of_page(self, file: str, text: str) -> Iterator[Told]:
        for table in tables(text):
            yield from self._of_table(file, table)
        for figure in figures(text):
            yield from self._of_figure(file, *figure)

    def _cell(self, where: str, name: Name, column: str, text: str, digits: int | None = None) -> Iterator[Told]:
        if text not in _MARKS:
            decimals = len(text.partition(".")[2]) if digits is None else digits
            slack = 0.0 if column == "numerator" else 0.5 * 10**-decimals + 1e-9
            yield Told(where, name, column, float(text.replace(",", "")), slack)

    def _place(self, words: str) -> tuple[str, str]:
        try:
            return self.places[words.casefold()]
        except KeyError:
            raise Unread(words) from None

    def _of_table(self, file: str, table: Table) -> Iterator[Told]:
        heads, caption = table.rows[0], table.caption
        where = f"{file}: {caption}"
        rest = caption.rpartition(", ")[2]
        if caption == "Organisations":
            yield from self._columns(where, table, self._month_on(file))
        elif caption.startswith("GP practices, "):
            yield from self._columns(where, table, month_of(rest))
        elif caption.startswith("Balancing measures, ") and heads[1] == "People":
            yield from self._by_measure(where, table, self.place_of(file), month_of(rest))
        elif heads == ["Measure", "Number", "Rate", "Similar practices", "Among all practices"]:
            yield from self._by_measure(where, table, self.place_of(file), self._month_on(file))
        elif heads[:2] == ["Measure", "Baseline"]:
            yield from self._of_programme(where, table, self._place(rest))
        elif heads[0] == "Month" and heads[1].startswith("This ") and heads[2] == "Decile 1":
            measure, _ = titled(caption)
            for row in table.rows[1:]:
                name = (*self.place_of(file), month_of(row[0]), measure)
                yield from self._cell(where, name, "rate_per_1000", row[1])
        elif heads == ["Month", "Figure", "Mean", "Limits", "Signal"]:
            yield from self._of_control(where, table)
        elif heads[0] == "Month":
            yield from self._by_month(where, table)
        elif re.fullmatch(rf".*, {MONTH}(, by (PCN|ICB))?", caption) and "Per 1,000" in heads:
            measure, told_of = titled(caption)
            yield from self._by_organisation(where, table, measure, month_of(told_of.split(", ")[0]))
        elif not caption.startswith(_NO_FIGURES):
            raise Unread(where)
        else:
            return
        self.kinds.add(" ".join(heads[:2]))

    def place_of(self, file: str) -> tuple[str, str]:
        text = (self.folder / file).read_text(encoding="utf-8")
        name = re.search(r"<h1>(.*?)</h1>", text)[1]  # type: ignore[index]
        if file == "index.html":
            name = re.search(r'<p class="lede">(.*?): ', text)[1]  # type: ignore[index]
        return self._place(name)

    def _month_on(self, file: str) -> date:
        text = (self.folder / file).read_text(encoding="utf-8")
        return month_of(re.search(rf"figures to ({MONTH})", text)[1])  # type: ignore[index]

    def _by_month(self, where: str, table: Table) -> Iterator[Told]:
        measure, organisation = titled(table.caption)
        heads = table.rows[0]
        for row in table.rows[1:]:
            name = (*self._place(organisation), month_of(row[0]), measure)
            yield from self._cell(where, name, "numerator", row[1])
            yield from self._rates(where, name, dict(zip(heads, row, strict=True)))

    def _of_control(self, where: str, table: Table) -> Iterator[Told]:
        """Process control: grams, milligrams or rates, with mean and limits."""
        measure, rest = titled(table.caption)
        organisation, _, unit = rest.rpartition(", ")
        scale = 1000.0 if unit.startswith("grams") else 1.0
        column = "numerator" if unit.endswith("a month") else "rate_per_1000"
        for row in table.rows[1:]:
            name = (*self._place(organisation), month_of(row[0]), measure)
            low, high = row[3].split(" to ")
            for which, text in ((column, row[1]), ("spc_mean", row[2]), ("spc_lower", low), ("spc_upper", high)):
                if text not in _MARKS:
                    decimals = len(text.partition(".")[2])
                    yield Told(where, name, which, scale * float(text.replace(",", "")), scale * 0.5 * 10**-decimals)

    def _rates(self, where: str, name: Name, row: dict[str, str]) -> Iterator[Told]:
        yield from self._cell(where, name, "rate_per_1000", row.get("Per 1,000", ""))
        yield from self._cell(where, name, "trajectory", row.get("Line to the aim", ""))
        if row.get("95% interval", "–") != "–":
            low, high = row["95% interval"].split(" to ")
            yield from self._cell(where, name, "ci_low", low)
            yield from self._cell(where, name, "ci_high", high)

    def _by_organisation(self, where: str, table: Table, measure: str, month: date) -> Iterator[Told]:
        heads = table.rows[0]
        for row in table.rows[1:]:
            cells = dict(zip(heads, row, strict=True))
            name = (*self._place(row[0]), month, measure)
            count = next(cell for head, cell in cells.items() if head in ("People", "Items", "mg OME", "Daily doses"))
            yield from self._cell(where, name, "numerator", count)
            yield from self._rates(where, name, cells)

    def _by_measure(self, where: str, table: Table, place: tuple[str, str], month: date) -> Iterator[Told]:
        heads = table.rows[0]
        for row in table.rows[1:]:
            title = re.sub(rf" {MONTH}$", "", row[0])
            name = (*place, month_of(row[0].removeprefix(title)) if title != row[0] else month, TITLES[title])
            cells = dict(zip(heads, row, strict=True))
            yield from self._cell(where, name, "numerator", row[1])
            yield from self._cell(where, name, "rate_per_1000", cells.get("Rate", ""))
            yield from self._rates(where, name, cells)

    def _columns(self, where: str, table: Table, month: date) -> Iterator[Told]:
        measures = {
            number: _COLUMNS[head.removesuffix(", people")]
            for number, head in enumerate(table.rows[0])
            if head.removesuffix(", people") in _COLUMNS
        }
        assert measures
        for row in table.rows[1:]:
            place = self._place(row[0])
            for number, measure in measures.items():
                column = "rate_per_1000" if measure == "epd_ome_total" else "numerator"
                yield from self._cell(where, (*place, month, measure), column, row[number])

    def _of_programme(self, where: str, table: Table, place: tuple[str, str]) -> Iterator[Told]:
        """The table of measures: figure, with the count behind it in brackets, and the month."""
        for row in table.rows[1:]:
            measure, _ = titled(row[0], "")
            per = "rate_per_1000" if " per 1,000 " in row[0] or " in 1,000 " in row[0] else "numerator"
            for cell, column in ((row[1], "baseline" if per == "rate_per_1000" else per), (row[2], per)):
                said = re.fullmatch(rf"({NUMBER}|\[c\])(?: \((?:about )?({NUMBER})\))? ({MONTH}).*", cell)
                if cell != "–" and not said:
                    raise Unread(f"{where}: {cell}")
                if said and said[1] != "[c]":
                    name = (*place, month_of(said[3]), measure)
                    of_rate = "rate_per_1000" if column == "baseline" else column
                    yield from self._cell(where, name, of_rate, said[1])
                    if said[2]:
                        yield from self._cell(where, name, "numerator", said[2])

    def _of_figure(self, file: str, said: str, svgs: list[str], below: Table | None) -> Iterator[Told]:
        """What the words for a chart say, where its dots stand, and what is written in it."""
        run = re.match(rf"Run chart by month of (.*), (.*?), {MONTH} to {MONTH}\.", said)
        if not run:
            return
        place, measure = self._place(run[2]), TITLES[run[1]]
        where = f"{file}: {said[:60]}"
        latest = re.search(rf"Latest, ({MONTH}): ({NUMBER})(?: |\.)", said)
        if latest:
            name = (*place, month_of(latest[1]), measure)
            yield from self._cell(where, name, "rate_per_1000", latest[2].rstrip("."))
            limits = re.search(rf"95% interval: ({NUMBER}) to ({NUMBER})\.", said)
            if limits:
                yield from self._cell(where, name, "ci_low", limits[1])
                yield from self._cell(where, name, "ci_high", limits[2].rstrip("."))
        before = re.search(rf"Baseline ({NUMBER}) in ({MONTH})\.", said)
        if before:
            yield from self._cell(where, (*place, month_of(before[2]), measure), "rate_per_1000", before[1])
        assert below is not None
        told = [(month_of(row[0]), row[2]) for row in below.rows[1:] if row[2] not in _MARKS]
        for svg in svgs:
            # Each month once; the latest a second time, larger, at the same place.
            drawn = marks(svg, BLUE)
            largest = max(float(figure.replace(",", "")) for _, figure in told)
            latest_twice = sorted({round(value, 6) for value in drawn})
            assert len(latest_twice) <= len(told), f"{where}: a dot for a month without a figure"
            for month, figure in told:
                value = min(drawn, key=lambda one: abs(one - float(figure.replace(",", ""))))
                yield Told(f"{where}, drawn", (*place, month, measure), "rate_per_1000", value, largest / 160)


def values(trends: pl.DataFrame) -> dict[Name, dict[str, Any]]:
    """The protected table by name."""
    keys = ("org_level", "org_code", "month", "measure")
    return {tuple(row[key] for key in keys): row for row in trends.iter_rows(named=True)}  # type: ignore[misc]
