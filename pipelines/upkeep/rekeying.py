"""Change the pseudonymisation key, keeping every person's history together: all of it or none.

Every pseudonym in the landed files, the reviews and the identifiable store is made again from the identifier it stands
for. The new files are written beside the old ones; a journal is the point of no return; after it the moves are made,
and made again by the next call if the machine stops among them. The published warehouses hold pseudonyms of the old
key: the current one stays readable until a refresh has published anew, and answers nothing about people meanwhile; the
others are removed.
"""

import json
import secrets
import shutil
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.audit import AuditTrail
from pipelines.errors import KeyProblem, NothingPublished
from pipelines.folders import DataFolder, said_in_words, write_whole
from pipelines.identity.door import CREATE_STORE, pseudonym
from pipelines.identity.keys import ROTATION_JOURNAL, PseudonymKey, key_file, load_or_make_key, read_key
from pipelines.identity.opt_outs import OptOutStore
from pipelines.labels import Label, drop, label_of, write_label
from pipelines.locking import only_refresh
from pipelines.reviews import ReviewStore
from pipelines.snapshots import current_snapshot, kept_files

_PATIENT = "patient_key"
MUST_GO = "It holds pseudonyms of the former key."


@dataclass(frozen=True)
class Rotated:
    """What a change of key did."""

    old_key_id: str
    new_key_id: str
    old_key_kept_at: Path
    people: int


def rotate_key(data: DataFolder, user: str | None = None, opted_out: Iterable[str] = ()) -> Rotated:
    """Make a new key and give every person their new pseudonym. Finishes a change that was interrupted.

    `opted_out` are the NHS numbers of people who are left out: of them no more is kept than a pseudonym, out of which
    no other can be made. Raises KeyProblem when a pseudonym cannot be made again; RefreshInProgress; nothing is then
    changed.
    """
    data.prepare()
    with only_refresh(data):
        journal = data.state / ROTATION_JOURNAL
        if not journal.exists():
            _prepare(data, journal, opted_out)
        rotated = _finish(data, journal)
    AuditTrail(data).append(
        "keys rotate", user, old_key_id=rotated.old_key_id, new_key_id=rotated.new_key_id, people=rotated.people
    )
    return rotated


def _prepare(data: DataFolder, journal: Path, opted_out: Iterable[str]) -> None:
    """Write everything anew beside the old, then the journal."""
    old = load_or_make_key(data)
    _refuse_half_landed(data)
    staged = _staged(data)
    shutil.rmtree(staged, ignore_errors=True)
    with said_in_words(data.root):
        staged.mkdir(mode=0o700)
        new = _new_key()
        renamed = _rekeyed_identities(data, old, new, staged / "identities.sqlite")
        _refuse_unknown(_people_in(data), renamed)
        for file in _landed(data):
            _rekeyed_parquet(file, renamed, staged / file.name)
        _rekeyed_reviews(data, renamed, staged / "reviews.sqlite")
        left_out = {pseudonym(old, "nhs-number", each): pseudonym(new, "nhs-number", each) for each in opted_out}
        _rekeyed_opt_outs(data, renamed | left_out, staged / "opt_outs.sqlite")
        told = {"old_key_id": old.key_id, "new_key_id": new.key_id, "people": len(renamed)}
        write_whole(journal, json.dumps(told).encode())


def _finish(data: DataFolder, journal: Path) -> Rotated:
    """Move everything to its place. Each step can be done again."""
    told = json.loads(journal.read_text())
    file = key_file()
    kept = file.with_name(f"{file.name}.old-{told['old_key_id']}")
    staged = _staged(data)
    with said_in_words(data.root):
        for part in sorted(staged.iterdir()) if staged.exists() else ():
            part.replace(_place_of(part.name, data))
        fresh = _fresh_key_file()
        if fresh.exists():
            if file.exists() and read_key(file).key_id == told["old_key_id"]:
                file.replace(kept)
            fresh.replace(file)
        write_whole(data.state / "key_id", f"{told['new_key_id']}\n".encode())
        _keep_current_alone(data, told["old_key_id"])
        shutil.rmtree(staged, ignore_errors=True)
        journal.unlink()
    return Rotated(told["old_key_id"], told["new_key_id"], kept, told["people"])


def _keep_current_alone(data: DataFolder, old_key_id: str) -> None:
    """The last publication stays readable, marked as one that has to go with the next; older ones go now."""
    try:
        current = current_snapshot(data)
    except NothingPublished:
        current = None
    for file, snapshot_id, _ in list(kept_files(data)):
        if current is None or file != current.file:
            drop(file)
            continue
        label = label_of(file) or Label(snapshot_id, current.sha256)
        write_label(file, replace(label, key_id=label.key_id or old_key_id, must_go=label.must_go or MUST_GO))


def _refuse_half_landed(data: DataFolder) -> None:
    """People who are leaving a landed file: what waits to take its place holds pseudonyms of the old key."""
    if list(data.landed.glob("*.withheld")):
        raise KeyProblem(
            "The key cannot be changed: a refresh was stopped while people who opted out were leaving.",
            f"Data folder {data.root}.",
            "Run 'opioids refresh' first.",
        )


def _staged(data: DataFolder) -> Path:
    return data.identifiable / "rekeyed"


def _place_of(name: str, data: DataFolder) -> Path:
    if name == "identities.sqlite":
        return data.identifiable / name
    return (data.state if name.endswith(".sqlite") else data.landed) / name


def _fresh_key_file() -> Path:
    file = key_file()
    return file.with_name(f"{file.name}.new")


def _new_key() -> PseudonymKey:
    write_whole(_fresh_key_file(), f"{secrets.token_hex(32)}\n".encode())
    return read_key(_fresh_key_file())


def _rekeyed_identities(data: DataFolder, old: PseudonymKey, new: PseudonymKey, out: Path) -> dict[str, str]:
    """A new identifiable store; old pseudonym → new one."""
    renamed: dict[str, str] = {}
    store = data.identifiable / "identities.sqlite"
    with closing(sqlite3.connect(store)) as source, closing(sqlite3.connect(out)) as target:
        source.executescript(CREATE_STORE)
        target.executescript(CREATE_STORE)
        with target:
            for table, kind in (("identities", "nhs-number"), ("upstream_identities", "upstream")):
                rows = source.execute(f"SELECT * FROM {table} WHERE key_id = ?", (old.key_id,)).fetchall()
                fresh = [(new.key_id, pseudonym(new, kind, given), given) for _, _, given in rows]  # type: ignore[arg-type]
                renamed |= {before[1]: after[1] for before, after in zip(rows, fresh, strict=True)}
                target.executemany(f"INSERT INTO {table} VALUES (?, ?, ?)", fresh)
    return renamed


def _landed(data: DataFolder) -> list[Path]:
    """The landed files with people in them."""
    return [file for file in sorted(data.landed.glob("*.parquet")) if _PATIENT in pq.read_schema(file).names]


def _people_in(data: DataFolder) -> set[str]:
    people = {review.patient_key for review in ReviewStore(data).reviews()}
    for file in _landed(data):
        column = pq.read_table(file, columns=[_PATIENT])[_PATIENT]
        people |= {key for key in pc.unique(column).to_pylist() if key is not None}
    return people


def _refuse_unknown(people: set[str], renamed: Mapping[str, str]) -> None:
    unknown = people - renamed.keys()
    if unknown:
        _fresh_key_file().unlink()
        raise KeyProblem(
            f"The key cannot be changed: what {len(unknown):,} pseudonym(s) stand for is not known here.",
            "They were landed by an earlier version, or reviewed and never in the data. Nothing was changed.",
            "Add the original patient files to a new --data-dir, under a new key, instead.",
        )


def _rekeyed_parquet(file: Path, renamed: Mapping[str, str], out: Path) -> None:
    before = pa.array(list(renamed), pa.string())
    after = pa.array(list(renamed.values()), pa.string())
    source = pq.ParquetFile(file)
    place = source.schema_arrow.get_field_index(_PATIENT)
    with pq.ParquetWriter(out, source.schema_arrow, compression="zstd") as writer:
        for batch in source.iter_batches():
            keys = after.take(pc.index_in(batch.column(place), before))
            column = keys.cast(source.schema_arrow.field(place).type)
            writer.write_batch(batch.set_column(place, source.schema_arrow.field(place), column))


def _rekeyed_reviews(data: DataFolder, renamed: Mapping[str, str], out: Path) -> None:
    store = ReviewStore(data).file
    if not store.exists():
        return
    with closing(sqlite3.connect(store)) as source, closing(sqlite3.connect(out)) as target:
        source.backup(target)
        with target:
            target.executemany(
                "UPDATE reviews SET patient_key = ? WHERE patient_key = ?",
                [(after, before) for before, after in renamed.items()],
            )
        # Freed pages would still hold the old ones.
        target.execute("VACUUM")


def _rekeyed_opt_outs(data: DataFolder, renamed: Mapping[str, str], out: Path) -> None:
    store = OptOutStore(data)
    unknown = store.people() - renamed.keys()
    if unknown:
        _fresh_key_file().unlink()
        raise KeyProblem(
            f"The key cannot be changed: of {len(unknown):,} people who opted out or were erased no number is kept.",
            "A new pseudonym can be made of a number alone. Nothing was changed.",
            "Give a file with their NHS numbers: opioids keys rotate --opt-outs FILE",
        )
    if not store.file.exists():
        return
    with closing(sqlite3.connect(store.file)) as source, closing(sqlite3.connect(out)) as target:
        source.backup(target)
        with target:
            target.executemany(
                "UPDATE opt_outs SET patient_key = ? WHERE patient_key = ?",
                [(renamed[before], before) for before in store.people()],
            )
        target.execute("VACUUM")
