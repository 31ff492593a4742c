"""opioids report: pages from what is published, without a refresh."""

import json
import re
from pathlib import Path

from commands import Opioids, Published, run_opioids


def test_the_site_is_written_again_byte_by_byte_without_a_refresh(
    opioids: Opioids, published: Published, tmp_path: Path
) -> None:
    answer = opioids("report", "--data-dir", published.data, "--reports-dir", tmp_path / "again")
    assert answer.code == 0, answer.err
    assert f"Report: {tmp_path / 'again' / 'index.html'}" in answer.out
    told = json.loads((tmp_path / "again" / "site.json").read_text(encoding="utf-8"))
    assert {name for name in told["files"] if name.startswith("practice-")}
    for name in told["files"]:
        assert (tmp_path / "again" / name).read_bytes() == (published.reports / name).read_bytes(), name


def test_one_practice_is_one_page_in_a_folder_of_its_own(
    opioids: Opioids, published: Published, tmp_path: Path
) -> None:
    answer = opioids("report", "--practice", "Z10001", "--data-dir", published.data, "--reports-dir", tmp_path)
    assert answer.code == 0, answer.err
    assert [file.relative_to(tmp_path).as_posix() for file in tmp_path.rglob("*") if file.is_file()] == [
        "single/practice-Z10001.html"
    ]


def test_an_organisation_that_is_not_there_is_refused_in_words(
    opioids: Opioids, published: Published, tmp_path: Path
) -> None:
    answer = opioids("report", "--pcn", "NOPE", "--data-dir", published.data, "--reports-dir", tmp_path)
    assert answer.code == 2
    assert answer.err.splitlines()[0] == "Error: No page can be made for pcn 'NOPE'."
    assert not list(tmp_path.iterdir())


def test_two_organisations_at_once_are_refused(opioids: Opioids, published: Published, tmp_path: Path) -> None:
    answer = opioids("report", "--icb", "QZA", "--all", "--data-dir", published.data, "--reports-dir", tmp_path)
    assert answer.code == 2
    assert "one organisation, or all" in answer.err.lower()


def test_without_a_browser_a_pdf_is_refused_before_anything_is_written(published: Published, tmp_path: Path) -> None:
    answer = run_opioids(
        "report", "--pdf", "--data-dir", published.data, "--reports-dir", tmp_path,
        env={"OPIOIDS_CHROMIUM": str(tmp_path / "none")},
    )  # fmt: skip
    assert answer.code == 2
    assert "OPIOIDS_CHROMIUM cannot be run" in answer.err
    assert not list(tmp_path.iterdir())


def test_no_page_holds_a_pseudonym_or_an_nhs_number(opioids: Opioids, published: Published) -> None:
    from nhs_number import is_valid

    keys = opioids("query", "SELECT DISTINCT patient_key FROM marts.patient_month", "--format", "csv",
                   "--data-dir", published.data)  # fmt: skip
    people = [line for line in keys.out.splitlines()[1:] if line]
    assert len(people) > 100
    pages = [file.read_text(encoding="utf-8") for file in published.reports.glob("*.html")]
    assert len(pages) > 5
    for text in pages:
        assert not [key for key in people if key in text]
        assert not [number for number in re.findall(r"(?<!\d)\d{10}(?!\d)", text) if is_valid(number)]
