"""What organisations returned themselves, as it may leave: local measures, scores, PDSA cycles, service impact."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from textwrap import shorten
from typing import NamedTuple

import polars as pl

from pipelines.disclosure.local import protect_local_trends, protect_scores, protect_service_impact
from pipelines.disclosure.policy import Policy

_LONGEST_MARK = 60


class Cycle(NamedTuple):
    """A cycle of plan, do, study, act as it was returned; `org_level` is None where no loaded data know where."""

    id: str
    began_on: date
    org_level: str | None
    org_code: str
    org_name: str | None
    measure: str | None
    """The measure it is to move, where one was named."""
    studied_measure: str
    """The measure that is looked at since: the headline where none was named."""
    change: str
    prediction: str
    result: str | None
    next: str | None

    @property
    def month(self) -> date:
        return self.began_on.replace(day=1)

    @property
    def mark(self) -> str:
        """What stands beside a chart."""
        return shorten(f"{self.id}: {self.change}", _LONGEST_MARK, placeholder="…")


@dataclass(frozen=True)
class LocalReturns:
    """Protected frames; a hidden figure is NULL and `suppressed` is true."""

    trends: pl.DataFrame = field(default_factory=pl.DataFrame)
    """The columns of marts.local_trends."""
    scores: pl.DataFrame = field(default_factory=pl.DataFrame)
    """Those of marts.patient_reported_scores."""
    service_impact: pl.DataFrame = field(default_factory=pl.DataFrame)
    """Those of marts.service_impact."""
    cycles: tuple[Cycle, ...] = ()
    unplaced: int = 0
    """Returned rows of organisations that the loaded data do not know: they count nowhere."""


class Mark(NamedTuple):
    """A change to be marked on the charts of an organisation, of one measure (None: of all)."""

    month: date
    text: str
    org_code: str
    measure: str | None


def local_returns(table: Callable[[str], pl.DataFrame], policy: Policy) -> LocalReturns:
    """Read and protect; `table` gives the rows of a query of sql/queries."""
    return LocalReturns(
        trends=protect_local_trends(table("report_local_trends"), policy),
        scores=protect_scores(table("report_scores"), policy),
        service_impact=protect_service_impact(table("report_service_impact"), policy),
        cycles=tuple(Cycle(**row) for row in table("report_pdsa").to_dicts()),
        unplaced=int(table("report_local_unplaced")["unplaced"].sum()),
    )


def marks(cycles: tuple[Cycle, ...], trends: pl.DataFrame) -> tuple[Mark, ...]:
    """When what was changed, for every organisation that it reaches: a change of an ICB reaches its PCNs and practices.

    `trends`: rows with org_level, org_code, pcn_code and icb_code, from which who belongs where is read.
    """
    if not cycles or trends.is_empty():
        return ()
    places = trends.select("org_level", "org_code", "pcn_code", "icb_code").unique().sort(pl.all())
    found = set()
    for cycle in cycles:
        parent = {"pcn": pl.col("pcn_code"), "icb": pl.col("icb_code")}.get(cycle.org_level or "")
        reached = pl.col("org_code") == cycle.org_code
        if cycle.org_level == "all":
            reached = pl.lit(True)
        elif parent is not None:
            reached |= (parent == cycle.org_code) & pl.col("org_level").is_in(["practice", "pcn", "sub_icb"])
        codes = places.filter(reached)["org_code"].to_list() if cycle.org_level else []
        found |= {Mark(cycle.month, cycle.mark, code, cycle.measure) for code in codes}
    return tuple(sorted(found, key=lambda mark: (mark.month, mark.text, mark.org_code)))
