"""F22: what was delivered after a publication is taken back with it, file by file, and can count again."""

from faults.desk import Desk, epd

from pipelines.ingest.register import Register


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
    assert "withdrawn by a rollback, and stays so" in desk.said
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
