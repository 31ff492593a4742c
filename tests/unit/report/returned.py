"""A made-up publication with local returns: what was returned, built by the models that every refresh uses."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pyarrow as pa
import support

from pipelines.returns import ReturnRow, returns_tables
from pipelines.statistics.local_trends import local_trend_table
from pipelines.statistics.scores import score_table
from tests.unit.report.made import Warehouse

_SQL_MARTS = ("local_returns", "pdsa", "service_impact")
_ATTRIBUTES = ("org_level", "org_code", "org_name", "pcn_code", "icb_code", "region_code")


def row(sheet: str, **cells: Any) -> ReturnRow:
    """A row as an import keeps it."""
    plain = {name: None if cell is None else str(cell) for name, cell in cells.items()}
    return ReturnRow(sheet, tuple(map(str, plain.values())), tuple(plain.items()))


def returned(org: str, month: str, measure: str, value: Any, denominator: Any = None) -> ReturnRow:
    """A row of local_returns."""
    cells = {"month": f"{month}-01", "organisation": org, "measure": measure, "value": value}
    return row("local_returns", **cells, denominator=denominator)


@dataclass
class WithReturns(Warehouse):
    """A publication with these returns."""

    returns: Sequence[ReturnRow] = field(default_factory=list)

    def _fill(self, connection: duckdb.DuckDBPyConnection) -> None:
        super()._fill(connection)
        for name, table in self._marts().items():
            connection.register(f"made_{name}", table)
            connection.execute(f"CREATE OR REPLACE TABLE marts.{name} AS SELECT * FROM made_{name}")

    def _marts(self) -> dict[str, pa.Table]:
        schema = pa.schema([(name, pa.string()) for name in _ATTRIBUTES])
        places = [{name: place[name] for name in _ATTRIBUTES} for place in self._organisations()]
        attributes = pa.Table.from_pylist(places, schema=schema)
        given = {**returns_tables(self.returns), "intermediate.int_organisations__attributes": attributes}
        tables = {}
        with TemporaryDirectory() as spill:
            for name in (
                *(f"marts.{mart}" for mart in _SQL_MARTS),
                "intermediate.int_returns__summed",
                "intermediate.int_returns__scores",
            ):
                engine = support.build_from(given, name, Path(spill))
                tables[name] = engine.fetch(f"SELECT * FROM {name}")
                engine.close()
        return {
            **{mart: tables[f"marts.{mart}"] for mart in _SQL_MARTS},
            "local_trends": local_trend_table(tables["intermediate.int_returns__summed"]),
            "patient_reported_scores": score_table(tables["intermediate.int_returns__scores"]),
        }
