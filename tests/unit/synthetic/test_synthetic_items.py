"""The patient rows and the practice rows: form, sums, people."""

import re
from pathlib import Path

import nhs_number
import polars as pl
from synthetic_extracts import REFERENCE_DIR, read_text

PATIENT_HEADER = (
    "Year Month,Practice Code,Patient ID,Patient Identified,Age,Sex,BNF Code,BNF Description,SNOMED Code,"
    "Quantity,Items,Total Quantity,NIC,Prescription Type,IMD Decile"
)
EPD_HEADER = (
    "YEAR_MONTH,REGIONAL_OFFICE_NAME,REGIONAL_OFFICE_CODE,ICB_NAME,ICB_CODE,PCO_NAME,PCO_CODE,PRACTICE_NAME,"
    "PRACTICE_CODE,ADDRESS_1,ADDRESS_2,ADDRESS_3,ADDRESS_4,POSTCODE,BNF_CHEMICAL_SUBSTANCE,"
    "CHEMICAL_SUBSTANCE_BNF_DESCR,BNF_CODE,BNF_DESCRIPTION,BNF_CHAPTER_PLUS_CODE,QUANTITY,ITEMS,"
    "TOTAL_QUANTITY,ADQUSAGE,NIC,ACTUAL_COST,UNIDENTIFIED"
)


def kinds() -> pl.DataFrame:
    return read_text(REFERENCE_DIR / "synthetic_products.csv").select("bnf_code", "bnf_description", "kind")


def test_headers_are_those_of_the_sources(clean: Path) -> None:
    assert (clean / "patient_items.csv").read_bytes().split(b"\n")[0].decode() == PATIENT_HEADER
    assert (clean / "epd.csv").read_bytes().split(b"\n")[0].decode() == EPD_HEADER


def test_every_patient_row_parses(clean: Path) -> None:
    row = re.compile(
        r"2024\d\d,Z\d{5},(9\d{9},Y,\d+,[FM]|,N,,),[0-9A-Z]{15},[^,]+,,\d+,[12],\d+,\d+\.\d\d,(EPS|PAPER),(\d+|)"
    )
    lines = (clean / "patient_items.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert [line for line in lines if not row.fullmatch(line)] == []


def test_total_quantity_is_quantity_times_items(items: pl.DataFrame, epd: pl.DataFrame) -> None:
    assert (items["Total Quantity"] == items["Quantity"] * items["Items"]).all()
    assert (epd["TOTAL_QUANTITY"] == epd["QUANTITY"] * epd["ITEMS"]).all()


def test_nhs_numbers_are_valid_test_numbers(items: pl.DataFrame) -> None:
    numbers = items["Patient ID"].drop_nulls().unique().to_list()
    assert len(numbers) > 1000
    assert all(number.startswith("999") and nhs_number.is_valid(number) for number in numbers)


def test_one_nhs_number_is_one_person(items: pl.DataFrame) -> None:
    person = items.drop_nulls("Patient ID").group_by("Patient ID")
    same = person.agg(pl.col("Sex", "IMD Decile").n_unique(), older=pl.col("Age").max() - pl.col("Age").min())
    assert same.select(pl.col("Sex", "IMD Decile").max()).row(0) == (1, 1)
    assert same["older"].max() == 1


def test_of_an_unidentified_item_nothing_about_the_person_is_known(items: pl.DataFrame) -> None:
    unidentified = items.filter(pl.col("Patient Identified") == "N")
    assert 0.005 < unidentified.height / items.height < 0.03
    assert unidentified.select(pl.col("Patient ID", "Age", "Sex", "IMD Decile").is_null().all()).row(0) == (
        True,
        True,
        True,
        True,
    )


def test_clean_patients_are_adults_with_plausible_quantities(items: pl.DataFrame) -> None:
    assert items.filter(pl.col("Age") < 18).is_empty()
    assert items.filter(~pl.col("Quantity").is_between(1, 3000)).is_empty()
    assert items.height > 1000


def test_products_are_those_of_the_reference_table(items: pl.DataFrame) -> None:
    known = set(kinds().select("bnf_code", "bnf_description").iter_rows())
    used = set(items.select("BNF Code", "BNF Description").unique().iter_rows())
    assert used <= known


def test_practice_rows_are_the_sums_of_the_patient_rows(items: pl.DataFrame, epd: pl.DataFrame) -> None:
    unfollowed = kinds().filter(pl.col("kind") == "not_followed")["bnf_code"].to_list()
    sums = (
        items.group_by("Year Month", "Practice Code", "BNF Code", "Quantity")
        .agg(pl.col("Items", "Total Quantity").sum(), pl.col("NIC").sum().round(2))
        .sort(pl.all())
    )
    followed = (
        epd.filter(~pl.col("BNF_CODE").is_in(unfollowed))
        .select("YEAR_MONTH", "PRACTICE_CODE", "BNF_CODE", "QUANTITY", "ITEMS", "TOTAL_QUANTITY", "NIC")
        .sort(pl.all())
    )
    assert followed.rows() == sums.rows()


def test_practice_rows_hold_products_that_nobody_follows(epd: pl.DataFrame) -> None:
    assert {"0205051L0AAACAC", "0212000B0AAABAB"} <= set(epd["BNF_CODE"])


def test_services_that_are_not_practices_prescribe_now_and_then(items: pl.DataFrame) -> None:
    services = items.filter(pl.col("Practice Code").str.starts_with("Z8"))
    assert 0 < services.height / items.height < 0.05


def test_scripts_are_taken_in_most_months_by_somebody_on_28_days(items: pl.DataFrame) -> None:
    months = items.drop_nulls("Patient ID").group_by("Patient ID").agg(pl.col("Year Month").n_unique())
    assert months.filter(pl.col("Year Month") == 8).height > 0.1 * months.height


def test_dirty_rows_hold_each_fault(dirty: Path) -> None:
    rows = read_text(dirty / "patient_items.csv")
    quantity = pl.col("Quantity")
    strengthless = pl.col("BNF Description").is_in(["Syndol caplets", "Morphine hydrochloride powder"])
    possible_month = pl.col("Year Month").fill_null("").str.contains(r"^2024(0\d|1[0-2])$")
    faults = {
        "under 18": pl.col("Age").cast(pl.Int64, strict=False) < 18,
        "reversal": quantity.str.starts_with("-") & pl.col("NIC").str.starts_with("-"),
        "zero quantity with cost": (quantity == "0") & (pl.col("NIC") != "0.00"),
        "no strength": strengthless,
        "invalid NHS number": ~pl.col("Patient ID").str.contains(r"^999\d{7}$"),
        "thousands comma": pl.col("Total Quantity").str.contains(","),
        "no practice": pl.col("Practice Code") == "-",
        "implausible quantity": quantity == "99,999",
        "impossible month": ~possible_month,
    }
    assert [fault for fault, rule in faults.items() if rows.filter(rule).is_empty()] == []


def test_dirty_rows_repeat_some_rows_exactly(clean: Path, dirty: Path) -> None:
    repeated, more = (read_text(path / "patient_items.csv").is_duplicated().sum() for path in (clean, dirty))
    assert more > repeated


def test_dirty_rows_are_few(clean: Path, dirty: Path) -> None:
    count, dirty_count = (read_text(path / "patient_items.csv").height for path in (clean, dirty))
    assert 0 < dirty_count - count < 0.01 * count
