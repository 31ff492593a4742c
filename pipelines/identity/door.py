"""The door: an NHS number goes in, a keyed pseudonym comes out, and only the identifiable store knows both.

A plain hash of an NHS number can be undone by trying all of them (fewer than 10⁹), so the pseudonym is
HMAC-SHA-256 under a secret key, cut to 128 bits. A pseudonym made upstream is keyed again, so that it
cannot be matched with the upstream's other releases.
"""

import hmac
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Literal, NamedTuple

from pipelines.errors import UnreadableFile
from pipelines.folders import DataFolder
from pipelines.identity.keys import PseudonymKey, load_or_make_key
from pipelines.identity.numbers import digits_of, kind_of
from pipelines.identity.opt_outs import OptOutStore

_PROJECT = b"opioid-stewardship"
# Key id, pseudonym, and what it stands for.
_Identity = tuple[str, str, str]
# What an upstream pseudonym was is kept too: without it a key could never be changed.
CREATE_STORE = """
CREATE TABLE IF NOT EXISTS identities (
    key_id TEXT NOT NULL, patient_key TEXT NOT NULL, nhs_number TEXT NOT NULL, PRIMARY KEY (key_id, patient_key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS upstream_identities (
    key_id TEXT NOT NULL, patient_key TEXT NOT NULL, identifier TEXT NOT NULL, PRIMARY KEY (key_id, patient_key)
) WITHOUT ROWID;
"""


# People of a file that streams by who wait to be remembered.
_MOST_WAITING = 100_000


class KeyedPatient(NamedTuple):
    """What becomes of one identifier: its pseudonym, or None and the reason."""

    identifier: str
    patient_key: str | None
    identity_status: str


class IdentityDoor:
    """Turns the identifiers of one file into pseudonyms and remembers the NHS numbers it saw."""

    def __init__(self, data: DataFolder, key: PseudonymKey, left_out: frozenset[str] = frozenset()) -> None:
        """`left_out` are the pseudonyms of people of whom no number is to be remembered."""
        self._store = data.identifiable / "identities.sqlite"
        self._key = key
        self._left_out = left_out

    def pass_through(self, identifiers: Iterable[str], file_name: str) -> list[KeyedPatient]:
        """Pseudonyms for distinct identifiers. Raises UnreadableFile when a spreadsheet has spoilt them."""
        seen: list[_Identity] = []
        upstream: list[_Identity] = []
        keyed = self._keyed(identifiers, file_name, seen, upstream)
        self._remember(seen, upstream)
        return keyed

    @contextmanager
    def for_file(self, file_name: str) -> Iterator[Callable[[Sequence[str]], list[str | None]]]:
        """The door for a file that streams by: distinct identifiers in, their pseudonyms out, None for no identifier.

        Of a file that turns out to be spoilt some people may be remembered already.
        """
        seen: list[_Identity] = []
        upstream: list[_Identity] = []

        def keys(identifiers: Sequence[str]) -> list[str | None]:
            keyed = self._keyed(identifiers, file_name, seen, upstream)
            if len(seen) + len(upstream) > _MOST_WAITING:
                self._remember(seen, upstream)
                seen.clear()
                upstream.clear()
            return [patient.patient_key for patient in keyed]

        yield keys
        self._remember(seen, upstream)

    def _keyed(
        self, identifiers: Iterable[str], file_name: str, seen: list[_Identity], upstream: list[_Identity]
    ) -> list[KeyedPatient]:
        keyed = []
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
                patient_key = pseudonym(self._key, "nhs-number", number)
                keyed.append(KeyedPatient(identifier, patient_key, "identified"))
                if patient_key not in self._left_out:
                    seen.append((self._key.key_id, patient_key, number))
            else:
                given = identifier.strip()
                patient_key = pseudonym(self._key, "upstream", given)
                keyed.append(KeyedPatient(identifier, patient_key, "identified"))
                if patient_key not in self._left_out:
                    upstream.append((self._key.key_id, patient_key, given))
        return keyed

    def patient_key_of(self, nhs_number: str) -> str:
        """The pseudonym of a valid NHS number, which is not remembered."""
        return pseudonym(self._key, "nhs-number", digits_of(nhs_number))

    def nhs_numbers_of(self, patient_keys: Iterable[str]) -> dict[str, str]:
        """The NHS numbers (ten digits) of those of these people whose number the identifiable store knows."""
        if not self._store.exists():
            return {}
        with closing(sqlite3.connect(self._store)) as store:
            store.executescript(CREATE_STORE)
            return {
                patient_key: nhs_number
                for wanted in patient_keys
                for patient_key, nhs_number in store.execute(
                    "SELECT patient_key, nhs_number FROM identities WHERE key_id = ? AND patient_key = ?",
                    (self._key.key_id, wanted),
                )
            }

    def forget(self, patient_keys: Iterable[str]) -> int:
        """Remove people from the identifiable store, their bytes included. Returns how many were in it."""
        keys = [(key,) for key in patient_keys]
        if not self._store.exists():
            return 0
        with closing(sqlite3.connect(self._store)) as store:
            store.execute("PRAGMA secure_delete = ON")
            store.executescript(CREATE_STORE)
            with store:
                before = store.total_changes
                for table in ("identities", "upstream_identities"):
                    store.executemany(f"DELETE FROM {table} WHERE patient_key = ?", keys)
                forgotten = store.total_changes - before
            store.execute("VACUUM")
        return forgotten

    def _remember(self, seen: Sequence[_Identity], upstream: Sequence[_Identity]) -> None:
        with closing(sqlite3.connect(self._store)) as store:
            store.executescript(CREATE_STORE)
            with store:
                store.executemany("INSERT OR IGNORE INTO identities VALUES (?, ?, ?)", seen)
                store.executemany("INSERT OR IGNORE INTO upstream_identities VALUES (?, ?, ?)", upstream)


def pseudonym(key: PseudonymKey, kind: Literal["nhs-number", "upstream"], identifier: str) -> str:
    """HMAC-SHA-256 of an identifier under a key, 128 bits as hexadecimal."""
    message = b"\0".join((_PROJECT, kind.encode(), identifier.encode()))
    return hmac.digest(key.secret, message, "sha256").hex()[:32]


def open_door(data: DataFolder) -> IdentityDoor:
    """The door of a data folder, under its own key; who is left out passes unremembered."""
    return IdentityDoor(data, load_or_make_key(data), OptOutStore(data).people())
