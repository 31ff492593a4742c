"""Build every table of the warehouse, in one new file: raw views, reference tables, models, keys, checks."""

import csv
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import chain
from pathlib import Path

import pyarrow as pa

from pipelines import assets, models
from pipelines.config import Layout, Settings
from pipelines.engine.base import Engine, LandedPart, Parameter
from pipelines.engine.parts import in_parts
from pipelines.errors import ContractError, ModelError
from pipelines.folders import DataFolder
from pipelines.ingest.landing import landed_file
from pipelines.ingest.register import LoadedMonth, Register
from pipelines.products import ProductReference, resolve, under_every_factor_set
from pipelines.returns import ReturnRow, ReturnStore, instruments_table, local_measures_table, returns_tables
from pipelines.reviews import Review, ReviewStore
from pipelines.statistics.aim_terms import aim_measures_table
from pipelines.statistics.measures import measures_table, old_rules_table
from pipelines.statistics.tables import STATISTICS_TABLES

logger = logging.getLogger(__name__)

_FIRST_YEAR, _LAST_YEAR = 2010, 2059


@dataclass(frozen=True)
class BuildInputs:
    """Everything that decides what is built. Same inputs, same content."""

    data: DataFolder
    settings: Settings
    loaded_months: tuple[LoadedMonth, ...]
    sql_dir: Path
    reference_dir: Path
    as_at: date | None
    reviews: tuple[Review, ...] = ()
    returns: tuple[ReturnRow, ...] = ()


def present_inputs(data: DataFolder, settings: Settings, as_at: date | None) -> BuildInputs:
    """What a build of this data folder would be made from now."""
    return BuildInputs(
        data,
        settings,
        tuple(Register(data).loaded_months()),
        assets.SQL_DIR,
        assets.REFERENCE_DIR,
        as_at,
        ReviewStore(data).reviews(),
        ReturnStore(data).rows(),
    )


@dataclass(frozen=True)
class PythonModel:
    """A table that is not one SELECT: a function from small Arrow tables to one.

    Each input is a table, or the name of a query of sql/queries. `by`: a column of the first `parted` inputs, by whose
    values they are read and the table is made part by part, so that none of them needs to fit into memory.
    """

    name: str
    description: str
    grain: str
    key: tuple[str, ...]
    inputs: tuple[str, ...]
    by: str | None = None
    parted: int = 1


PRODUCTS = PythonModel(
    "reference.products",
    "What each product that occurs is: class, route, form, strength, and its oral morphine equivalence (OME) per unit.",
    "one row per BNF code and description that occurs",
    ("product_number",),
    ("intermediate.int_products__distinct",),
)
PRODUCTS_BY_FACTOR_SET = PythonModel(
    "reference.products_by_factor_set",
    "The oral morphine equivalence (OME) per unit of each opioid product under every factor set, with its factor.",
    "one row per opioid product in scope and factor set",
    ("product_number", "factor_set"),
    ("reference.products",),
)
TREND_TABLES = {
    PythonModel(table.name, table.description, table.grain, table.key, table.inputs, table.by, table.parted): table.make
    for table in STATISTICS_TABLES
}


def build(
    inputs: BuildInputs, engine: Engine, wanted: Sequence[str] | None = None
) -> dict[str, models.SqlModel | PythonModel]:
    """Materialise the models into the engine's file, its tables checked against their keys. Returns all by name.

    `wanted` builds these tables and what they stand on, nothing else.
    """
    sql_models = models.discover(inputs.sql_dir)
    python_models = {model.name: model for model in (PRODUCTS, PRODUCTS_BY_FACTOR_SET, *TREND_TABLES)}
    _load_raw(inputs, engine)
    _load_reference(inputs, engine)
    reads = {name: engine.tables_named_in(model.select) for name, model in sql_models.items()}
    reads |= {
        name: frozenset().union(*(engine.tables_named_in(_input_select(given)) for given in model.inputs))
        for name, model in python_models.items()
    }
    built = models.needed_for(wanted or reads, reads)
    parameters = _parameters(inputs)
    every_model: dict[str, models.SqlModel | PythonModel] = {**sql_models, **python_models}
    for name in models.in_build_order(built):
        logger.info("Building %s", name)
        model = every_model[name]
        if isinstance(model, models.SqlModel):
            engine.create(name, model.select, parameters, model.kind)
        else:
            engine.load(name, _python_table(model, inputs, engine))
        if _has_rows_of_its_own(name, model):
            _check_key(engine, name, model.key)
    return every_model


def _has_rows_of_its_own(name: str, model: models.SqlModel | PythonModel) -> bool:
    """Tables, and views that are published. What another view doubles breaks the key of the table that reads it."""
    return isinstance(model, PythonModel) or model.kind == "table" or name.startswith("marts.")


def run_checks(inputs: BuildInputs, engine: Engine) -> list[str]:
    """Run every sql/checks/assert_*.sql. Returns their names; raises ContractError for the first that finds rows."""
    ran = []
    parameters = _parameters(inputs)
    for file in sorted((inputs.sql_dir / "checks").glob("assert_*.sql")):
        name = f"intermediate.{file.stem}"
        engine.create(name, file.read_text(encoding="utf-8"), parameters)
        found = engine.count(name)
        if found:
            raise ContractError(
                f"A promise of the warehouse is broken: {file.stem.removeprefix('assert_').replace('_', ' ')}.",
                f"{found:,} row(s) speak against it (sql/checks/{file.name}).",
                "Nothing was published. Report this with the name of the check.",
            )
        ran.append(file.stem)
    return ran


def _check_key(engine: Engine, name: str, key: Sequence[str]) -> None:
    doubled = engine.rows_beyond_key(name, key)
    if doubled:
        raise ModelError(
            f"The table {name} breaks its key.",
            f"{doubled:,} row(s) share {', '.join(key)} with another.",
            "Nothing was published. If it names a reference table, look for rows that stand twice in its file.",
        )


def _load_raw(inputs: BuildInputs, engine: Engine) -> None:
    """Schema raw: the landed Parquet of each source, in the months in which it is current."""
    for source, layouts in _layouts_by_source(inputs.settings).items():
        months: dict[str, tuple[Path, list[date | None]]] = {}
        for loaded in inputs.loaded_months:
            if loaded.file.source == source and loaded.is_current:
                file = landed_file(loaded.file, inputs.data)
                months.setdefault(loaded.file.sha256, (file, []))[1].append(loaded.counts.month)
        parts = [LandedPart(file, sha256, tuple(current)) for sha256, (file, current) in sorted(months.items())]
        engine.view_landed(f"raw.{source}", parts, _raw_schema(layouts))
    engine.load("raw.file_months", _file_months(inputs.loaded_months))
    engine.load("raw.reviews", reviews_table(inputs.reviews))
    for name, table in returns_tables(inputs.returns).items():
        engine.load(name, table)


def _layouts_by_source(settings: Settings) -> dict[str, list[Layout]]:
    by_source: dict[str, list[Layout]] = {}
    for layout in settings.layouts:
        by_source.setdefault(layout.source, []).append(layout)
    return by_source


def _raw_schema(layouts: Sequence[Layout]) -> pa.Schema:
    fields = {name for layout in layouts for name in layout.columns} - {"patient_id", "month"}
    if any(layout.is_patient_level for layout in layouts):
        fields |= {"patient_key", "identity_status", "dispensed_date", "days_supply"}
    text = [(name, pa.string()) for name in ("month", *sorted(fields))]
    return pa.schema([("source_row", pa.int64()), *text, ("file_sha256", pa.string())])


def _file_months(loaded_months: Sequence[LoadedMonth]) -> pa.Table:
    schema = pa.schema(
        [
            ("file_name", pa.string()),
            ("sha256", pa.string()),
            ("layout", pa.string()),
            ("source", pa.string()),
            ("month", pa.date32()),
            ("rows_read", pa.int64()),
            ("rows_loaded", pa.int64()),
            ("rows_out_of_scope", pa.int64()),
            ("rows_quarantined", pa.int64()),
            ("rows_duplicate", pa.int64()),
            ("total_quantity", pa.decimal128(24, 4)),
            ("quantity_loaded", pa.decimal128(24, 4)),
            ("values_blanked", pa.int64()),
            ("rows_opted_out", pa.int64()),
            ("is_current", pa.bool_()),
        ]
    )
    rows = [
        {
            "file_name": loaded.file.file_name,
            "sha256": loaded.file.sha256,
            "layout": loaded.file.layout,
            "source": loaded.file.source,
            **loaded.counts._asdict(),
            "is_current": loaded.is_current,
        }
        for loaded in loaded_months
    ]
    return pa.Table.from_pylist(rows, schema=schema)


def reviews_table(reviews: Sequence[Review]) -> pa.Table:
    """What came of the reviews, with the calendar month of each."""
    schema = pa.schema(
        [
            ("patient_key", pa.string()),
            ("reviewed_on", pa.date32()),
            ("month", pa.date32()),
            ("outcome", pa.string()),
            ("reviewer", pa.string()),
        ]
    )
    rows = [{**vars(review), "month": review.reviewed_on.replace(day=1)} for review in reviews]
    return pa.Table.from_pylist(rows, schema=schema)


def _load_reference(inputs: BuildInputs, engine: Engine) -> None:
    """Schema reference: the clinical tables as text, the calendar, and the measures."""
    for file in sorted(inputs.reference_dir.glob("*.csv")):
        if not file.name.startswith("synthetic_"):
            engine.load(f"reference.{file.stem}", text_table(file))
    engine.load("reference.months", calendar_table())
    engine.load("reference.measures", measures_table(inputs.settings))
    engine.load("reference.superseded_rules", old_rules_table(inputs.settings))
    engine.load("reference.aim_measures", aim_measures_table(inputs.settings))
    engine.load("reference.local_measures", local_measures_table(inputs.settings))
    engine.load("reference.instruments", instruments_table(inputs.settings))
    engine.load("reference.cohort_settings", _cohort_settings(inputs.settings))
    engine.load("reference.reference_limits", _reference_limits(inputs.settings))


def text_table(file: Path) -> pa.Table:
    """A clinical table as text; a blank cell is NULL."""
    with file.open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    columns = list(rows[0])
    schema = pa.schema([(column, pa.string()) for column in columns])
    return pa.Table.from_pylist([{column: row[column] or None for column in columns} for row in rows], schema=schema)


def calendar_table() -> pa.Table:
    months = [date(year, month, 1) for year in range(_FIRST_YEAR, _LAST_YEAR + 1) for month in range(1, 13)]
    following = [*months[1:], date(_LAST_YEAR + 1, 1, 1)]
    return pa.table(
        {
            "month": pa.array(months, pa.date32()),
            "month_index": pa.array([m.year * 12 + m.month for m in months], pa.int32()),
            "days_in_month": pa.array([(b - a).days for a, b in zip(months, following, strict=True)], pa.int32()),
        }
    )


def _cohort_settings(settings: Settings) -> pa.Table:
    """The thresholds that the cohorts of this warehouse were judged by, under the names that SQL gives them."""
    named = settings.cohorts.sql_parameters()
    return pa.table(
        {
            "setting": pa.array(sorted(named), pa.string()),
            "setting_value": pa.array([str(named[name]) for name in sorted(named)], pa.string()),
        }
    )


def _reference_limits(settings: Settings) -> pa.Table:
    """How old each reference may be, as references.toml says."""
    text = ("reference", "title", "dated_by", "edition", "instead", "if_missing", "if_stale")
    schema = pa.schema([*((name, pa.string()) for name in text), ("max_age_months", pa.int32())])
    limits = settings.references.references
    return pa.Table.from_pylist(
        [{"reference": name, **limits[name].model_dump()} for name in sorted(limits)], schema=schema
    )


def _parameters(inputs: BuildInputs) -> Mapping[str, Parameter]:
    return {
        **inputs.settings.cohorts.sql_parameters(),
        "factor_set": inputs.settings.pipeline.factor_set,
        "vanished_code_least_items": inputs.settings.references.vanished_code_least_items,
        "default_aim": inputs.settings.aims.default,
        "as_at_month": inputs.as_at.isoformat() if inputs.as_at else None,
    }


def _input_select(given: str) -> str:
    return f"SELECT * FROM {given}" if "." in given else assets.query(given)


def _python_table(model: PythonModel, inputs: BuildInputs, engine: Engine) -> pa.Table | pa.RecordBatchReader:
    """The rows of a table: at once, or worked out part by part as they are read."""
    selects = [_input_select(given) for given in model.inputs]
    if model.by is None:
        return _made(model, [engine.fetch(select) for select in selects], inputs)
    whole = [engine.fetch(select) for select in selects[model.parted :]]
    parts = in_parts(engine, selects[: model.parted], model.by)
    made = (_made(model, [*part, *whole], inputs) for part in parts)
    begun = next(made)
    return pa.RecordBatchReader.from_batches(
        begun.schema, (batch for part in chain([begun], made) for batch in part.to_batches())
    )


def _made(model: PythonModel, tables: Sequence[pa.Table], inputs: BuildInputs) -> pa.Table:
    settings = inputs.settings
    if model is PRODUCTS:
        reference = ProductReference.load(inputs.reference_dir)
        resolved = resolve(tables[0], reference, settings.pipeline.factor_set, settings.pipeline.scope)
        return _numbered(resolved, tables[0])
    if model is PRODUCTS_BY_FACTOR_SET:
        return under_every_factor_set(
            tables[0],
            ProductReference.load(inputs.reference_dir),
            settings.pipeline.factor_set,
            settings.pipeline.scope,
        )
    return TREND_TABLES[model](tables, settings)


def _numbered(resolved: pa.Table, asked: pa.Table) -> pa.Table:
    """The resolver's answers, with the number under which each product was asked."""
    assert resolved.num_rows == asked.num_rows
    return (
        resolved.set_column(0, "bnf_code", asked["bnf_code"])
        .set_column(1, "bnf_description", asked["bnf_description"])
        .append_column("product_number", asked["product_number"])
    )


def unconverted_share(engine: Engine) -> tuple[int, int, Decimal]:
    """Opioid items without a dose that count towards the gate, all opioid items, and the share."""
    row = engine.fetch(assets.query("gate_unconverted_share")).to_pylist()[0]
    unconverted, items = int(row["unconverted"]), int(row["items"])
    return unconverted, items, Decimal(unconverted) / Decimal(items) if items else Decimal(0)
