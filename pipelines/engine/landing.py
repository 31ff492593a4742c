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

MONTH_NAMES = "jan feb mar apr may jun jul aug sep oct nov dec".split()

# What the text of a field may look like. RE2 full matches; [0-9] is ASCII alone, so ٣ and ９ do not pass.
PATTERNS = {
    "text": r"(?s).*",
    "number": r"£?-?([0-9]{1,13}|[0-9]{1,3}(,[0-9]{3}){1,4})?(\.[0-9]{1,12})?",
    "integer": r"[0-9]{1,9}|[0-9]{1,3}(,[0-9]{3}){1,2}",
    "code": r"[0-9A-Za-z]+",
    "bnf_code": r"[0-9A-Z]{11}|[0-9A-Z]{15}",
    "practice_code": r"[0-9A-Z]{3,8}",
    "date": r"(19|20)[0-9]{2}(-?)(0[1-9]|1[0-2])(-?)[0-3][0-9]([T ].*)?",
    "flag": r"(?i)y|n|yes|no|true|false|0|1",
    "patient": r"(?s).*",
}
SCIENTIFIC_NOTATION = r"[0-9]+(\.[0-9]*)?[eE]\+?[0-9]+"

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


@dataclass(frozen=True)
class Field:
    """One mapped field: which column of the file it comes from, and what its text must be."""

    name: str
    column: int
    kind: str
    required: bool
    critical: bool


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


@dataclass(frozen=True)
class LandingRules:
    """What decides the fate of a row beside the patterns of its fields."""

    fields: tuple[Field, ...]
    month: date | None
    footer: str | None
    rows_are_unique: bool
    followed_prefixes: tuple[tuple[str, bool], ...]
    practice_may_be_blank: bool


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
        self._judged = _judged_sql(self._source_sql, first_row, rules)

    def distinct_patients(self) -> list[str]:
        """The identifiers of the rows that will be landed; never written anywhere by this module."""
        rows = self._connection.execute(
            f"SELECT DISTINCT patient_id FROM ({self._judged}) WHERE fate IN ('loaded', 'noted') AND patient_id IS NOT NULL"
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
            sums = [None if a is None and b is None else (a or 0) + (b or 0) for a, b in zip(before[1:], counts[1:], strict=True)]
            merged[counts.month] = MonthCounts(counts.month, *sums)  # type: ignore[arg-type]
    return list(merged.values())


def _read_csv(source: DelimitedText) -> str:
    columns = ", ".join(f"'c{i}': 'VARCHAR'" for i in range(source.column_count))
    return (
        f"read_csv({literal(str(source.file))}, auto_detect = false, header = false, skip = {source.lines_before_data}, "
        f"delim = {literal(source.delimiter)}, quote = '\"', escape = '\"', encoding = {literal(source.encoding)}, "
        f"columns = {{{columns}}}, max_line_size = 1048576, store_rejects = true, rejects_limit = 0)"
    )


def _judged_sql(source_sql: str, first_row: int, rules: LandingRules) -> str:
    """One SELECT that gives each data row its month, its fate and, where quarantined, the first rule it broke."""
    names = [field.name for field in rules.fields]
    trimmed = ", ".join(
        f"nullif(trim(c{field.column}, ' \t\r\n\u00a0'), '') AS {quoted(field.name)}" for field in rules.fields
    )
    any_value = f"coalesce({', '.join(quoted(name) for name in names)}) IS NOT NULL"
    footer = f"AND NOT (regexp_matches(coalesce(c0, ''), {literal(rules.footer)}))" if rules.footer else ""
    critical = [field for field in rules.fields if field.critical]
    soft = [field for field in rules.fields if not field.critical and field.kind != "text"]
    blanked = ", ".join(
        f"CASE WHEN {_matches(field)} THEN {quoted(field.name)} END AS {quoted(field.name)}" for field in soft
    )
    blanked_count = " + ".join(
        f"CASE WHEN {quoted(field.name)} IS NOT NULL AND NOT {_matches(field)} THEN 1 ELSE 0 END" for field in soft
    )
    replaced = ", ".join(part for part in (blanked, _identified_sql(names)) if part)
    return f"""
        WITH source_rows AS (
            SELECT row_number() OVER () + {first_row} AS source_row, * FROM {source_sql}
        ),
        trimmed AS (SELECT source_row, {trimmed} FROM source_rows WHERE true {footer}),
        checked AS (
            SELECT
                * {f"REPLACE ({replaced})" if replaced else ""},
                {blanked_count or "0"} AS values_blanked,
                {_month_sql(rules)} AS row_month,
                {_first_failure(critical, rules)} AS failure
            FROM trimmed WHERE {any_value}
        ),
        judged AS (
            SELECT
                * {"EXCLUDE (month)" if "month" in names else ""},
                row_month AS month,
                split_part(failure, '|', 1) AS rule,
                split_part(failure, '|', 2) AS failed_field,
                {_failed_value(critical)} AS failed_value,
                {_quantity_sql(names)} AS row_quantity,
                {_fate_sql(names, rules)} AS fate
            FROM checked
        )
        SELECT *, {_unidentified_sql(names)} AS unidentified_status FROM judged
    """


def _matches(field: Field) -> str:
    return f"regexp_full_match({quoted(field.name)}, {literal(PATTERNS[field.kind])})"


def _first_failure(critical: Sequence[Field], rules: LandingRules) -> str:
    """CASE that names the first broken rule and its field as `rule|field`."""
    tests = []
    for field in critical:
        name = quoted(field.name)
        if field.kind == "month":
            tests.append(f"WHEN {_month_sql(rules)} IS NULL THEN 'month|{field.name}'")
            continue
        if field.kind == "practice_code" and rules.practice_may_be_blank:
            tests.append(f"WHEN {name} <> '-' AND NOT {_matches(field)} THEN 'pattern|{field.name}'")
            continue
        if field.kind in ("code", "bnf_code"):
            tests.append(
                f"WHEN regexp_full_match({name}, {literal(SCIENTIFIC_NOTATION)}) THEN 'scientific_notation|{field.name}'"
            )
        if field.kind != "text":
            tests.append(f"WHEN NOT {_matches(field)} THEN 'pattern|{field.name}'")
        if field.required and field.kind != "patient" and not (field.kind == "bnf_code" and _has_description(rules)):
            tests.append(f"WHEN {name} IS NULL THEN 'missing|{field.name}'")
    if _has_description(rules):
        tests.append("WHEN bnf_code IS NULL AND bnf_description IS NULL THEN 'product_missing|bnf_code'")
    return f"CASE {' '.join(tests)} END" if tests else "NULL"


def _has_description(rules: LandingRules) -> bool:
    return {"bnf_code", "bnf_description"} <= {field.name for field in rules.fields} and rules.practice_may_be_blank


def _failed_value(critical: Sequence[Field]) -> str:
    tests = " ".join(
        f"WHEN {literal(field.name)} THEN left({quoted(field.name)}, 80)" for field in critical if field.kind != "patient"
    )
    return f"CASE split_part(failure, '|', 2) {tests} END" if tests else "NULL"


def _month_sql(rules: LandingRules) -> str:
    """First day of the month as text, from the forms in which extracts write it; NULL for any other form."""
    if rules.month is not None:
        return literal(rules.month.isoformat())
    if not any(field.name == "month" for field in rules.fields):
        return "CAST(NULL AS VARCHAR)"
    names = "|".join(MONTH_NAMES)
    worded = rf"(?i)([0-3]?[0-9])?[-/ ]?({names})[a-z]*[-/ ]?((?:19|20)?[0-9]{{2}})"
    position = f"list_position([{', '.join(literal(name) for name in MONTH_NAMES)}], lower(regexp_extract(month, {literal(worded)}, 2)))"
    year = f"right('20' || regexp_extract(month, {literal(worded)}, 3), 4)"
    return f"""CASE
        WHEN regexp_full_match(month, '(19|20)[0-9]{{2}}[-_/]?(0[1-9]|1[0-2])')
            THEN left(month, 4) || '-' || right(month, 2) || '-01'
        WHEN regexp_full_match(month, '(19|20)[0-9]{{2}}-(0[1-9]|1[0-2])-[0-3][0-9]([T ].*)?') THEN left(month, 7) || '-01'
        WHEN regexp_full_match(month, '[0-3][0-9]/(0[1-9]|1[0-2])/(19|20)[0-9]{{2}}( .*)?')
            THEN substr(month, 7, 4) || '-' || substr(month, 4, 2) || '-01'
        WHEN regexp_full_match(month, {literal(worded)}) THEN {year} || '-' || lpad(CAST({position} AS VARCHAR), 2, '0') || '-01'
    END"""


def _quantity_sql(names: Sequence[str]) -> str:
    def number(name: str) -> str:
        return f"TRY_CAST(replace(replace({name}, ',', ''), '£', '') AS DECIMAL(24, 4))"

    total = number("total_quantity") if "total_quantity" in names else "CAST(NULL AS DECIMAL(24, 4))"
    if "quantity" in names and "items" in names:
        return f"coalesce({total}, CAST({number('quantity')} * {number('items')} AS DECIMAL(24, 4)))"
    return total


def _fate_sql(names: Sequence[str], rules: LandingRules) -> str:
    """loaded | noted (landed, out of scope) | unfollowed | duplicate | quarantined."""
    duplicate = ""
    if rules.rows_are_unique:
        same = ", ".join(quoted(name) for name in names)
        duplicate = f"WHEN row_number() OVER (PARTITION BY {same} ORDER BY source_row) > 1 THEN 'duplicate'"
    if not rules.followed_prefixes:
        return f"CASE WHEN failure IS NOT NULL THEN 'quarantined' {duplicate} ELSE 'loaded' END"
    lengths = sorted({len(prefix) for prefix, _ in rules.followed_prefixes}, reverse=True)
    # The longest prefix decides, so the lengths are tried from long to short.
    by_length = " ".join(
        f"WHEN left(bnf_code, {length}) IN ({_listed(rules, length, counted)}) THEN {literal(fate)}"
        for length in lengths
        for counted, fate in ((True, "loaded"), (False, "noted"))
        if _listed(rules, length, counted)
    )
    return f"""CASE
        WHEN failure IS NOT NULL THEN 'quarantined' {duplicate}
        WHEN bnf_code IS NULL THEN 'loaded'
        {by_length}
        ELSE 'unfollowed' END"""


def _listed(rules: LandingRules, length: int, counted: bool) -> str:
    return ", ".join(literal(p) for p, is_counted in rules.followed_prefixes if len(p) == length and is_counted is counted)


def _identified_sql(names: Sequence[str]) -> str:
    """The source's own flag outranks an identifier that stands beside it."""
    if not {"patient_id", "patient_identified"} <= set(names):
        return ""
    return "CASE WHEN NOT regexp_matches(patient_identified, '(?i)^(n|f|0)') THEN patient_id END AS patient_id"


def _unidentified_sql(names: Sequence[str]) -> str:
    if "patient_id" not in names:
        return "CAST(NULL AS VARCHAR)"
    return "CASE WHEN patient_id IS NULL THEN 'unidentified' END"
