"""The files about organisations: practices, networks, practice map, list sizes, areas."""

import datetime as dt
from pathlib import Path

import numpy as np
import polars as pl
import xlsxwriter

from pipelines.synthetic.draws import Draws, keys
from pipelines.synthetic.organisations import Organisations

LISTED_SINCE = "20130401"
NETWORKS_SINCE, NETWORKS_CHANGED = "20190701", "20210331"
WORKBOOK_CREATED = dt.datetime(2024, 1, 1, tzinfo=dt.UTC).replace(tzinfo=None)
GROWTH_A_QUARTER = 0.003
PCN_HEADER = (
    "PCN Code",
    "PCN Name",
    "Current Sub ICB Loc Code",
    "Sub ICB Location",
    "Open Date",
    "Close Date",
    "Address Line 1",
    "Address Line 2",
    "Address Line 3",
    "Address Line 4",
    "Address Line 5",
    "Postcode",
)
PARTNER_HEADER = (
    "Partner\nOrganisation\nCode",
    "Partner\nName",
    "Practice\nParent\nSub ICB Loc Code",
    "Practice\nParent\nSub ICB Loc Name",
    "PCN Code",
    "PCN Name",
    "PCN Parent\nSub ICB Loc Code",
    "PCN Parent\nSub ICB Loc Name",
    "Practice to PCN\nRelationship\nStart Date",
    "Practice to PCN\nRelationship\nEnd Date",
    "Practice Sub ICB Loc and PCN Sub ICB Loc Match ",
)


def _practices(organisations: Organisations) -> pl.DataFrame:
    return organisations.frame.head(organisations.gp_practices)


def write_epraccur(path: Path, organisations: Organisations) -> None:
    """`epraccur.csv`: no header, 27 quoted columns; the last row is a practice that closed long ago."""
    named = organisations.frame.filter(pl.col("practice_code") != "-")
    closed = named.head(1).with_columns(
        practice_code=pl.lit("Z10000"), practice_name=pl.lit("SYNTHETIC SURGERY 0 (CLOSED)")
    )
    listed = pl.concat([named.with_columns(closed=pl.lit("")), closed.with_columns(closed=pl.lit("20191231"))])
    blank = pl.lit("")
    columns = [
        pl.col("practice_code", "practice_name", "region_code", "icb_code"),
        pl.col("address_1", "address_2", "address_3", "address_4"),
        blank.alias("8"),
        pl.col("postcode"),
        pl.lit(LISTED_SINCE).alias("10"),
        pl.col("closed"),
        pl.when(pl.col("closed") == "").then(pl.lit("A")).otherwise(pl.lit("C")).alias("12"),
        pl.lit("B").alias("13"),
        pl.col("sub_icb_code").alias("14"),
        pl.lit(LISTED_SINCE).alias("15"),
        pl.col("closed").alias("16"),
        pl.lit("01632 960000").alias("17"),  # a number range kept for fiction
        *(blank.alias(str(number)) for number in (18, 19, 20)),
        pl.lit("0").alias("21"),
        blank.alias("22"),
        pl.col("sub_icb_code").alias("23"),
        blank.alias("24"),
        pl.col("setting"),
        blank.alias("26"),
    ]
    listed.select(columns).write_csv(path, include_header=False, quote_style="always")


def _network_rows(organisations: Organisations) -> list[tuple[str, ...]]:
    """Rows of the sheet of networks, with the practice that is their address."""
    leads = _practices(organisations).unique("pcn_code", keep="first", maintain_order=True)
    return [
        (
            lead["pcn_code"],
            lead["pcn_name"],
            lead["sub_icb_code"],
            lead["sub_icb_name"],
            NETWORKS_SINCE,
            "",
            lead["practice_name"],
            lead["address_1"],
            lead["address_2"],
            lead["address_3"],
            lead["address_4"],
            lead["postcode"],
        )
        for lead in leads.iter_rows(named=True)
    ]


def _partner_rows(organisations: Organisations) -> list[tuple[str, ...]]:
    """Rows of the sheet of members; the first practice was in the last network until a year before."""
    practices = list(_practices(organisations).iter_rows(named=True))

    def link(practice: dict[str, str], network: dict[str, str], begins: str, ends: str) -> tuple[str, ...]:
        same = practice["sub_icb_code"] == network["sub_icb_code"]
        return (
            practice["practice_code"],
            practice["practice_name"],
            practice["sub_icb_code"],
            practice["sub_icb_name"],
            network["pcn_code"],
            network["pcn_name"],
            network["sub_icb_code"],
            network["sub_icb_name"],
            begins,
            ends,
            "TRUE" if same else "FALSE",
        )

    ended = link(practices[0], practices[-1], NETWORKS_SINCE, NETWORKS_CHANGED)
    current = [link(practices[0], practices[0], "20210401", "")]
    current += [link(practice, practice, NETWORKS_SINCE, "") for practice in practices[1:]]
    return [ended, *current]


def write_epcn(path: Path, organisations: Organisations) -> None:
    """`epcn.xlsx`: networks, and the practices in them."""
    workbook = xlsxwriter.Workbook(path, {"strings_to_numbers": False})
    workbook.set_properties({"created": WORKBOOK_CREATED, "title": "Synthetic primary care networks"})
    sheets = (
        ("PCNDetails", PCN_HEADER, _network_rows(organisations)),
        ("PCN Core Partner Details", PARTNER_HEADER, _partner_rows(organisations)),
    )
    for name, header, rows in sheets:
        sheet = workbook.add_worksheet(name)
        for number, row in enumerate((header, *rows)):
            for column, text in enumerate(row):
                if text in ("TRUE", "FALSE"):
                    sheet.write_boolean(number, column, text == "TRUE")
                elif text:
                    sheet.write_string(number, column, text)
    workbook.close()


def write_practice_map(path: Path, organisations: Organisations, start: dt.date, months: int) -> None:
    """`practice_map.csv` of the newest quarter: practice, network, sub-ICB (by its old name CCG), ICB (STP), region."""
    _practices(organisations).select(
        pl.lit("GP_PRAC_PAT_LIST").alias("PUBLICATION"),
        pl.lit(_quarters(start, months)[-1].strftime("%d%b%Y")).alias("EXTRACT_DATE"),
        PRACTICE_CODE="practice_code",
        PRACTICE_NAME="practice_name",
        PRACTICE_POSTCODE="postcode",
        PCN_CODE="pcn_code",
        PCN_NAME="pcn_name",
        ONS_CCG_CODE="ons_sub_icb_code",
        CCG_CODE="sub_icb_code",
        CCG_NAME="sub_icb_name",
        ONS_STP_CODE="ons_icb_code",
        STP_CODE="icb_code",
        STP_NAME="icb_name",
        ONS_COMM_REGION_CODE="ons_region_code",
        COMM_REGION_CODE="region_code",
        COMM_REGION_NAME="region_name",
    ).write_csv(path, line_terminator="\r\n")


def _quarters(start: dt.date, months: int) -> list[dt.date]:
    """The first days of the quarters from the one that holds the first month to the last month's."""
    first = start.year * 12 + (start.month - 1) // 3 * 3
    last = start.year * 12 + start.month - 1 + months - 1
    return [dt.date(month // 12, month % 12 + 1, 1) for month in range(first, last + 1, 3)]


def write_list_sizes(path: Path, organisations: Organisations, start: dt.date, months: int, seed: int) -> None:
    """`list_sizes.csv`: people registered with each practice at the start of each quarter."""
    draws = Draws(keys(seed, "practice", np.arange(organisations.gp_practices)))
    parts = []
    for quarter, date in enumerate(_quarters(start, months)):
        noise = 0.995 + 0.01 * draws.uniform("list growth", quarter)
        size = organisations.list_size * (1 + GROWTH_A_QUARTER * quarter) * noise
        parts.append(
            _practices(organisations).select(
                pl.lit("GP_PRAC_PAT_LIST").alias("PUBLICATION"),
                pl.lit(date.strftime("%d%b%Y").upper()).alias("EXTRACT_DATE"),
                pl.lit("GP").alias("TYPE"),
                pl.col("sub_icb_code").alias("CCG_CODE"),
                pl.col("ons_sub_icb_code").alias("ONS_CCG_CODE"),
                pl.col("practice_code").alias("CODE"),
                pl.col("postcode").alias("POSTCODE"),
                pl.lit("ALL").alias("SEX"),
                pl.lit("ALL").alias("AGE"),
                pl.Series("NUMBER_OF_PATIENTS", np.maximum(1, np.rint(size)).astype(np.int64)),
            )
        )
    pl.concat(parts).write_csv(path, line_terminator="\r\n")


def write_sub_icb_icb(path: Path, organisations: Organisations) -> None:
    """`sub_icb_icb.csv`: which sub-ICB lies in which ICB."""
    _practices(organisations).select(
        sicbl24_name="sub_icb_name",
        sicbl24_code="ons_sub_icb_code",
        sicbl24_code_nhs="sub_icb_code",
        icb24_name="icb_name",
        icb24_code="ons_icb_code",
        icb24_code_nhs="icb_code",
    ).unique("sicbl24_code", keep="first", maintain_order=True).write_csv(path)
