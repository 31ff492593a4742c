"""export trends: what leaves is what the report shows, in every form; what is unprotected stays and is in the audit."""

import csv
import io
import json
import re
import zipfile
from pathlib import Path

import polars as pl
import pytest
from commands import Opioids, Published


def rows_of(file: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(file.read_text(encoding="utf-8"))))


@pytest.fixture(scope="module")
def exported(published: Published, opioids: Opioids, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported")
    for form in ("csv", "parquet", "xlsx"):
        answer = opioids(
            *("export", "trends", "--level", "pcn", "--measure", "high_dose", "--measure", "any_opioid"),
            *("--format", form, "--out", folder / f"pcn.{form}", "--data-dir", published.data),
        )
        assert answer.code == 0, answer.err
    return folder


def test_the_table_is_the_reports_own_with_notes_beside_it(published: Published, exported: Path) -> None:
    report = [
        row for row in rows_of(published.reports / "trends_pcn.csv") if row["measure"] in ("high_dose", "any_opioid")
    ]
    assert rows_of(exported / "pcn.csv") == report
    assert {row["shown"] for row in report} >= {"[c]"}
    notes = (exported / "pcn-notes.txt").read_text(encoding="utf-8")
    for said in ("hes_1to7_round5", report[0]["snapshot_id"], report[0]["definition"], "Dispensed is not taken"):
        assert said in notes


def test_parquet_has_types_and_codes_stay_text(exported: Path) -> None:
    table = pl.read_parquet(exported / "pcn.parquet")
    assert table.schema["month"] == pl.Date
    assert table.schema["rate_per_1000"] == pl.Float64
    assert table.schema["org_code"] == pl.String
    assert table.height == len(rows_of(exported / "pcn.csv"))


def test_the_workbook_has_a_title_one_marked_up_table_a_sheet_and_no_blank_or_merged_cell(exported: Path) -> None:
    with zipfile.ZipFile(exported / "pcn.xlsx") as book:
        text = {name: book.read(name).decode() for name in book.namelist() if name.endswith(".xml")}
    sheets = [text[f"xl/worksheets/sheet{number}.xml"] for number in (1, 2)]
    tables = [text[f"xl/tables/table{number}.xml"] for number in (1, 2)]
    names = re.findall(r'<sheet name="([^"]+)"', text["xl/workbook.xml"])
    assert names == ["Notes", "trends_pcn"]
    for sheet, table in zip(sheets, tables, strict=True):
        assert "<mergeCell" not in sheet
        assert "<f>" not in sheet
        first, last = re.findall(r'ref="([A-Z]+\d+):([A-Z]+\d+)"', table)[0]
        assert first == "A4"
        columns, rows = len(re.findall("<tableColumn ", table)), int(re.sub(r"\D", "", last)) - 3
        # Three lines above the table, and every cell of it filled.
        assert len(re.findall(r"<c [^>]*><v>", sheet)) == columns * rows + 3
    strings = re.findall(r"<si><t[^>]*>([^<]*)</t></si>", text["xl/sharedStrings.xml"])
    assert strings[0].startswith("Opioid trends, level pcn")
    assert {"[c]", "[x]"} <= set(strings)


def test_single_practices_leave_for_open_data_and_three_measures_that_never_show_few_people(
    published: Published, opioids: Opioids, tmp_path: Path
) -> None:
    out = tmp_path / "practice.csv"
    ask = ("export", "trends", "--level", "practice", "--out", out, "--data-dir", published.data)
    refused = opioids(*ask, "--measure", "high_dose_ge120")
    assert refused.code == 2
    assert not out.exists()
    assert opioids(*ask).code == 0
    of_people = [row for row in rows_of(out) if not row["measure"].startswith("epd_")]
    assert {row["measure"] for row in of_people} == {"high_dose", "long_term", "opioid_gabapentinoid"}
    shown = {row["shown"] for row in of_people} - {"[c]", "[x]"}
    assert all(float(figure) > 7 for figure in shown - {"0"})


def test_unprotected_tables_stay_below_the_data_folder_and_are_in_the_audit(
    published: Published, opioids: Opioids, tmp_path: Path
) -> None:
    ask = (
        "export",
        "trends",
        "--level",
        "practice",
        "--measure",
        "high_dose",
        "--secure",
        "--data-dir",
        published.data,
    )
    outside = opioids(*ask, "--out", tmp_path / "practice.csv")
    assert outside.code == 2
    assert "stays below the data folder" in outside.err
    among_ours = opioids(*ask, "--out", published.data / "warehouse" / "practice.csv")
    assert among_ours.code == 2
    assert not (published.data / "warehouse" / "practice.csv").exists()
    file = published.data / "exports" / "practice.csv"
    answer = opioids(*ask, "--out", file)
    assert answer.code == 0, answer.err
    assert "Not protected" in answer.err
    assert "Not protected" in (file.parent / "practice-notes.txt").read_text(encoding="utf-8")
    assert file.stat().st_mode & 0o077 == 0
    assert {int(float(row["numerator"])) for row in rows_of(file) if row["numerator"]} & {1, 2, 3, 4}
    entry = json.loads((published.data / "state" / "audit.jsonl").read_text().splitlines()[-1])
    assert (entry["action"], entry["level"], entry["file"]) == ("export-trends-unprotected", "practice", "practice.csv")


def test_one_boundary_leaves_and_both_are_on_the_secure_side(
    published: Published, opioids: Opioids, tmp_path: Path
) -> None:
    ask = ("export", "trends", "--level", "icb", "--boundaries", "as-was", "--data-dir", published.data)
    refused = opioids(*ask, "--out", tmp_path / "icb.csv")
    assert refused.code == 2
    assert "Only current boundaries leave" in refused.err
    file = published.data / "exports" / "icb.csv"
    assert opioids(*ask, "--secure", "--measure", "any_opioid", "--out", file).code == 0
    assert {row["org_level"] for row in rows_of(file)} == {"icb"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--measure", "high_doze"), "No trends are there for: high_doze"),
        (("--measure", "highdose"), "high_dose,"),
        (("--format", "xlsx"), "A table of format xlsx is a file .xlsx"),
    ],
)
def test_what_cannot_be_exported_is_said(
    published: Published, opioids: Opioids, tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    out = tmp_path / "pcn.csv"
    answer = opioids("export", "trends", "--level", "pcn", "--out", out, *options, "--data-dir", published.data)
    assert answer.code == 2
    assert said in answer.err
    assert not out.exists()
