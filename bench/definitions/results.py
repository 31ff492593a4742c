"""The figures of the benchmark, kept as two tables beside the page that tells them."""

from dataclasses import dataclass, fields
from pathlib import Path

import polars as pl

from bench.definitions.accounting import Counts

COUNTS_FILE, DOSES_FILE = "definitions.csv", "definitions_doses.csv"


@dataclass(frozen=True)
class Results:
    """`flags`: a row a population, script length and rule; `doses`: a row a population, script length and window."""

    flags: pl.DataFrame
    doses: pl.DataFrame

    @classmethod
    def read(cls, folder: Path) -> "Results":
        """As they were written."""
        flags = pl.read_csv(folder / COUNTS_FILE).with_columns(pl.col("preset").fill_null(""))
        return cls(flags, pl.read_csv(folder / DOSES_FILE))

    def write(self, folder: Path) -> None:
        """Both tables."""
        self.flags.write_csv(folder / COUNTS_FILE)
        self.doses.write_csv(folder / DOSES_FILE)

    def counts(self, population: str, script: str, flag: str, preset: str, truth: str) -> Counts:
        """The counts of one rule."""
        row = self.flags.row(
            by_predicate=(pl.col("population") == population)
            & (pl.col("script") == script)
            & (pl.col("flag") == flag)
            & (pl.col("preset") == preset)
            & (pl.col("truth") == truth),
            named=True,
        )
        return Counts(**{each.name: row[each.name] for each in fields(Counts)})

    def dose(self, population: str, script: str, window_months: int, who: str) -> dict[str, float]:
        """The errors of one window: median_pct, p5_pct, p95_pct, people."""
        return self.doses.row(
            by_predicate=(pl.col("population") == population)
            & (pl.col("script") == script)
            & (pl.col("window_months") == window_months)
            & (pl.col("who") == who),
            named=True,
        )
