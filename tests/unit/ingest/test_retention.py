"""Originals of patients' files go when their time is over; nothing that comes later misses them."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from faults.desk import Desk, epd
from ingest.test_opting_out import ANN, BEN, EXTRACT

from pipelines.config import Settings
from pipelines.identity import open_door
from pipelines.ingest.delivery import reason_of
from pipelines.ingest.register import Register, original_of
from pipelines.ingest.retention import due_to_go, let_go
from pipelines.upkeep.rekeying import rotate_key

DAYS = timedelta(days=1)
NOW = datetime.now(UTC)


def keeping(settings: Settings, months: int) -> Settings:
    pipeline = settings.pipeline.model_copy(update={"keep_patient_files_months": months})
    return settings.model_copy(update={"pipeline": pipeline})


def names(desk: Desk, months: int, now: datetime) -> list[str]:
    return [file.file_name for file in due_to_go(desk.data, keeping(desk.settings, months), now).originals]


def kept(desk: Desk, name: str) -> Path:
    return original_of(desk.registered(name), desk.data)


def test_an_original_is_due_when_it_is_older_than_it_may_get_and_open_data_never_is(desk: Desk) -> None:
    desk.take("people.csv", EXTRACT)
    desk.take("open.csv", epd("202401,A,A81001,0407020Q0AAALAL,Morphine 30mg MR tablets,56,1,56,5.00,4.90"))
    # Added today: due in three calendar months, not a month before.
    assert names(desk, 3, NOW + 60 * DAYS) == []
    assert names(desk, 3, NOW + 96 * DAYS) == ["people.csv"]
    assert names(desk, 0, NOW) == ["people.csv"]


def test_a_file_that_is_not_landed_yet_is_not_due_however_old(desk: Desk) -> None:
    desk.add(desk.file("people.csv", EXTRACT))
    assert names(desk, 0, NOW + 400 * DAYS) == []


def test_what_is_due_goes_and_its_hash_and_the_reason_stay(desk: Desk) -> None:
    desk.take("people.csv", EXTRACT)
    let_go(desk.data, due_to_go(desk.data, keeping(desk.settings, 0), NOW))
    assert not kept(desk, "people.csv").exists()
    assert list(desk.data.originals.iterdir()) == []
    assert desk.registered("people.csv").original_removed == "retention"
    assert names(desk, 0, NOW) == []


def test_nothing_later_misses_an_original_that_is_gone(desk: Desk) -> None:
    """Landing under other rules, a change of key, and the same file again."""
    before = desk.take("people.csv", EXTRACT)
    counts = desk.counts("people.csv")
    let_go(desk.data, due_to_go(desk.data, keeping(desk.settings, 0), NOW))
    Register(desk.data).land_anew([desk.registered("people.csv").sha256])
    assert desk.land() == 0
    assert "stays as it was landed" in desk.said
    assert desk.landed("people.csv").equals(before)
    rotate_key(desk.data)
    after = desk.landed("people.csv")
    assert set(after["patient_key"]) == {
        *(open_door(desk.data).patient_key_of(number) for number in (ANN, BEN, "9434765838")),
        None,
    }
    assert after.drop("patient_key").equals(before.drop("patient_key"))
    # The same content again is known, and lets the file be landed under the new rules.
    (added,) = desk.add(desk.folder / "people.csv")
    assert not added.is_new
    assert desk.land() == 1
    assert desk.counts("people.csv") == counts
    assert desk.landed("people.csv").equals(after)


def test_what_a_killed_add_had_copied_and_not_registered_goes_after_a_day_and_nothing_else(desk: Desk) -> None:
    desk.take("people.csv", EXTRACT)
    copied = desk.data.originals / ("0" * 64)
    copied.write_bytes(b"Patient ID\n9434765919\n")
    settings = keeping(desk.settings, 3)
    assert due_to_go(desk.data, settings, NOW + timedelta(hours=20)).unregistered == ()
    let_go(desk.data, due_to_go(desk.data, settings, NOW + 2 * DAYS))
    assert not copied.exists()
    assert kept(desk, "people.csv").exists()


@pytest.mark.parametrize(("months", "days", "is_due"), [(3, 60, False), (3, 96, True), (0, 20, False), (0, 40, True)])
def test_a_refused_file_may_hold_patients_and_goes_too_but_never_before_a_month(
    desk: Desk, months: int, days: int, is_due: bool
) -> None:
    refused = desk.data.refused / "odd.csv"
    refused.write_text("a,b\n1,2\n")
    # The file itself is old; it was refused so many days ago.
    os.utime(refused, (0, 0))
    reason_of(refused).write_text("no layout\n")
    due = due_to_go(desk.data, keeping(desk.settings, months), NOW + days * DAYS)
    assert (due.refused == (refused,)) is is_due
    let_go(desk.data, due)
    assert any(desk.data.refused.iterdir()) is not is_due
