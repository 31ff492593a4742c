"""The door: an NHS number goes in, a keyed pseudonym comes out, and only the identifiable store knows both.

A plain hash of an NHS number can be undone by trying all of them (fewer than 10⁹), so the pseudonym is
HMAC-SHA-256 under a secret key, cut to 128 bits. A pseudonym made upstream is keyed again, so that it
cannot be matched with the upstream's other releases.
"""

import hmac
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from typing import NamedTuple

from pipelines.errors import UnreadableFile
from pipelines.folders import DataFolder
from pipelines.identity.keys import PseudonymKey, load_or_make_key
from pipelines.identity.numbers import digits_of, kind_of

_PROJECT = b"opioid-stewardship"
_CREATE_STORE = """
CREATE TABLE IF NOT EXISTS identities (
    key_id TEXT NOT NULL, patient_key TEXT NOT NULL, nhs_number TEXT NOT NULL, PRIMARY KEY (key_id, patient_key)
) WITHOUT ROWID
"""


class KeyedPatient(NamedTuple):
    """What becomes of one identifier: its pseudonym, or None and the reason."""

    identifier: str
    patient_key: str | None
    identity_status: str


class IdentityDoor:
    """Turns the identifiers of one file into pseudonyms and remembers the NHS numbers it saw."""

    def __init__(self, data: DataFolder, key: PseudonymKey) -> None:
        self._store = data.identifiable / "identities.sqlite"
        self._key = key

    def pass_through(self, identifiers: Iterable[str], file_name: str) -> list[KeyedPatient]:
        """Pseudonyms for distinct identifiers. Raises UnreadableFile when a spreadsheet has spoilt them."""
        keyed, seen = [], []
        for identifier in identifiers:
            kind = kind_of(identifier)
            if kind == "spoilt_by_spreadsheet":
                raise UnreadableFile(
                    "A spreadsheet has rounded the patient identifiers of this file (a form such as 4.85E+09).",
                    f"File {file_name}. The lost digits cannot be restored.",
                    "Export the report again and do not open it in a spreadsheet before adding it.",
                )
            if kind == "invalid_nhs_number":
                keyed.append(KeyedPatient(identifier, None, "invalid_nhs_number"))
            elif kind == "nhs_number":
                number = digits_of(identifier)
                patient_key = self._pseudonym(b"nhs-number", number)
                keyed.append(KeyedPatient(identifier, patient_key, "identified"))
                seen.append((self._key.key_id, patient_key, number))
            else:
                keyed.append(KeyedPatient(identifier, self._pseudonym(b"upstream", identifier.strip()), "identified"))
        self._remember(seen)
        return keyed

    def _pseudonym(self, kind: bytes, identifier: str) -> str:
        message = b"\0".join((_PROJECT, kind, identifier.encode()))
        return hmac.digest(self._key.secret, message, "sha256").hex()[:32]

    def _remember(self, seen: list[tuple[str, str, str]]) -> None:
        with closing(sqlite3.connect(self._store)) as store, store:
            store.execute(_CREATE_STORE)
            store.executemany("INSERT OR IGNORE INTO identities VALUES (?, ?, ?)", seen)


def open_door(data: DataFolder) -> IdentityDoor:
    """The door of a data folder, under its own key."""
    return IdentityDoor(data, load_or_make_key(data))
