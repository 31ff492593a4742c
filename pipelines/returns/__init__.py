"""Local returns: what no prescribing data shows, written into a workbook, kept across refreshes, an input of each.

No patient is in it. sheets.py says what a sheet holds, reading.py takes a file apart, store.py keeps, tables.py hands
over to the build.
"""

from pipelines.returns.reading import read_returns
from pipelines.returns.sheets import SHEETS, ReturnRow
from pipelines.returns.store import Kept, ReturnStore
from pipelines.returns.tables import instruments_table, local_measures_table, returns_tables

__all__ = [
    "SHEETS",
    "Kept",
    "ReturnRow",
    "ReturnStore",
    "instruments_table",
    "local_measures_table",
    "read_returns",
    "returns_tables",
]
