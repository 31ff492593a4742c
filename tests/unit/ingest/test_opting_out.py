"""Who opted out leaves what is landed and does not come back; every row that was read stays accounted for."""

from decimal import Decimal

import polars as pl
import pytest
from canary_scan import files_that_hold
from faults.desk import FOLLOWED, Desk

from pipelines.audit import AuditTrail
from pipelines.engine.landing import MonthCounts
from pipelines.errors import UnreadableFile
from pipelines.identity import open_door
from pipelines.identity.opt_outs import OptOutStore
from pipelines.ingest.opting_out import nhs_numbers_of, take_in_opt_outs
from pipelines.ingest.register import Register
from pipelines.ingest.withholding import finish_leaving, leave_out_waiting

ANN, BEN, CAT = "9434765919", "9434765870", "9434765838"
HEADER = "Year Month,Practice Code,Patient ID,BNF Code,BNF Description,Total Quantity,Items"
MORPHINE, CODEINE_LINCTUS, ASPIRIN = "0407020Q0AAALAL", "0309010C0AAAAAA", "0209000A0AAAAAA"


def line(month: str, patient: str, code: str, quantity: object) -> str:
    return f"{month},A81001,{patient},{code},Something,{quantity},1"


EXTRACT = "\n".join(
    [
        HEADER,
        line("202401", ANN, MORPHINE, 56),
        line("202401", BEN, MORPHINE, 28),
        line("202401", ANN[:3] + " " + ANN[3:6] + " " + ANN[6:], MORPHINE, 4),
        line("202401", ANN, CODEINE_LINCTUS, 200),
        line("202401", ANN, ASPIRIN, 10),
        line("202401", "", MORPHINE, 7),
        line("202401", BEN, MORPHINE, "odd"),
        line("202402", ANN, MORPHINE, 30),
        line("202402", CAT, MORPHINE, 60),
        "",
    ]
)
# By hand, from the rows above: morphine is followed and counts, codeine linctus is followed and does not count, aspirin
# is not followed.
# January: 7 rows, of them 4 counted (56 + 28 + 4 + 7 = 95), 2 out of scope, 1 quarantined.
JANUARY = (7, 4, 2, 1, 0)
# Without Ann: her 2 counted rows are out of scope too, and with the linctus 3 of her rows are left out (28 + 7 = 35).
JANUARY_WITHOUT_ANN = (7, 2, 4, 1, 0)


def opt_out(desk: Desk, *numbers: str, **options: bool) -> object:
    return take_in_opt_outs(desk.file("opted.csv", "\n".join(("NHS Number", *numbers))), desk.data, None, **options)


def months(desk: Desk, name: str = "items.csv") -> list[MonthCounts]:
    return desk.counts(name)


def people(desk: Desk, name: str = "items.csv") -> set[str | None]:
    return set(desk.landed(name)["patient_key"].to_list())


def key(desk: Desk, number: str) -> str:
    return open_door(desk.data).patient_key_of(number)


def test_whoever_opted_out_before_never_lands_and_every_row_is_accounted_for(desk: Desk) -> None:
    opt_out(desk, ANN)
    landed = desk.take("items.csv", EXTRACT)
    january, february = months(desk)
    assert january[1:6] == JANUARY_WITHOUT_ANN
    assert january.rows_read == sum(january[2:6])
    assert (january.rows_opted_out, january.quantity_loaded, january.total_quantity) == (3, Decimal(35), Decimal(305))
    assert (february.rows_loaded, february.rows_opted_out, february.quantity_loaded) == (1, 1, Decimal(60))
    assert people(desk) == {key(desk, BEN), key(desk, CAT), None}
    assert landed["source_row"].to_list() == sorted(landed["source_row"].to_list())
    # Nor is the number remembered, anywhere but in the original.
    assert open_door(desk.data).nhs_numbers_of([key(desk, ANN), key(desk, BEN)]) == {key(desk, BEN): BEN}
    held = files_that_hold([ANN], desk.data.root)
    assert {file.parent for file in held} == {desk.data.originals}


def test_opting_out_afterwards_leaves_what_opting_out_before_would_have_left(desk: Desk) -> None:
    desk.take("items.csv", EXTRACT)
    assert months(desk)[0][1:6] == JANUARY
    opt_out(desk, ANN)
    # Not before the next refresh.
    assert months(desk)[0][1:6] == JANUARY
    assert leave_out_waiting(desk.data, FOLLOWED) == 4
    afterwards, rows = months(desk), desk.landed("items.csv")
    assert leave_out_waiting(desk.data, FOLLOWED) == 0
    Register(desk.data).land_anew([desk.registered("items.csv").sha256])
    assert desk.land() == 1
    assert months(desk) == afterwards
    assert desk.landed("items.csv").equals(rows)
    assert afterwards[0][1:6] == JANUARY_WITHOUT_ANN
    assert files_that_hold([ANN], desk.data.landed, desk.data.state) == set()


@pytest.mark.parametrize("stopped", ["before it is counted", "after it is counted"])
def test_a_leaving_that_is_stopped_is_ended_by_the_next_refresh(
    desk: Desk, stopped: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.take("items.csv", EXTRACT)
    opt_out(desk, ANN)
    with monkeypatch.context() as patched:
        method = "record_withheld" if stopped.startswith("before") else "landing_replaced"
        patched.setattr(Register, method, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        if method == "landing_replaced":
            # The file itself has not moved either.
            patched.setattr("pathlib.Path.replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            leave_out_waiting(desk.data, FOLLOWED)
    leave_out_waiting(desk.data, FOLLOWED)
    assert months(desk)[0][1:6] == JANUARY_WITHOUT_ANN
    assert key(desk, ANN) not in people(desk)
    assert OptOutStore(desk.data).waiting() == frozenset()
    finish_leaving(desk.data)
    assert sorted(file.suffix for file in desk.data.landed.iterdir()) == [".parquet", ".parquet"]


def test_every_month_that_was_published_is_landed_without_them_whoever_delivered_it(desk: Desk) -> None:
    """A file that was replaced is left out of too: it would come back with a rollback."""
    desk.take("old.csv", EXTRACT)
    desk.take("new.csv", EXTRACT.replace(",28,", ",29,"))
    opt_out(desk, ANN)
    assert leave_out_waiting(desk.data, FOLLOWED) == 8
    assert key(desk, ANN) not in people(desk, "old.csv") | people(desk, "new.csv")


def test_a_whole_list_lets_those_come_back_who_are_not_on_it_where_the_original_is_kept(desk: Desk) -> None:
    desk.take("items.csv", EXTRACT)
    desk.take("gone.csv", EXTRACT.replace("2024", "2023"))
    opt_out(desk, ANN, BEN)
    leave_out_waiting(desk.data, FOLLOWED)
    (desk.data.root / desk.registered("gone.csv").kept_as).unlink()
    changed = opt_out(desk, BEN, is_whole_list=True)
    assert (changed.new, changed.known, changed.lifted) == (0, 1, 1)
    assert (changed.files_to_land_anew, changed.files_without_original) == (("items.csv",), ("gone.csv",))
    leave_out_waiting(desk.data, FOLLOWED)
    desk.land()
    assert people(desk) == {key(desk, ANN), key(desk, CAT), None}
    assert people(desk, "gone.csv") == {key(desk, CAT), None}
    assert open_door(desk.data).nhs_numbers_of([key(desk, ANN)]) == {key(desk, ANN): ANN}


def test_who_was_erased_does_not_come_back_with_a_list(desk: Desk) -> None:
    store = OptOutStore(desk.data)
    store.take_in(["a"], "erased")
    store.take_in(["b"], "opted_out", is_whole_list=True)
    assert store.people() == {"a", "b"}
    store.take_in(["a"], "opted_out")
    assert store.erased() == {"a"}


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        (f"NHS Number\n{ANN}\n9434765918\n", "3"),
        (f"{ANN}\nnobody\n", "2"),
        (f"{ANN},{BEN}\n", "1"),
        ("9.43E+09\n", "1"),
        (f"{ANN[:9]}\n{ANN}\n", "1"),
    ],
)
def test_a_list_with_anything_else_in_it_is_refused_whole_by_row_and_without_the_value(
    desk: Desk, content: str, rows: str
) -> None:
    with pytest.raises(UnreadableFile) as raised:
        take_in_opt_outs(desk.file("list.csv", content), desk.data, None)
    assert f"row(s) {rows}." in raised.value.where
    assert not any(number in str(raised.value) for number in (ANN, BEN, "9434765918", ANN[:9]))
    assert OptOutStore(desk.data).people() == frozenset()


def test_a_list_may_have_a_heading_empty_lines_and_numbers_as_people_write_them() -> None:
    content = f"\ufeffnhs_number\r\n{ANN[:3]} {ANN[3:6]} {ANN[6:]}\r\n\r\n{BEN}\r\n".encode()
    assert nhs_numbers_of(content, "x.csv") == [ANN, BEN]
    with pytest.raises(UnreadableFile, match="holds no NHS number"):
        nhs_numbers_of(b"NHS Number\n", "x.csv")


def test_the_audit_says_that_a_list_was_taken_in_and_names_nobody(desk: Desk) -> None:
    opt_out(desk, ANN, BEN)
    (entry,) = AuditTrail(desk.data).entries()
    assert (entry["action"], entry["people"], entry["new"], entry["lifted"]) == ("opt-out import", 2, 2, 0)
    assert files_that_hold([ANN, BEN], desk.data.root) == set()
    assert key(desk, ANN) not in (desk.data.state / "audit.jsonl").read_text()


def test_a_parquet_keeps_its_columns_and_the_order_of_its_rows(desk: Desk) -> None:
    rows = [HEADER, *(line("202401", (ANN, BEN)[n % 2], MORPHINE, n) for n in range(1, 70_001))]
    before = desk.take("items.csv", "\n".join(rows) + "\n")
    opt_out(desk, ANN)
    leave_out_waiting(desk.data, FOLLOWED)
    after = desk.landed("items.csv")
    assert after.schema == before.schema
    assert after.equals(before.filter(pl.col("patient_key") == key(desk, BEN)))
