"""F22: what was delivered after a publication is taken back with it, file by file, and can count again."""

from datetime import date

import pytest
from faults.desk import Desk, epd

from pipelines.audit import AuditTrail
from pipelines.errors import UnreadableFile, UsageError
from pipelines.ingest.register import Register
from pipelines.upkeep.withdrawing import Freed, withdraw


def row(month: str, quantity: int) -> str:
    return f"{month},A,A81001,0407020Q0AAALAL,Morphine 30mg MR tablets,{quantity},1,{quantity},5.00,4.90"


def current(desk: Desk) -> list[str]:
    return [month.file.file_name for month in Register(desk.data).loaded_months() if month.is_current]


def hashes(desk: Desk, *names: str) -> list[str]:
    return [desk.registered(name).sha256 for name in names]


def settle(desk: Desk, *names: str) -> tuple[list[str], list[str]]:
    withdrawn, restored = Register(desk.data).settle_deliveries(hashes(desk, *names), "a-run")
    return [file.file_name for file in withdrawn], [file.file_name for file in restored]


def test_f22_later_deliveries_are_withdrawn_and_the_earlier_ones_stand_again(desk: Desk) -> None:
    for name, rows in (("one.csv", [row("202401", 10), row("202402", 20)]), ("two.csv", [row("202402", 2)])):
        desk.take(name, epd(*rows))
    assert current(desk) == ["one.csv", "two.csv"]
    assert settle(desk, "one.csv") == (["two.csv"], [])
    assert current(desk) == ["one.csv", "one.csv"]
    assert desk.registered("two.csv").is_withdrawn
    # A refresh lands nothing of it, and settling again changes nothing.
    assert desk.land() == 0
    assert settle(desk, "one.csv") == ([], [])
    assert settle(desk, "one.csv", "two.csv") == ([], ["two.csv"])
    assert current(desk) == ["one.csv", "two.csv"]


def test_f22_a_delivery_that_was_never_landed_had_no_part_in_the_fault_and_stays(desk: Desk) -> None:
    desk.take("one.csv", epd(row("202401", 10)))
    desk.take("bad.csv", epd(row("202401", 1)))
    desk.add(desk.file("corrected.csv", epd(row("202401", 11))))
    assert settle(desk, "one.csv") == (["bad.csv"], [])
    assert desk.land() == 1
    assert current(desk) == ["corrected.csv"]


def test_f22_withdrawn_content_comes_again_only_when_it_is_asked_for(desk: Desk) -> None:
    desk.take("one.csv", epd(row("202401", 10)))
    desk.take("two.csv", epd(row("202401", 2)))
    settle(desk, "one.csv")
    (known,) = desk.add(desk.folder / "two.csv")
    assert not known.is_new
    assert "was withdrawn, and stays so" in desk.said
    assert current(desk) == ["one.csv"]
    (again,) = desk.add(desk.folder / "two.csv", again=True)
    assert again.is_new
    assert desk.land() == 0
    assert current(desk) == ["two.csv"]


def test_f22_withdrawn_content_that_comes_with_new_files_is_one_delivery_with_them(desk: Desk) -> None:
    desk.take("one.csv", epd(row("202401", 10)))
    desk.take("north.csv", epd(row("202401", 2)))
    settle(desk, "one.csv")
    desk.add(desk.folder / "north.csv", desk.file("south.csv", epd(row("202401", 3))), again=True)
    desk.land()
    assert sorted(current(desk)) == ["north.csv", "south.csv"]


def test_a_file_that_stops_every_refresh_is_taken_back_and_the_error_says_how(desk: Desk) -> None:
    desk.take("one.csv", epd(row("202401", 10)))
    desk.add(desk.file("cut off.csv", epd()))
    desk.add(desk.file("two.csv", epd(row("202402", 2))))
    with pytest.raises(UnreadableFile, match="a header and no rows") as stopped:
        desk.land()
    assert stopped.value.remedy.endswith("opioids withdraw 'cut off.csv'")
    done = withdraw(desk.data, ["cut off.csv"], "A Lead")
    assert ([file.file_name for file in done.files], done.freed) == (["cut off.csv"], ())
    assert desk.land() == 1
    assert current(desk) == ["one.csv", "two.csv"]
    assert AuditTrail(desk.data).entries()[-1]["withdrawn"] == ["cut off.csv"]


def test_a_landed_file_that_is_taken_back_gives_its_months_to_the_earlier_one_or_to_nobody(desk: Desk) -> None:
    desk.take("whole.csv", epd(row("202401", 10), row("202402", 20)))
    desk.take("cut.csv", epd(row("202402", 2), row("202403", 3)))
    desk.take("later.csv", epd(row("202401", 11)))
    told = withdraw(desk.data, [desk.registered("cut.csv").sha256[:12]]).freed
    assert told == (Freed("epd", date(2024, 2, 1), ("whole.csv",)), Freed("epd", date(2024, 3, 1), ()))
    assert sorted(current(desk)) == ["later.csv", "whole.csv"]
    # Asked for again, it is as new.
    desk.add(desk.folder / "cut.csv", again=True)
    assert sorted(current(desk)) == ["cut.csv", "cut.csv", "later.csv"]


def test_a_rollback_brings_back_what_was_taken_back_only_where_it_had_a_part_in_that_publication(desk: Desk) -> None:
    desk.add(desk.file("north.csv", epd(row("202401", 1))), desk.file("south.csv", epd(row("202401", 2))))
    desk.land()
    withdraw(desk.data, ["south.csv"])
    assert settle(desk, "north.csv") == ([], [])
    assert current(desk) == ["north.csv"]
    assert settle(desk, "north.csv", "south.csv") == ([], ["south.csv"])
    assert sorted(current(desk)) == ["north.csv", "south.csv"]


def test_a_name_that_is_not_there_or_that_two_files_have_takes_nothing_back(desk: Desk) -> None:
    desk.take("march.csv", epd(row("202403", 1)))
    (desk.folder / "april").mkdir()
    desk.add(desk.file("april/march.csv", epd(row("202404", 1))))
    desk.land()
    with pytest.raises(UsageError, match="No file that counts is called"):
        withdraw(desk.data, ["may.csv"])
    with pytest.raises(UsageError, match="2 files are called") as raised:
        withdraw(desk.data, ["march.csv"])
    assert all(file.sha256[:12] in raised.value.where for file in Register(desk.data).files())
    assert len(current(desk)) == 2


def test_a_line_of_totals_replaces_nothing_and_nothing_replaces_it(desk: Desk) -> None:
    total = "Grand sum,,,,,,,,,"
    rows = [row("202401", quantity) for quantity in range(1, 151)]
    desk.take("january.csv", epd(*rows, total))
    desk.take("february.csv", epd(*(text.replace("202401", "202402") for text in rows), total))
    assert sorted(current(desk)) == ["february.csv", "february.csv", "january.csv", "january.csv"]
    assert "replaces" not in desk.said
    assert (
        "february.csv: 1 row(s) set aside. month: the month cannot be read (1 row(s), first on line 152)." in desk.said
    )
    (again,) = desk.add(desk.folder / "january.csv")
    assert not again.is_new
    assert "was replaced since" not in desk.said
