"""The rows of one source file as judged text: what is loaded, what is out of scope, what is quarantined and why.

The reader gets no chance to guess a type: DuckDB's CSV reader turns 10.5 into 11 and 012345 into 12345 when the
odd value comes after its sample, so every column is text, every value must match a full pattern, and types come
in staging.

The file is read once. What is judged goes row by row, in the order of the file, to a passing Parquet file in which
rows of no interest have a month, a fate and a quantity alone and patients have pseudonyms; every question is then put
to that. Nothing here holds more than some row groups of a file.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa
from duckdb.func import FunctionNullHandling, PythonUDFType

from pipelines.engine.duckdb import connect, literal, quoted
from pipelines.engine.landing_lines import Lines, Refused, cells_of, locate
from pipelines.engine.landing_patients import Door, Pseudonyms
from pipelines.engine.landing_rules import SPACES, LandingRules
from pipelines.engine.landing_sql import judged_sql, keyed_sql
from pipelines.errors import StorageError
from pipelines.folders import flush_to_disk

REASONS = {
    "columns": "the line has more or fewer columns than the header",
    "unreadable": "the line cannot be cut into columns: a quotation mark is out of place",
    "missing": "the field is empty",
    "scientific_notation": "a spreadsheet has turned the code into a rounded number",
    "number_for_code": "a spreadsheet has turned the code into a number, or cut its leading zero",
    "pattern": "the text is not of the form this field must have",
    "too_large": "the quantity is larger than any that can be dispensed",
    "month": "the month cannot be read",
    "product_missing": "neither a BNF code nor a description is given",
}


@dataclass(frozen=True)
class DelimitedText:
    """A UTF-8 text file of columns: where its data begin and how it is cut."""

    file: Path
    delimiter: str
    records_before_data: int
    column_count: int


@dataclass(frozen=True)
class ParquetColumns:
    """A Parquet file and its columns, in their order."""

    file: Path
    columns: tuple[str, ...]


@dataclass(frozen=True)
class SheetCells:
    """The cells of a sheet as text, columns c0, c1, …, from the row after its header."""

    cells: pa.Table
    rows_before_data: int


Source = DelimitedText | ParquetColumns | SheetCells

# What is landed of these fields is their text without the spaces around it.
_KEPT_AS_WRITTEN = ("text", "practice_code", "bnf_code")
_LINE_OF = "landing_line"
_PSEUDONYM = "landing_pseudonym"
# Row groups of this size are what is held of a file in memory, some of them for each thread.
_PASSING = "FORMAT parquet, ROW_GROUP_SIZE 30720"
_KEPT = "FORMAT parquet, ROW_GROUP_SIZE 30720, COMPRESSION zstd"


# What stands for a field in the name of a part where it has more than one value beside ALL.
SEVERAL = "several"


class UncleanText(Exception):
    """A text file that is not UTF-8 throughout, or whose lines end in more than one way."""


class MonthCounts(NamedTuple):
    """The reconciliation of one month of one file; month None for what has no month.

    rows_opted_out are those of the rows out of scope that were left out because their person opted out or was erased.
    """

    month: date | None
    rows_read: int
    rows_loaded: int
    rows_out_of_scope: int
    rows_quarantined: int
    rows_duplicate: int
    total_quantity: Decimal | None
    quantity_loaded: Decimal | None
    values_blanked: int
    rows_opted_out: int = 0


class JudgedRows:
    """The judged rows of one file, below a working folder that its caller empties."""

    def __init__(
        self, source: Source, rules: LandingRules, door: Door, work: Path, *, memory_limit: str, threads: int
    ) -> None:
        """Read and judge the file. Raises UncleanText where its bytes need mending first, and what the door raises."""
        self._connection = connect(None, work, memory_limit=memory_limit, threads=threads, may_spill=False)
        # The order of the file is what its lines are found by.
        self._connection.execute("SET preserve_insertion_order = true")
        self._rules = rules
        self._file = work / "judged.parquet"
        pseudonyms = Pseudonyms(door)
        # NULL may come back: what is no identifier has no pseudonym.
        self._teach(_PSEUDONYM, pseudonyms.of_column, "VARCHAR", null_handling=FunctionNullHandling.SPECIAL)
        try:
            judged = keyed_sql(judged_sql(relation_of(self._connection, source, rules), rules), rules, _PSEUDONYM)
            self._connection.execute(f"COPY ({judged}) TO {literal(str(self._file))} ({_PASSING})")
            lines = self._located(source)
            self.rows_out_of_place = self._out_of_place(source, lines.rows_seen())
            self._lines = lines._replace(seen=())
        except duckdb.Error as error:
            self.close()
            raise pseudonyms.error or _without_values(error) from None
        except BaseException:
            self.close()
            raise
        self._teach(_LINE_OF, self._lines_of, "BIGINT")
        self._judged = self._with_duplicates()

    def _teach(self, name: str, function: Callable[[pa.ChunkedArray], Any], kind: str, **options: Any) -> None:
        """Give the connection a function over a column."""
        self._connection.create_function(name, function, [kind], kind, type=PythonUDFType.ARROW, **options)

    def close(self) -> None:
        self._connection.close()
        self._file.unlink(missing_ok=True)

    @property
    def rows_unaccounted(self) -> int:
        """Rows that a second way of counting finds and this one does not, or the other way round."""
        return self._lines.unaccounted

    def _located(self, source: Source) -> Lines:
        if isinstance(source, ParquetColumns):
            return Lines([0], [1])
        if isinstance(source, SheetCells):
            return Lines([0], [source.rows_before_data + 1])
        errors = self._connection.execute(
            "SELECT min(line_byte_position), any_value(csv_line), any_value(error_type) "
            "FROM reject_errors GROUP BY line"
        ).fetchall()
        if any("ENCODING" in kind for _, _, kind in errors):
            raise UncleanText
        rows = self._connection.execute(f"SELECT count(*) FROM read_parquet({literal(str(self._file))})").fetchall()
        refused = [Refused(position, text or "", self._rule_of(text or "", kind)) for position, text, kind in errors]
        return locate(source.file, source.delimiter, source.records_before_data, int(rows[0][0]), refused)

    def _out_of_place(self, source: Source, seen: Mapping[int, str]) -> int:
        """How many of some rows are not what stands on their line: the reader has not kept the order of the file."""
        if not isinstance(source, DelimitedText) or not seen:
            return 0
        compared = [field for field in self._rules.fields if field.critical and field.kind in _KEPT_AS_WRITTEN]
        if not compared:
            return 0
        rows = self._connection.execute(
            f"SELECT file_row_number, {', '.join(quoted(field.name) for field in compared)} "
            f"FROM read_parquet({literal(str(self._file))}, file_row_number = true) "
            "WHERE fate IN ('loaded', 'noted') AND file_row_number IN (SELECT unnest($rows))",
            {"rows": list(seen)},
        ).fetchall()
        wrong = 0
        for number, *found in rows:
            cells = cells_of(seen[number], source.delimiter)
            if len(cells) == source.column_count:
                wrong += found != [cells[field.column].strip(SPACES) or None for field in compared]
        return wrong

    def _rule_of(self, text: str, kind: str) -> str:
        """The rule that a refused row broke; none where it is a footer or blank and so no row of data."""
        if not text.strip() or (self._rules.footer and re.search(self._rules.footer, text.strip("\r\n"))):
            return ""
        return "columns" if kind in ("MISSING COLUMNS", "TOO MANY COLUMNS") else "unreadable"

    def _with_duplicates(self) -> str:
        rows = f"SELECT * FROM read_parquet({literal(str(self._file))}, file_row_number = true)"
        if not self._rules.rows_are_unique:
            return rows
        names = [field.name for field in self._rules.fields if field.name != "month"]
        same = ", ".join(quoted(name) for name in ("fate", "month", *names))
        again = f"row_number() OVER (PARTITION BY {same} ORDER BY file_row_number) > 1"
        return (
            f"SELECT * REPLACE (CASE WHEN fate = 'loaded' AND {again} THEN 'duplicate' ELSE fate END AS fate) "
            f"FROM ({rows}) ORDER BY file_row_number"
        )

    def counts(self) -> list[MonthCounts]:
        """Rows and quantities by month and fate, lines that could not be cut into columns included."""
        rows = self._connection.execute(
            f"""
            SELECT
                CAST(month AS DATE), count(*),
                count(*) FILTER (fate = 'loaded'),
                count(*) FILTER (fate IN ('noted', 'unfollowed')),
                count(*) FILTER (fate = 'quarantined'),
                count(*) FILTER (fate = 'duplicate'),
                CAST(sum(row_quantity) AS DECIMAL(38, 4)),
                CAST(sum(row_quantity) FILTER (fate = 'loaded') AS DECIMAL(38, 4)),
                CAST(sum(values_blanked) AS BIGINT)
            FROM ({self._judged})
            WHERE fate NOT IN ('blank', 'footer')
            GROUP BY 1 ORDER BY 1 NULLS LAST
            """
        ).fetchall()
        counted = [MonthCounts(*row) for row in rows]
        refused = sum(lines.lines for lines in self._lines.refused if lines.rule)
        if refused:
            counted.append(MonthCounts(None, refused, 0, 0, refused, 0, None, None, 0))
        return _merged_by_month(counted)

    def months_stand_first(self) -> bool:
        """Whether dates of a file look like 02/01/2024 for February: every month would be January, the days 1 to 12.

        Days of a January that really differ go beyond the twelfth; the first day of one month is as it should be.
        """
        rows = self._connection.execute(
            f"SELECT bool_and(substr(month, 6, 2) = '01'), max(day_written), bool_or(day_written <> '01') "
            f"FROM ({self._judged}) WHERE day_written IS NOT NULL"
        ).fetchall()
        all_january, last_day, days_differ = rows[0]
        return bool(all_january and days_differ and last_day <= "12")

    def parts(self, headers: Mapping[str, str]) -> dict[date | None, str]:
        """Of which part of each month the loaded rows are, by fields and the headers they stand under.

        A field holds ALL alone (or is not there), one further value, or several: `SEX:MALE, AGE:several`.
        """
        told = []
        for name, header in headers.items():
            text = f"nullif(upper({quoted(name)}), 'ALL')"
            one = f"CASE count(DISTINCT {text}) WHEN 0 THEN 'ALL' WHEN 1 THEN {literal(header)} || ':' || min({text}) "
            told.append(f"{one} ELSE {literal(f'{header}:{SEVERAL}')} END")
        if not told:
            return {}
        rows = self._connection.execute(
            f"SELECT CAST(month AS DATE), concat_ws(', ', {', '.join(told)}) FROM ({self._judged}) "
            "WHERE fate = 'loaded' GROUP BY 1"
        ).fetchall()
        return dict(rows)

    def write_landed(self, file: Path) -> None:
        """Write the rows to keep as Parquet, all text, pseudonyms in place of identifiers."""
        kept = [quoted(field.name) for field in self._rules.fields if field.name not in ("month", "patient_id")]
        columns = [f"{self._source_row()} AS source_row", "month", *kept]
        if self._rules.has_patients:
            status = "WHEN patient_key IS NULL THEN 'invalid_nhs_number' ELSE 'identified'"
            columns += ["patient_key", f"CASE WHEN is_unidentified THEN 'unidentified' {status} END AS identity_status"]
        # Two threads keep the order by holding back what the faster one has written: much memory for little time.
        self._connection.execute("SET threads = 1")
        self._copy(f"SELECT {', '.join(columns)} FROM ({self._judged}) WHERE fate IN ('loaded', 'noted')", file)

    def write_quarantine(self, file: Path) -> None:
        """Write one row a quarantined line: where, which field and rule, and its text unless it may be a patient's."""
        reasons = " ".join(f"WHEN {literal(rule)} THEN {literal(reason)}" for rule, reason in REASONS.items())
        quarantined = self._quarantined_sql()
        self._copy(f"SELECT *, CASE rule {reasons} END AS reason FROM ({quarantined}) ORDER BY source_row", file)

    def why_quarantined(self, most: int = 3) -> list[str]:
        """The commonest reasons in words: field, reason, rows and the first line; never what stood there."""
        rows = self._connection.execute(
            f"SELECT field, rule, count(*), min(source_row) FROM ({self._quarantined_sql()}) "
            f"GROUP BY 1, 2 ORDER BY 3 DESC, 4 LIMIT {most}"
        ).fetchall()
        return [
            f"{f'{field}: ' if field else ''}{REASONS[rule]} ({count:,} row(s), first on line {line})"
            for field, rule, count, line in rows
        ]

    def _quarantined_sql(self) -> str:
        lines = [
            f"({line + more}, NULL, NULL, {literal(rule)}, NULL)"
            for line, count, rule in self._lines.refused
            if rule
            for more in range(count)
        ]
        refused = f"UNION ALL SELECT * FROM (VALUES {', '.join(lines)})" if lines else ""
        return f"""
            SELECT {self._source_row()} AS source_row, month, failed_field AS field, rule, failed_value AS value
            FROM ({self._judged}) WHERE fate = 'quarantined'
            {refused}
        """

    def _lines_of(self, rows: pa.ChunkedArray) -> Any:  # an Arrow array, which the stubs of DuckDB do not know of
        return pa.array(self._lines.of(rows.to_numpy()))

    def _source_row(self) -> str:
        """The line of the file on which a judged row begins."""
        if len(self._lines.rows) == 1:
            return f"file_row_number + {self._lines.lines[0] - self._lines.rows[0]}"
        return f"{_LINE_OF}(file_row_number)"

    def _copy(self, select: str, file: Path) -> None:
        part = file.with_name(f"{file.name}.part")
        try:
            self._connection.execute(f"COPY ({select}) TO {literal(str(part))} ({_KEPT})")
        except duckdb.Error as error:
            part.unlink(missing_ok=True)
            raise _without_values(error) from None
        # What the register is about to call landed must survive a power cut.
        flush_to_disk(part)
        part.replace(file)


def relation_of(connection: duckdb.DuckDBPyConnection, source: Source, rules: LandingRules) -> str:
    """The rows of a file as a FROM clause: columns c0, c1, … as text, and the constants of its layout."""
    if isinstance(source, DelimitedText):
        relation = _read_csv(source)
    elif isinstance(source, ParquetColumns):
        columns = ", ".join(
            f"CAST({quoted_name(name)} AS VARCHAR) AS c{position}" for position, name in enumerate(source.columns)
        )
        relation = f"(SELECT {columns} FROM read_parquet({literal(str(source.file))}))"
    else:
        connection.register("landing_sheet", source.cells)
        relation = "landing_sheet"
    if not rules.constants:
        return relation
    constants = ", ".join(f"{literal(text)} AS c{column}" for column, text in rules.constants)
    return f"(SELECT *, {constants} FROM {relation})"


def quoted_name(name: str) -> str:
    """A column name in double quotes, dots and all."""
    return '"' + name.replace('"', '""') + '"'


def _without_values(error: duckdb.Error) -> Exception:
    """A database's words about a file can hold a line of it: they go no further."""
    # Beyond the memory limit DuckDB asks for the encryption that spilling would need here.
    needs_to_spill = "crypto" in str(error)
    if needs_to_spill or isinstance(error, duckdb.IOException | duckdb.OutOfMemoryException):
        return StorageError(
            "The file system or the memory gave out while a file was landed.",
            f"The database says {type(error).__name__}.",
            "Free space, or raise memory_limit in pipeline.toml, then run the same command again.",
        )
    return UncleanText()


def _merged_by_month(counted: Sequence[MonthCounts]) -> list[MonthCounts]:
    merged: dict[date | None, MonthCounts] = {}
    for counts in counted:
        before = merged.get(counts.month)
        if before is None:
            merged[counts.month] = counts
        else:
            sums = [
                None if a is None and b is None else (a or 0) + (b or 0)
                for a, b in zip(before[1:], counts[1:], strict=True)
            ]
            merged[counts.month] = MonthCounts(counts.month, *sums)  # type: ignore[arg-type]
    return list(merged.values())


def _read_csv(source: DelimitedText) -> str:
    columns = ", ".join(f"'c{i}': 'VARCHAR'" for i in range(source.column_count))
    return (
        f"read_csv({literal(str(source.file))}, auto_detect = false, header = false, "
        f"skip = {source.records_before_data}, "
        f"delim = {literal(source.delimiter)}, quote = '\"', escape = '\"', encoding = 'utf-8', "
        f"columns = {{{columns}}}, max_line_size = 1048576, store_rejects = true, rejects_limit = 0)"
    )
