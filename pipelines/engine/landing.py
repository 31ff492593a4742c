"""The rows of one source file as judged text: what is loaded, what is out of scope, what is quarantined and why.

The reader gets no chance to guess a type: DuckDB's CSV reader turns 10.5 into 11 and 012345 into 12345 when the
odd value comes after its sample, so every column is text, every value must match a full pattern, and types come
in staging.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import duckdb
import pyarrow as pa

from pipelines.engine.duckdb import literal, quoted
from pipelines.engine.landing_sql import LandingRules, judged_sql

REASONS = {
    "columns": "the line has more or fewer columns than the header",
    "unreadable": "the line cannot be read as text in this file's encoding or quoting",
    "missing": "the field is empty",
    "scientific_notation": "a spreadsheet has turned the code into a rounded number",
    "pattern": "the text is not of the form this field must have",
    "month": "the month cannot be read",
    "product_missing": "neither a BNF code nor a description is given",
}


@dataclass(frozen=True)
class DelimitedText:
    """A text file of columns: where its data begin and how it is cut."""

    file: Path
    delimiter: str
    encoding: str
    lines_before_data: int
    column_count: int


class MonthCounts(NamedTuple):
    """The reconciliation of one month of one file; month None for what has no month."""

    month: date | None
    rows_read: int
    rows_loaded: int
    rows_out_of_scope: int
    rows_quarantined: int
    rows_duplicate: int
    total_quantity: Decimal | None
    quantity_loaded: Decimal | None
    values_blanked: int


class JudgedRows:
    """The judged rows of one file. Holds no row itself: each answer streams through the file once."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, source: DelimitedText | pa.Table, rules: LandingRules
    ) -> None:
        self._connection = connection
        self._rules = rules
        if isinstance(source, DelimitedText):
            self._source_sql = _read_csv(source)
            first_row = source.lines_before_data
        else:
            connection.register("landing_workbook", source)
            self._source_sql = "landing_workbook"
            first_row = int((source.schema.metadata or {}).get(b"rows_before_data", b"0"))
        connection.execute(
            "CREATE OR REPLACE TEMP TABLE landing_patients "
            "(identifier VARCHAR PRIMARY KEY, patient_key VARCHAR, identity_status VARCHAR)"
        )
        self._judged = judged_sql(self._source_sql, first_row, rules)

    def distinct_patients(self) -> list[str]:
        """The identifiers of the rows that will be landed; never written anywhere by this module."""
        rows = self._connection.execute(
            f"SELECT DISTINCT patient_id FROM ({self._judged}) "
            "WHERE fate IN ('loaded', 'noted') AND patient_id IS NOT NULL"
        ).fetchall()
        return [row[0] for row in rows]

    def use_patients(self, keyed: Iterable[tuple[str, str | None, str]]) -> None:
        """Take the pseudonyms that stand for this file's identifiers."""
        identifiers, keys, statuses = zip(*keyed, strict=True) if (keyed := list(keyed)) else ((), (), ())
        table = pa.table(
            {
                "identifier": pa.array(identifiers, pa.string()),
                "patient_key": pa.array(keys, pa.string()),
                "identity_status": pa.array(statuses, pa.string()),
            }
        )
        self._connection.register("landing_keyed", table)
        self._connection.execute("INSERT INTO landing_patients SELECT * FROM landing_keyed")
        self._connection.unregister("landing_keyed")

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
                sum(row_quantity),
                sum(row_quantity) FILTER (fate = 'loaded'),
                CAST(sum(values_blanked) AS BIGINT)
            FROM ({self._judged})
            GROUP BY 1 ORDER BY 1 NULLS LAST
            """
        ).fetchall()
        counted = [MonthCounts(*row) for row in rows]
        rejected = self._rejected_lines()
        if rejected:
            counted.append(MonthCounts(None, rejected, 0, 0, rejected, 0, None, None, 0))
        return _merged_by_month(counted)

    def _rejected_lines(self) -> int:
        if self._source_sql == "landing_workbook":
            return 0
        return int(self._connection.execute(self._rejects_sql("count(DISTINCT line)")).fetchall()[0][0])

    def _rejects_sql(self, columns: str) -> str:
        """Lines the reader refused in its latest pass over the file, the footer apart."""
        not_footer = f"AND NOT regexp_matches(csv_line, {literal(self._rules.footer)})" if self._rules.footer else ""
        return (
            f"SELECT {columns} FROM reject_errors WHERE scan_id = (SELECT max(scan_id) FROM reject_errors) {not_footer}"
        )

    def write_landed(self, file: Path) -> None:
        """Write the rows to keep as Parquet, all text, pseudonyms in place of identifiers."""
        kept = [quoted(field.name) for field in self._rules.fields if field.name not in ("month", "patient_id")]
        columns = ["source_row", "month", *kept]
        joined = ""
        if any(field.name == "patient_id" for field in self._rules.fields):
            columns += ["patient_key", "coalesce(identity_status, unidentified_status) AS identity_status"]
            joined = "LEFT JOIN landing_patients ON identifier = patient_id"
        self._copy(
            f"SELECT {', '.join(columns)} FROM ({self._judged}) {joined} WHERE fate IN ('loaded', 'noted') "
            "ORDER BY source_row",
            file,
        )

    def write_quarantine(self, file: Path) -> None:
        """Write one row a quarantined line: where, which field and rule, and its text unless it may be a patient's."""
        reasons = " ".join(f"WHEN {literal(rule)} THEN {literal(reason)}" for rule, reason in REASONS.items())
        rejected = ""
        if self._source_sql != "landing_workbook":
            lines = self._rejects_sql(
                "DISTINCT line, CASE WHEN error_type IN ('MISSING COLUMNS', 'TOO MANY COLUMNS') "
                "THEN 'columns' ELSE 'unreadable' END AS rule"
            )
            rejected = f"UNION ALL SELECT CAST(line AS BIGINT), NULL, NULL, rule, NULL FROM ({lines})"
        self._copy(
            f"""
            SELECT *, CASE rule {reasons} END AS reason
            FROM (
                SELECT source_row, month, failed_field AS field, rule, failed_value AS value
                FROM ({self._judged}) WHERE fate = 'quarantined'
                {rejected}
            )
            ORDER BY source_row
            """,
            file,
        )

    def _copy(self, select: str, file: Path) -> None:
        part = file.with_name(f"{file.name}.part")
        self._connection.execute(f"COPY ({select}) TO {literal(str(part))} (FORMAT parquet, COMPRESSION zstd)")
        part.replace(file)


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
        f"skip = {source.lines_before_data}, "
        f"delim = {literal(source.delimiter)}, quote = '\"', escape = '\"', encoding = {literal(source.encoding)}, "
        f"columns = {{{columns}}}, max_line_size = 1048576, store_rejects = true, rejects_limit = 0)"
    )
