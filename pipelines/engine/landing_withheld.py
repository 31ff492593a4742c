"""Take people out of a landed file: the same file without their rows, and what was in them, month by month."""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.engine.duckdb import connect, literal
from pipelines.engine.landing import MonthCounts
from pipelines.engine.landing_plain import fate_by_code_sql
from pipelines.engine.landing_rules import LandingRules
from pipelines.engine.landing_sql import quantity_sql

_KEPT = "FORMAT parquet, ROW_GROUP_SIZE 30720, COMPRESSION zstd"
_PATIENT = "patient_key"


class Withheld(NamedTuple):
    """What left one month of a landed file: rows that counted, rows that were landed out of scope."""

    month: date | None
    rows_loaded: int
    rows_noted: int
    quantity_loaded: Decimal | None


def without(counts: MonthCounts, left: Sequence[Withheld]) -> MonthCounts:
    """The reconciliation of a month after rows of it have left: they were read, and are out of scope."""
    for month in left:
        if month.month == counts.month:
            quantity = None if counts.quantity_loaded is None else counts.quantity_loaded - (month.quantity_loaded or 0)
            return counts._replace(
                rows_loaded=counts.rows_loaded - month.rows_loaded,
                rows_out_of_scope=counts.rows_out_of_scope + month.rows_loaded,
                rows_opted_out=counts.rows_opted_out + month.rows_loaded + month.rows_noted,
                quantity_loaded=quantity,
            )
    return counts


def has_patients(landed: Path) -> bool:
    """Whether there is a patient column in a landed file."""
    return _PATIENT in pq.read_schema(landed).names


def write_without(
    landed: Path, out: Path, people: Iterable[str], followed_prefixes: Sequence[tuple[str, bool]], spill: Path
) -> list[Withheld]:
    """Write a landed file anew without the rows of some people, in the same order. Writes nothing where there are none.

    `followed_prefixes` tell, as at landing, which of their rows counted.
    """
    connection = connect(None, spill, memory_limit="1GB", threads=0, may_spill=False)
    connection.execute("SET preserve_insertion_order = true")
    try:
        connection.register("withheld", pa.table({_PATIENT: pa.array(sorted(people), pa.string())}))
        columns = pq.read_schema(landed).names
        rules = LandingRules((), None, None, False, tuple(followed_prefixes), True)
        fate = fate_by_code_sql(rules, "bnf_code") if "bnf_code" in columns else "'loaded'"
        code = "bnf_code IS NULL" if "bnf_code" in columns else "false"
        rows = connection.execute(
            f"""
            SELECT
                month,
                count(*) FILTER (fate <> 'noted'),
                count(*) FILTER (fate = 'noted'),
                CAST(sum(row_quantity) FILTER (fate <> 'noted') AS DECIMAL(38, 4))
            FROM (
                SELECT
                    CAST(month AS DATE) AS month,
                    CASE WHEN {code} THEN 'loaded' ELSE {fate} END AS fate,
                    {quantity_sql(columns)} AS row_quantity
                FROM read_parquet({literal(str(landed))}) SEMI JOIN withheld USING ({_PATIENT})
            )
            GROUP BY month ORDER BY month NULLS LAST
            """
        ).fetchall()
        if rows:
            connection.execute("SET threads = 1")
            # What has no patient is nobody's, and stays: an anti join keeps rows without a key.
            connection.execute(
                f"COPY (SELECT * FROM read_parquet({literal(str(landed))}) ANTI JOIN withheld USING ({_PATIENT})) "
                f"TO {literal(str(out))} ({_KEPT})"
            )
        return [Withheld(*row) for row in rows]
    finally:
        connection.close()
