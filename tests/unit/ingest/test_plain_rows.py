"""A row that is plain has its fate at once; it is the fate that judging it field by field would give."""

import csv
import io
import random
from pathlib import Path

import polars as pl
import pytest
from faults.desk import Desk
from polars.testing import assert_frame_equal

from pipelines.engine import landing_sql
from pipelines.engine.landing import MonthCounts
from pipelines.folders import DataFolder

ODD = ["10.5", "-1", "1e3", "", "1,000", "£5", "٣", "1234567", "12345678901", "-", " 7 ", "0x1", "5.", ".5", "56.0"]
CODES = ["0407020Q0AAAAAA", "0309010C0AAADAD", "0205051L0AAABAB", "21270001250", "04070000000"]
PLAIN = {
    "YEAR_MONTH": (["202401", "2024-02", "2024_03"], ["Jan-24", "202413", "", " 202401", "2024-01-31", "45292"]),
    "PRACTICE_CODE": (["A81001", "B82002"], ["-", "", "a81001", "A8", "1E234", "10E5", " A81001", "\u00a0"]),
    "BNF_CODE": (
        CODES,
        ["0205051L0E00001", "0407020Q0E00001", "2127000125", "4E16", "0407020q0AAAAAA", "", "0205E1L012"],
    ),
    "BNF_DESCRIPTION": (["Morphine", "(generic)"], ["", " ", "\u00a0", "\u00a0Morphine ", "{odd", "Émla"]),
    "QUANTITY": (["56", "10.5", ""], ODD),
    "ITEMS": (["1", "-2"], ODD),
    "TOTAL_QUANTITY": (["56", ""], ODD),
    "NIC": (["3.20", "-1"], ["£5", "1e3", "", "free"]),
    "SNOMED_CODE": (["322236009", ""], ["4.27551E+16", "x", "x y", "3E5"]),
    "Age": (["50", ""], ["50.0", "fifty", "9,999", "-1", "12345"]),
    "Patient ID": (["9990000018", "a1b2c3d4e5", ""], ["9990000019", " 9990000018 ", "4444444444"]),
    "Patient Identified": (["Y", "N", "true", ""], ["No", "yes", "maybe", "F"]),
}


@pytest.mark.parametrize("leaves_out", [("Age", "Patient ID", "Patient Identified"), ()], ids=["epd", "patients"])
def test_a_plain_row_has_the_fate_it_would_have_if_it_were_judged_field_by_field(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, leaves_out: tuple[str, ...]
) -> None:
    draw = random.Random(4)
    columns = {name: texts for name, texts in PLAIN.items() if name not in leaves_out}
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    # One field in twenty is odd: about half of the rows are plain, and of the others most in all but one field.
    writer.writerows(
        [draw.choice(odd if draw.random() < 0.05 else plain) for plain, odd in columns.values()] for _ in range(6000)
    )

    def landed_in(folder: str) -> tuple[pl.DataFrame, pl.DataFrame, list[MonthCounts]]:
        other = Desk(tmp_path, DataFolder(tmp_path / folder), desk.settings, desk.log)
        other.data.prepare()
        return other.take("a.csv", buffer.getvalue()), other.quarantined("a.csv"), other.counts("a.csv")

    landed, quarantined, counts = landed_in("plain")
    monkeypatch.setattr(landing_sql, "plain_fate_sql", lambda *_: "CAST(NULL AS VARCHAR)")
    again, quarantined_again, counts_again = landed_in("all judged")
    assert_frame_equal(landed, again)
    assert_frame_equal(quarantined, quarantined_again)
    assert counts == counts_again
    assert min(landed.height, quarantined.height, sum(c.rows_out_of_scope for c in counts)) > 900
    assert sum(c.values_blanked for c in counts) > 50
