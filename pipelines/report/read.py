"""From the published marts to what may leave: every figure passes `pipelines.disclosure` here, and nowhere else."""

import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from pipelines import assets, disclosure
from pipelines.config import Settings
from pipelines.disclosure import Policy
from pipelines.disclosure.parts import Parts, protect_parts
from pipelines.disclosure.tables import leaving_comparison, protect_decile_lines
from pipelines.engine.published import read_only
from pipelines.errors import ConfigError
from pipelines.report import facts
from pipelines.report.leaving import LEVELS as LEVELS
from pipelines.report.leaving import Leaving as Leaving
from pipelines.report.local_returns import local_returns
from pipelines.report.outlook import outlook
from pipelines.statistics.measures import person_measures

_LEAVING_COLUMNS = (*disclosure.IDENTIFYING, *disclosure.DERIVED, *disclosure.HELPERS)
_NOT_NEEDED = "people_in_both"
_EVERYONE = "any_opioid"

Table = Callable[..., pl.DataFrame]
"""The rows of a query of sql/queries as a frame."""


def read(warehouse_file: Path, snapshot_id: str, settings: Settings, spill_folder: Path) -> Leaving:
    """Read a published warehouse and protect what was read, by the default policy of disclosure.toml."""
    policy = next(iter(disclosure.load_policies(settings.disclosure_file).values()))
    _check_practice_measures(policy, settings)
    connection = read_only(warehouse_file, spill_folder)

    def table(query: str, **parameters: Any) -> pl.DataFrame:
        select = assets.query(query)
        named = {name: value for name, value in parameters.items() if re.search(rf"\${name}\b", select)}
        rows = pl.from_arrow(connection.sql(select, params=named).to_arrow_table())
        assert isinstance(rows, pl.DataFrame)
        return rows

    def ask(query: str, **parameters: Any) -> list[dict[str, Any]]:
        return table(query, **parameters).to_dicts()

    try:
        trends = _leaving_rows(table("report_trends"), policy)
        protected = _protected(trends, policy, settings)
        parts = _parts(table, trends, protected, policy, settings)
        names = _names(protected)
        compared = table("report_comparison")
        title, checked_by = facts.factor_set(ask, settings)
        run = next(iter(ask("report_run", snapshot_id=snapshot_id)), {"as_at_month": None, "allow_unconverted": None})
        own, previous = facts.publications(ask, snapshot_id)
        return Leaving(
            snapshot_id=snapshot_id,
            policy=policy,
            trends=protected,
            has_patients=bool(ask("any_patient")),
            sources=facts.source_rows(ask, policy),
            unconverted=facts.unconverted(ask, policy),
            unconverted_products=facts.unconverted_products(ask, policy),
            reference_files=facts.reference_files(ask, settings),
            factor_set_title=title,
            factors_checked_by=checked_by,
            allowed_unconverted=run["allow_unconverted"],
            as_at_month=run["as_at_month"],
            caveats=tuple(row["sentence"] for row in ask("caveats")),
            practice_measures=policy.practice_measures,
            variants=_variants(table("report_variants"), protected, policy, settings),
            components=parts.components,
            equity=parts.equity,
            decile_lines=protect_decile_lines(table("report_decile_lines"), policy, protected),
            comparison=leaving_comparison(compared),
            similar=_similar(compared),
            dose_bands=_named(parts.dose_bands, names),
            overlap=_named(parts.overlap, names),
            sensitivity=_named(parts.sensitivity, names),
            forecast=outlook(protected),
            local=local_returns(table, policy),
            reference_ages=facts.reference_ages(ask),
            published=own,
            previous=previous,
            newly_loaded=facts.newly_loaded(ask, warehouse_file, previous, settings, spill_folder),
        )
    finally:
        connection.close()


def _check_practice_measures(policy: Policy, settings: Settings) -> None:
    unknown = sorted({*policy.practice_measures} - person_measures(settings))
    if unknown:
        raise ConfigError(
            "Single practices leave for measures of people alone.",
            f"{settings.disclosure_file}: practice_measures names {', '.join(unknown)}.",
            "Name measures of measures.toml whose unit is people, or leave the list empty.",
        )


def _leaving_rows(trends: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """The rows and columns that leave, not yet protected."""
    known = [name for name in _LEAVING_COLUMNS if name in trends.columns and name != _NOT_NEEDED]
    return disclosure.outside_grain(trends.select(known), policy.practice_measures)


def _protected(trends: pl.DataFrame, policy: Policy, settings: Settings) -> pl.DataFrame:
    protected = disclosure.protect_trends(trends, policy, person_measures(settings))
    return protected.sort("org_level", "org_code", "measure", "month")


def _variants(variants: pl.DataFrame, protected: pl.DataFrame, policy: Policy, settings: Settings) -> pl.DataFrame:
    leaving = _leaving_rows(variants, policy)
    shown = disclosure.protect_variants(leaving, protected, policy, person_measures(settings))
    return shown.sort("org_level", "org_code", "measure", "aim", "month")


def _parts(table: Table, trends: pl.DataFrame, protected: pl.DataFrame, policy: Policy, settings: Settings) -> Parts:
    """What stands beside the trends; nothing under a policy that does not round, and without patients."""
    month = _newest_settled(trends)
    if month is None or (policy.rounding == "none" and not policy.hides_nothing):
        return Parts()
    terms: dict[str, Any] = {"month": month, "factor_set": settings.pipeline.factor_set}
    terms |= settings.cohorts.sql_parameters()
    parts = Parts(
        components=table("report_components"),
        equity=table("report_equity"),
        dose_bands=table("report_dose_bands", **terms),
        overlap=table("report_overlap", **terms),
        sensitivity=table("report_sensitivity", **terms),
    )
    lines = settings.cohorts.high_dose
    lower, line = float(lines["lower_ome_mg_per_day"]), float(lines["ome_mg_per_day"])
    return protect_parts(trends, parts, policy, (lower, line), person_measures(settings), protected)


def _newest_settled(trends: pl.DataFrame) -> date | None:
    settled = trends.filter((pl.col("measure") == _EVERYONE) & ~pl.col("provisional"))
    month = settled["month"].max()
    return month if isinstance(month, date) else None


def _names(protected: pl.DataFrame) -> pl.DataFrame:
    icbs = protected.filter(pl.col("org_level") == "icb").select("org_code", "org_name")
    return icbs.unique("org_code", keep="any").sort("org_code")


_LISTS_OF = ("epd_opioid_items", _EVERYONE)
"""By which measure's rows practices are alike: that of the newest list sizes first."""


def _similar(compared: pl.DataFrame) -> pl.DataFrame:
    """Who is like whom, once for all measures, from the first that says so; nobody where the mart is an older one."""
    if "similar_practices" not in compared.columns:
        return pl.DataFrame()
    known = compared.filter(pl.col("similar_practices").is_not_null())
    names = [*_LISTS_OF, *known["measure"].unique().sort()]
    chosen = next((name for name in names if name in known["measure"]), "")
    columns = ("practice_code", "similar_basis", "similar_practices")
    return known.filter(pl.col("measure") == chosen).select(columns).sort("practice_code")


def _named(rows: pl.DataFrame, names: pl.DataFrame) -> pl.DataFrame:
    """The rows with `org_name`, in the order they came."""
    return rows if rows.is_empty() else rows.join(names, on="org_code", how="left", maintain_order="left")
