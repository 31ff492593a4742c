"""Bring a data folder that an earlier version made to the form of this one, in place.

Every step runs in one transaction with the number it ends at: an upgrade that is stopped is an upgrade that has not
begun. The register as it was stays beside it.
"""

import logging
import sqlite3
from contextlib import closing
from pathlib import Path

from pipelines.errors import StorageError
from pipelines.folders import DataFolder, flush_to_disk, said_in_words
from pipelines.ingest.forms import FORM, STEPS
from pipelines.locking import only_refresh

logger = logging.getLogger(__name__)


def form_of(data: DataFolder) -> int | None:
    """The form of a data folder; None before anything was registered in it. Writes nothing."""
    register = data.state / "register.sqlite"
    if not register.exists() or not register.stat().st_size:
        return None
    with closing(sqlite3.connect(register)) as database:
        return int(database.execute("PRAGMA user_version").fetchone()[0])


def upgrade_if_older(data: DataFolder) -> None:
    """Upgrade a folder of an earlier form, alone. Raises RefreshInProgress; StorageError for a form yet to come."""
    if is_older(data):
        with only_refresh(data):
            upgrade(data)


def is_older(data: DataFolder) -> bool:
    """Whether the folder has to be upgraded. Raises StorageError where a newer version made it."""
    form = form_of(data)
    if form is not None and form > FORM:
        raise StorageError(
            "This data folder was made by a newer version of the tool.",
            f"{data.root} has form {form}, this version knows forms 1 to {FORM}.",
            "Install that version again; nothing was changed.",
        )
    return form is not None and form < FORM


def upgrade(data: DataFolder) -> None:
    """Take every step to the present form; the caller holds the lock. Of a present folder nothing is touched."""
    if not is_older(data):
        return
    register = data.state / "register.sqlite"
    form = form_of(data) or 0
    with said_in_words(register):
        _copy(register, data.state / f"register.form-{form}.sqlite")
        with closing(sqlite3.connect(register, isolation_level=None)) as database:
            database.execute("BEGIN IMMEDIATE")
            try:
                for step in range(form, FORM):
                    STEPS[step](database)
                database.execute(f"PRAGMA user_version = {FORM}")
                database.execute("COMMIT")
            except BaseException:
                database.execute("ROLLBACK")
                raise
    logger.warning("The data folder was upgraded from form %s to %s; its register as it was is kept.", form, FORM)


def _copy(register: Path, kept: Path) -> None:
    """The register as it is, under another name: whole or not there."""
    part = kept.with_name(f"{kept.name}.part")
    part.unlink(missing_ok=True)
    with closing(sqlite3.connect(register)) as source, closing(sqlite3.connect(part)) as target:
        source.backup(target)
    flush_to_disk(part)
    part.replace(kept)
