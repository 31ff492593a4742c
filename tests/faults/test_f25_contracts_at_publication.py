"""F4, F12, F25 at publication: what stops keeps the last publication, what warns stands at the head of every output."""

from datetime import date
from pathlib import Path

import pytest
from faults.desk import Desk, epd

from pipelines.caveats import caveats_of
from pipelines.engine.published import read_only
from pipelines.errors import ContractError
from pipelines.refresh import Refreshed, RefreshOptions, refresh
from pipelines.snapshots import current_snapshot

ROW = "202401,SURGERY,A81001,0407020Q0AAAAAA,Morphine 10mg tablets,56,2,112,3.20,3.10"
FEBRUARY = ROW.replace("202401", "202402")
NOT_FOLLOWED = FEBRUARY.replace("0407020Q0AAAAAA,Morphine 10mg tablets", "0205051L0AAABAB,Lisinopril 10mg tablets")
NO_LISTS = "Not loaded: registered patients (list sizes). Therefore there are counts but no rates."


def run(desk: Desk) -> Refreshed:
    return refresh(RefreshOptions(desk.data, desk.folder / "reports", desk.settings))


def asked(desk: Desk, file: Path, sql: str) -> list[tuple[object, ...]]:
    connection = read_only(file, desk.data.tmp)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def test_f25_a_published_month_that_comes_back_empty_stops_and_the_last_publication_stays(desk: Desk) -> None:
    desk.add(desk.file("january.csv", epd(ROW)))
    desk.add(desk.file("february.csv", epd(FEBRUARY)))
    first = run(desk)
    _everything_is_said_at_the_head(desk, first)

    desk.add(desk.file("february_again.csv", epd(NOT_FOLLOWED)))
    with pytest.raises(ContractError) as raised:
        run(desk)
    assert raised.value.what == "1 month(s) that were published would lose all their rows: epd 2024-02."
    assert raised.value.where == (
        "Published from february.csv (1 rows); what has replaced them holds no followed product."
    )
    assert current_snapshot(desk.data) == first.snapshot
    months = "SELECT DISTINCT month FROM marts.item_ome ORDER BY 1"
    assert asked(desk, first.snapshot.file, months) == [(date(2024, 1, 1),), (date(2024, 2, 1),)]

    desk.add(desk.file("february_whole.csv", epd(FEBRUARY, FEBRUARY)))
    assert run(desk).snapshot != first.snapshot


def _everything_is_said_at_the_head(desk: Desk, done: Refreshed) -> None:
    """F4, F12: no list sizes: rates are NULL with a reason, and every output begins with it."""
    assert NO_LISTS in [caveat.sentence for caveat in done.caveats]
    assert caveats_of(done.snapshot.file, desk.data.tmp) == done.caveats
    page = (desk.folder / "reports" / "index.html").read_text(encoding="utf-8")
    assert page.index(NO_LISTS) < page.index("Where we stand")
    assert (desk.folder / "reports" / "data-docs" / "index.html") in done.reports
    trends = "SELECT DISTINCT rate_per_1000, rate_reason FROM marts.trends WHERE measure = 'epd_opioid_items'"
    assert asked(desk, done.snapshot.file, trends) == [(None, "no_list_size")]


def test_a_broken_contract_names_file_month_and_lines_and_publishes_nothing(desk: Desk) -> None:
    # 60 of 1,000 rows are taken back, more than one in twenty: on lines 2, 3, 4 and so on.
    reversed_row = ROW.replace(",56,2,112,", ",-56,2,-112,")
    desk.add(desk.file("items.csv", epd(*[reversed_row] * 60, *[ROW] * 940)))
    with pytest.raises(ContractError) as raised:
        run(desk)
    assert raised.value.what == "The data broke the contract 'epd_items'."
    assert raised.value.where == (
        "Practice-level data (EPD): share of rows that take a quantity back in 2024-01, beyond at most 5.000%. "
        "Reversals are rare; one in twenty would lower doses throughout. [ours] share_reversed: found 6.000%. "
        "items.csv, 2024-01: 60 row(s), first on line(s) 2, 3, 4."
    )
    assert not list(desk.data.warehouse.glob("*.duckdb"))
