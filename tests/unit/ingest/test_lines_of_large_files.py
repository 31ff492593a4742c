"""Every landed row names the line it stands on, also in files so large that they are read in several pieces at once."""

import random
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pytest
from faults.desk import Desk, epd

from pipelines import assets
from pipelines.config import Layout, load_settings
from pipelines.engine import landing
from pipelines.engine.duckdb import connect
from pipelines.engine.landing import DelimitedText, JudgedRows, ParquetColumns, SheetCells, _read_csv, relation_of
from pipelines.engine.landing_lines import cells_of
from pipelines.engine.landing_rules import Field, LandingRules
from pipelines.engine.landing_sql import judged_sql, keyed_sql
from pipelines.errors import ReconciliationError
from pipelines.ingest.landing import land_new_files
from pipelines.products import ProductReference, followed_prefixes

# All that is really followed: of a few prefixes DuckDB makes another plan.
FOLLOWED = followed_prefixes(ProductReference.load(assets.REFERENCE_DIR))
LINES = 350_000
# Some 90 MB: the order was seen to be lost from 18 MB on, not at 14.
CODES = ["0407020Q0AAAAAA", "0212000B0AAAAAA", "0407010F0AAAAAA", "0309010C0AAAAAA"]
LONG = "A description as long as those of real files, " + "x" * 120


def numbered(patients: bool) -> pl.DataFrame:
    """Rows whose quantity is the line that they stand on."""
    line = pl.int_range(2, LINES + 2, eager=True)
    columns: dict[str, Any] = {
        "Year Month": pl.Series(["202401"]).sample(LINES, with_replacement=True),
        "Practice Code": "A" + (10_000 + line % 7000).cast(pl.String),
        "BNF Code": pl.Series(CODES)[(line * 7919 % len(CODES)).to_list()],
        "BNF Description": pl.Series([LONG]).sample(LINES, with_replacement=True),
        "Quantity": line.cast(pl.String),
        "Items": pl.Series(["1"]).sample(LINES, with_replacement=True),
        "Total Quantity": line.cast(pl.String),
    }
    if patients:
        columns["Patient ID"] = pl.Series(["9990000018", "9990000026"])[(line % 2).to_list()]
    else:
        columns |= {name: pl.Series(["1.00"]).sample(LINES, with_replacement=True) for name in ("NIC", "Actual Cost")}
    return pl.DataFrame(columns)


def named_as_epd(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.rename({name: name.upper().replace(" ", "_") for name in rows.columns})


WRITTEN: dict[str, Callable[[Path], Path]] = {
    "patients.csv": lambda file: numbered(patients=True).write_csv(file) or file,
    "epd.csv": lambda file: named_as_epd(numbered(patients=False)).write_csv(file) or file,
    "epd.parquet": lambda file: named_as_epd(numbered(patients=False)).write_parquet(file, row_group_size=9000) or file,
}


@pytest.mark.parametrize("name", WRITTEN)
def test_every_row_of_a_large_file_names_its_own_line(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("OPIOIDS_KEY_FILE", str(tmp_path / "key"))
    desk.add(WRITTEN[name](tmp_path / name))
    land_new_files(desk.data, desk.settings, FOLLOWED)
    landed = desk.landed(name)
    # A Parquet file has no header: its first row is row 1.
    above = 1 if name.endswith(".parquet") else 0
    elsewhere = landed.filter(pl.col("source_row") != pl.col("total_quantity").cast(pl.Int64) - above)
    assert elsewhere.height == 0
    assert landed.height == LINES * 3 // 4


def test_every_row_of_a_large_sheet_names_its_own_line(tmp_path: Path) -> None:
    rows = numbered(patients=False).select("Practice Code", "BNF Code", "BNF Description", "Total Quantity")
    kinds = {
        "practice_code": "practice_code",
        "bnf_code": "bnf_code",
        "bnf_description": "text",
        "total_quantity": "number",
    }
    fields = tuple(Field(name, at, kind, required=True, critical=True) for at, (name, kind) in enumerate(kinds.items()))
    followed = tuple((prefix.bnf_prefix, prefix.counted) for prefix in FOLLOWED)
    rules = LandingRules(fields, date(2024, 1, 1), None, False, followed, True, True)
    # As a workbook is read: one table, and as others might hand it over, in many pieces.
    whole = rows.rename({name: f"c{number}" for number, name in enumerate(rows.columns)}).to_arrow().combine_chunks()
    pieces = pa.Table.from_batches(whole.to_batches(max_chunksize=5000))
    for cells in (whole, pieces):
        judged = JudgedRows(SheetCells(cells, 1), rules, lambda _: [], tmp_path, memory_limit="2GB", threads=2)
        judged.write_landed(tmp_path / "landed.parquet")
        judged.close()
        landed = pl.read_parquet(tmp_path / "landed.parquet")
        assert landed.height == LINES * 3 // 4
        assert landed.filter(pl.col("source_row") != pl.col("total_quantity").cast(pl.Int64)).height == 0


@pytest.mark.parametrize("break_every", [0, 700], ids=["refused lines", "refused lines and broken rows"])
def test_rows_between_refused_lines_and_line_breaks_name_their_own(desk: Desk, break_every: int) -> None:
    rows, line, count = [], 2, 400_000
    for number in range(count):
        if number % 900 == 7:
            rows.append("too,few")
            line += 1
        is_broken = break_every and number % break_every == 3
        name = '"Morphine\n, broken"' if is_broken else "Morphine " + "x" * 150
        rows.append(f"202401,Surgery,A81001,0407020Q0AAAAAA,{name},{line},1,{line},1,1")
        line += 2 if is_broken else 1
    desk.add(desk.file("epd.csv", epd(*rows)))
    land_new_files(desk.data, desk.settings, FOLLOWED)
    landed = desk.landed("epd.csv")
    assert landed.height == count
    assert landed.filter(pl.col("source_row") != pl.col("total_quantity").cast(pl.Int64)).height == 0


def test_a_line_is_cut_as_the_reader_cuts_it_or_not_at_all(tmp_path: Path) -> None:
    draw = random.Random(7)
    file = tmp_path / "one.csv"
    compared = 0
    connection = duckdb.connect()
    for _ in range(300):
        texts = ["".join(draw.choices(["a", '"', " ", "'", "\\", "é", ","], k=draw.randint(0, 5))) for _ in range(3)]
        quoted = ['"' + text.replace('"', '""') + '"' if draw.random() < 0.4 else text for text in texts]
        file.write_text("a,b,c\n" + ",".join(quoted) + "\n", encoding="utf-8")
        rows = connection.execute(f"SELECT * FROM {_read_csv(DelimitedText(file, ',', 1, 3))}").fetchall()
        cells = cells_of(",".join(quoted), ",")
        if len(rows) == 1 and len(cells) == 3:
            assert [cell or None for cell in cells] == [cell or None for cell in rows[0]]
            compared += 1
    connection.close()
    assert compared > 50


def test_a_row_that_goes_on_in_the_next_line_is_not_taken_for_another(desk: Desk) -> None:
    header = "YEAR_MONTH,PRACTICE_CODE,BNF_CODE,QUANTITY,ITEMS,TOTAL_QUANTITY,NIC,ACTUAL_COST,BNF_DESCRIPTION"
    rows = [
        '202401,A81001,0407020Q0AAAAAA,56,1,56,1,1,"Morphine\n10mg"',
        "202401,A81001,0407020Q0AAAAAA,56,1,56,1,1,Other",
    ]
    landed = desk.take("epd.csv", epd(*rows, header=header))
    assert landed["source_row"].to_list() == [2, 4]


def test_a_row_that_does_not_stand_on_its_line_stops_the_landing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [f"202401,Surgery,A8100{n},0407020Q0AAAAAA,Morphine {n},56,1,56,1,1" for n in range(1, 6)]
    judged = landing.judged_sql
    monkeypatch.setattr(
        landing, "judged_sql", lambda *told: f"SELECT * FROM ({judged(*told)}) ORDER BY practice_code DESC"
    )
    with pytest.raises(ReconciliationError, match="on 1 of the lines that were looked up"):
        desk.take("epd.csv", epd(*rows))


# A list of NHS numbers is compared, never landed.
LANDED = [layout for layout in load_settings().layouts if layout.content != "nhs_numbers"]


@pytest.mark.parametrize("layout", LANDED, ids=lambda layout: layout.name)
def test_rows_are_judged_without_any_step_that_may_change_their_order(layout: Layout, tmp_path: Path) -> None:
    """A join, a set operation, a sort or an aggregate takes rows as they come, whatever the setting says."""
    file = tmp_path / "rows.parquet"
    pl.DataFrame({name: ["x"] for name in layout.columns}).write_parquet(file)
    fields = tuple(
        Field(name, number, column.kind, column.required, column.critical)
        for number, (name, column) in enumerate(layout.columns.items())
    )
    followed = tuple((prefix.bnf_prefix, prefix.counted) for prefix in FOLLOWED)
    items = layout.content != "reference"
    rules = LandingRules(
        fields, None, layout.footer, layout.rows_are_unique, followed if items else (), items, True, ((99, "x"),)
    )
    connection = connect(None, tmp_path, memory_limit="1GB", threads=2)
    try:
        relation = relation_of(connection, ParquetColumns(file, tuple(layout.columns)), rules)
        judged = keyed_sql(judged_sql(relation, rules), rules, "upper")
        plan = connection.execute(f"EXPLAIN {judged}").fetchall()[0][1]
    finally:
        connection.close()
    titles = {line.split("─")[1].strip() for line in plan.splitlines() if line.startswith(("╭─ ", "┌─ "))}
    assert titles, plan
    assert titles <= {"Projection", "Read Parquet", "Filter"}, plan
