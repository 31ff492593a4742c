"""The same rows again change nothing; a corrected row counts and the old one stays in the history."""

import sqlite3
from pathlib import Path

import pytest

from pipelines.errors import StorageError
from pipelines.folders import DataFolder
from pipelines.returns import Kept, ReturnRow, ReturnStore


def row(value: str, organisation: str = "U1", *, withdrawn: bool = False) -> ReturnRow:
    key = ("2026-03-01", organisation, "mdt_cases")
    cells = dict(zip(("month", "organisation", "measure"), key, strict=True))
    if not withdrawn:
        cells["value"] = value
    return ReturnRow("local_returns", key, tuple(cells.items()), withdrawn)


@pytest.fixture
def store(tmp_path: Path) -> ReturnStore:
    data = DataFolder(tmp_path / "data")
    data.prepare()
    return ReturnStore(data)


def history(store: ReturnStore) -> list[tuple[str, bool]]:
    with sqlite3.connect(store.file) as connection:
        return [
            (content, ended is not None)
            for content, ended in connection.execute("SELECT content, ended_at FROM returns ORDER BY number")
        ]


def test_the_same_rows_again_change_nothing(store: ReturnStore) -> None:
    assert store.take([row("3"), row("4", "U2")], "me") == Kept(2, 0, 0, 0)
    before = store.file.read_bytes()
    assert store.take([row("4", "U2"), row("3")], "somebody else") == Kept(0, 0, 0, 2)
    assert store.file.read_bytes() == before


def test_a_corrected_row_counts_and_the_old_one_is_kept_in_the_history(store: ReturnStore) -> None:
    store.take([row("3")], "me")
    assert store.take([row("5")], "me") == Kept(0, 1, 0, 0)
    assert [each.content["value"] for each in store.rows()] == ["5"]
    assert [('"3"' in content, ended) for content, ended in history(store)] == [(True, True), (False, False)]


def test_a_withdrawn_row_counts_no_more_and_may_come_again(store: ReturnStore) -> None:
    store.take([row("3"), row("4", "U2")], "me")
    assert store.take([row("", withdrawn=True)], "me") == Kept(0, 0, 1, 0)
    assert [each.key[1] for each in store.rows()] == ["U2"]
    assert store.take([row("", withdrawn=True)], "me") == Kept(0, 0, 0, 1)
    assert store.take([row("3")], "me") == Kept(1, 0, 0, 0)
    assert len(history(store)) == 3


def test_rows_come_back_as_they_were_in_a_fixed_order(store: ReturnStore) -> None:
    assert store.rows() == ()
    store.take([row("4", "U2"), row("3")], "me")
    assert store.rows() == (row("3"), row("4", "U2"))


def test_all_or_none(store: ReturnStore) -> None:
    class Broken(ReturnRow):
        @property
        def content(self) -> dict[str, str | None]:
            raise RuntimeError

    with pytest.raises(RuntimeError):
        store.take([row("3"), Broken("pdsa", ("P1",), ())], "me")
    assert store.rows() == ()


def test_another_form_of_the_store_is_said(store: ReturnStore) -> None:
    store.take([row("3")], "me")
    with sqlite3.connect(store.file) as connection:
        connection.execute("PRAGMA user_version = 9")
    with pytest.raises(StorageError, match="another version"):
        store.rows()
