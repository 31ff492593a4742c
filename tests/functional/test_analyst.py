"""What the analyst relies on: every column is described, the cookbook answers, all of it can be taken along."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from commands import Opioids, Published

from pipelines import assets, dictionary, models
from pipelines.build import PRODUCTS, PRODUCTS_BY_FACTOR_SET, TREND_TABLES
from pipelines.dictionary import Table
from pipelines.folders import DataFolder
from pipelines.ingest.searching import holds
from pipelines.snapshots import current_snapshot

DOCS = Path(__file__).parents[2] / "docs"
COOKBOOK = (DOCS / "cookbook.md").read_text(encoding="utf-8")
# Names, codes and sentences: what they may hold is not a list.
FREE_TEXT = {
    *("aim", "band", "bnf_code", "bnf_description", "cautions", "change_since_last_month", "cohort_version"),
    *("definition", "denominator_basis", "detail", "dimension_value", "drug", "factor_set", "file_name", "form", "gap"),
    *("gabapentinoids", "icb_code", "icb_name", "item_id", "layout", "measure", "method", "null_reason", "opioids"),
    *("org_code", "org_name", "other_bnf_codes", "other_sedatives", "patient_key", "pcn_code", "pcn_name"),
    *(
        "practice_code",
        "practice_name",
        "priority_text",
        "region_code",
        "reference",
        "resolved_from",
        "run_id",
        "sentence",
    ),
    *(
        "sex",
        "sha256",
        "similar_basis",
        "similar_practices",
        "snapshot_id",
        "spc_signal",
        "spc_variation",
        "sub_icb_code",
        "subject",
        "title",
    ),
    *("why_listed",),
}
QUESTIONS = re.findall(r"```sql\n(.*?)```\n\nColumns: ([^\n]+)\n", COOKBOOK, re.DOTALL)


@pytest.fixture(scope="module")
def warehouse(published: Published) -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect(str(current_snapshot(DataFolder(published.data)).file), read_only=True)
    yield connection
    connection.close()


@pytest.fixture(scope="module")
def tables(published: Published) -> list[Table]:
    data = DataFolder(published.data)
    return dictionary.published_tables(current_snapshot(data).file, data.tmp)


@pytest.fixture(scope="module")
def written() -> dictionary.Descriptions:
    python = {model.name: model for model in (PRODUCTS, PRODUCTS_BY_FACTOR_SET, *TREND_TABLES)}
    return dictionary.descriptions({**models.discover(assets.SQL_DIR), **python})


def rows_of(warehouse: duckdb.DuckDBPyConnection, select: str) -> list[dict[str, Any]]:
    answer = warehouse.execute(select)
    names = [column[0] for column in answer.description or []]
    return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]


# What columns mean


def test_every_table_and_column_of_the_published_file_says_what_it_is(tables: list[Table]) -> None:
    assert {"marts.trends", "marts.runs", "marts.caveats", "reference.products", "reference.drugs"} <= {
        table.name for table in tables
    }
    assert [table.name for table in tables if not table.says] == []
    silent = [f"{table.name}.{column.name}" for table in tables for column in table.columns if not column.says.strip()]
    assert silent == []


def test_no_description_stands_for_a_column_that_is_not_there(
    tables: list[Table], written: dictionary.Descriptions
) -> None:
    there = {table.name: {column.name for column in table.columns} for table in tables}
    assert set(written.tables) == set(there)
    assert {
        (table, column) for table, own in written.own.items() for column in own if column not in there[table]
    } == set()
    takes_shared = Counter(column for table, columns in there.items() for column in columns - set(written.own[table]))
    assert set(written.shared) - set(takes_shared) == set()


def test_every_value_of_a_list_of_values_is_in_its_description(
    warehouse: duckdb.DuckDBPyConnection, tables: list[Table]
) -> None:
    """A text column of few values in lower case, such as a status, says them all."""
    unsaid, looked_at = [], 0
    for table in tables:
        for column in table.columns:
            if column.type == "VARCHAR" and table.name.startswith("marts.") and column.name not in FREE_TEXT:
                found = warehouse.execute(f'SELECT DISTINCT "{column.name}" FROM {table.name}').fetchall()
                values = {value for (value,) in found if value is not None}
                looked_at += len(values)
                unsaid += [(table.name, column.name, value) for value in values if value not in column.says]
    assert looked_at > 200
    assert unsaid == []


def test_words_that_say_the_same_stand_once(written: dictionary.Descriptions) -> None:
    """A table says of its own column only what the shared words do not."""
    assert [
        (table, column)
        for table, own in written.own.items()
        for column, says in own.items()
        if written.shared.get(column) == says
    ] == []


def test_the_data_dictionary_is_that_of_the_published_warehouse(tables: list[Table]) -> None:
    page = (DOCS / "data-dictionary.md").read_text(encoding="utf-8")
    assert page == dictionary.as_markdown(tables), "make run, then make dictionary"


def test_the_dictionary_is_shown_for_one_table_and_for_all(published: Published, opioids: Opioids) -> None:
    one = opioids("warehouse", "dictionary", "item_ome", "--data-dir", published.data)
    assert one.code == 0, one.err
    assert "ome_status" in one.out
    assert "wear_time_unknown" in " ".join(one.out.split())
    unknown = opioids("warehouse", "dictionary", "item_dose", "--data-dir", published.data)
    assert unknown.code == 2
    assert "There is no table item_dose" in unknown.err


def test_an_older_database_can_open_what_is_published(warehouse: duckdb.DuckDBPyConnection) -> None:
    [(tags,)] = warehouse.execute(
        "SELECT tags FROM duckdb_databases() WHERE database_name = current_database()"
    ).fetchall()
    assert tags["storage_version"].startswith("v1.0.0")


# The cookbook


def test_the_cookbook_has_twelve_questions_and_columns_for_every_answer() -> None:
    assert len(re.findall(r"^## \d+\. ", COOKBOOK, re.MULTILINE)) == 12
    assert len(QUESTIONS) == COOKBOOK.count("```sql")


@pytest.mark.parametrize(("select", "columns"), QUESTIONS, ids=[columns[:40] for _, columns in QUESTIONS])
def test_a_question_of_the_cookbook_is_answered(
    warehouse: duckdb.DuckDBPyConnection, select: str, columns: str
) -> None:
    answer = warehouse.execute(select)
    assert [column[0] for column in answer.description or []] == columns.split(", ")
    assert answer.fetchall()


def answers(warehouse: duckdb.DuckDBPyConnection, first_columns: str) -> list[dict[str, Any]]:
    [select] = [select for select, columns in QUESTIONS if columns.startswith(first_columns)]
    return rows_of(warehouse, select)


def test_a_slow_pcn_is_above_its_line(warehouse: duckdb.DuckDBPyConnection) -> None:
    slow = answers(warehouse, "org_code, org_name, month, people, rate_per_1000, trajectory")
    everybody = rows_of(warehouse, "SELECT * FROM marts.trends WHERE org_level = 'pcn' AND measure = 'high_dose'")
    settled = [row for row in everybody if not row["provisional"]]
    newest = max(row["month"] for row in settled)
    expected = {
        row["org_code"] for row in settled if row["month"] == newest and row["rate_per_1000"] > row["trajectory"]
    }
    assert {row["org_code"] for row in slow} == expected


def test_a_lower_line_counts_more_people(warehouse: duckdb.DuckDBPyConnection) -> None:
    """Counted again, person by person, at the as-at month."""
    [row] = answers(warehouse, "org_code, as_at_month, people_above_120")
    people = [
        person
        for person in rows_of(warehouse, "SELECT * FROM marts.patient_month")
        if person["month"] == row["as_at_month"] and person["practice_code"] is not None
    ]
    above_90 = [
        person
        for person in people
        if person["ome_mg_per_day_3m"] > 90
        and person["ome_mg_per_day_6m"] > 90
        and person["window_months_covered"] == 3
    ]
    assert row["people_above_120"] == sum(person["high_dose"] for person in people)
    assert row["people_above_90"] == len(above_90)
    assert row["people_above_120"] < row["people_above_90"]


def test_the_headline_comes_out_of_the_rows(warehouse: duckdb.DuckDBPyConnection) -> None:
    rows = answers(warehouse, "month, people_published, people_counted")
    assert len(rows) == 12  # fourteen months, of which the first two have too little history
    assert [row["people_counted"] for row in rows] == [row["people_published"] for row in rows]
    assert [row["rate_counted"] for row in rows] == pytest.approx([row["rate_published"] for row in rows])


def test_a_figure_leads_back_to_the_line_of_the_file(warehouse: duckdb.DuckDBPyConnection, extract: Path) -> None:
    found = answers(warehouse, "practice_code, patient_key, ome_mg_per_day_3m, month")
    for row in found:
        lines = (extract / row["file_name"]).read_text(encoding="utf-8-sig").splitlines()
        assert row["bnf_description"] in lines[row["line"] - 1]
        assert row["ome_mg"] == row["net_quantity"] * row["ome_mg_per_unit"]
    # Somebody's dose, added up by hand: three months of items over their days.
    person = found[0]["patient_key"]
    dispensed = sum((row["ome_mg"] for row in found if row["patient_key"] == person), Decimal(0))
    [(days,)] = warehouse.execute(
        "SELECT sum(days_in_month) FROM reference.months WHERE month BETWEEN ? - INTERVAL 2 MONTH AND ?",
        [max(row["month"] for row in found)] * 2,
    ).fetchall()
    assert abs(dispensed / days - found[0]["ome_mg_per_day_3m"]) < Decimal("0.0001")


def test_what_a_change_is_made_of_adds_up(warehouse: duckdb.DuckDBPyConnection) -> None:
    for row in answers(warehouse, "org_code, org_name, baseline_month, month"):
        left = ("lower_still_on_opioid", "no_opioid_still_seen", "moved_away", "not_seen", "excluded_or_redefined")
        assert row["baseline_people"] == row["stayed"] + sum(row[name] for name in left)
        assert row["people"] == row["stayed"] + row["joined"]


def test_capture_is_that_of_the_trends(warehouse: duckdb.DuckDBPyConnection) -> None:
    shares = {
        (row["practice_code"], row["month"]): row for row in answers(warehouse, "practice_code, month, opioid_items")
    }
    trends = rows_of(
        warehouse,
        "SELECT * FROM marts.trends WHERE org_level = 'practice' AND measure = 'any_opioid'",
    )
    compared = [(row, shares[row["org_code"], row["month"]]) for row in trends if row["capture_rate"] is not None]
    assert compared
    assert all(row["capture_rate"] == pytest.approx(share["capture_rate"]) for row, share in compared)


# Taking it along


def exported_to(published: Published, opioids: Opioids, name: str, *options: str) -> Path:
    folder = published.data / "exports" / name
    answer = opioids("export", "warehouse", "--secure", "--out", folder, *options, "--data-dir", published.data)
    assert answer.code == 0, answer.err
    assert "Not protected" in answer.err
    return folder


def test_the_warehouse_as_parquet_is_the_warehouse(
    published: Published, opioids: Opioids, warehouse: duckdb.DuckDBPyConnection
) -> None:
    folder = exported_to(published, opioids, "whole")
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["snapshot_id"] == current_snapshot(DataFolder(published.data)).snapshot_id
    in_tables = {
        row[0]
        for row in warehouse.execute(
            "SELECT schema_name || '.' || table_name FROM duckdb_tables() WHERE schema_name IN ('marts', 'reference')"
        ).fetchall()
    }
    assert set(manifest["tables"]) == in_tables
    for name, table in manifest["tables"].items():
        files = [folder / file["file"] for file in table["files"]]
        assert [hashlib.sha256(file.read_bytes()).hexdigest() for file in files] == [
            file["sha256"] for file in table["files"]
        ]
        counted = warehouse.execute(f"SELECT count(*) FROM {name}").fetchall()[0][0]
        assert (
            table["rows"] == counted == sum(pl.scan_parquet(file).select(pl.len()).collect().item() for file in files)
        )
    for name in ("marts.patient_month", "marts.load_manifest", "reference.products"):
        files = [str(folder / file["file"]) for file in manifest["tables"][name]["files"]]
        # Every row, column and type, both ways.
        for one, other in (
            (f"FROM {name}", f"FROM read_parquet({files})"),
            (f"FROM read_parquet({files})", f"FROM {name}"),
        ):
            assert warehouse.execute(f"SELECT count(*) FROM ({one} EXCEPT ALL {other})").fetchall() == [(0,)]
    trends = manifest["tables"]["marts.trends"]["files"]
    assert [file["file"] for file in trends] == [f"marts/trends/{file['month'][:7]}.parquet" for file in trends]
    january = pl.read_parquet(folder / trends[0]["file"])
    assert january.schema["month"] == pl.Date
    assert [str(month) for month in january["month"].unique()] == [trends[0]["month"]]
    written = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert written == {file["file"] for table in manifest["tables"].values() for file in table["files"]} | {
        "manifest.json",
        "data-dictionary.md",
    }


def test_an_exported_warehouse_is_closed_audited_and_found_when_a_person_is_erased(
    published: Published, opioids: Opioids, warehouse: duckdb.DuckDBPyConnection
) -> None:
    folder = exported_to(published, opioids, "people", "--table", "patient_month", "--user", "A. Analyst")
    assert all(path.stat().st_mode & 0o077 == 0 for path in (folder, *folder.rglob("*")))
    entry = json.loads((published.data / "state" / "audit.jsonl").read_text().splitlines()[-1])
    assert (entry["action"], entry["user"], entry["tables"]) == (
        "export-warehouse-unprotected",
        "A. Analyst",
        ["marts.patient_month"],
    )
    assert entry["sha256"] == hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()
    assert opioids("audit", "verify", "--data-dir", published.data).code == 0
    [(person,)] = warehouse.execute("SELECT patient_key FROM marts.patient_month LIMIT 1").fetchall()
    assert any(holds(file, person) for file in folder.rglob("*.parquet"))


def test_the_same_snapshot_gives_the_same_files(published: Published, opioids: Opioids) -> None:
    one, again = (
        json.loads((exported_to(published, opioids, name, "--table", "trends") / "manifest.json").read_text())
        for name in ("once", "twice")
    )
    assert one == again


@pytest.mark.parametrize(
    ("where", "options", "said"),
    [
        ("exports/refused", (), "The warehouse may not leave"),
        ("../outside", ("--secure",), "stay below the data folder"),
        ("warehouse/mine", ("--secure",), "is not for lists and exports"),
        ("reference-files", ("--secure", "--table", "marts.nothing"), "There is no table marts.nothing"),
    ],
)
def test_where_the_warehouse_may_not_go_nothing_is_written(
    published: Published, opioids: Opioids, where: str, options: tuple[str, ...], said: str
) -> None:
    out = published.data / where
    answer = opioids("export", "warehouse", "--out", out, *options, "--data-dir", published.data)
    assert answer.code == 2
    assert said in answer.err
    assert not out.exists()


def test_an_export_overwrites_nothing(published: Published, opioids: Opioids) -> None:
    folder = exported_to(published, opioids, "first", "--table", "runs")
    before = (folder / "manifest.json").read_bytes()
    again = opioids("export", "warehouse", "--secure", "--out", folder, "--data-dir", published.data)
    assert again.code == 2
    assert "There is something of that name already" in again.err
    assert (folder / "manifest.json").read_bytes() == before


def test_lineage_is_told_on_the_command_line(published: Published, opioids: Opioids) -> None:
    told = opioids("lineage", "item_ome.ome_mg", "--data-dir", published.data)
    assert told.code == 0, told.err
    assert "epact2_items: 'Total Quantity'" in told.out
    assert "raw.epd" in told.err
    unknown = opioids("lineage", "marts.trends.patient_key", "--data-dir", published.data)
    assert unknown.code == 2
    assert "marts.trends has no column patient_key" in unknown.err
