"""Take in a file of local returns: read it, keep it, enter it in the audit."""

import hashlib
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pipelines import assets
from pipelines.audit import AuditTrail, operating_system_account
from pipelines.config import Settings
from pipelines.engine.published import fetch_published
from pipelines.errors import NothingPublished, UnreadableFile
from pipelines.folders import DataFolder
from pipelines.returns.reading import read_returns
from pipelines.returns.store import Kept, ReturnStore
from pipelines.snapshots import current_snapshot


@dataclass(frozen=True)
class TakenIn:
    """What an import did."""

    kept: Kept
    not_read: tuple[str, ...]
    codes_were_checked: bool


def take_in_returns(file: Path, data: DataFolder, settings: Settings, user: str | None) -> TakenIn:
    """Keep the rows of a file. Raises ReturnsRefused, UnreadableFile; nothing is then kept."""
    data.prepare()
    if not file.is_file():
        raise UnreadableFile("There is no such file.", f"{file}.", "Name the workbook of local returns.")
    content = file.read_bytes()
    organisations = _published_organisations(data)
    found = read_returns(content, file.name, settings, organisations, date.today())
    kept = ReturnStore(data).take(found.rows, operating_system_account())
    AuditTrail(data).append(
        "returns import", user, file=file.name, sha256=hashlib.sha256(content).hexdigest(), **vars(kept)
    )
    return TakenIn(kept, found.not_read, organisations is not None)


def _published_organisations(data: DataFolder) -> frozenset[str] | None:
    """The codes that a return may name; None where nothing is published yet."""
    try:
        snapshot = current_snapshot(data)
    except NothingPublished:
        return None
    rows = fetch_published(snapshot.file, data.tmp, assets.query("returns_organisations")).to_pylist()
    return frozenset(row["org_code"] for row in rows)
