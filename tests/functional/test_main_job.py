"""The main job through the command line: files in, a published warehouse out."""

import csv
import io
import json
import os
import stat
from pathlib import Path

import pytest
from commands import Opioids, Published


def answer_of(opioids: Opioids, published: Published, sql: str) -> list[dict[str, str]]:
    answer = opioids("query", sql, "--format", "csv", "--data-dir", published.data)
    assert answer.code == 0, answer.err
    return list(csv.DictReader(io.StringIO(answer.out)))


def test_every_synthetic_file_is_recognised_without_options(opioids: Opioids, extract: Path, tmp_path: Path) -> None:
    answer = opioids("add", *sorted(extract.iterdir()), "--data-dir", tmp_path)
    layouts = dict(line.split(": ") for line in answer.out.splitlines())
    assert layouts == {
        "epcn.xlsx": "epcn",
        "epd.csv": "epd",
        "epraccur.csv": "epraccur",
        "list_sizes.csv": "list_sizes",
        "patient_items.csv": "epact2_items",
        "practice_map.csv": "practice_map",
        "sub_icb_icb.csv": "sub_icb_icb",
    }


def test_adding_the_same_content_again_does_nothing(
    opioids: Opioids, extract: Path, published: Published, tmp_path: Path
) -> None:
    renamed = tmp_path / "renamed.csv"
    renamed.write_bytes((extract / "patient_items.csv").read_bytes())
    answer = opioids("add", renamed, "--data-dir", published.data)
    assert answer.code == 0
    assert "already registered" in answer.out


def test_an_unknown_layout_is_refused_and_nothing_is_registered(
    opioids: Opioids, extract: Path, tmp_path: Path
) -> None:
    strange = tmp_path / "strange.csv"
    strange.write_text("Year Month,Practice Cod,Patient ID,BNF Code,Items\n202401,A81001,1,0407020Q0AAAAAA,1\n")
    answer = opioids("add", extract / "epd.csv", strange, "--data-dir", tmp_path / "data")
    assert answer.code == 5
    assert "epact2_items lacks Practice Code (nearest: 'practice cod')" in answer.err
    assert len(answer.err.splitlines()) == 3
    assert list((tmp_path / "data" / "raw").iterdir()) == []


def test_rows_read_are_accounted_for(opioids: Opioids, published: Published, extract: Path) -> None:
    rows = answer_of(
        opioids,
        published,
        "SELECT file_name, sum(rows_read) AS n, "
        "sum(rows_loaded + rows_out_of_scope + rows_quarantined + rows_duplicate) AS parts "
        "FROM marts.load_manifest GROUP BY ALL",
    )
    read = {row["file_name"]: int(row["n"]) for row in rows}
    with (extract / "patient_items.csv").open(newline="") as handle:
        assert read["patient_items.csv"] == sum(1 for _ in csv.reader(handle)) - 1
    assert all(row["n"] == row["parts"] for row in rows)


def test_every_opioid_item_of_the_extract_is_in_the_warehouse(
    opioids: Opioids, published: Published, extract: Path
) -> None:
    dose_chemicals = ("040702", "0407010F0", "0407010N0")
    with (extract / "patient_items.csv").open(newline="") as handle:
        items = [row for row in csv.DictReader(handle) if row["BNF Code"].startswith(dose_chemicals)]
    found = answer_of(
        opioids,
        published,
        "SELECT count(*) AS n, sum(total_quantity) AS q FROM marts.item_ome WHERE source = 'patient'",
    )[0]
    assert int(found["n"]) == len(items) > 1000
    assert float(found["q"]) == sum(float(row["Total Quantity"]) for row in items)


def test_practices_add_up_to_the_whole(opioids: Opioids, published: Published) -> None:
    rows = answer_of(
        opioids,
        published,
        "SELECT measure, month, sum(numerator) FILTER (org_level = 'practice') AS practices, "
        "sum(numerator) FILTER (org_level = 'pcn') AS pcns, sum(numerator) FILTER (org_level = 'icb') AS icbs, "
        "sum(numerator) FILTER (org_level = 'all') AS whole FROM marts.trends "
        "WHERE measure IN ('any_opioid', 'high_dose', 'long_term') GROUP BY ALL HAVING whole IS NOT NULL",
    )
    assert sum(float(row["whole"]) for row in rows) > 0
    assert all(float(row["practices"]) <= float(row["whole"]) for row in rows)
    assert all(row["practices"] == row["icbs"] for row in rows)


def test_every_practice_of_a_trend_has_name_and_parents(opioids: Opioids, published: Published) -> None:
    rows = answer_of(
        opioids,
        published,
        "SELECT DISTINCT org_code, org_name, pcn_name, icb_name FROM marts.practice_trends WHERE is_gp_practice",
    )
    assert len(rows) >= 12
    assert all(row["org_name"] and row["pcn_name"] and row["icb_name"] for row in rows)


def test_the_same_inputs_give_the_same_snapshot_and_content(
    opioids: Opioids, published: Published, extract: Path, tmp_path: Path
) -> None:
    # Another folder, the files in another order and one a delivery.
    for file in sorted(extract.iterdir(), reverse=True):
        assert opioids("add", file, "--data-dir", tmp_path).code == 0
    assert opioids("refresh", "--no-report", "--data-dir", tmp_path).code == 0
    pointers = [
        json.loads((folder / "warehouse" / "current.json").read_text()) for folder in (published.data, tmp_path)
    ]
    assert pointers[0]["snapshot_id"] == pointers[1]["snapshot_id"]
    sql = "SELECT md5(string_agg(CAST(t AS VARCHAR), '|' ORDER BY CAST(t AS VARCHAR))) FROM marts.{} AS t"
    for mart in ("patient_month", "trends", "item_ome", "case_list", "load_manifest"):
        answers = [
            opioids("query", sql.format(mart), "--format", "csv", "--data-dir", folder).out
            for folder in (published.data, tmp_path)
        ]
        assert answers[0] == answers[1], mart
        assert len(answers[0].splitlines()[1]) == 32


def test_a_later_delivery_replaces_its_month_and_no_other(opioids: Opioids, extract: Path, tmp_path: Path) -> None:
    lines = (extract / "patient_items.csv").read_text().splitlines()
    first_month = [line for line in lines[1:] if line.startswith("202401")]
    others = [line for line in lines[1:] if line.startswith(("202402", "202403"))]
    whole, revised = tmp_path / "whole.csv", tmp_path / "revised.csv"
    whole.write_text("\n".join([lines[0], *first_month, *others]) + "\n")
    revised.write_text("\n".join([lines[0], *first_month[:100]]) + "\n")
    data = tmp_path / "data"
    for file in (whole, revised):
        assert opioids("add", file, "--data-dir", data).code == 0
    assert opioids("refresh", "--no-report", "--data-dir", data).code == 0
    answer = opioids(
        "query",
        "SELECT month, sum(rows_read) FILTER (is_current) AS n FROM marts.load_manifest GROUP BY month ORDER BY month",
        "--format",
        "csv",
        "--data-dir",
        data,
    )
    rows = [line.split(",") for line in answer.out.splitlines()[1:]]
    assert rows[0] == ["2024-01-01", "100"]
    assert sum(int(n) for _, n in rows[1:]) == len(others)


def test_files_in_incoming_are_swept_and_unknown_ones_refused_with_a_reason(
    opioids: Opioids, extract: Path, tmp_path: Path
) -> None:
    assert opioids("add", extract / "epraccur.csv", "--data-dir", tmp_path).code == 0
    incoming = tmp_path / "incoming"
    (incoming / "epd.csv").write_bytes((extract / "epd.csv").read_bytes())
    (incoming / "notes.csv").write_text("a,b\n1,2\n")
    answer = opioids("refresh", "--no-report", "--data-dir", tmp_path)
    assert answer.code == 0, answer.err
    assert "Taken from incoming/: epd.csv (epd)" in answer.out
    assert list(incoming.iterdir()) == []
    refused = tmp_path / "identifiable" / "refused"
    assert (refused / "notes.csv").read_text() == "a,b\n1,2\n"
    assert "matches no known layout" in (refused / "notes.csv.reason.txt").read_text()


def test_nothing_to_publish_is_said_and_the_last_publication_stays(opioids: Opioids, tmp_path: Path) -> None:
    answer = opioids("refresh", "--data-dir", tmp_path)
    assert answer.code == 10
    assert "Nothing to publish" in answer.err
    assert "Traceback" not in answer.err


def test_a_month_without_data_is_refused_and_the_last_publication_stays(opioids: Opioids, published: Published) -> None:
    before = (published.data / "warehouse" / "current.json").read_text()
    answer = opioids("refresh", "--as-at", "2031-01", "--no-report", "--data-dir", published.data)
    assert answer.code == 2
    assert "Loaded are 14 month(s), 2024-01 to 2025-02" in answer.err
    assert (published.data / "warehouse" / "current.json").read_text() == before


def test_an_extract_of_epd_alone_is_published(opioids: Opioids, extract: Path, tmp_path: Path) -> None:
    opioids("add", extract / "epd.csv", "--data-dir", tmp_path)
    assert opioids("refresh", "--data-dir", tmp_path, "--reports-dir", tmp_path / "reports").code == 0
    counts = opioids(
        "query",
        "SELECT (SELECT count(*) FROM marts.patient_month) AS people, (SELECT count(*) FROM marts.case_list) AS cases, "
        "(SELECT count(*) > 0 FROM marts.trends) AS has_trends",
        "--format",
        "csv",
        "--data-dir",
        tmp_path,
    )
    assert counts.out.splitlines()[1] == "0,0,true"


def test_patients_alone_without_any_reference_are_published(opioids: Opioids, extract: Path, tmp_path: Path) -> None:
    opioids("add", extract / "patient_items.csv", "--data-dir", tmp_path)
    answer = opioids("refresh", "--data-dir", tmp_path, "--reports-dir", tmp_path / "reports")
    assert answer.code == 0, answer.err
    counts = opioids(
        "query",
        "SELECT count(DISTINCT org_code) > 10 AS a, count(rate_per_1000) AS b, min(rate_reason) AS c FROM marts.trends "
        "WHERE org_level = 'practice' AND measure = 'any_opioid'",
        "--format",
        "csv",
        "--data-dir",
        tmp_path,
    )
    assert counts.out.splitlines()[1] == "true,0,no_list_size"


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
def test_what_is_written_below_the_data_folder_is_closed_to_others(published: Published) -> None:
    for path in published.data.rglob("*"):
        if not path.is_symlink():
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
def test_a_folder_open_to_others_is_refused_with_the_fix(opioids: Opioids, tmp_path: Path) -> None:
    (tmp_path / "landed").mkdir(mode=0o755)
    (tmp_path / "landed").chmod(0o755)
    answer = opioids("refresh", "--data-dir", tmp_path)
    assert answer.code == 13
    assert f"chmod 700 {tmp_path / 'landed'}" in answer.err


def test_no_nhs_number_leaves_the_identifiable_store(published: Published, extract: Path) -> None:
    with (extract / "patient_items.csv").open(newline="") as handle:
        numbers = {row["Patient ID"].encode() for row in csv.DictReader(handle) if row["Patient ID"]}
    assert len(numbers) > 300
    for path in [*published.data.rglob("*"), *published.reports.rglob("*")]:
        if path.is_file() and published.data / "identifiable" not in path.parents:
            content = path.read_bytes()
            assert not any(number in content for number in numbers), path
