"""Land registered files: pass the door, judge every row, write text Parquet, reconcile."""

import hashlib
import json
import logging
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pyarrow as pa

from pipelines.config import Layout, Settings
from pipelines.engine.duckdb import connect
from pipelines.engine.landing import DelimitedText, JudgedRows, MonthCounts
from pipelines.engine.landing_sql import Field, LandingRules
from pipelines.errors import ReconciliationError, UnreadableFile
from pipelines.folders import DataFolder
from pipelines.identity import open_door
from pipelines.ingest.layouts import Recognised, recognise
from pipelines.ingest.register import Register, RegisteredFile, original_of
from pipelines.products import FollowedPrefix

logger = logging.getLogger(__name__)

# Raise it when landing itself changes, so that files are landed anew.
_LANDING_VERSION = 1


def land_new_files(data: DataFolder, settings: Settings, followed: Sequence[FollowedPrefix]) -> int:
    """Land every registered file that is not landed under today's rules. Returns how many were."""
    register = Register(data)
    landed = 0
    for file in register.files():
        layout = settings.layout(file.layout)
        rules_hash = _rules_hash(layout, followed)
        is_landed = register.landing_rules_of(file.sha256) == rules_hash and landed_file(file, data).exists()
        if is_landed or not _can_land_again(file, data):
            continue
        recognised = recognise(original_of(file, data), settings, file.layout)
        counts = _land(file, recognised, data, settings, followed)
        register.record_landing(file.sha256, rules_hash, recognised.extra_columns, counts)
        landed += 1
    return landed


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
) -> list[MonthCounts]:
    layout = recognised.layout
    connection = connect(None, data.tmp, memory_limit=settings.pipeline.memory_limit, threads=settings.pipeline.threads)
    # Rows are numbered as they stand in the file.
    connection.execute("SET preserve_insertion_order = true")
    try:
        rows = JudgedRows(connection, _source_of(file, recognised, data), _landing_rules(file, recognised, followed))
        if layout.is_patient_level:
            rows.use_patients(open_door(data).pass_through(rows.distinct_patients(), file.file_name))
        counts = rows.counts()
        _check(file, counts, settings)
        rows.write_landed(landed_file(file, data))
        if any(month.rows_quarantined for month in counts):
            rows.write_quarantine(quarantine_file(file, data))
        else:
            quarantine_file(file, data).unlink(missing_ok=True)
        return counts
    finally:
        connection.close()


def _source_of(file: RegisteredFile, recognised: Recognised, data: DataFolder) -> DelimitedText | pa.Table:
    original = original_of(file, data)
    if recognised.sheet is None:
        return DelimitedText(
            original,
            recognised.delimiter,
            recognised.encoding,
            recognised.lines_before_data,
            recognised.column_count,
        )
    import fastexcel

    sheet = fastexcel.read_excel(original).load_sheet(recognised.sheet, header_row=None, dtypes="string")
    cells = sheet.to_polars().slice(recognised.lines_before_data).to_arrow()
    cells = cells.rename_columns([f"c{position}" for position in range(cells.num_columns)])
    return cells.replace_schema_metadata({"rows_before_data": str(recognised.lines_before_data)})


def _landing_rules(file: RegisteredFile, recognised: Recognised, followed: Sequence[FollowedPrefix]) -> LandingRules:
    layout = recognised.layout
    fields = tuple(
        Field(name, recognised.columns[name], column.kind, column.required, column.critical)
        for name, column in layout.columns.items()
        if name in recognised.columns
    )
    is_items = layout.content != "reference"
    return LandingRules(
        fields=fields,
        month=file.month_given,
        footer=layout.footer,
        rows_are_unique=layout.rows_are_unique,
        followed_prefixes=tuple((prefix.bnf_prefix, prefix.counted) for prefix in followed) if is_items else (),
        practice_may_be_blank=is_items,
    )


def _check(file: RegisteredFile, counts: Sequence[MonthCounts], settings: Settings) -> None:
    """Nothing lost, nothing doubled; and not more quarantined than this pipeline's owner accepts."""
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
            f"File {file.file_name}; the limit is {settings.pipeline.quarantined_share_limit:%} of its rows.",
            "Compare the file with its layout in configs/sources/, or export it again.",
        )


def _rules_hash(layout: Layout, followed: Sequence[FollowedPrefix]) -> str:
    """What decides how a file is landed; a change of any of it lands the file anew."""
    told = json.dumps([_LANDING_VERSION, layout.model_dump(mode="json"), sorted(map(list, followed))])
    return hashlib.sha256(told.encode()).hexdigest()
