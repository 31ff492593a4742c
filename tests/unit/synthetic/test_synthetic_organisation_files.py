"""The files about organisations, against the headers and forms of the real ones."""

import csv
from pathlib import Path

import fastexcel
import polars as pl
import pytest
from synthetic_extracts import MONTHS, PATIENTS, read_text

from pipelines.synthetic.organisations import first_practices, organisations, practice_count

ENDS = "Practice to PCN\nRelationship\nEnd Date"
PARTNER = "Partner\nOrganisation\nCode"


def practices(folder: Path) -> list[list[str]]:
    with (folder / "epraccur.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_epraccur_has_27_columns_and_no_header(clean: Path) -> None:
    rows = practices(clean)
    assert {len(row) for row in rows} == {27}
    assert rows[0][0] == "Z10001"


def test_there_are_practices_and_services_and_one_closed_practice(clean: Path) -> None:
    rows = practices(clean)
    assert sum(row[25] == "4" and row[12] == "A" for row in rows) >= 12
    assert {"2", "8", "13"} <= {row[25] for row in rows}
    assert [row[11] for row in rows if row[12] == "C"] == ["20191231"]


def test_every_prescriber_is_listed(clean: Path, items: pl.DataFrame, epd: pl.DataFrame) -> None:
    listed = {row[0] for row in practices(clean)}
    assert set(items["Practice Code"]) <= listed
    assert set(epd["PRACTICE_CODE"]) <= listed


def test_network_workbook_has_the_two_sheets_with_broken_headers(clean: Path) -> None:
    workbook = fastexcel.read_excel(clean / "epcn.xlsx")
    assert workbook.sheet_names == ["PCNDetails", "PCN Core Partner Details"]
    networks, partners = (workbook.load_sheet(name).to_polars() for name in workbook.sheet_names)
    assert networks.height >= 3
    assert ENDS in partners.columns
    current = partners.filter(pl.col(ENDS).is_null())
    assert current[PARTNER].is_unique().all()
    assert set(current["PCN Code"]) <= set(networks["PCN Code"])
    assert partners.height == current.height + 1


def test_practice_map_agrees_with_the_current_networks(clean: Path) -> None:
    partners = fastexcel.read_excel(clean / "epcn.xlsx").load_sheet("PCN Core Partner Details").to_polars()
    current = dict(partners.filter(pl.col(ENDS).is_null()).select(PARTNER, "PCN Code").iter_rows())
    mapped = dict(read_text(clean / "practice_map.csv").select("PRACTICE_CODE", "PCN_CODE").iter_rows())
    assert mapped == current


def test_list_sizes_are_about_twelve_times_the_patients(clean: Path) -> None:
    lists = read_text(clean / "list_sizes.csv").with_columns(pl.col("NUMBER_OF_PATIENTS").cast(pl.Int64))
    first = lists.filter(pl.col("EXTRACT_DATE") == "01JAN2024")
    assert first["NUMBER_OF_PATIENTS"].sum() == pytest.approx(12 * PATIENTS, rel=0.1)
    assert lists["EXTRACT_DATE"].n_unique() == -(-MONTHS // 3)
    assert lists.select("EXTRACT_DATE", "CODE").is_unique().all()


def test_two_sub_icbs_lie_in_one_icb(clean: Path) -> None:
    areas = read_text(clean / "sub_icb_icb.csv")
    assert areas["sicbl24_code_nhs"].n_unique() == 2
    assert areas["icb24_code_nhs"].to_list() == ["QZA", "QZA"]


def test_a_nation_has_several_icbs_and_codes_that_stay_distinct() -> None:
    patients = 900_000
    many = organisations(1, first_practices(1, patients), practice_count(patients))
    frame = many.frame.head(many.gp_practices)
    assert many.gp_practices == 1800
    assert frame["practice_code"].is_unique().all()
    assert frame["icb_code"].n_unique() == 12
    assert frame.select("pcn_code", "sub_icb_code").unique()["pcn_code"].is_unique().all()
    assert frame.select("sub_icb_code", "icb_code").unique()["sub_icb_code"].is_unique().all()
    assert frame["practice_code"].str.contains(r"^[A-Z]\d{5}$").all()
    assert frame["pcn_code"].str.contains(r"^U\d{5}$").all()
    assert frame["sub_icb_code"].str.contains(r"^\d\d[A-Z]$").all()
