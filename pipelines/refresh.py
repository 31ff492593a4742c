"""The main job as plain Python: sweep → land → build → check → publish → report.

flows.py wraps these steps for the orchestrator; the command line runs them without any server. One refresh at a
time holds the lock of a data folder. Until the very last step the published warehouse is untouched.
"""

import logging
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa

from pipelines import assets
from pipelines.build import BuildInputs, PythonModel, build, run_checks, unconverted_share
from pipelines.caveats import Caveat, store_caveats
from pipelines.config import Settings
from pipelines.content import content_of, snapshot_id
from pipelines.contracts import ContractReport, check_contracts, load_in_background, write_data_docs
from pipelines.engine.base import Engine
from pipelines.engine.opening import open_engine, refuse_engine_that_is_not_there
from pipelines.engine.published import fetch_published
from pipelines.errors import (
    ContractError,
    NothingPublished,
    NothingToPublish,
    PipelineError,
    UnconvertedItems,
    UsageError,
)
from pipelines.folders import DataFolder, said_in_words
from pipelines.housekeeping import refuse_without_room, remove_leftovers
from pipelines.ingest.delivery import Added, sweep_incoming
from pipelines.ingest.landing import land_new_files
from pipelines.ingest.register import LoadedMonth, Register, Run
from pipelines.ingest.retention import due_to_go, let_go
from pipelines.ingest.upgrading import upgrade
from pipelines.ingest.withholding import leave_out_waiting
from pipelines.locking import only_refresh
from pipelines.logs import new_run_id, timed, written_down
from pipelines.models import SqlModel
from pipelines.products import ProductReference, followed_prefixes
from pipelines.publish import publish
from pipelines.report import write_reports
from pipelines.returns import ReturnStore
from pipelines.reviews import ReviewStore
from pipelines.snapshots import Snapshot, current_snapshot

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RefreshOptions:
    """What one refresh was asked to do."""

    data: DataFolder
    reports_dir: Path
    settings: Settings
    as_at: date | None = None
    with_report: bool = True
    allow_unconverted: str | None = None


@dataclass(frozen=True)
class Built:
    """A warehouse that is built and checked but not published."""

    engine: Engine
    models: dict[str, SqlModel | PythonModel]
    inputs: BuildInputs


@dataclass(frozen=True)
class Checked:
    """What the checks found in a warehouse that is fit to publish."""

    checks_run: int
    contracts: ContractReport
    caveats: tuple[Caveat, ...]


@dataclass(frozen=True)
class Refreshed:
    """What a refresh did."""

    run_id: str
    snapshot: Snapshot
    swept: tuple[Added, ...]
    files_landed: int
    checks_run: int
    unconverted_items: int
    opioid_items: int
    reports: tuple[Path, ...]
    caveats: tuple[Caveat, ...]
    originals_removed: tuple[str, ...] = ()


def refresh(
    options: RefreshOptions, progress: Callable[[str], None] = lambda _: None, steps: "Steps | None" = None
) -> Refreshed:
    """Run the whole job. Raises a PipelineError that says what to do; the last publication then stays current.

    `steps` lets an orchestrator put its own wrapping round each step.
    """
    options.data.prepare()
    with said_in_words(options.data.root), only_refresh(options.data):
        upgrade(options.data)
        try:
            return _recorded(options, progress, steps or Steps())
        finally:
            remove_leftovers(options.data)


def _recorded(options: RefreshOptions, progress: Callable[[str], None], steps: "Steps") -> Refreshed:
    """Keep the run's outcome in the register, whatever it is."""
    register = Register(options.data)
    # Whoever was running is not any more: the lock is ours.
    register.close_interrupted()
    run_id = new_run_id()
    register.start_run(run_id, options.allow_unconverted)
    try:
        with written_down(options.data, "refresh", run_id, options.settings.pipeline.log_level):
            remove_leftovers(options.data)
            refuse_engine_that_is_not_there(options.settings.pipeline)
            refuse_without_room(options.data)
            timed_steps = Steps(**{name: timed(name, step) for name, step in vars(steps).items()})
            refreshed = _run_steps(options, run_id, progress, timed_steps)
    except PipelineError as error:
        _note_failure(register, run_id, error.what)
        raise
    except BaseException as error:
        _note_failure(register, run_id, type(error).__name__)
        raise
    return refreshed


def _note_failure(register: Register, run_id: str, what: str) -> None:
    """Where the disk is full not even this can be written: the error that is on its way out says so."""
    with suppress(sqlite3.Error):
        register.finish_run(run_id, "failed", what)


def _run_steps(options: RefreshOptions, run_id: str, progress: Callable[[str], None], steps: "Steps") -> Refreshed:
    progress("Looking for new files")
    swept = steps.sweep(options)
    progress("Landing files")
    landed = steps.land(options)
    progress("Building the warehouse")
    built = steps.build(options, run_id)
    try:
        progress("Checking the contracts")
        checked = steps.check(options, built)
        progress("Publishing")
        snapshot = steps.publish(options, built, run_id)
        unconverted, items, _ = unconverted_share(built.engine)
    finally:
        built.engine.close()
    progress("Writing the reports")
    reports = steps.report(options, snapshot, checked)
    return Refreshed(
        run_id,
        snapshot,
        tuple(swept),
        landed,
        checked.checks_run,
        unconverted,
        items,
        tuple(reports),
        checked.caveats,
        _let_go_what_is_due(options),
    )


def _let_go_what_is_due(options: RefreshOptions) -> tuple[str, ...]:
    """Remove the originals whose time is over. What cannot be removed now is due again: the publication stands."""
    due = due_to_go(options.data, options.settings)
    try:
        let_go(options.data, due)
    except PipelineError as error:
        logger.warning("%s", error)
        return ()
    return (*(file.file_name for file in due.originals), *(file.name for file in due.refused))


def sweep(options: RefreshOptions) -> list[Added]:
    """Take in what lies in incoming/."""
    return sweep_incoming(options.data, options.settings)


def land(options: RefreshOptions) -> int:
    """Let go whoever opted out, land what is registered and not yet landed. Returns the number of files."""
    followed = followed_prefixes(ProductReference.load(assets.REFERENCE_DIR))
    leave_out_waiting(options.data, followed)
    return land_new_files(options.data, options.settings, followed)


def build_warehouse(options: RefreshOptions, run_id: str) -> Built:
    """Build everything in a passing file below tmp/. Raises NothingToPublish when there is no item at all."""
    loaded = tuple(Register(options.data).loaded_months())
    items = [month for month in loaded if month.is_current and month.file.source in ("patient_items", "epd")]
    if not sum(month.counts.rows_loaded for month in items):
        raise NothingToPublish(
            "Nothing to publish: no loaded file holds a product that is followed.",
            f"{len({month.file.sha256 for month in items})} file(s) with items are loaded in "
            f"{options.data.root.resolve()}.",
            "Add prescribing files with 'opioids add FILE…', then refresh again; is it the folder you mean?",
        )
    _refuse_month_without_data(options.as_at, {month.counts.month for month in items})
    _refuse_vanished_months(options.data, loaded)
    load_in_background()
    settings = options.settings
    reviews, returns = ReviewStore(options.data).reviews(), ReturnStore(options.data).rows()
    inputs = BuildInputs(
        options.data, settings, loaded, assets.SQL_DIR, assets.REFERENCE_DIR, options.as_at, reviews, returns
    )
    engine = open_engine(settings.pipeline, options.data.tmp, f"build-{run_id}")
    try:
        return Built(engine, build(inputs, engine), inputs)
    except BaseException:
        engine.close()
        raise


def _refuse_month_without_data(as_at: date | None, loaded: set[date | None]) -> None:
    if as_at is None or as_at in loaded:
        return
    months = sorted(month for month in loaded if month)
    raise UsageError(
        f"There is no data for {as_at:%Y-%m}.",
        f"Loaded are {len(months)} month(s), {months[0]:%Y-%m} to {months[-1]:%Y-%m}.",
        "Give one of them with --as-at, or leave it out for the newest that is not provisional.",
    )


def _refuse_vanished_months(data: DataFolder, loaded: Sequence[LoadedMonth]) -> None:
    """A month that was published with rows must not become empty by a later delivery.

    Where none of its files is registered any more it was taken back on purpose.
    """
    try:
        snapshot = current_snapshot(data)
    except NothingPublished:
        return
    if not snapshot.file.exists():
        return
    held = {
        (month.file.source, month.counts.month)
        for month in loaded
        # Whose only people opted out has lost its rows on purpose.
        if month.is_current and (month.counts.rows_loaded or month.counts.rows_opted_out)
    }
    registered = {month.file.sha256 for month in loaded}
    lost = [
        row
        for row in fetch_published(snapshot.file, data.tmp, assets.query("gate_published_months")).to_pylist()
        if (row["source"], row["month"]) not in held and row["sha256"] in registered
    ]
    if lost:
        months = sorted({f"{row['source']} {row['month']:%Y-%m}" for row in lost})
        raise ContractError(
            f"{len(months)} month(s) that were published would lose all their rows: {', '.join(months[:12])}.",
            "Published from "
            + ", ".join(sorted({f"{row['file_name']} ({row['rows_loaded']:,} rows)" for row in lost})[:6])
            + "; what has replaced them holds no followed product.",
            "Nothing was published; the last publication stays. Deliver these months again, whole.",
        )


def check(options: RefreshOptions, built: Built) -> Checked:
    """Every SQL check, every contract, and the gate of unconverted items; what they warn of becomes marts.caveats."""
    settings = options.settings
    names = run_checks(built.inputs, built.engine)
    contracts = check_contracts(
        built.engine,
        settings.expectation_files,
        assets.SQL_DIR,
        with_pages=options.with_report and settings.pipeline.data_docs,
    )
    contracts.refuse_failures()
    unconverted, items, share = unconverted_share(built.engine)
    too_many = (
        share > settings.pipeline.unconverted_share_limit and unconverted > settings.pipeline.unconverted_items_limit
    )
    if too_many and options.allow_unconverted is None:
        raise UnconvertedItems(
            f"{unconverted:,} of {items:,} opioid items ({share:.2%}) have no dose.",
            f"Most: {_most_unconverted(built.engine)}.",
            "Add the missing rows to data/reference/, or publish all the same with --allow-unconverted REASON.",
        )
    warned = [Caveat("contract", found.suite, found.sentence, found.detail) for found in contracts.warnings]
    return Checked(len(names) + contracts.checks_run, contracts, store_caveats(built.engine, warned))


def _most_unconverted(engine: Engine) -> str:
    rows = engine.fetch(assets.query("gate_most_unconverted")).to_pylist()
    return "; ".join(f"{row['product']} ({row['ome_status']}, {row['items']} items)" for row in rows)


def publish_warehouse(options: RefreshOptions, built: Built, run_id: str) -> Snapshot:
    """Write the run into marts.runs, publish, and record the run as published."""
    register = Register(options.data)
    settings = options.settings
    content = content_of(built.inputs)
    register.describe_run(
        run_id,
        snapshot_id=snapshot_id(content),
        cohort_version=settings.cohorts.version,
        factor_set=settings.pipeline.factor_set,
        scope=settings.pipeline.scope,
        as_at_month=options.as_at.isoformat() if options.as_at else None,
    )
    published = [
        replace(run, outcome="published", finished_at=datetime.now(UTC)) if run.run_id == run_id else run
        for run in register.runs()
    ]
    built.engine.load("marts.runs", _runs_table(published))
    snapshot = publish(built.engine, built.models, built.inputs, content, keep=settings.pipeline.keep_snapshots)
    register.finish_run(run_id, "published")
    return snapshot


def _runs_table(runs: list[Run]) -> pa.Table:
    text = (
        "outcome",
        "message",
        "snapshot_id",
        "cohort_version",
        "factor_set",
        "scope",
        "as_at_month",
        "allow_unconverted",
    )
    times = pa.timestamp("us", tz="UTC")
    schema = pa.schema(
        [
            ("run_id", pa.string()),
            ("started_at", times),
            ("finished_at", times),
            *((name, pa.string()) for name in text),
        ]
    )
    return pa.Table.from_pylist([vars(run) for run in runs], schema=schema)


def report(options: RefreshOptions, snapshot: Snapshot, checked: Checked) -> list[Path]:
    """Write the trend tables and the summary page from the published snapshot, protected, and what was checked."""
    if not options.with_report:
        return []
    files = write_reports(
        snapshot.file,
        snapshot.snapshot_id,
        options.reports_dir,
        options.settings,
        options.data.tmp,
        whole=options.settings.pipeline.site,
    )
    if options.settings.pipeline.data_docs:
        files.append(write_data_docs(checked.contracts, snapshot.snapshot_id, options.reports_dir))
    return files


@dataclass(frozen=True)
class Steps:
    """The steps of the main job, in their order."""

    sweep: Callable[[RefreshOptions], list[Added]] = sweep
    land: Callable[[RefreshOptions], int] = land
    build: Callable[[RefreshOptions, str], Built] = build_warehouse
    check: Callable[[RefreshOptions, Built], Checked] = check
    publish: Callable[[RefreshOptions, Built, str], Snapshot] = publish_warehouse
    report: Callable[[RefreshOptions, Snapshot, Checked], list[Path]] = report
