"""trends.xlsx: in the form of government guidance, and every figure that of the protected tables beside it."""

import csv
import re
import zipfile
from pathlib import Path

import fastexcel
import pytest

from tests.unit.report.made import MISSION, SETTINGS, Warehouse, network
from tests.unit.report.returned import WithReturns, returned, row

_HEAD = 4
_OF_CSV = {
    "Count": "shown",
    "Of": "denominator",
    "Rate per 1,000": "rate_per_1000",
    "Rate lower 95%": "ci_low",
    "Rate upper 95%": "ci_high",
    "Baseline rate": "baseline",
    "Change of rate %": "change_pct",
    "Change lower 95%": "change_low",
    "Change upper 95%": "change_high",
    "Line to the aim": "trajectory",
    "Probability aim met": "probability_aim_met",
    "Process mean": "spc_mean",
    "Items linked to a person": "capture_rate",
    "Organisation": "org_name",
    "Month": "month",
    "Baseline month": "baseline_month",
    "Against the aim": "aim_status",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [
        returned("U1", "2025-03", "mdt_cases", 3),
        returned("U2", "2025-03", "mdt_cases", 42),
        returned("U2", "2025-03", "hours_reviews", 3.5),
        row("pdsa", id="P1", date="2025-03-10", organisation="U1", change="=1+1", prediction="@fewer"),
        row(
            "unit_costs", organisation="all", service="Bed stay", unit_cost_gbp=400, reduction_per_patient=11.6,
            patients=130,
        ),
        row(
            "patient_reported_scores", month="2025-03-01", organisation="U1", instrument="MSK-HQ", n=46,
            mean_before=15.75, mean_after=19.875,
        ),
    ]  # fmt: skip
    series = network(practices=9)
    # A PCN with few people, so that something is hidden.
    for one in series:
        if one.code == "U1" and one.measure == "high_dose":
            one.counts = [3.0] * len(one.counts)
    return WithReturns(series, returns=rows).write(tmp_path_factory.mktemp("workbook"))


@pytest.fixture(scope="module")
def book(folder: Path) -> fastexcel.ExcelReader:
    return fastexcel.read_excel(folder / "trends.xlsx")


def cells(book: fastexcel.ExcelReader, sheet: str) -> list[list[str]]:
    table = book.load_sheet(sheet, header_row=None, skip_rows=0, dtypes="string").to_arrow()
    return [[cell or "" for cell in row.values()] for row in table.to_pylist()]


def rows(book: fastexcel.ExcelReader, sheet: str) -> list[dict[str, str]]:
    found = cells(book, sheet)
    return [dict(zip(found[_HEAD - 1], line, strict=True)) for line in found[_HEAD:]]


def protected(folder: Path, level: str) -> dict[tuple[str, str, str], dict[str, str]]:
    with (folder / f"trends_{level}.csv").open(encoding="utf-8", newline="") as handle:
        return {(one["org_code"], one["measure"], one["month"]): one for one in csv.DictReader(handle)}


@pytest.mark.parametrize(
    ("sheet", "level"), [("Headline_PCN", "pcn"), ("Headline_ICB", "icb"), ("Headline_all", "all")]
)
def test_every_cell_of_a_headline_sheet_is_that_of_the_protected_table(
    folder: Path, book: fastexcel.ExcelReader, sheet: str, level: str
) -> None:
    wanted = {key: one for key, one in protected(folder, level).items() if key[1] in MISSION}
    found = rows(book, sheet)
    assert len(found) == len(wanted)
    open_rows = [one for one in wanted.values() if one["shown"] != "[c]"]
    left_out = {heading for heading in _OF_CSV if heading not in found[0]}
    # A column that would be [x] from top to bottom; these series are too short for process control.
    assert left_out == {heading for heading, name in _OF_CSV.items() if not any(one[name] for one in open_rows)}
    assert left_out == {"Process mean"}
    hidden = 0
    for line in found:
        one = wanted[line["Organisation code"], line["Measure"], line["Month"]]
        is_hidden = one["shown"] == "[c]"
        hidden += is_hidden
        for heading, name in _OF_CSV.items():
            if heading in left_out:
                continue
            if one[name] in ("", "[x]"):
                figure = {"[c]", "[x]"} if is_hidden else {"[x]"}
                assert line[heading] in figure, heading
            elif re.fullmatch(r"-?[\d.]+", one[name]):
                assert float(line[heading]) == float(one[name]), heading
            else:
                assert line[heading] == one[name], heading
    assert hidden or level != "pcn"


def test_hidden_figures_are_marked_and_none_stands_beside_them(book: fastexcel.ExcelReader) -> None:
    few = [
        one for one in rows(book, "Headline_PCN") if (one["Organisation code"], one["Measure"]) == ("U1", "high_dose")
    ]
    assert few
    for one in few:
        assert {one[name] for name in ("Count", "Rate per 1,000", "Rate lower 95%", "Baseline rate")} == {"[c]"}


def test_each_further_measure_has_a_sheet_of_every_level(folder: Path, book: fastexcel.ExcelReader) -> None:
    for measure in ("balance_fast_fall", "epd_ome_total", "not_seen"):
        found = rows(book, measure)
        assert {one["Level"] for one in found} == {"pcn", "icb", "all"}
        for one in found:
            wanted = protected(folder, one["Level"])[one["Organisation code"], measure, one["Month"]]
            assert one["Count"] == wanted["shown"] or float(one["Count"]) == float(wanted["shown"])


def test_no_practice_is_in_it(book: fastexcel.ExcelReader) -> None:
    text = " ".join(cell for sheet in book.sheet_names for line in cells(book, sheet) for cell in line)
    assert "SURGERY" not in text
    assert "A81001" not in text


def test_what_was_returned_is_in_it_protected(book: fastexcel.ExcelReader) -> None:
    found = {(one["Organisation code"], one["Measure"]): one for one in rows(book, "Local_returns")}
    assert found["U1", "mdt_cases"]["Count or amount"] == "[c]"
    assert float(found["U2", "mdt_cases"]["Count or amount"]) == 40
    assert float(found["U2", "hours_reviews"]["Figure"]) == 3.5
    (impact,) = rows(book, "Service_impact")
    assert (float(impact["£ a year"]), impact["Where from"]) == (603_200, "[x]")
    assert "as entered" in cells(book, "Service_impact")[0][0]
    (score,) = rows(book, "Scores")
    assert (float(score["Mean after"]), float(score["Mean change"]), score["Change lower 95%"]) == (
        19.875,
        4.125,
        "[x]",
    )
    (cycle,) = rows(book, "PDSA")
    assert (cycle["Change"], cycle["Prediction"], cycle["Result"]) == ("=1+1", "@fewer", "[x]")


def test_it_is_in_the_form_of_government_guidance(folder: Path, book: fastexcel.ExcelReader) -> None:
    assert book.sheet_names[:3] == ["Cover", "Contents", "Notes"]
    with zipfile.ZipFile(folder / "trends.xlsx") as archive:
        parts = {name: archive.read(name).decode() for name in archive.namelist() if name.endswith(".xml")}
    sheets = [parts[f"xl/worksheets/sheet{number}.xml"] for number in range(1, len(book.sheet_names) + 1)]
    tables = [text for name, text in parts.items() if name.startswith("xl/tables/")]
    assert len(tables) == len(sheets) - 1
    for name, sheet in zip(book.sheet_names, sheets, strict=True):
        assert "<mergeCell" not in sheet
        assert "<f>" not in sheet
        assert re.search(r'<c r="A1"[^>]*t="s"', sheet), name
        if name != "Cover":
            assert 'state="frozen"' in sheet
            assert "<cols>" in sheet
            found = cells(book, name)
            columns = len(found[_HEAD - 1])
            for line in found[_HEAD - 1 :]:
                assert all(line), f"{name}: a blank cell in {line}"
                assert len(line) == columns
            assert f"of {len(found) - _HEAD:,} row(s)" in found[1][0]
    listed = {line["Sheet"] for line in rows(book, "Contents")}
    assert listed == {*book.sheet_names} - {"Cover", "Contents"}


def test_figures_are_numbers_and_codes_are_text(book: fastexcel.ExcelReader) -> None:
    sheet = book.load_sheet("Headline_ICB", header_row=_HEAD - 1).to_polars()
    assert sheet.schema["Count"].is_numeric()
    assert sheet.schema["Rate per 1,000"].is_numeric()
    assert not sheet.schema["Organisation code"].is_numeric()
    assert not sheet.schema["Month"].is_numeric()


def test_notes_say_what_every_mark_and_measure_is(book: fastexcel.ExcelReader) -> None:
    notes = " ".join(line["Note"] for line in rows(book, "Notes"))
    for said in (
        "[c]: suppressed",
        "[x]: not available",
        "hes_1to7_round5",
        "cohorts test",
        "mdt_cases (local return)",
    ):
        assert said in notes
    assert all(f"{measure.id}: {measure.title}." in notes for measure in SETTINGS.measures.measures)
    assert "never use it to convert or switch medicines" in " ".join(map(str, cells(book, "Cover")))


def test_a_publication_without_anything_still_has_its_cover_and_notes(tmp_path: Path) -> None:
    folder = Warehouse([]).write(tmp_path)
    assert fastexcel.read_excel(folder / "trends.xlsx").sheet_names == ["Cover", "Contents", "Notes"]


def test_the_same_publication_gives_the_same_bytes(tmp_path: Path) -> None:
    one, two = (Warehouse(network(practices=4)).write(tmp_path / name) / "trends.xlsx" for name in "ab")
    assert one.read_bytes() == two.read_bytes()
