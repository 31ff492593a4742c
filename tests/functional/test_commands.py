"""query and ome: answers as data, errors in three lines, exit codes fixed."""

import csv
import io
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from commands import Opioids, Published

from pipelines.engine.duckdb import DuckDBEngine
from pipelines.folders import DataFolder


def test_csv_is_data_alone_and_types_are_plain(opioids: Opioids, published: Published) -> None:
    sql = (
        "SELECT DATE '2024-01-31' AS d, true AS t, false AS f, NULL AS n, 0.00001::DOUBLE AS small, "
        "12345678901.5::DECIMAL(18,4) AS dec, 'a \"b\", c' AS text"
    )
    answer = opioids("query", sql, "--format", "csv", "--data-dir", published.data)
    assert answer.code == 0
    # subprocess reads with universal newlines, so CRLF is checked in bytes below.
    assert list(csv.reader(io.StringIO(answer.out))) == [
        ["d", "t", "f", "n", "small", "dec", "text"],
        ["2024-01-31", "true", "false", "", "0.00001", "12345678901.5000", 'a "b", c'],
    ]
    assert "1 row(s)" in answer.err


def test_csv_lines_end_as_rfc_4180_says(published: Published) -> None:
    command = [sys.executable, "-m", "pipelines", "query", "SELECT 1 AS a", "--format", "csv", "--data-dir"]
    done = subprocess.run([*command, str(published.data)], capture_output=True, check=True)
    assert done.stdout == b"a\r\n1\r\n"


def test_json_is_a_list_of_objects(opioids: Opioids, published: Published) -> None:
    answer = opioids(
        "query", "SELECT 1 AS a, NULL AS b, DATE '2024-01-01' AS c", "--format", "json", "--data-dir", published.data
    )
    assert json.loads(answer.out) == [{"a": 1, "b": None, "c": "2024-01-01"}]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1; SELECT 2",
        "CREATE TABLE marts.mine AS SELECT 1",
        "DELETE FROM marts.trends",
        "SELECT * FROM read_csv('/etc/passwd')",
        "COPY marts.trends TO '/tmp/leak.csv'",
        "ATTACH '/tmp/other.duckdb'",
        "SET enable_external_access = true",
        "SELECT * FROM marts.nothing",
    ],
)
def test_a_query_only_reads_and_only_the_warehouse(opioids: Opioids, published: Published, sql: str) -> None:
    answer = opioids("query", sql, "--format", "csv", "--data-dir", published.data)
    assert answer.code == 15
    assert answer.out == ""
    assert answer.err.startswith("Error: ")
    assert "Traceback" not in answer.err


def test_a_query_before_any_publication_says_what_to_do(opioids: Opioids, tmp_path: Path) -> None:
    answer = opioids("query", "SELECT 1", "--data-dir", tmp_path)
    assert answer.code == 11
    assert "opioids refresh" in answer.err


@pytest.mark.parametrize(
    "command",
    [
        ("query", "SELECT 1"),
        ("status",),
        ("plan",),
        ("runs",),
        ("snapshots",),
        ("audit", "verify"),
        ("audit", "list"),
        ("reviews", "import", "reviews.csv"),
        ("returns", "import", "returns.xlsx"),
    ],
)
def test_a_data_folder_that_was_mistyped_is_said_and_not_made(
    opioids: Opioids, tmp_path: Path, command: tuple[str, ...]
) -> None:
    """An empty folder would say that nothing is published, that no review waits and that the audit is whole."""
    answer = opioids(*command, "--data-dir", tmp_path / "dta")
    assert answer.code == 11
    assert f"There is no data folder {tmp_path / 'dta'}." in answer.err
    assert "--data-dir" in answer.err
    assert answer.out == ""
    assert not (tmp_path / "dta").exists()


def test_tables_of_the_marts_are_listed_and_asked_for_by_their_bare_name(
    opioids: Opioids, published: Published
) -> None:
    listed = opioids("query", "SHOW TABLES", "--format", "csv", "--data-dir", published.data)
    assert {"case_list", "icb_trends", "trends"} < set(listed.out.split())
    counts = [
        opioids("query", f"SELECT count(*) FROM {name}", "--format", "csv", "--data-dir", published.data).out
        for name in ("trends", "marts.trends")
    ]
    assert counts[0] == counts[1]


def test_an_earlier_snapshot_is_asked_by_its_id_while_it_is_kept(opioids: Opioids, tmp_path: Path) -> None:
    """Two publications by hand, of one row each."""
    data = DataFolder(tmp_path / "data")
    data.prepare()
    for snapshot, said in (("aaaa", "earlier"), ("bbbb", "now")):
        engine = DuckDBEngine(data.warehouse / f"opioids-{snapshot}.duckdb", data.tmp)
        engine.load("marts.trends", pa.table({"said": [said]}))
        engine.close()
    pointer = {"file": "opioids-bbbb.duckdb", "snapshot_id": "bbbb", "sha256": ""}
    (data.warehouse / "current.json").write_text(json.dumps(pointer))
    where = ("--data-dir", data.root)
    asked = ("query", "SELECT said FROM trends", "--format", "csv")
    assert opioids(*asked, *where).out.split() == ["said", "now"]
    earlier = opioids(*asked, "--snapshot", "aaaa", *where)
    assert earlier.out.split() == ["said", "earlier"]
    assert "snapshot aaaa, 1 row(s)" in earlier.err
    path = opioids("warehouse", "path", "--snapshot", "aaaa", *where).out.strip()
    assert path == str(data.warehouse / "opioids-aaaa.duckdb")
    gone = opioids(*asked, "--snapshot", "cccc", *where)
    assert gone.code == 2
    assert "aaaa, bbbb" in gone.err


def test_ome_adds_a_dose_to_every_row_in_order(opioids: Opioids, tmp_path: Path) -> None:
    # Hand arithmetic: 56 x 30 mg x 1; 4 patches x 60 mg a day x 3 days; 200 ml x 2 mg; 100 x 30 mg x 0.1.
    table = [
        ("0407020Q0AAALAL", "Morphine 30mg modified-release tablets", "56", "1680", "converted"),
        ("", "Fentanyl 25micrograms/hour transdermal patches", "4", "720", "converted"),
        ("", "Morphine 10mg/5ml oral solution", "200", "400", "converted"),
        ("0407010F0AAAHAH", "", "1,00", "", "quantity_missing"),
        ("0407010F0AAAHAH", "Co-codamol 30mg/500mg tablets", "100", "300", "converted"),
        ("0407010F0AAAHAH", "Co-codamol 30mg/500mg tablets", "-5", "", "quantity_not_positive"),
        ("", "Paracetamol 500mg tablets", "100", "", "out_of_scope"),
        ("", "", "5", "", "out_of_scope"),
    ]
    file, out = tmp_path / "in.csv", tmp_path / "out.csv"
    with file.open("w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(["note", "bnf_code", "bnf_description", "total_quantity"])
        writer.writerows((f"row {n}", code, words, quantity) for n, (code, words, quantity, _, _) in enumerate(table))
    answer = opioids("ome", "--file", file, "--out", out)
    assert answer.code == 0, answer.err
    with out.open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert [row["note"] for row in rows] == [f"row {n}" for n in range(len(table))]
    assert [(row["ome_mg"], row["ome_status"]) for row in rows] == [(ome, status) for *_, ome, status in table]
    assert rows[0]["strength"] == "30 mg"
    assert (rows[1]["route"], rows[1]["form"], rows[1]["ome_mg_per_unit"]) == ("transdermal", "patch", "180")


def test_ome_names_the_column_a_file_lacks(opioids: Opioids, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("bnf_code,quantity\n0407020Q0AAALAL,56\n")
    answer = opioids("ome", "--file", tmp_path / "in.csv", "--out", tmp_path / "out.csv")
    assert answer.code == 6
    assert "bnf_description, total_quantity" in answer.err
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.skipif(os.name != "posix", reason="CPU time of children is POSIX")
def test_help_costs_less_than_half_a_second_of_processor_time_beyond_python() -> None:
    def cpu_seconds(*command: str) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *command], capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    cpu_seconds("-m", "pipelines", "--help")  # compiled files are written once
    least = min(cpu_seconds("-m", "pipelines", "--help") for _ in range(3))
    assert least - min(cpu_seconds("-c", "pass") for _ in range(3)) < 0.5


def test_a_month_that_is_none_is_refused(opioids: Opioids, tmp_path: Path) -> None:
    answer = opioids("refresh", "--as-at", "2024-13", "--data-dir", tmp_path)
    assert answer.code == 2
    assert "YYYY-MM" in answer.err


def test_factors_diff_says_who_enters_and_leaves(opioids: Opioids, published: Published) -> None:
    answer = opioids("factors", "diff", "uk_2026", "uk_2026_codeine_0_15", "--data-dir", published.data)
    assert answer.code == 0, answer.err
    assert "Factors that differ between uk_2026 and uk_2026_codeine_0_15: 1" in answer.out
    products = [line for line in answer.out.splitlines() if "Co-codamol 30mg/500mg tablets" in line]
    # 30 mg of codeine: 3.0 mg OME at 0.1, 4.5 at 0.15.
    assert products
    assert "3.000000" in products[0]
    assert "4.500000" in products[0]
    cohorts = {
        line.split()[0]: [int(n) for n in line.split()[1:]]
        for line in answer.out.splitlines()
        if " high_dose" in f" {line}"
    }
    before, after, enter, leave = cohorts["high_dose_gt90"]
    assert after == before + enter - leave
    # A larger factor moves nobody below a line.
    assert leave == 0


def test_unconverted_products_come_with_a_remedy(opioids: Opioids, tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text(
        "YEAR_MONTH,PRACTICE_CODE,BNF_CODE,BNF_DESCRIPTION,QUANTITY,ITEMS,TOTAL_QUANTITY,NIC\n"
        "202401,A81001,0407020A0AAAQZZ,Fentanyl 50micrograms/dose nasal spray,10,6,60,20\n"
        "202401,A81001,0407020Q0AAAAAA,Morphine 10mg tablets,56,1,56,3\n"
    )
    data = tmp_path / "data"
    assert opioids("add", tmp_path / "items.csv", "--data-dir", data).code == 0
    stopped = opioids("refresh", "--no-report", "--data-dir", data)
    assert stopped.code == 9
    assert "6 of 7 opioid items (85.71%) have no dose" in stopped.err
    allowed = opioids("refresh", "--no-report", "--allow-unconverted", "sprays known", "--data-dir", data)
    assert allowed.code == 0, allowed.err
    answer = opioids("products", "--unconverted", "--data-dir", data)
    assert "unit_ambiguous" in answer.out
    assert "check these patients' records" in answer.out
    runs = opioids(
        "query",
        "SELECT outcome, allow_unconverted FROM marts.runs ORDER BY started_at",
        "--format",
        "csv",
        "--data-dir",
        data,
    )
    assert runs.out.splitlines()[1:] == ["failed,", "published,sprays known"]
