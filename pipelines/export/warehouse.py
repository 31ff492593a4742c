"""The published tables as Parquet, for a reader that knows no DuckDB: unprotected, below the data folder, audited.

There is no form of the warehouse that may leave: people stand in it under pseudonyms, and counts of 1 to 7. What may
leave is what went through disclosure control: `opioids export trends`, and the tables of the reports.
"""

import hashlib
import json
import shutil
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.audit import AuditTrail
from pipelines.dictionary import as_markdown, published_tables, table_named
from pipelines.engine.table_files import PublishedTables, WrittenFile
from pipelines.errors import UsageError
from pipelines.folders import DataFolder, flush_to_disk, said_in_words
from pipelines.release import places
from pipelines.snapshots import Snapshot, current_snapshot

MANIFEST, DICTIONARY = "manifest.json", "data-dictionary.md"


@dataclass(frozen=True)
class WarehouseExport:
    """What is asked for; no table named: all of them but views."""

    out: Path
    tables: tuple[str, ...] = ()
    secure: bool = False
    user: str | None = None


@dataclass(frozen=True)
class ExportedWarehouse:
    """What was written."""

    folder: Path
    manifest: Path
    tables: int
    files: int
    rows: int


def export_warehouse(asked: WarehouseExport, data: DataFolder) -> ExportedWarehouse:
    """Write the tables to a new folder, whole or not at all. Raises UsageError where they may not be written there."""
    target, snapshot = _place_for(asked, data), current_snapshot(data)
    described = published_tables(snapshot.file, data.tmp)
    wanted = [table_named(described, name).name for name in asked.tables]
    part = target.with_name(f"{target.name}.part")
    places.make_folder(target.parent)
    with said_in_words(target):
        # Left by an export that was stopped.
        shutil.rmtree(part, ignore_errors=True)
        try:
            manifest = _written(part, wanted, snapshot, data)
            places.write_closed(part / DICTIONARY, as_markdown(described).encode())
            content = json.dumps(manifest, indent=1).encode() + b"\n"
            places.write_closed(part / MANIFEST, content)
            entry = _entered(asked, manifest, content, data)
            try:
                part.replace(target)
            except BaseException:
                AuditTrail(data).append("not written", asked.user, about=entry["number"])
                raise
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise
    files = [file for table in manifest["tables"].values() for file in table["files"]]
    return ExportedWarehouse(
        target, target / MANIFEST, len(manifest["tables"]), len(files), sum(file["rows"] for file in files)
    )


def _place_for(asked: WarehouseExport, data: DataFolder) -> Path:
    target, root = asked.out.resolve(), data.root.resolve()
    if not asked.secure:
        raise UsageError(
            "The warehouse may not leave: it holds people under pseudonyms and small counts.",
            "Asked for without --secure.",
            "What may leave: 'opioids export trends' and the tables of the reports. For the secure side: --secure.",
        )
    if not target.is_relative_to(root) or target == root:
        raise UsageError(
            "Unprotected tables stay below the data folder.",
            f"{asked.out} lies outside {data.root}.",
            f"Write them below {data.root / 'exports'}.",
        )
    places.refuse_own_folders(asked.out, data, data.root / "exports")
    if target.exists():
        raise UsageError(
            "There is something of that name already.",
            f"Option --out: {asked.out}.",
            "Give a name that is not taken, such as one with the month of the export.",
        )
    return target


def _written(folder: Path, wanted: list[str], snapshot: Snapshot, data: DataFolder) -> dict[str, Any]:
    """Write every table and say of each file its month, rows and SHA-256."""
    tables = {}
    with closing(PublishedTables(snapshot.file, data.tmp)) as published:
        for name in wanted or published.names():
            files = [_said(file, folder) for file in published.write(name, folder)]
            tables[name] = {"rows": sum(file["rows"] for file in files), "files": files}
    return {"snapshot_id": snapshot.snapshot_id, "warehouse_sha256": snapshot.sha256, "tables": tables}


def _said(file: WrittenFile, folder: Path) -> dict[str, Any]:
    flush_to_disk(file.path)
    with file.path.open("rb") as handle:
        sha256 = hashlib.file_digest(handle, "sha256").hexdigest()
    return {
        "file": file.path.relative_to(folder).as_posix(),
        "month": file.month.isoformat() if file.month else None,
        "rows": file.rows,
        "sha256": sha256,
    }


def _entered(asked: WarehouseExport, manifest: dict[str, Any], content: bytes, data: DataFolder) -> dict[str, Any]:
    """The row of the audit under which the tables are written."""
    return AuditTrail(data).append(
        "export-warehouse-unprotected",
        asked.user,
        file=asked.out.name,
        tables=list(manifest["tables"]),
        rows=sum(table["rows"] for table in manifest["tables"].values()),
        sha256=hashlib.sha256(content).hexdigest(),
        snapshot_id=manifest["snapshot_id"],
    )
