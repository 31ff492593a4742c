"""Who was given which list, when and what for: one row each, chained by hashes, only ever appended.

Each row holds the hash of the row before it, so a row that is changed, taken out or put in breaks the chain; the
number of rows and the last hash stand beside it, so that rows cut from the end are missed too. Somebody who may
write here could forge all of it: `verify` prints the last hash, to be noted elsewhere and asked for later.
No row holds a name, an NHS number or a password; a pseudonym stands in the row of an erasure alone.
"""

import getpass
import hashlib
import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from filelock import FileLock

from pipelines.errors import AuditTampered
from pipelines.folders import DataFolder, flush_to_disk, said_in_words, write_whole

Entry = dict[str, Any]
_BEFORE_THE_FIRST = "0" * 64


@dataclass(frozen=True)
class Verified:
    """What an intact audit holds."""

    rows: int
    last_hash: str


class AuditTrail:
    """Reads and appends data/state/audit.jsonl."""

    def __init__(self, data: DataFolder) -> None:
        self._file = data.state / "audit.jsonl"
        self._head = data.state / "audit.head"
        self._lock = FileLock(data.state / "audit.lock")

    def append(self, action: str, user: str | None, **facts: object) -> Entry:
        """Add one row and make it survive a power cut. Raises AuditTampered where the chain is broken already."""
        with self._lock, said_in_words(self._file):
            so_far = self.verify()
            entry: Entry = {
                "number": so_far.rows + 1,
                "when": datetime.now(UTC).isoformat(timespec="seconds"),
                "account": operating_system_account(),
                "user": user or operating_system_account(),
                "action": action,
                **facts,
                "prev_hash": so_far.last_hash,
            }
            entry["hash"] = _hash_of(entry)
            with self._file.open("ab") as handle:
                handle.write(_line_of(entry))
            flush_to_disk(self._file)
            write_whole(self._head, json.dumps({"rows": entry["number"], "hash": entry["hash"]}).encode())
        return entry

    def entries(self) -> list[Entry]:
        """Every row, oldest first, as it stands: verified by `verify` alone."""
        return [json.loads(line) for line in self._lines()]

    def verify(self, noted_hash: str | None = None) -> Verified:
        """Recompute the whole chain. Raises AuditTampered with the number of the first row that is wrong.

        `noted_hash` is a hash that was noted elsewhere, which must be that of some row.
        """
        hashes = [_BEFORE_THE_FIRST]
        for number, line in enumerate(self._lines(), 1):
            entry = _entry_of(line, number)
            if entry.get("number") != number or entry.get("prev_hash") != hashes[-1]:
                raise _tampered(f"Row {number} does not follow the row before it.")
            if entry.get("hash") != _hash_of(entry) or _line_of(entry) != line:
                raise _tampered(f"Row {number} was changed.")
            hashes.append(entry["hash"])
        self._refuse_cut(hashes)
        if noted_hash is not None and noted_hash not in hashes[1:]:
            raise _tampered(f"No row has the hash {noted_hash[:12]}… that was noted.")
        return Verified(len(hashes) - 1, hashes[-1])

    def _lines(self) -> list[bytes]:
        return self._file.read_bytes().splitlines(keepends=True) if self._file.exists() else []

    def _refuse_cut(self, hashes: list[str]) -> None:
        if not self._head.exists():
            if len(hashes) > 2:
                raise _tampered(f"The file {self._head.name} beside it is gone.")
            return
        try:
            head = json.loads(self._head.read_bytes())
            rows, last_hash = int(head["rows"]), head["hash"]
        except (ValueError, KeyError, TypeError):
            raise _tampered(f"The file {self._head.name} beside it was changed.") from None
        # A power cut between the two writes leaves the head one row behind.
        if rows not in (len(hashes) - 1, len(hashes) - 2):
            raise _tampered(f"It held {rows} row(s) and now holds {len(hashes) - 1}.")
        if hashes[rows] != last_hash:
            raise _tampered(f"Row {rows} is not the one that was written.")


def operating_system_account() -> str:
    """The account that runs this process, as the system knows it, not as a variable says."""
    try:
        import pwd
    except ImportError:
        return getpass.getuser()
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"


def _hash_of(entry: Entry) -> str:
    return hashlib.sha256(_canonical({key: cell for key, cell in entry.items() if key != "hash"})).hexdigest()


def _line_of(entry: Entry) -> bytes:
    return _canonical(entry) + b"\n"


def _canonical(entry: Entry) -> bytes:
    return json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def _entry_of(line: bytes, number: int) -> Entry:
    try:
        entry = json.loads(line)
    except ValueError:
        raise _tampered(f"Row {number} cannot be read.") from None
    if not isinstance(entry, dict):
        raise _tampered(f"Row {number} cannot be read.")
    return entry


def _tampered(where: str) -> AuditTampered:
    return AuditTampered(
        "The audit of released lists is not as it was written.",
        where,
        "Keep the folder data/state as it is, tell your information governance lead, and compare with the backup.",
    )
