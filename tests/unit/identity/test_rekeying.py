"""A change of key: new pseudonyms, the same histories, all of it or none, whatever interrupts it."""

import sqlite3
import stat
from collections import Counter
from contextlib import closing
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.audit import AuditTrail
from pipelines.errors import KeyProblem
from pipelines.folders import DataFolder
from pipelines.identity import open_door
from pipelines.identity.keys import known_key_id
from pipelines.identity.opt_outs import OptOutStore
from pipelines.identity.published import snapshot_of_people
from pipelines.labels import label_of
from pipelines.reviews import Review, ReviewStore
from pipelines.upkeep.rekeying import MUST_GO, rotate_key

IDENTIFIERS = ["9434765919", "9434765870", "an-upstream-id"]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataFolder:
    """Three people in two landed files, an open-data file, a review, and a published warehouse."""
    monkeypatch.setenv("OPIOIDS_KEY_FILE", str(tmp_path / "key"))
    data = DataFolder(tmp_path / "data")
    data.prepare()
    keys = [keyed.patient_key for keyed in open_door(data).pass_through(IDENTIFIERS, "x.csv")]
    for name, people in (("one", [keys[0], keys[1], None, keys[0]]), ("two", [keys[2], keys[0]])):
        rows = {"source_row": list(range(len(people))), "patient_key": people}
        pq.write_table(pa.table(rows).cast(pa.schema([("source_row", pa.int64()), ("patient_key", pa.string())])),
                       data.landed / f"{name}.parquet")  # fmt: skip
    pq.write_table(pa.table({"practice_code": ["A81001"]}), data.landed / "open.parquet")
    ReviewStore(data).add([Review(str(keys[1]), date(2024, 1, 5), "declined", "AB")], "somebody")
    for name in ("abc", "older"):
        (data.warehouse / f"opioids-{name}.duckdb").write_bytes(b"published")
    (data.warehouse / "current.json").write_text(
        '{"snapshot_id": "abc", "file": "opioids-abc.duckdb", "sha256": "not looked at"}'
    )
    return data


def keys_of(data: DataFolder) -> list[str]:
    return [open_door(data).patient_key_of(each) for each in IDENTIFIERS[:2]]


def landed(data: DataFolder) -> list[list[str | None]]:
    return [pq.read_table(data.landed / f"{name}.parquet")["patient_key"].to_pylist() for name in ("one", "two")]


def everything(data: DataFolder) -> tuple:
    return known_key_id(data), landed(data), ReviewStore(data).reviews(), keys_of(data)


def test_everybody_has_a_new_pseudonym_and_their_own_history(data: DataFolder) -> None:
    key_id, before, reviews, (one, two) = everything(data)
    rotated = rotate_key(data)
    new_key_id, after, new_reviews, (new_one, new_two) = everything(data)
    assert (rotated.old_key_id, rotated.new_key_id, rotated.people) == (key_id, new_key_id, 3)
    old_keys, new_keys = ({key for file in files for key in file} - {None} for files in (before, after))
    assert len(new_keys) == 3
    assert not old_keys & new_keys
    # Each old pseudonym became one new one, everywhere it stood; rows without a patient stay so.
    pairs = {pair for old, new in zip(before, after, strict=True) for pair in zip(old, new, strict=True)}
    assert len(pairs) == 4
    assert (one, new_one) in pairs
    assert (two, new_two) in pairs
    assert (None, None) in pairs
    assert Counter(key for file in after for key in file)[new_one] == 3
    assert [(review.patient_key, review.outcome) for review in new_reviews] == [(new_two, reviews[0].outcome)]
    assert open_door(data).nhs_numbers_of([new_one, one]) == {new_one: IDENTIFIERS[0]}
    # What comes later under the same identifier is the same person.
    (again,) = open_door(data).pass_through(["an-upstream-id"], "y.csv")
    assert again.patient_key in new_keys


def test_nothing_of_the_old_key_is_left_but_the_key_itself(data: DataFolder, tmp_path: Path) -> None:
    old_keys = [key for file in landed(data) for key in file if key]
    old = (tmp_path / "key").read_text()
    rotated = rotate_key(data)
    assert rotated.old_key_kept_at.read_text() == old
    assert stat.S_IMODE(rotated.old_key_kept_at.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    # The last publication stays readable, older ones go; nobody is looked up in it.
    assert [file.name for file in data.warehouse.glob("*.duckdb")] == ["opioids-abc.duckdb"]
    label = label_of(data.warehouse / "opioids-abc.duckdb")
    assert label is not None
    assert (label.key_id, label.must_go) == (rotated.old_key_id, MUST_GO)
    with pytest.raises(KeyProblem, match="was changed after this publication"):
        snapshot_of_people(data)
    for file in data.root.rglob("*"):
        if file.is_file():
            assert not any(key.encode() in file.read_bytes() for key in old_keys), file
            assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0
    assert pq.read_table(data.landed / "open.parquet").to_pylist() == [{"practice_code": "A81001"}]
    assert [entry["action"] for entry in AuditTrail(data).entries()] == ["keys rotate"]
    (tmp_path / "key").write_text(old)
    with pytest.raises(KeyProblem, match="not the key"):
        open_door(data)


def test_a_pseudonym_that_cannot_be_made_again_stops_it_and_nothing_changes(data: DataFolder, tmp_path: Path) -> None:
    with closing(sqlite3.connect(data.identifiable / "identities.sqlite")) as store, store:
        store.execute("DELETE FROM upstream_identities")
    before, key = everything(data), (tmp_path / "key").read_bytes()
    with pytest.raises(KeyProblem, match=r"1 pseudonym\(s\)"):
        rotate_key(data)
    assert everything(data) == before
    assert (tmp_path / "key").read_bytes() == key
    assert (data.warehouse / "current.json").exists()
    assert not (tmp_path / "key.new").exists()


@pytest.mark.parametrize("step", range(12))
def test_an_interruption_anywhere_changes_nothing_or_is_finished_by_the_next_call(
    data: DataFolder, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = everything(data)
    histories = [Counter(file).most_common() for file in landed(data)]
    real, calls = Path.replace, [0]

    def stop(self: Path, target: Path) -> Path:
        calls[0] += 1
        if calls[0] == step + 1:
            raise KeyboardInterrupt
        return real(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", stop)
        try:
            rotate_key(data)
        except KeyboardInterrupt:
            pass
        else:
            assert calls[0] <= step
    if (data.state / "rotation.json").exists():
        with pytest.raises(KeyProblem, match="interrupted"):
            open_door(data)
        rotate_key(data)
    elif known_key_id(data) == before[0]:
        assert everything(data) == before
        rotate_key(data)
    assert known_key_id(data) != before[0]
    assert [sorted(n for _, n in Counter(file).most_common()) for file in landed(data)] == [
        sorted(n for _, n in history) for history in histories
    ]
    assert set(keys_of(data)) <= {key for file in landed(data) for key in file}
    assert ReviewStore(data).reviews()[0].patient_key == keys_of(data)[1]
    assert not (data.identifiable / "rekeyed").exists()


def test_who_is_left_out_stays_left_out_under_the_new_key_where_their_number_is_given(data: DataFolder) -> None:
    left_out = "9434765838"
    store, old = OptOutStore(data), open_door(data).patient_key_of(left_out)
    store.take_in([old], "erased")
    before, key_id = everything(data), known_key_id(data)
    with pytest.raises(KeyProblem, match="of 1 people who opted out or were erased no number is kept"):
        rotate_key(data)
    assert everything(data) == before
    assert store.people() == {old}
    rotate_key(data, opted_out=[left_out, IDENTIFIERS[0]])
    assert known_key_id(data) != key_id
    assert store.people() == store.erased() == {open_door(data).patient_key_of(left_out)}
    assert old.encode() not in store.file.read_bytes()


def test_people_who_are_half_way_out_stop_a_change_of_key(data: DataFolder) -> None:
    (data.landed / "one.withheld").write_bytes(b"rows under the old key")
    with pytest.raises(KeyProblem, match="opted out were leaving"):
        rotate_key(data)
