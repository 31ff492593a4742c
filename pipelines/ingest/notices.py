"""What a person should know about a file that was landed all the same: sentences, never rows."""

import re
from collections.abc import Sequence
from datetime import date

from pipelines.engine.landing import MonthCounts
from pipelines.ingest.register import LoadedMonth, RegisteredFile
from pipelines.spreadsheets import EXCEL_ROWS

_MONTH_IN_NAME = re.compile(r"(?<!\d)(20[12]\d)[-_ ]?(0[1-9]|1[0-2])(?!\d)")
# Where an old and a present sheet of Excel end, its header line counted in or not.
_ROWS_AT_WHICH_SHEETS_END = {65_535, 65_536, EXCEL_ROWS - 1, EXCEL_ROWS}


def replaced_months(file: RegisteredFile, before: Sequence[LoadedMonth], now: Sequence[LoadedMonth]) -> list[str]:
    """Old and new totals of each month that this file of a later delivery takes from earlier ones."""
    sentences = []
    current = {(month.file.sha256, month.counts.month) for month in now if month.is_current}
    for new in (month.counts for month in now if month.file.sha256 == file.sha256):
        old = [
            month
            for month in before
            if month.is_current
            and (month.file.sha256, month.counts.month) not in current
            and month.file.source == file.source
            and month.counts.month == new.month
        ]
        if old:
            told = ", ".join(dict.fromkeys(month.file.file_name for month in old))
            sentences.append(
                f"{file.file_name} replaces {_named(new.month)} of {file.source} (was {told}): "
                f"{_totals([month.counts for month in old])} before, {_totals([new])} now."
            )
    return sentences


def stays_replaced(file_name: str, known: RegisteredFile, loaded: Sequence[LoadedMonth]) -> list[str]:
    """Content that came before, after which other content came: adding it again does not bring it back.

    Otherwise a folder of old files that is added again would undo every correction since.
    """
    months = [m.counts.month for m in loaded if m.file.sha256 == known.sha256 and not m.is_current]
    if not months:
        return []
    later = dict.fromkeys(
        m.file.file_name
        for m in loaded
        if m.is_current
        and m.file.source == known.source
        and m.counts.month in months
        and m.file.delivery > known.delivery
    )
    return [
        f"{file_name} was delivered before as {known.file_name}, and {', '.join(map(_named, months))} of it was "
        f"replaced since by {', '.join(later)}: that stays. "
        "If the later file is the wrong one, take it back: opioids withdraw FILE."
    ]


def stays_withdrawn(file_name: str) -> str:
    """Content that was taken back: a folder of files that is added again must not bring the same fault again."""
    return (
        f"{file_name} was withdrawn, and stays so. If it was right after all, add it again with --again, "
        "or roll forward to the newer publication while that is kept ('opioids snapshots')."
    )


def odd_about(file: RegisteredFile, counts: Sequence[MonthCounts]) -> list[str]:
    """A name that speaks of another month than the content; as many rows as a sheet holds."""
    sentences = []
    months = {new.month for new in counts if new.month}
    named = {date(int(year), int(month), 1) for year, month in _MONTH_IN_NAME.findall(file.file_name)}
    if months and named and not months & named:
        sentences.append(
            f"{file.file_name} is named for {', '.join(map(_named, sorted(named)))} but holds "
            f"{', '.join(map(_named, sorted(months)))}: the content counts."
        )
    rows = sum(new.rows_read for new in counts)
    if rows in _ROWS_AT_WHICH_SHEETS_END:
        sentences.append(
            f"{file.file_name} has {rows:,} rows, as many as a sheet of Excel holds: were rows lost on the way?"
        )
    return sentences


def _named(month: date | None) -> str:
    return f"{month:%Y-%m}" if month else "all"


def _totals(counts: Sequence[MonthCounts]) -> str:
    rows = f"{sum(month.rows_read for month in counts):,} rows"
    if all(month.total_quantity is None for month in counts):
        return rows
    quantity = sum(month.total_quantity or 0 for month in counts)
    return f"{rows}, quantity {quantity.normalize() if not isinstance(quantity, int) else 0:,f}"
