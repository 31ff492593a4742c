"""A file of local returns taken apart: the workbook, or one of its sheets as csv.

A file is taken whole or not at all. Every fault is named by sheet, row and column with what to do; what looks like a
patient's number is refused and not repeated.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from pipelines.config import Instrument, LocalMeasure, Settings, normalise_header
from pipelines.errors import ReturnsRefused
from pipelines.returns.cells import PATIENT_IN_IT, Known, Refused, looks_like_a_patient, plain_text, said
from pipelines.returns.sheets import SHEETS, WITHDRAW, ReturnRow, Sheet
from pipelines.spreadsheets import Rows, sheets_of
from pipelines.statistics.measures import counted_measures

_ROWS_TO_SEARCH = 20
_MOST_FAULTS_SAID = 200
_ALIASES = {"org": "organisation", "of how many": "denominator", "date began": "date"}
_ROUNDING = Decimal("0.01")


@dataclass(frozen=True)
class Found:
    """What a file holds: its rows, and the sheets of it that are none of ours."""

    rows: tuple[ReturnRow, ...]
    not_read: tuple[str, ...]


def read_returns(
    content: bytes, file_name: str, settings: Settings, organisations: frozenset[str] | None, today: date
) -> Found:
    """The rows of a file. Raises ReturnsRefused with every fault, UnreadableFile.

    `organisations`: codes of the published data, None where nothing is published.
    """
    faults: list[str] = []
    rows: dict[tuple[str, tuple[str, ...]], ReturnRow] = {}
    not_read, known_sheets = [], 0
    judge = _Judge(settings, organisations, today)
    for name, lines in sheets_of(content, file_name):
        heading = _heading(lines, name)
        if heading is None:
            if name in SHEETS and any(any(cells) for _, cells in lines):
                needed = ", ".join(column.name for column in SHEETS[name].columns if column.is_needed)
                faults.append(f"{name}: its headings are missing or changed: they are {needed}")
            elif any(any(cells) for _, cells in lines):
                not_read.append(name or file_name)
            continue
        known_sheets += 1
        sheet, number = heading
        for row, where in judge.rows(sheet, number, lines, faults):
            before = rows.setdefault((row.sheet, row.key), row)
            if before != row:
                faults.append(f"{where}: the same {', '.join(sheet.key)} stands in this file with other cells")
    if not known_sheets and not faults:
        faults.append(f"no sheet has the headings of {', '.join(SHEETS)}")
    if faults:
        more = [f"and {len(faults) - _MOST_FAULTS_SAID} more"] if len(faults) > _MOST_FAULTS_SAID else []
        raise ReturnsRefused(
            f"{len(faults)} fault(s) in the returns, so nothing was taken in.",
            "\n    ".join([f"File {file_name}:", *faults[:_MOST_FAULTS_SAID], *more]),
            "Mend them and import again; 'opioids returns template' writes an empty workbook with explanations.",
        )
    return Found(tuple(sorted(rows.values())), tuple(not_read))


def _heading(lines: Rows, name: str) -> tuple[Sheet, int] | None:
    """Which of our sheets this is, and the number of the row of its headings."""
    for number, cells in lines[:_ROWS_TO_SEARCH]:
        headings = {_column_name(cell) for cell in cells if cell.strip()}
        wanted = [SHEETS[name]] if name in SHEETS else list(SHEETS.values())
        fitting = [
            sheet for sheet in wanted if {column.name for column in sheet.columns if column.is_needed} <= headings
        ]
        if fitting:
            return min(fitting, key=lambda sheet: len(headings - _names(sheet))), number
    return None


def _names(sheet: Sheet) -> set[str]:
    return {WITHDRAW, *(column.name for column in sheet.columns)}


def _column_name(heading: str) -> str:
    plain = normalise_header(heading)
    return _ALIASES.get(plain, plain).replace(" ", "_")


class _Judge:
    """Judges the rows of each sheet against the settings and the published organisations."""

    def __init__(self, settings: Settings, organisations: frozenset[str] | None, today: date) -> None:
        self.local = {measure.id: measure for measure in settings.local.returned}
        self.instruments = {instrument.id: instrument for instrument in settings.local.instruments}
        counted = {measure.measure: measure.title for measure in counted_measures(settings)}
        of_sheet = {
            sheet: {m.id: m.title for m in settings.local.returned if m.sheet == sheet}
            for sheet in ("local_returns", "surveys")
        }
        every = {**counted, **{measure.id: measure.title for measure in settings.local.returned}}
        instruments = _folded({instrument.id: instrument.title for instrument in settings.local.instruments})
        self.known = {
            name: Known(today, organisations, _folded(of_sheet.get(name, every)), instruments) for name in SHEETS
        }

    def rows(self, sheet: Sheet, heading: int, lines: Rows, faults: list[str]) -> Iterator[tuple[ReturnRow, str]]:
        """The rows below the headings with where each stands; faults are added to the list."""
        names = [_column_name(cell) for number, cells in lines if number == heading for cell in cells]
        unknown = [name for name in names if name and name not in _names(sheet)]
        faults += [f"{sheet.name}, column {said(name)}: it is none of this sheet's: take it out" for name in unknown]
        faults += [
            f"{sheet.name}, column {name}: it stands there twice: take one out"
            for name in sorted(_names(sheet))
            if names.count(name) > 1
        ]
        for number, cells in lines:
            where = f"{sheet.name}, row {number}"
            filled = {name: cell.strip() for name, cell in zip(names, cells, strict=False) if name and cell.strip()}
            if number <= heading or not any(cell.strip() for cell in cells):
                continue
            beside = [cell for name, cell in zip(names, cells, strict=False) if not name and cell.strip()]
            beside += [cell for cell in cells[len(names) :] if cell.strip()]
            found = [f"{where}, {name}: it {PATIENT_IN_IT}" for name in filled if looks_like_a_patient(filled[name])]
            if beside:
                found.append(f"{where}: a cell stands beside the columns: take it out")
            row = self._row(sheet, where, filled, found) if not found else None
            faults += found
            if row is not None and not found:
                yield row, where

    def _row(self, sheet: Sheet, where: str, filled: Mapping[str, str], faults: list[str]) -> ReturnRow | None:
        withdraw = filled.get(WITHDRAW, "no").casefold()
        if withdraw not in ("yes", "no"):
            faults.append(f"{where}, {WITHDRAW}: '{said(filled[WITHDRAW])}' is neither yes nor no")
        is_withdrawn = withdraw == "yes"
        content: dict[str, str | None] = {}
        for column in sheet.columns:
            if is_withdrawn and column.name not in sheet.key:
                continue
            text = filled.get(column.name, "")
            if not text:
                content[column.name] = None
                if column.is_needed:
                    faults.append(f"{where}, {column.name}: it is empty: {column.says}")
                continue
            try:
                content[column.name] = plain_text(text, column.kind, self.known[sheet.name])
            except Refused as refused:
                faults.append(f"{where}, {column.name}: {refused}")
        if faults:
            return None
        if not is_withdrawn:
            faults += [f"{where}, {fault}" for fault in self._together(sheet, content)]
        key = tuple(str(content[name]) for name in sheet.key)
        return ReturnRow(sheet.name, key, tuple(content.items()), is_withdrawn)

    def _together(self, sheet: Sheet, content: Mapping[str, str | None]) -> list[str]:
        """What is wrong between the cells of a row."""
        if sheet.name in ("local_returns", "surveys"):
            of = "responses" if sheet.name == "surveys" else "denominator"
            return list(_measure_faults(self.local[str(content["measure"])], content, of))
        if sheet.name == "patient_reported_scores":
            return list(_score_faults(self.instruments[str(content["instrument"])], content))
        return []


def _measure_faults(measure: LocalMeasure, content: Mapping[str, str | None], of: str) -> Iterator[str]:
    value, whole = Decimal(str(content["value"])), content[of]
    if measure.form in ("share", "mean") and not Decimal(whole or 0):
        yield f"{of}: {measure.id} needs one above 0: {measure.denominator}"
    if measure.form in ("count", "amount") and whole is not None and of == "denominator":
        yield f"{of}: {measure.id} has none: leave it empty"
    if measure.form == "mean":
        assert measure.lowest is not None
        assert measure.highest is not None
        if not measure.lowest <= value <= measure.highest:
            yield f"value: {value} is not between {measure.lowest} and {measure.highest}"
        return
    if value < 0:
        yield f"value: {value} is below 0"
    if measure.form != "amount" and value != value.to_integral_value():
        yield f"value: {value} is no whole number, and {measure.id} counts {measure.unit}"
    if measure.form == "share" and whole is not None and value > Decimal(whole):
        yield f"value: {value} is more than the {of}, {whole}"


def _score_faults(instrument: Instrument, content: Mapping[str, str | None]) -> Iterator[str]:
    number: Callable[[str], Decimal | None] = lambda name: (  # noqa: E731
        None if content[name] is None else Decimal(str(content[name]))
    )
    before, after = number("mean_before"), number("mean_after")
    assert before is not None
    assert after is not None
    if not number("n"):
        yield "n: it is 0: leave the row out until somebody has answered"
    for name, mean in (("mean_before", before), ("mean_after", after)):
        if not instrument.lowest <= mean <= instrument.highest:
            yield f"{name}: {mean} is not between {instrument.lowest} and {instrument.highest}, the range of the score"
    for name in ("sd_before", "sd_after", "sd_change"):
        if (number(name) or 0) < 0:
            yield f"{name}: {number(name)} is below 0"
    low, high = number("change_low"), number("change_high")
    if (low is None) != (high is None):
        yield "change_low and change_high: give both limits or none"
    elif low is not None and high is not None and not low - _ROUNDING <= after - before <= high + _ROUNDING:
        yield f"change_low and change_high: {low} to {high} does not hold the mean change, {after - before}"


def _folded(names: Mapping[str, str]) -> dict[str, str]:
    """Ids by id and title, in small letters."""
    return {text.casefold(): name for name, title in names.items() for text in (title, name)}
