"""The monthly files: the patient extract and the English Prescribing Dataset (EPD), month after month."""

from typing import BinaryIO

import numpy as np
import polars as pl

from pipelines.synthetic.dispensing import Items
from pipelines.synthetic.organisations import Organisations
from pipelines.synthetic.people import People
from pipelines.synthetic.products import Products

YEAR_DAYS = 365.25
ACTUAL_COST_SHARE = 0.938  # of net ingredient cost, after the national discount
EPD_CENTRE_COLUMNS = {
    "REGIONAL_OFFICE_NAME": "region_name",
    "REGIONAL_OFFICE_CODE": "region_code",
    "ICB_NAME": "icb_name",
    "ICB_CODE": "icb_code",
    "PCO_NAME": "sub_icb_name",
    "PCO_CODE": "pco_code",
    "PRACTICE_NAME": "practice_name",
    "PRACTICE_CODE": "practice_code",
    "ADDRESS_1": "address_1",
    "ADDRESS_2": "address_2",
    "ADDRESS_3": "address_3",
    "ADDRESS_4": "address_4",
    "POSTCODE": "postcode",
}
EPD_PRODUCT_COLUMNS = {
    "BNF_CHEMICAL_SUBSTANCE": "chemical_substance_code",
    "CHEMICAL_SUBSTANCE_BNF_DESCR": "chemical_substance",
    "BNF_CODE": "bnf_code",
    "BNF_DESCRIPTION": "bnf_description",
    "BNF_CHAPTER_PLUS_CODE": "bnf_chapter",
}


def _pounds(pence: pl.Expr) -> pl.Expr:
    """Whole pence as pounds with two decimals."""
    return (pence / 100).cast(pl.Decimal(18, 2))


def patient_frame(
    items: Items,
    people: People,
    organisations: Organisations,
    products: Products,
    year_month: str,
    first_day: float,
) -> pl.DataFrame:
    """Rows of `patient_items.csv`; of an unidentified item nothing about the person is known."""
    known = pl.Series(items.identified)
    age = np.floor(people.age_at_start + first_day / YEAR_DAYS).astype(np.int64)
    of_product = products.frame[items.product]
    person = pl.DataFrame(
        {
            "nhs_number": people.nhs_number[items.person],
            "age": age[items.person],
            "female": people.female[items.person],
            "imd_decile": people.imd_decile[items.person],
        }
    ).with_columns(sex=pl.when("female").then(pl.lit("F")).otherwise(pl.lit("M")))
    person = person.select(pl.when(known).then(pl.col("nhs_number", "age", "sex", "imd_decile")))
    return pl.DataFrame(
        {
            "Year Month": pl.repeat(year_month, len(known), eager=True),
            "Practice Code": organisations.frame["practice_code"].gather(items.prescriber),
            "Patient ID": person["nhs_number"],
            "Patient Identified": pl.select(pl.when(known).then(pl.lit("Y")).otherwise(pl.lit("N"))).to_series(),
            "Age": person["age"],
            "Sex": person["sex"],
            "BNF Code": of_product["bnf_code"],
            "BNF Description": of_product["bnf_description"],
            "SNOMED Code": of_product["snomed_code"],
            "Quantity": items.quantity,
            "Items": items.items,
            "Total Quantity": items.quantity * items.items,
            "NIC": items.nic_pence,
            "Prescription Type": np.where(items.electronic, "EPS", "PAPER"),
            "IMD Decile": person["imd_decile"],
        }
    ).with_columns(_pounds(pl.col("NIC")))


def epd_frame(items: Items, organisations: Organisations, products: Products, year_month: str) -> pl.DataFrame:
    """Rows of `epd.csv`: items by cost centre, presentation and quantity per item."""
    totals = (
        pl.DataFrame(
            {
                "centre": items.prescriber,
                "product": items.product,
                "QUANTITY": items.quantity,
                "ITEMS": items.items,
                "TOTAL_QUANTITY": items.quantity * items.items,
                "NIC": items.nic_pence,
            }
        )
        .group_by("centre", "product", "QUANTITY")
        .sum()
        .sort("centre", "product", "QUANTITY")
    )
    centres = organisations.frame.with_columns(
        pco_code=pl.when(pl.col("sub_icb_code") != "").then(pl.col("sub_icb_code") + "00").otherwise(pl.lit("-"))
    ).select(**EPD_CENTRE_COLUMNS)
    presentations = products.frame.with_columns(chemical_substance_code=pl.col("bnf_code").str.head(9)).select(
        **EPD_PRODUCT_COLUMNS
    )
    unidentified = totals["centre"] == organisations.unknown_prescriber
    return pl.concat(
        [
            pl.DataFrame({"YEAR_MONTH": pl.repeat(year_month, totals.height, eager=True)}),
            centres[totals["centre"]],
            presentations[totals["product"]],
            totals.select(
                "QUANTITY",
                "ITEMS",
                "TOTAL_QUANTITY",
                pl.lit("0").alias("ADQUSAGE"),
                _pounds(pl.col("NIC")),
                (pl.col("NIC") * ACTUAL_COST_SHARE / 100).round(5).alias("ACTUAL_COST"),
                pl.when(unidentified).then(pl.lit("Y")).otherwise(pl.lit("N")).alias("UNIDENTIFIED"),
            ),
        ],
        how="horizontal",
    )


def append_csv(file: BinaryIO, frame: pl.DataFrame) -> None:
    """Write rows to an open file, the header first if the file is still empty."""
    frame.write_csv(file, include_header=file.tell() == 0)
