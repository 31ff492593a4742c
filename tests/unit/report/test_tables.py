import csv
import io
import re
from pathlib import Path

import pytest

from pipelines.report.read import LEVELS
from tests.unit.report.made import SNAPSHOT, Series, Warehouse, one_icb

FALL = [60.0 - 2 * month for month in range(14)]


def table(folder: Path, level: str) -> str:
    return (folder / f"trends_{level}.csv").read_bytes().decode("utf-8")


def rows(folder: Path, level: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(table(folder, level), newline="")))


def test_a_table_begins_with_who_when_what_and_how_many(tmp_path: Path) -> None:
    header = table(Warehouse(one_icb([FALL])).write(tmp_path), "icb").split("\r\n")[0].split(",")
    assert header[:8] == ["org_code", "org_name", "month", "provisional", "measure", "title", "unit", "shown"]
    assert header[-2:] == ["definition", "snapshot_id"]


def test_lines_end_as_rfc_4180_says_and_months_are_dates(tmp_path: Path) -> None:
    folder = Warehouse(one_icb([FALL])).write(tmp_path)
    text = table(folder, "icb")
    assert text.count("\n") == text.count("\r\n") == 15
    assert [row["month"] for row in rows(folder, "icb")][:2] == ["2024-06-01", "2024-07-01"]
    assert {row["snapshot_id"] for row in rows(folder, "icb")} == {SNAPSHOT}


def test_figures_are_plain_decimals_with_sensible_places(tmp_path: Path) -> None:
    row = rows(Warehouse(one_icb([FALL, FALL, FALL])).write(tmp_path), "icb")[10]
    assert (row["shown"], row["rate_per_1000"], row["baseline"]) == ("120", "0.600", "0.900")
    assert (row["change_pct"], row["aim_pct"]) == ("-33.3", "-50.0")
    assert re.fullmatch(r"0\.\d\d", row["probability_aim_met"])
    assert not re.search(r"\de[-+]?\d", ",".join(value for key, value in row.items() if key != "snapshot_id"))


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_a_name_that_a_spreadsheet_would_run_is_marked_as_text(tmp_path: Path, start: str) -> None:
    series = [Series("pcn", "U1", "high_dose", FALL, name=f"{start}HYPERLINK(1)"), *one_icb([FALL])[1:]]
    assert {row["org_name"] for row in rows(Warehouse(series).write(tmp_path), "pcn")} == {f"'{start}HYPERLINK(1)"}


def test_only_the_measure_of_the_aim_is_judged_against_it(tmp_path: Path) -> None:
    folder = Warehouse([*one_icb([FALL] * 3), *one_icb([FALL] * 3, "long_term")]).write(tmp_path)
    judged = {row["measure"] for row in rows(folder, "icb") if row["aim_status"] or row["trajectory"] or row["aim"]}
    assert judged == {"high_dose"}


def test_empty_trends_give_tables_with_a_header_and_a_page(tmp_path: Path) -> None:
    folder = Warehouse([]).write(tmp_path)
    for level in LEVELS:
        assert table(folder, level).startswith("org_code,org_name,")
        assert rows(folder, level) == []
    assert "The published data hold no figures" in (folder / "index.html").read_text(encoding="utf-8")
