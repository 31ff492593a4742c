"""F8 to F11 and F19 from files to marts: ICBs and practices that merge, elsewhere, nowhere, and old references."""

from datetime import date

from faults.desk import Desk, epd

from pipelines.engine.published import read_only
from pipelines.refresh import RefreshOptions, refresh

MORPHINE = "0407020Q0AAAKAK,Morphine 10mg modified-release tablets,56"
LOOK_UP = """SUB_ICB_CODE,SUB_ICB_NAME,ICB_CODE,ICB_NAME,START_DATE,END_DATE
S1,FIRST PLACE,QX1,BOARD ONE,,2026-03-31
S2,SECOND PLACE,QX2,BOARD TWO,,2026-03-31
S1,FIRST PLACE,QX9,BOARD ONE AND TWO,2026-04-01,
S2,SECOND PLACE,QX9,BOARD ONE AND TWO,2026-04-01,
"""
SUCCESSORS = "PRACTICE_CODE,SUCCESSOR_CODE,DATE\nZ10003,Z10002,20260401\n"


def register_row(code: str, region: str, icb: str, sub_icb: str, left: str = "") -> str:
    """A row of epraccur: 27 columns."""
    cells = [code, f"SURGERY {code}", region, icb, *[""] * 6, "19740401", left, "C" if left else "A", "B", sub_icb]
    return ",".join(f'"{cell}"' for cell in [*cells, "20130401", left, *[""] * 8, "4", ""])


REGISTER = "\n".join(
    (
        register_row("Z10001", "Y63", "QX1", "S1"),
        register_row("Z10002", "Y63", "QX2", "S2"),
        # It closed, was last in a sub-ICB that no look-up has, and went into Z10002.
        register_row("Z10003", "Y63", "QX0", "S0", left="20260331"),
        register_row("W00001", "W00", "Q99", "7A3"),
    )
)


def items(month: str, practice: str, count: int) -> str:
    return f"{month},SURGERY,{practice},{MORPHINE},{count},{56 * count},3.20,3.10"


def test_f08_to_f11_and_f19_totals_are_equal_and_orphans_are_listed(desk: Desk) -> None:
    codes = {"Z10001": 3, "Z10002": 5, "Z10003": 7, "W00001": 11, "-": 13, "Z19999": 17}
    rows = [items(month, code, count) for month in ("202603", "202604") for code, count in codes.items()]
    desk.add(desk.file("epd.csv", epd(*rows)))
    desk.add(
        desk.file("epraccur.csv", REGISTER),
        desk.file("look_up.csv", LOOK_UP),
        desk.file("successors.csv", SUCCESSORS),
    )
    done = refresh(RefreshOptions(desk.data, desk.folder / "reports", desk.settings))
    connection = read_only(done.snapshot.file, desk.data.tmp)

    def counted(table: str, level: str) -> dict[tuple[str, int], float]:
        sql = (
            f"SELECT org_code, month, numerator FROM marts.{table} "
            f"WHERE measure = 'epd_opioid_items' AND org_level = '{level}'"
        )
        return {(code, month.month): items for code, month, items in connection.execute(sql).fetchall()}

    try:
        # Today all is in the board of April: 3 + 5, and the 7 of the practice that went into Z10002.
        assert counted("trends", "icb") == {("QX9", 3): 15, ("QX9", 4): 15}
        # As it was: Z10003 stands with what the register says of it.
        assert counted("trends_as_was", "icb") == {
            ("QX1", 3): 3, ("QX2", 3): 5, ("QX0", 3): 7, ("QX0", 4): 7, ("QX9", 4): 8,
        }  # fmt: skip
        whole = {("all", 3): 56, ("all", 4): 56}
        assert counted("trends", "all") == counted("trends_as_was", "all") == whole
        assert counted("trends", "region") == counted("trends_as_was", "region") == {("Y63", 3): 15, ("Y63", 4): 15}
        practices = counted("trends", "practice")
        assert practices["Z10003", 3] == 7
        # Without a practice: 13, in no row of a practice.
        assert sum(count for (_, month), count in practices.items() if month == 3) == 56 - 13
        orphans = connection.execute(
            "SELECT practice_code, reason, epd_opioid_items FROM marts.organisation_orphans ORDER BY 1, 2"
        ).fetchall()
        assert {row for row in orphans if row[1] in ("outside_england", "in_no_reference")} == {
            ("W00001", "outside_england", 22),
            ("Z19999", "in_no_reference", 34),
        }
        # The newest day that a reference speaks of is 1 April 2026: no month of the data is later.
        assert "reference_older_than_data" not in {row[1] for row in orphans}
        known = connection.execute("SELECT DISTINCT known_until FROM marts.organisation_places").fetchall()
        assert known == [(date(2026, 4, 1),)]
    finally:
        connection.close()


def test_f08_two_look_ups_and_two_registers_of_one_delivery_do_not_stop_the_job(desk: Desk) -> None:
    undated = "SUB_ICB_CODE,SUB_ICB_NAME,ICB_CODE,ICB_NAME\nS1,FIRST PLACE,QX1,BOARD ONE\n"
    desk.add(desk.file("epd.csv", epd(items("202603", "Z10001", 3), items("202603", "Z10002", 5))))
    desk.add(
        desk.file("look_up_2022.csv", undated + "S2,SECOND PLACE,QX2,BOARD TWO\n"),
        desk.file("look_up_2024.csv", undated + "S2,SECOND PLACE,QX3,BOARD THREE\n"),
        desk.file("epraccur.csv", REGISTER),
        desk.file("epraccur_v2.csv", REGISTER.replace("SURGERY Z10001", "THE SURGERY")),
    )
    done = refresh(RefreshOptions(desk.data, desk.folder / "reports", desk.settings, with_report=False))
    connection = read_only(done.snapshot.file, desk.data.tmp)
    try:
        boards = connection.execute(
            "SELECT org_code, numerator FROM marts.icb_trends WHERE measure = 'epd_opioid_items' ORDER BY org_code"
        ).fetchall()
    finally:
        connection.close()
    # Of S2 the look-ups say two things: the register's QX2 stands.
    assert boards == [("QX1", 3), ("QX2", 5)]
    said = [caveat.sentence for caveat in done.caveats if caveat.subject == "organisation_orphans"]
    assert len(said) == 1
    assert "the look-up names two ICBs at once in EPD items" in said[0]
