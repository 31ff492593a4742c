"""Deliveries may come in any order, again and renamed: what is current is the same."""

import os
import random
from decimal import Decimal
from pathlib import Path

import pytest
from faults.desk import Desk, epd

from pipelines.config import load_settings
from pipelines.engine import landing_sql
from pipelines.folders import DataFolder
from pipelines.ingest.register import Register

MONTHS = [f"20{year}{month:02d}" for year in (23, 24) for month in range(1, 13)]


def current(desk: Desk) -> list[tuple[object, ...]]:
    return sorted(
        (str(m.counts.month), m.file.sha256, m.counts.rows_read, str(m.counts.total_quantity))
        for m in Register(desk.data).loaded_months()
        if m.is_current
    )


def test_monthly_deliveries_in_any_order_with_repeats_and_new_names_give_one_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OPIOIDS_KEY_FILE", str(tmp_path / "key"))
    contents = {m: epd(f"{m},S,A81001,0407020Q0AAAAAA,Morphine,{28 + n},1,{28 + n},1,1") for n, m in enumerate(MONTHS)}
    found = []
    # OPIOIDS_ORDERS=30 for more orders than every run needs.
    for seed in range(int(os.environ.get("OPIOIDS_ORDERS", "2"))):
        draw = random.Random(seed)
        order = MONTHS + draw.sample(MONTHS, 6)
        draw.shuffle(order)
        data = DataFolder(tmp_path / f"data{seed}")
        data.prepare()
        desk = Desk(tmp_path, data, load_settings(), caplog)
        for number, month in enumerate(order):
            desk.add(desk.file(f"{draw.randrange(10**6)}-{number}.csv", contents[month]))
            if draw.random() < 0.3:
                desk.land()
        desk.land()
        found.append(current(desk))
    assert len(found[0]) == 24
    assert all(content == found[0] for content in found)


def test_passing_a_row_over_hides_nothing_that_is_wrong_with_it(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = ["56", "10.5", "-1", "1e3", "", "1,000", "£5", "٣", "1234567", "12345678901", "-", " 7 ", "0x1", "5.", ".5"]
    codes = [
        "0205051L0AAABAB",
        "0205051L0E00001",
        "21270001250",
        "2127000125",
        "4E16",
        "0205051l0AAABAB",
        "",
        "0205E1L012",
    ]
    draw = random.Random(4)
    rows = [
        ",".join(
            (
                draw.choice(["202401", "2024-01", "2024_01", "Jan-24", "202413", ""]),
                "S",
                draw.choice(["A81001", "-", "", "a81001", "A8"]),
                draw.choice(codes),
                draw.choice(["Lisinopril", ""]),
                *(f'"{draw.choice(odd)}"' for _ in range(3)),
                "1",
                "1",
            )
        )
        for _ in range(4000)
    ]
    desk.take("epd.csv", epd(*rows))
    before = desk.quarantined("epd.csv"), desk.counts("epd.csv")
    other = Desk(tmp_path, DataFolder(tmp_path / "other"), desk.settings, desk.log)
    other.data.prepare()
    monkeypatch.setattr(landing_sql, "_passed_over_sql", lambda _: "false")
    other.take("epd.csv", epd(*rows))
    after = other.quarantined("epd.csv"), other.counts("epd.csv")
    assert before[0].equals(after[0])
    assert [c[:8] for c in before[1]] == [c[:8] for c in after[1]]
    assert before[0].height > 100
    assert any(c.rows_out_of_scope for c in before[1])
    assert sum((c.total_quantity or Decimal(0)) for c in before[1]) != 0
