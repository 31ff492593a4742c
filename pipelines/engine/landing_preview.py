"""What landing a file would give, month by month, without landing it: nothing is written, no identifier is read."""

from datetime import date
from pathlib import Path
from typing import NamedTuple

import duckdb

from pipelines.engine.duckdb import connect
from pipelines.engine.landing import Source, UncleanText, relation_of
from pipelines.engine.landing_rules import LandingRules
from pipelines.engine.landing_sql import judged_sql


class MonthPreview(NamedTuple):
    """One month of a file: rows read, and of them those that would count."""

    month: date | None
    rows_read: int
    rows_loaded: int


def preview(source: Source, rules: LandingRules, spill: Path, memory_limit: str) -> list[MonthPreview]:
    """The months of a file. Lines that cannot be cut into columns are left out. Raises UncleanText as landing does."""
    connection = connect(None, spill, memory_limit=memory_limit, threads=0, may_spill=False)
    try:
        judged = judged_sql(relation_of(connection, source, rules), rules)
        rows = connection.execute(
            f"""
            SELECT CAST(month AS DATE), count(*), count(*) FILTER (fate = 'loaded')
            FROM ({judged}) WHERE fate NOT IN ('blank', 'footer')
            GROUP BY 1 ORDER BY 1 NULLS LAST
            """
        ).fetchall()
    except duckdb.Error:
        # Its words can hold a line of the file.
        raise UncleanText from None
    finally:
        connection.close()
    return [MonthPreview(*row) for row in rows]
