"""The pharmacist's morning through the command line: lists, reviews, audit, keys; and that no number gets out."""

import base64
import csv
import gzip
import io
import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path

import msoffcrypto
import polars as pl
import pytest
from canary_scan import dresses_of, files_that_hold
from commands import Answer, Opioids, Published

PASSWORD = "heron cobalt ladder"
SAID = ("--purpose", "structured medication reviews", "--role", "direct care")


@pytest.fixture
def data(published: Published, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the published data folder and a password in the environment."""
    monkeypatch.setenv("OPIOIDS_LIST_PASSWORD", PASSWORD)
    return published.copied_to(tmp_path / "data")


@pytest.fixture
def practice(opioids: Opioids, data: Path) -> str:
    """The practice with most people on its list."""
    sql = "SELECT practice_code FROM marts.case_list GROUP BY ALL ORDER BY count(*) DESC, 1 LIMIT 1"
    return opioids("query", sql, "--format", "csv", "--data-dir", data).out.split()[-1]


def unsealed(file: Path) -> bytes:
    office = msoffcrypto.OfficeFile(io.BytesIO(file.read_bytes()))
    office.load_key(password=PASSWORD, verify_password=True)
    out = io.BytesIO()
    office.decrypt(out)
    return out.getvalue()


def numbers_of(workbook: bytes) -> list[str]:
    import fastexcel

    sheet = fastexcel.read_excel(workbook).load_sheet("Numbers to paste", dtypes="string").to_arrow()
    return [row["NHS number"] for row in sheet.to_pylist()]


def listed(opioids: Opioids, data: Path, practice: str, out: Path, *options: str) -> Answer:
    answer = opioids("case-list", "--practice", practice, "--out", out, *SAID, *options, "--data-dir", data)
    assert answer.code == 0, answer.err
    return answer


def test_no_number_is_found_anywhere_but_in_the_identifiable_store(
    opioids: Opioids, published: Published, extract: Path, data: Path, practice: str, tmp_path: Path
) -> None:
    """After a refresh, a refresh that failed, lists of every form and an import that was refused."""
    out, home = tmp_path / "out", tmp_path / "home"
    home.mkdir()
    listed(opioids, data, practice, out / "list.xlsx", "--with-nhs-numbers")
    numbers = numbers_of(unsealed(out / "list.xlsx"))
    assert len(numbers) > 3
    canaries = numbers[:4]
    for form in ("csv", "parquet"):
        listed(opioids, data, practice, data / "lists" / f"list.{form}")
    said = [opioids("reviews", "import", _spoilt_reviews(tmp_path / "outside", canaries), "--data-dir", data)]
    said.append(opioids("add", _spoilt_extract(extract, tmp_path / "outside"), "--data-dir", data))
    said.append(opioids("refresh", "--data-dir", data, "--reports-dir", out / "reports"))
    assert [answer.code for answer in said] == [20, 0, 7]
    assert not any(number in answer.out + answer.err for number in canaries for answer in said)
    found = files_that_hold(canaries, data, out, published.reports, published.data / "warehouse")
    assert found
    assert {file for file in found if data / "identifiable" not in file.parents} == set()
    assert {file.parent.name for file in found} == {"identifiable", "originals"}


def _spoilt_reviews(folder: Path, numbers: list[str]) -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / "reviews.csv"
    rows = [f"{number},2024-01-01,cured of {number},{number}" for number in numbers]
    file.write_text("\n".join(["Patient,Reviewed on,Outcome,Reviewer", *rows]))
    return file


def _spoilt_extract(extract: Path, folder: Path) -> Path:
    """The patient extract with months that cannot be read: a refresh must fail."""
    with (extract / "patient_items.csv").open(newline="") as handle:
        rows = list(csv.reader(handle))
    month = next(number for number, name in enumerate(rows[0]) if "month" in name.casefold())
    for row in rows[1:]:
        row[month] = "soon"
    file = folder / "spoilt.csv"
    with file.open("w", newline="") as handle:
        csv.writer(handle).writerows(rows)
    return file


@pytest.mark.parametrize("dress", range(len(list(dresses_of("9434765919")))))
def test_the_search_finds_a_number_in_every_dress(tmp_path: Path, dress: int) -> None:
    (tmp_path / "hidden").write_bytes(b"x" * 7 + list(dresses_of("9434765919"))[dress] + b"y")
    assert files_that_hold(["9434765919"], tmp_path)
    assert not files_that_hold(["9434765870", "4505577104"], tmp_path)


def test_the_search_finds_a_number_in_what_is_packed(tmp_path: Path) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("a.xml", "<t>943 476 5919</t>")
    with zipfile.ZipFile(tmp_path / "outer.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("inner.xlsx", inner.getvalue())
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"9434765919"))
    pl.DataFrame({"a": ["9434765919"] * 50}).write_parquet(tmp_path / "a.parquet", compression="zstd")
    with closing(sqlite3.connect(tmp_path / "a.sqlite")) as store, store:
        store.execute("CREATE TABLE a (b TEXT)")
        store.execute("INSERT INTO a VALUES ('9434765919')")
    for shift in range(3):
        (tmp_path / f"b{shift}").write_bytes(base64.b64encode(b"abc"[:shift] + b'"9434765919"'[1:-1] + b"tail"))
    assert len(files_that_hold(["9434765919"], tmp_path)) == 7


def test_reviews_come_back_on_the_next_list_and_count_from_the_next_refresh_on(
    opioids: Opioids, data: Path, practice: str, tmp_path: Path
) -> None:
    listed(opioids, data, practice, data / "lists" / "before.csv")
    with (data / "lists" / "before.csv").open(encoding="utf-8-sig", newline="") as handle:
        before = list(csv.DictReader(handle))
    first, second = (row["Patient (pseudonym)"] for row in before[:2])
    template = tmp_path / "reviews.csv"
    assert opioids("reviews", "template", "--out", template, "--data-dir", data).code == 0
    with template.open("a", encoding="utf-8") as handle:
        handle.write(f"{first},2024-01-05,excluded: cancer,AB\n{second},2024-01-06,Dose reduced,CD\n")
    taken = opioids("reviews", "import", template, "--data-dir", data)
    assert (taken.code, taken.out.splitlines()[0]) == (
        0,
        "2 new review(s), 0 known already, 0 person(s) without one.",
    )
    snapshot = (data / "warehouse" / "current.json").read_text()
    refreshed = opioids("refresh", "--no-report", "--data-dir", data, "--reports-dir", tmp_path / "reports")
    assert refreshed.code == 0, refreshed.err
    assert (data / "warehouse" / "current.json").read_text() != snapshot
    listed(opioids, data, practice, data / "lists" / "after.csv")
    with (data / "lists" / "after.csv").open(encoding="utf-8-sig", newline="") as handle:
        after = {row["Patient (pseudonym)"]: row for row in csv.DictReader(handle)}
    assert after[first]["Section"] == "Excluded by review: not to be worked through"
    assert after[second]["Last review"] == "6 Jan 2024: dose reduced (CD)"
    assert len(after) == len(before)


def test_a_list_without_a_password_and_nobody_to_ask_is_refused(
    opioids: Opioids, data: Path, practice: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPIOIDS_LIST_PASSWORD")
    answer = opioids("case-list", "--practice", practice, "--out", tmp_path / "x.xlsx", *SAID, "--data-dir", data)
    assert answer.code == 2
    assert "OPIOIDS_LIST_PASSWORD" in answer.err
    assert not (tmp_path / "x.xlsx").exists()


def test_the_audit_shows_who_took_what_and_finds_a_changed_byte(
    opioids: Opioids, data: Path, practice: str, tmp_path: Path
) -> None:
    listed(opioids, data, practice, tmp_path / "x.xlsx", "--with-nhs-numbers", "--user", "ann")
    shown = opioids("audit", "list", "--data-dir", data).out
    assert "ann" in shown
    assert practice in shown
    assert opioids("audit", "verify", "--data-dir", data).code == 0
    trail = data / "state" / "audit.jsonl"
    trail.write_text(trail.read_text().replace('"user":"ann"', '"user":"bob"'))
    answer = opioids("audit", "verify", "--data-dir", data)
    assert (answer.code, "Row 1 was changed." in answer.err) == (19, True)
    refused = opioids("case-list", "--practice", practice, "--out", tmp_path / "y.xlsx", *SAID, "--data-dir", data)
    assert refused.code == 19
    assert not (tmp_path / "y.xlsx").exists()
