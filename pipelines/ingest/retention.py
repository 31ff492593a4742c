"""How long the originals of patients' files stay: what is due goes at the end of a refresh, and its hash stays.

What is landed holds pseudonyms alone and all that is computed with; an original is needed again only when the rules of
landing change, and then the file stays as it was landed.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pipelines.config import Settings
from pipelines.folders import DataFolder, said_in_words
from pipelines.ingest.delivery import reason_of, refused_files
from pipelines.ingest.register import Register, RegisteredFile, original_of

logger = logging.getLogger(__name__)

# Somebody has to be able to see what was refused, and why, also where no original is kept.
_LEAST_MONTHS_OF_REFUSED = 1
# No `add` that is still at work takes so long from copying a file to registering it.
_UNREGISTERED_STAYS = timedelta(days=1)


@dataclass(frozen=True)
class Due:
    """The files whose time is over."""

    originals: tuple[RegisteredFile, ...]
    refused: tuple[Path, ...]
    unregistered: tuple[Path, ...]
    """What an `add` that was killed had copied and nobody knows of."""


def due_to_go(data: DataFolder, settings: Settings, now: datetime | None = None) -> Due:
    """The originals of patients' files, and refused files, that are older than they may get. Reads only."""
    now = now or datetime.now(UTC)
    months = settings.pipeline.keep_patient_files_months
    register, before = Register(data), _months_before(now, months)
    originals = tuple(
        file
        for file, added_at in register.files_with_time()
        if settings.layout(file.layout).is_patient_level
        and (months == 0 or added_at < before)
        and original_of(file, data).exists()
        and _has_served(file, register, settings)
    )
    seen_before = _months_before(now, max(months, _LEAST_MONTHS_OF_REFUSED))
    refused = tuple(file for file in refused_files(data) if _refused_at(file) < seen_before)
    return Due(originals, refused, tuple(_unregistered(data, register, now - _UNREGISTERED_STAYS)))


def let_go(data: DataFolder, due: Due) -> None:
    """Remove them. The hash and the reason stay in the register; a refused file leaves nothing."""
    register = Register(data)
    with said_in_words(data.identifiable):
        for file in due.originals:
            register.record_original_removed(file.sha256, "retention")
            original_of(file, data).unlink(missing_ok=True)
        for copied in due.unregistered:
            copied.unlink(missing_ok=True)
        if due.unregistered:
            logger.info("Removed %d file(s) that an interrupted 'opioids add' had left.", len(due.unregistered))
        for refused in due.refused:
            refused.unlink(missing_ok=True)
            reason_of(refused).unlink(missing_ok=True)


def _unregistered(data: DataFolder, register: Register, before: datetime) -> Iterator[Path]:
    known = {original_of(file, data) for file in register.files()}
    for file in sorted(data.originals.iterdir() if data.originals.is_dir() else ()):
        if file not in known and datetime.fromtimestamp(file.stat().st_ctime, UTC) < before:
            yield file


def _has_served(file: RegisteredFile, register: Register, settings: Settings) -> bool:
    """Landed, withdrawn, or of a kind that is never landed."""
    never_lands = settings.layout(file.layout).content == "nhs_numbers"
    return never_lands or file.is_withdrawn or register.landing_rules_of(file.sha256) is not None


def _refused_at(file: Path) -> datetime:
    """When the reason was written: a file that is moved keeps its own time."""
    told = reason_of(file)
    return datetime.fromtimestamp((told if told.exists() else file).stat().st_mtime, UTC)


def _months_before(now: datetime, months: int) -> datetime:
    """The same day of an earlier month; the 28th for the last days, which not every month has."""
    index = now.year * 12 + now.month - 1 - months
    return now.replace(year=index // 12, month=index % 12 + 1, day=min(now.day, 28))
