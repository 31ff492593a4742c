"""A folder that an earlier version made goes on as it is; one that a later version made is left alone."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from faults.desk import Desk, epd
from ingest.form_1 import rewrite_as_form_1

from pipelines.errors import RefreshInProgress, StorageError
from pipelines.ingest import forms, upgrading
from pipelines.ingest.register import Register
from pipelines.ingest.upgrading import form_of, upgrade, upgrade_if_older
from pipelines.locking import only_refresh

ROW = "202401,A,A81001,0407020Q0AAALAL,Morphine 30mg MR tablets,56,1,56,5.00,4.90"


@pytest.fixture
def old(desk: Desk) -> Desk:
    """A folder of form 1 with a landed file, one that waits, a run that ended and one that was killed."""
    desk.take("one.csv", epd(ROW, ROW))
    desk.add(desk.file("two.csv", epd(ROW.replace("202401", "202402"))))
    register = Register(desk.data)
    for run_id in ("ended", "killed"):
        register.start_run(run_id, None)
    register.finish_run("ended", "published")
    rewrite_as_form_1(desk.data)
    assert form_of(desk.data) == 1
    return desk


def dump(file: Path) -> list[str]:
    with closing(sqlite3.connect(file)) as database:
        return list(database.iterdump())


def tables_of(file: Path) -> dict[str, list[tuple[object, ...]]]:
    with closing(sqlite3.connect(file)) as database:
        names = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'")]
        return {name: [row[1:] for row in database.execute(f"PRAGMA table_info({name})")] for name in names}


def test_a_folder_of_the_first_form_is_brought_to_the_present_one_with_all_it_knew(old: Desk) -> None:
    before = dump(old.data.state / "register.sqlite")
    upgrade_if_older(old.data)
    assert form_of(old.data) == forms.FORM
    assert dump(old.data.state / "register.form-1.sqlite") == before
    (month,) = Register(old.data).loaded_months()
    # Two rows of 56, written out by hand.
    assert (month.counts.rows_read, month.counts.rows_loaded, month.counts.rows_opted_out) == (2, 2, 0)
    assert month.counts.total_quantity == 112
    assert [file.file_name for file in Register(old.data).files()] == ["one.csv", "two.csv"]
    assert [run.outcome for run in Register(old.data).runs()] == ["published", "running"]
    # And it goes on working: what waited is landed, what was landed is not landed again.
    assert old.land() == 1


def test_an_upgraded_register_has_the_tables_of_a_new_one(old: Desk, tmp_path: Path) -> None:
    upgrade(old.data)
    new = type(old.data)(tmp_path / "new")
    new.prepare()
    Register(new)
    upgraded, fresh = (tables_of(folder.state / "register.sqlite") for folder in (old.data, new))
    assert {name: sorted(columns) for name, columns in upgraded.items()} == {
        name: sorted(columns) for name, columns in fresh.items()
    }


def test_every_form_before_the_present_one_has_a_step() -> None:
    assert sorted(forms.STEPS) == list(range(1, forms.FORM))


def test_upgrading_again_does_nothing(old: Desk) -> None:
    upgrade(old.data)
    kept = (old.data.state / "register.sqlite").read_bytes()
    upgrade(old.data)
    assert (old.data.state / "register.sqlite").read_bytes() == kept


def test_an_upgrade_that_is_stopped_has_not_begun(old: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    before = dump(old.data.state / "register.sqlite")

    def stops(register: sqlite3.Connection) -> None:
        forms._to_2(register)
        raise OSError("the power went")

    monkeypatch.setitem(upgrading.STEPS, 1, stops)
    with pytest.raises(OSError, match="the power went"):
        upgrade(old.data)
    assert form_of(old.data) == 1
    assert dump(old.data.state / "register.sqlite") == before
    monkeypatch.undo()
    upgrade(old.data)
    assert form_of(old.data) == forms.FORM


def test_a_folder_somebody_works_on_is_not_upgraded(old: Desk) -> None:
    with only_refresh(old.data), pytest.raises(RefreshInProgress):
        upgrade_if_older(old.data)
    assert form_of(old.data) == 1


def test_a_folder_of_a_later_form_is_refused_in_words_and_left_alone(desk: Desk) -> None:
    desk.take("one.csv", epd(ROW))
    file = desk.data.state / "register.sqlite"
    with closing(sqlite3.connect(file)) as database:
        database.execute(f"PRAGMA user_version = {forms.FORM + 1}")
    kept = file.read_bytes()
    for refused in (lambda: upgrade_if_older(desk.data), lambda: upgrade(desk.data), lambda: Register(desk.data)):
        with pytest.raises(StorageError) as raised:
            refused()
        assert f"form {forms.FORM + 1}" in raised.value.where
    assert file.read_bytes() == kept
