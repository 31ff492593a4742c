"""opt-out import and erase through the command line: whoever leaves is nowhere, everybody else stays as they were."""

import csv
import io
import json
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from canary_scan import files_that_hold
from commands import Answer, Opioids, Published

Run = Callable[..., Answer]


@pytest.fixture
def data(published: Published, tmp_path: Path) -> Path:
    return published.copied_to(tmp_path / "data")


@pytest.fixture(scope="module")
def busiest(extract: Path) -> list[str]:
    """The NHS numbers of the extract, those with the most opioid items first."""
    with (extract / "patient_items.csv").open(newline="") as handle:
        rows = Counter(
            row["Patient ID"]
            for row in csv.DictReader(handle)
            if row["Patient ID"] and row["BNF Code"].startswith("040702")
        )
    return [number for number, _ in rows.most_common()]


def key_of(data: Path, number: str) -> str | None:
    with closing(sqlite3.connect(data / "identifiable" / "identities.sqlite")) as store:
        row = store.execute("SELECT patient_key FROM identities WHERE nhs_number = ?", (number,)).fetchone()
    return row[0] if row else None


def rows_of(opioids: Opioids, data: Path, sql: str) -> list[dict[str, str]]:
    answer = opioids("query", sql, "--format", "csv", "--data-dir", data)
    assert answer.code == 0, answer.err
    return list(csv.DictReader(io.StringIO(answer.out)))


def current(data: Path) -> dict[str, str]:
    return json.loads((data / "warehouse" / "current.json").read_text())


def test_who_is_erased_and_who_opted_out_are_nowhere_after_the_next_refresh_and_do_not_come_back(
    opioids: Opioids, data: Path, extract: Path, busiest: list[str], tmp_path: Path
) -> None:
    erased, opted_out, other = busiest[:3]
    erased_key, opted_key, other_key = (str(key_of(data, number)) for number in (erased, opted_out, other))
    per_person = "SELECT count(*) AS n, sum(ome_mg) AS ome FROM marts.item_ome WHERE patient_key = '{}'"
    before = {key: rows_of(opioids, data, per_person.format(key)) for key in (erased_key, opted_key, other_key)}
    assert int(before[erased_key][0]["n"]) > 10
    manifest = (
        "SELECT sum(rows_read) AS r, sum(rows_loaded) AS l FROM marts.load_manifest WHERE source = 'patient_items'"
    )
    (counted_before,) = rows_of(opioids, data, manifest)
    first = current(data)
    # A refused file of the supplier's, and a list in clear somebody made.
    refused = data / "identifiable" / "refused"
    refused.mkdir(mode=0o700, exist_ok=True)
    (refused / "odd.csv").write_text(f"A,B\n{erased[:3]} {erased[3:6]} {erased[6:]},1\n")
    (refused / "odd.csv.reason.txt").write_text("no layout\n")
    (data / "lists").mkdir()
    (data / "lists" / "list.csv").write_text(f"pseudonym\n{erased_key}\n")
    (tmp_path / "number.txt").write_text(f"{erased}\n")
    (tmp_path / "opted.csv").write_text(f"NHS Number\n{opted_out}\n")

    assert opioids("opt-out", "import", tmp_path / "opted.csv", "--data-dir", data).code == 0
    answer = opioids("erase", "--nhs-number-file", tmp_path / "number.txt", "--data-dir", data)
    assert answer.code == 0, answer.err
    assert "patient_items.csv" in answer.out
    assert "1 refused file(s)" in answer.out
    assert "run 'opioids refresh' now" in answer.err
    assert str(data / "lists" / "list.csv") in answer.err
    assert erased not in answer.out + answer.err
    # The number is in no file any more, and what is published still answers.
    assert files_that_hold([erased], data) == set()
    assert rows_of(opioids, data, per_person.format(other_key)) == before[other_key]

    refreshed = opioids("refresh", "--no-report", "--data-dir", data)
    assert refreshed.code == 0, refreshed.err
    assert files_that_hold([erased, opted_out], data) == set()
    for key in (erased_key, opted_key):
        assert rows_of(opioids, data, per_person.format(key))[0]["n"] == "0"
        assert rows_of(opioids, data, f"SELECT 1 AS x FROM marts.patient_month WHERE patient_key = '{key}'") == []
    assert rows_of(opioids, data, per_person.format(other_key)) == before[other_key]
    # Every row that was read is accounted for: what the two had is out of scope now, with its reason.
    (counted,) = rows_of(
        opioids,
        data,
        manifest.replace("AS l", "AS l, sum(rows_opted_out) AS o, bool_and(rows_read = rows_loaded + rows_out_of_scope "
                         "+ rows_quarantined + rows_duplicate) AS adds_up"),
    )  # fmt: skip
    assert counted["adds_up"] == "true"
    assert counted["r"] == counted_before["r"]
    left = int(counted_before["l"]) - int(counted["l"])
    assert left > 0
    assert int(counted["o"]) >= left
    # The publication that held the erased person is gone, and cannot be gone back to.
    assert not (data / "warehouse" / first["file"]).exists()

    # The same file again, as somebody might add it: neither of them comes back, nor does the number of the erased.
    again = opioids("add", extract / "patient_items.csv", "--data-dir", data)
    assert again.code == 0, again.err
    assert files_that_hold([erased], data) == set()
    assert key_of(data, erased) is None
    assert key_of(data, opted_out) is None
    # And erasing again finds nothing, and says so.
    twice = opioids("erase", "--nhs-number-file", tmp_path / "number.txt", "--data-dir", data)
    assert twice.code == 0, twice.err
    assert "0 landed row(s), 0 identity(ies), 0 review(s), 0 original file(s)" in twice.out
    assert opioids("audit", "verify", "--data-dir", data).code == 0
    entries = [json.loads(line) for line in (data / "state" / "audit.jsonl").read_text().splitlines()]
    assert [entry["action"] for entry in entries] == ["opt-out import", "erase", "erase"]
    assert entries[1]["patient_key"] == erased_key


@pytest.mark.parametrize("waits_in", ["incoming", "register"])
def test_nobody_is_erased_while_a_file_with_them_waits_since_everybody_in_it_would_be_lost(
    opioids: Opioids, data: Path, extract: Path, busiest: list[str], tmp_path: Path, waits_in: str
) -> None:
    number = busiest[0]
    new = tmp_path / "next.csv"
    lines = (extract / "patient_items.csv").read_text().splitlines()
    new.write_text("\n".join([lines[0], *(line for line in lines if number in line)][:30]) + "\n")
    if waits_in == "incoming":
        shutil.copy(new, data / "incoming")
    else:
        assert opioids("add", new, "--data-dir", data).code == 0
    (tmp_path / "number.txt").write_text(number)
    answer = opioids("erase", "--nhs-number-file", tmp_path / "number.txt", "--data-dir", data)
    assert answer.code == 2
    assert "next.csv" in answer.err
    assert key_of(data, number)
    assert number not in answer.err


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ([], "it is never an argument"),
        (["--ask", "--nhs-number-file", "x"], "it is never an argument"),
        (["--nhs-number-file", "nowhere.txt"], "there is no such file"),
    ],
)
def test_where_the_number_comes_from_is_said_once_and_it_is_never_an_argument(
    opioids: Opioids, tmp_path: Path, given: list[str], says: str
) -> None:
    answer = opioids("erase", *given, "--data-dir", tmp_path / "data")
    assert answer.code in (2, 6)
    assert says in answer.err.lower()


def test_a_wrong_number_is_refused_and_not_repeated(opioids: Opioids, tmp_path: Path) -> None:
    (tmp_path / "n.txt").write_text("9434765918\n")
    answer = opioids("erase", "--nhs-number-file", tmp_path / "n.txt", "--data-dir", tmp_path / "data")
    assert answer.code == 6
    assert "9434765918" not in answer.err
