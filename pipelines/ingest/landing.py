"""Land registered files: pass the door, judge every row, write text Parquet, reconcile."""

import hashlib
import json
import logging
import shlex
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import date
from decimal import Decimal
from pathlib import Path

from pipelines.config import Layout, Settings, normalise_header
from pipelines.engine.landing import (
    DelimitedText,
    JudgedRows,
    MonthCounts,
    ParquetColumns,
    SheetCells,
    Source,
    UncleanText,
)
from pipelines.engine.landing_patients import Door
from pipelines.engine.landing_rules import Field, LandingRules
from pipelines.engine.landing_withheld import without
from pipelines.errors import ReconciliationError, UnknownLayout, UnreadableFile
from pipelines.folders import DataFolder
from pipelines.identity import open_door
from pipelines.ingest.layouts import Recognised, recognise
from pipelines.ingest.notices import odd_about, replaced_months
from pipelines.ingest.opening import write_as_utf8
from pipelines.ingest.register import Register, RegisteredFile, original_of
from pipelines.ingest.withholding import take_out
from pipelines.products import FollowedPrefix

logger = logging.getLogger(__name__)

# Raise it when landing itself changes, so that files are landed anew.
_LANDING_VERSION = 4
_WORK_PREFIX = ".landing-"
# A cell that holds a number keeps 15 digits of it.
_MOST_DIGITS_OF_A_CELL = 10**15


def land_new_files(data: DataFolder, settings: Settings, followed: Sequence[FollowedPrefix]) -> int:
    """Land every registered file that is not landed under today's rules. Returns how many were."""
    register = Register(data)
    _remove_left_behind(data)
    landed = 0
    for file in register.files():
        layout = settings.layout(file.layout)
        if file.is_withdrawn or layout.content == "nhs_numbers":
            # Numbers stay in the identifiable store: there is nothing in them to compute with.
            continue
        rules_hash = rules_hash_of(layout, followed)
        is_landed = register.landing_rules_of(file.sha256) == rules_hash and landed_file(file, data).exists()
        if is_landed or not _can_land_again(file, data):
            continue
        with _way_out(file):
            recognised = recognise(original_of(file, data), settings, file.layout)
            counts, parts = _land(file, recognised, data, settings, followed)
        before = register.loaded_months()
        register.record_landing(file.sha256, rules_hash, recognised.extra_columns, counts, parts)
        for sentence in (*replaced_months(file, before, register.loaded_months()), *odd_about(file, counts)):
            logger.warning("%s", sentence)
        landed += 1
    return landed


@contextmanager
def _way_out(file: RegisteredFile) -> Iterator[None]:
    """Whoever stops at a file that cannot be landed is told how to go on without it: it would stop every refresh."""
    try:
        yield
    except (ReconciliationError, UnknownLayout, UnreadableFile) as error:
        error.remedy += f" To go on without it: opioids withdraw {shlex.quote(file.file_name)}"
        raise


def _remove_left_behind(data: DataFolder) -> None:
    """What a killed landing left; only one lands at a time."""
    for folder in data.identifiable.glob(f"{_WORK_PREFIX}*"):
        shutil.rmtree(folder, ignore_errors=True)


def _can_land_again(file: RegisteredFile, data: DataFolder) -> bool:
    """False where the original is gone but an earlier landing of it is there to use."""
    if original_of(file, data).exists():
        return True
    if landed_file(file, data).exists():
        logger.warning("%s stays as it was landed: its original is no longer kept.", file.file_name)
        return False
    raise UnreadableFile(
        "A registered file is gone.",
        f"{file.file_name}, expected at {original_of(file, data)}.",
        "Restore it from its backup, or add the file again.",
    )


def landed_file(file: RegisteredFile, data: DataFolder) -> Path:
    """The landed Parquet of a file."""
    return data.landed / f"{file.sha256}.parquet"


def quarantine_file(file: RegisteredFile, data: DataFolder) -> Path:
    """The quarantined rows of a file."""
    return data.landed / f"{file.sha256}.quarantine.parquet"


def _land(
    file: RegisteredFile,
    recognised: Recognised,
    data: DataFolder,
    settings: Settings,
    followed: Sequence[FollowedPrefix],
) -> tuple[list[MonthCounts], dict[date | None, str]]:
    # A mended copy of a file of patients is as clear as the file: it lies where that lies, and goes when it is landed.
    rules = landing_rules_for(file, recognised, followed)
    work = Path(tempfile.mkdtemp(prefix=_WORK_PREFIX, dir=data.identifiable if rules.has_patients else data.tmp))
    try:
        with open_door(data).for_file(file.file_name) if rules.has_patients else nullcontext(_no_door) as door:
            rows = _judged(file, recognised, original_of(file, data), work, settings, rules, door)
        try:
            counts = rows.counts()
            if rows.months_stand_first():
                raise _month_first(file)
            quarantined = sum(month.rows_quarantined for month in counts)
            why = rows.why_quarantined() if quarantined else []
            _check(file, counts, rows, why, settings)
            rows.write_landed(landed_file(file, data))
            if rules.has_patients:
                left = take_out(landed_file(file, data), data, followed)
                counts = [without(month, left) for month in counts]
            if quarantined:
                logger.warning("%s: %s row(s) set aside. %s.", file.file_name, f"{quarantined:,}", "; ".join(why))
                rows.write_quarantine(quarantine_file(file, data))
            else:
                quarantine_file(file, data).unlink(missing_ok=True)
            headers = {name: _header_of(name, recognised) for name in rules.parts}
            return counts, rows.parts(headers)
        finally:
            rows.close()
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _judged(
    file: RegisteredFile,
    recognised: Recognised,
    original: Path,
    work: Path,
    settings: Settings,
    rules: LandingRules,
    door: Door,
) -> JudgedRows:
    """Read and judge a file; where its bytes are no clean UTF-8, a mended copy of them."""
    run = {"memory_limit": settings.pipeline.memory_limit, "threads": settings.pipeline.threads}
    try:
        if recognised.kind == "text" and recognised.encoding != "utf-8":
            raise UncleanText
        return JudgedRows(source_of(file, recognised, original), rules, door, work, **run)  # type: ignore[arg-type]
    except UncleanText:
        if recognised.kind != "text":
            raise UnreadableFile(
                "The file cannot be read to its end: it is damaged.", f"File {file.file_name}.", "Export it again."
            ) from None
    mended = work / "mended.csv"
    write_as_utf8(original, recognised.encoding, mended)
    try:
        return JudgedRows(source_of(file, recognised, mended), rules, door, work, **run)  # type: ignore[arg-type]
    except UncleanText:
        raise _cannot_be_cut(file) from None


def _header_of(name: str, recognised: Recognised) -> str:
    """What a file calls a field: a column of ages in years is called otherwise than one of bands."""
    position = recognised.columns[name]
    return normalise_header(recognised.header[position]) if recognised.header else name


def _no_door(_: Sequence[str]) -> Sequence[str | None]:
    raise AssertionError("A file without patients was asked for pseudonyms.")


def _month_first(file: RegisteredFile) -> UnreadableFile:
    return UnreadableFile(
        "The months of a file seem to be written month first, as 02/01/2024 for February: read as days of January, "
        "they would all be one month.",
        f"File {file.file_name}: every date is in January, and no day is later than the twelfth.",
        "Export it with dates as 2024-02-01 or 01/02/2024, or months as 202402.",
    )


def _cannot_be_cut(file: RegisteredFile) -> UnreadableFile:
    return UnreadableFile(
        "The file cannot be cut into rows and columns.",
        f"File {file.file_name}. A quotation mark that is never closed is the usual cause.",
        "Export it again; if that does not help, as .xlsx.",
    )


def source_of(file: RegisteredFile, recognised: Recognised, readable: Path) -> Source:
    if recognised.kind == "parquet":
        return ParquetColumns(readable, recognised.header)
    if recognised.sheet is None:
        return DelimitedText(readable, recognised.delimiter, recognised.lines_before_data, recognised.column_count)
    import fastexcel
    import polars as pl

    workbook = fastexcel.read_excel(readable)
    sheet = workbook.load_sheet(recognised.sheet, header_row=None, skip_rows=0, dtypes="string")
    cells = sheet.to_polars().slice(recognised.lines_before_data)
    patient = recognised.columns.get("patient_id")
    if patient is not None:
        typed = workbook.load_sheet(
            recognised.sheet, header_row=None, skip_rows=recognised.lines_before_data, use_columns=[patient]
        ).to_polars()
        numbers = typed.select(pl.selectors.numeric())
        if numbers.width and (numbers.to_series().abs().max() or 0) >= _MOST_DIGITS_OF_A_CELL:
            raise UnreadableFile(
                "A spreadsheet has rounded the patient identifiers of this file: they are numbers of over 15 digits.",
                f"File {file.file_name}. The lost digits cannot be restored.",
                "Export the report again with identifiers as text, or as csv.",
            )
    return SheetCells(
        cells.rename({name: f"c{position}" for position, name in enumerate(cells.columns)}).to_arrow(),
        recognised.lines_before_data,
    )


def landing_rules_for(file: RegisteredFile, recognised: Recognised, followed: Sequence[FollowedPrefix]) -> LandingRules:
    layout = recognised.layout
    fields = [
        Field(name, recognised.columns[name], column.kind, column.required, column.critical)
        for name, column in layout.columns.items()
        if name in recognised.columns
    ]
    constants = [
        (recognised.column_count + number, field, text)
        for number, (field, text) in enumerate(layout.constants.items())
        if field not in recognised.columns
    ]
    fields += [Field(field, column, "text", required=False, critical=False) for column, field, _ in constants]
    is_items = layout.content != "reference"
    return LandingRules(
        fields=tuple(fields),
        month=file.month_given,
        footer=layout.footer,
        rows_are_unique=layout.rows_are_unique,
        followed_prefixes=tuple((prefix.bnf_prefix, prefix.counted) for prefix in followed) if is_items else (),
        practice_may_be_blank=is_items,
        months_may_be_serials=recognised.kind == "workbook",
        constants=tuple((column, text) for column, _, text in constants),
        parts=tuple(name for name in layout.parts if name in recognised.columns),
    )


def _check(
    file: RegisteredFile, counts: Sequence[MonthCounts], rows: JudgedRows, why: Sequence[str], settings: Settings
) -> None:
    """Nothing lost, nothing doubled, each on its line; and not more quarantined than this pipeline's owner accepts."""
    if rows.rows_unaccounted:
        raise ReconciliationError(
            "The rows of a file do not add up.",
            f"{file.file_name}: two ways of counting its rows differ by {rows.rows_unaccounted:,}.",
            "A quotation mark is out of place somewhere in it. Export it again; if that does not help, as .xlsx.",
        )
    if rows.rows_out_of_place:
        raise ReconciliationError(
            "The rows of a file are not where they were read.",
            f"{file.file_name}: on {rows.rows_out_of_place:,} of the lines that were looked up stands another row.",
            "Report this: no figure of this file could be traced to its line.",
        )
    for month in counts:
        parts = month.rows_loaded + month.rows_out_of_scope + month.rows_quarantined + month.rows_duplicate
        if parts != month.rows_read:
            raise ReconciliationError(
                "The rows of a file do not add up.",
                f"{file.file_name}, month {month.month}: {month.rows_read} read, {parts} accounted for.",
                "Report this: no figure of this file can be trusted.",
            )
    read = sum(month.rows_read for month in counts)
    quarantined = sum(month.rows_quarantined for month in counts)
    if read == 0:
        raise UnreadableFile("The file has a header and no rows.", f"File {file.file_name}.", "Export it again.")
    if Decimal(quarantined) > settings.pipeline.quarantined_share_limit * read:
        raise ReconciliationError(
            f"{quarantined:,} of {read:,} rows of a file cannot be read.",
            f"File {file.file_name}, layout {file.layout}; the limit is "
            f"{settings.pipeline.quarantined_share_limit:.1%} of its rows. {'; '.join(why)}.",
            "Compare those lines with the layout ('opioids layouts test FILE'), or export the file again.",
        )


def rules_hash_of(layout: Layout, followed: Sequence[FollowedPrefix]) -> str:
    """What decides how a file is landed; a change of any of it lands the file anew."""
    told = json.dumps([_LANDING_VERSION, layout.model_dump(mode="json"), sorted(map(list, followed))])
    return hashlib.sha256(told.encode()).hexdigest()
