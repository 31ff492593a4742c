"""What a report may say: shapes only, made by read.py after disclosure control."""

from dataclasses import dataclass, field
from datetime import date, datetime

import polars as pl

from pipelines.disclosure.policy import Policy
from pipelines.report.local_returns import LocalReturns

LEVELS = ("practice", "pcn", "sub_icb", "icb", "region", "all")


@dataclass(frozen=True)
class SourceRows:
    """Rows of one source as they came in. Patients' rows are protected: `quarantined` is text."""

    source: str
    rows_read: str
    quarantined: str
    has_quarantined: bool


@dataclass(frozen=True)
class UnconvertedProduct:
    """A product without an oral morphine equivalent; its items as text, protected where they are patients'."""

    source: str
    product: str
    status: str
    items: str


@dataclass(frozen=True)
class Unconverted:
    """Opioid items of one source without a dose, of all its opioid items."""

    source: str
    products: int
    items: str
    all_items: str


@dataclass(frozen=True)
class ReferenceFile:
    """A loaded list of organisations or list sizes, and the newest month it speaks of."""

    title: str
    newest_month: date | None


@dataclass(frozen=True)
class ReferenceAge:
    """One reference, and whether it is `current`, `stale`, `missing`, `replaced` or of unknown age (`age_unknown`)."""

    title: str
    status: str
    newest: date | None
    age_months: int | None
    sentence: str | None
    """What it means where it is old or missing; None where it is current."""


@dataclass(frozen=True)
class Publication:
    """One published run: when, and by which rules it counted."""

    run_id: str
    snapshot_id: str
    finished_at: datetime
    cohort_version: str
    factor_set: str
    scope: str


@dataclass(frozen=True)
class Leaving:
    """All that a report may say, after disclosure control.

    In every frame a hidden count is NULL. No figure in here may be put beside one from the marts themselves.
    """

    snapshot_id: str
    policy: Policy
    trends: pl.DataFrame
    """PCNs and above, every measure; practices for open data, and GP practices for `practice_measures`.

    `suppressed`, and `shown` with `[c]` or `[x]`; every derived column comes from the protected count.
    """
    has_patients: bool
    sources: tuple[SourceRows, ...]
    unconverted: tuple[Unconverted, ...]
    unconverted_products: tuple[UnconvertedProduct, ...]
    reference_files: tuple[ReferenceFile, ...]
    factor_set_title: str
    factors_checked_by: str
    allowed_unconverted: str | None
    as_at_month: date | None
    caveats: tuple[str, ...] = ()
    practice_measures: tuple[str, ...] = ()
    """Measures of patients of which GP practices' rows are among `trends`; empty where no practice leaves."""
    variants: pl.DataFrame = field(default_factory=pl.DataFrame)
    """Rows of marts.trend_variants (further aims), with the columns of `trends`."""
    components: pl.DataFrame = field(default_factory=pl.DataFrame)
    """Parts of the change of each ICB in the newest settled month: the columns of marts.change_components.

    `suppressed` names the hidden parts, divided by `|`; `people`, `baseline_people` are those of `trends`.
    """
    equity: pl.DataFrame = field(default_factory=pl.DataFrame)
    """marts.equity of each ICB in the newest settled month; shares, changes and `gap` from protected counts.

    `suppressed` names the hidden ones of `people` and `baseline_people`, divided by `|`.
    """
    decile_lines: pl.DataFrame = field(default_factory=pl.DataFrame)
    """month, measure, practices_compared, decile_1 … decile_9; a decile that is hidden is NULL."""
    comparison: pl.DataFrame = field(default_factory=pl.DataFrame)
    """marts.practice_comparison of open data alone."""
    similar: pl.DataFrame = field(default_factory=pl.DataFrame)
    """practice_code, similar_basis, similar_practices: who is like whom, by list size and deprivation; no count."""
    dose_bands: pl.DataFrame = field(default_factory=pl.DataFrame)
    """People by dose: org_code, org_name, month, band_number, from_ome_mg_per_day, people, suppressed (true: hidden).

    ICBs, newest settled month, everyone with an opioid in the last three months; a band reaches to the next one, with
    the line of 120 belonging to the band below it; the last band (NULL) is not known.
    """
    overlap: pl.DataFrame = field(default_factory=pl.DataFrame)
    """People in exactly these cohorts: org_code, org_name, month, high_dose, long_term, opioid_gabapentinoid (true:
    in it), people, suppressed. ICBs, newest settled month."""
    sensitivity: pl.DataFrame = field(default_factory=pl.DataFrame)
    """High dose by one definition a row, each one step from the headline: org_code, org_name, as_at_month, dimension,
    dose_window, preset, factor_set, factor_set_title, parenteral, is_headline, people, suppressed. ICBs alone."""
    forecast: pl.DataFrame = field(default_factory=pl.DataFrame)
    """When an ICB might reach the aim, fitted to its protected counts: org_code, org_name, measure, as_at_month,
    forecast_status, earliest_quarter, latest_quarter (first day; NULL: beyond the horizon)."""
    reference_ages: tuple[ReferenceAge, ...] = ()
    published: Publication | None = None
    """This publication; None where the warehouse does not say."""
    previous: Publication | None = None
    """The newest publication before this one; None where there is none."""
    local: LocalReturns = field(default_factory=LocalReturns)
    """What organisations returned themselves."""
    newly_loaded: tuple[ReferenceFile, ...] | None = None
    """What came in since the previous publication: title and month; None where that is not known."""
