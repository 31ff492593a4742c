"""Factor sets side by side: which factors differ, which products, and who enters or leaves which cohort."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import pyarrow as pa

from pipelines import assets
from pipelines.build import BuildInputs, build
from pipelines.config import Settings
from pipelines.engine.duckdb import DuckDBEngine
from pipelines.errors import ReferenceDataError
from pipelines.folders import DataFolder
from pipelines.ingest.register import Register
from pipelines.products import ProductReference


@dataclass(frozen=True)
class FactorChange:
    """One drug, route and form whose factor differs; None where a set leaves it out or has none."""

    drug: str
    route: str
    form: str
    before: Decimal | None
    after: Decimal | None


@dataclass(frozen=True)
class ProductChange:
    """One product of the loaded data whose OME per unit (mg) or status differs."""

    bnf_code: str
    bnf_description: str
    before: str
    after: str
    items: int


@dataclass(frozen=True)
class CohortChange:
    """How many people a cohort gains and loses at the month."""

    cohort: str
    before: int
    after: int
    enter: int
    leave: int


@dataclass(frozen=True)
class FactorDiff:
    """What changes from one factor set to another."""

    factors: tuple[FactorChange, ...]
    products: tuple[ProductChange, ...]
    cohorts: tuple[CohortChange, ...]
    month: date | None


def factor_changes(reference: ProductReference, before: str, after: str) -> tuple[FactorChange, ...]:
    """Factors that differ between two sets, by drug, route and form."""
    one, other = _factors(reference, before), _factors(reference, after)
    return tuple(
        FactorChange(*key, one.get(key), other.get(key))
        for key in sorted(one.keys() | other.keys())
        if one.get(key) != other.get(key)
    )


def _factors(reference: ProductReference, name: str) -> dict[tuple[str, str, str], Decimal | None]:
    if name not in reference.factors:
        raise ReferenceDataError(
            f"No factor set is called '{name}'.",
            "factor_sets.csv",
            f"Choose one of: {', '.join(reference.factor_sets)}.",
        )
    return {key: factor.factor for key, factor in reference.factors[name].items()}


def diff_factor_sets(data: DataFolder, settings: Settings, before: str, after: str) -> FactorDiff:
    """Compare two sets: by factor always, by product and cohort on the data loaded in this folder."""
    reference = ProductReference.load(assets.REFERENCE_DIR)
    factors = factor_changes(reference, before, after)
    loaded = Register(data).loaded_months()
    if not any(month.is_current and month.counts.rows_loaded for month in loaded):
        return FactorDiff(factors, (), (), None)
    built = [_built(data, settings, name) for name in (before, after)]
    products = _product_changes(*(tables[0] for tables in built))
    month, cohorts = _cohort_changes(*(tables[1] for tables in built))
    return FactorDiff(factors, products, cohorts, month)


def _built(data: DataFolder, settings: Settings, factor_set: str) -> tuple[pa.Table, pa.Table]:
    """Products with their items, and the cohorts of the newest month that is not provisional, under one set."""
    told = settings.model_copy(update={"pipeline": settings.pipeline.model_copy(update={"factor_set": factor_set})})
    loaded = tuple(Register(data).loaded_months())
    inputs = BuildInputs(data, told, loaded, assets.SQL_DIR, assets.REFERENCE_DIR, None)
    engine = DuckDBEngine(None, data.tmp, memory_limit=told.pipeline.memory_limit, threads=told.pipeline.threads)
    try:
        build(inputs, engine, ["marts.patient_month"])
        products = engine.fetch(assets.query("factor_sets_products"))
        members = engine.fetch(assets.query("factor_sets_members"))
    finally:
        engine.close()
    return products, members


def _product_changes(before: pa.Table, after: pa.Table) -> tuple[ProductChange, ...]:
    def by_product(table: pa.Table) -> dict[tuple[str, str], dict[str, object]]:
        return {(row["bnf_code"], row["bnf_description"]): row for row in table.to_pylist()}

    one, other = by_product(before), by_product(after)
    return tuple(
        ProductChange(*product, str(row["ome"]), str(other[product]["ome"]), int(str(row["items"])))
        for product, row in sorted(one.items())
        if row["ome"] != other[product]["ome"]
    )


def _cohort_changes(before: pa.Table, after: pa.Table) -> tuple[date | None, tuple[CohortChange, ...]]:
    one = {row["patient_key"]: row for row in before.to_pylist()}
    other = {row["patient_key"]: row for row in after.to_pylist()}
    month = next((row["month"] for row in one.values()), None)

    def members(rows: dict[str, dict[str, object]], cohort: str) -> set[str]:
        return {key for key, row in rows.items() if row[cohort]}

    changes = []
    for cohort in before.column_names[2:]:
        was, is_now = members(one, cohort), members(other, cohort)
        changes.append(CohortChange(cohort, len(was), len(is_now), len(is_now - was), len(was - is_now)))
    return month, tuple(changes)


def rows_of(name: str, reference: ProductReference) -> Sequence[tuple[str, str, str, str, str, str]]:
    """Drug, route, form, factor, unit and basis of every factor of a set, as text."""
    _factors(reference, name)
    return [
        (drug, route, form, "left out" if factor.factor is None else f"{factor.factor:f}", factor.unit, factor.basis)
        for (drug, route, form), factor in sorted(reference.factors[name].items())
    ]
