"""Local returns from the template to the published tables, the pages and the workbook, by the command line alone."""

import csv
import io
from pathlib import Path

import pytest
from commands import Opioids, Published
from returns.filled import HOSPITAL_COSTS, PILOT_SCORES, returned, workbook


@pytest.fixture(scope="module")
def with_returns(tmp_path_factory: pytest.TempPathFactory, opioids: Opioids) -> Published:
    root = tmp_path_factory.mktemp("returns")
    extract, data, reports = root / "extract", root / "data", root / "reports"
    months = ("--patients", "60", "--months", "8", "--seed", "3")
    assert opioids("synth", *months, "--out", extract).code == 0
    assert opioids("add", *sorted(extract.iterdir()), "--data-dir", data).code == 0
    file = root / "returns.xlsx"
    cycle = {"id": "P1", "date": "2024-06-03", "organisation": "QZA", "change": "A clinic", "prediction": "Fewer"}
    sheets = {
        "local_returns": [returned("2024-05", "QZA", "mdt_cases", 12), returned("2024-05", "X99", "mdt_cases", 9)],
        "pdsa": [cycle],
        "patient_reported_scores": PILOT_SCORES,
        "unit_costs": HOSPITAL_COSTS,
    }
    file.write_bytes(workbook(sheets))
    taken = opioids("returns", "import", file, "--data-dir", data)
    assert (taken.code, taken.out.splitlines()[0]) == (0, "9 new, 0 corrected, 0 withdrawn, 0 as they were.")
    assert "could not be looked up" in taken.err
    refreshed = opioids("refresh", "--data-dir", data, "--reports-dir", reports)
    assert refreshed.code == 0, refreshed.err
    return Published(data, reports, refreshed)


def asked(opioids: Opioids, published: Published, select: str) -> list[dict[str, str]]:
    answer = opioids("query", select, "--format", "csv", "--data-dir", published.data)
    assert answer.code == 0, answer.err
    return list(csv.DictReader(io.StringIO(answer.out)))


def test_what_was_returned_is_in_the_marts(with_returns: Published, opioids: Opioids) -> None:
    found = asked(opioids, with_returns, "SELECT org_code, org_level, value FROM marts.local_returns ORDER BY org_code")
    assert [(one["org_code"], one["org_level"], float(one["value"])) for one in found] == [
        ("QZA", "icb", 12),
        ("X99", "", 9),
    ]
    trends = asked(opioids, with_returns, "SELECT org_code FROM marts.local_trends ORDER BY org_code")
    assert [one["org_code"] for one in trends] == ["QZA", "all"]
    values = asked(opioids, with_returns, "SELECT sum(value_gbp_a_year) AS total FROM marts.service_impact")
    assert float(values[0]["total"]) == 14_300 + 135_200 + 24_960 + 603_200
    scores = asked(opioids, with_returns, "SELECT mean_change FROM marts.patient_reported_scores ORDER BY instrument")
    assert [round(float(one["mean_change"]), 3) for one in scores] == [4.125, 4.56]


def test_pages_and_workbook_lie_beside_the_others(with_returns: Published) -> None:
    for name in ("measures.html", "improvement.html", "trends.xlsx"):
        assert (with_returns.reports / name).stat().st_size > 5_000
    assert "P1: A clinic" in (with_returns.reports / "improvement.html").read_text(encoding="utf-8")
    measures = (with_returns.reports / "measures.html").read_text(encoding="utf-8")
    assert "1 returned row names an organisation that the loaded data do not know" in measures


def test_a_published_code_is_looked_up_and_a_fault_ends_with_its_own_code(
    with_returns: Published, opioids: Opioids, tmp_path: Path
) -> None:
    file = tmp_path / "returns.xlsx"
    rows = [returned("2024-05", "X98", "mdt_cases", 9), returned("2024-05", "QZA", "mdt_cases", "999 000 0018")]
    file.write_bytes(workbook({"local_returns": rows}))
    refused = opioids("returns", "import", file, "--data-dir", with_returns.data)
    assert refused.code == 21
    assert "row 5, organisation: 'X98' is no practice, PCN or ICB of the published data" in refused.err
    assert "row 6, value: it looks like an NHS number" in refused.err
    assert "0018" not in refused.err + refused.out
    assert "Traceback" not in refused.err


def test_the_template_is_written_and_comes_back(opioids: Opioids, tmp_path: Path) -> None:
    out = tmp_path / "new" / "returns.xlsx"
    assert opioids("returns", "template", "--out", out).code == 0
    (tmp_path / "data").mkdir(mode=0o700)
    taken = opioids("returns", "import", out, "--data-dir", tmp_path / "data")
    assert (taken.code, taken.out.splitlines()[0]) == (0, "0 new, 0 corrected, 0 withdrawn, 0 as they were.")
    assert opioids("returns", "template", "--out", tmp_path / "returns.csv").code == 2
