"""Fault F30: byte order marks, encodings, line endings, quotes, preambles, spreadsheets. Exact, or with a reason."""

import gzip
import io
from datetime import date, datetime

import polars as pl
import pytest
import xlsxwriter
from faults.desk import Desk, epd

from pipelines.errors import ReconciliationError, UnreadableFile

HEADER = "Year Month,Practice Code,Patient ID,BNF Code,BNF Description,Quantity,Items,Total Quantity"
ITEM = "202401,A81001,9990000018,0407020Q0AAAAAA,Morphine 10mg tablets,56,1,56"


def items(*rows: str) -> str:
    return "\n".join([HEADER, *rows]) + "\n"


@pytest.mark.parametrize(
    "content",
    [
        items(ITEM).encode("utf-8-sig"),
        items(ITEM).replace("\n", "\r\n").encode(),
        items(ITEM).replace("\n", "\r").encode(),
        items(ITEM, ITEM).replace("56\n2", "56\r\n2").encode(),
        items(ITEM).encode("utf-16"),
        b"\xfe\xff" + items(ITEM).encode("utf-16-be"),
        items(ITEM).encode("utf-16-le"),
        items(ITEM)[:-1].encode(),
        items(ITEM).replace("\n", ",\n").encode(),
        items(f"{ITEM},").encode(),
        f'Report of "today"\n\n"Made\nby",me\n{items(ITEM)}'.encode(),
        items(ITEM, "Report total", "Total,,,,,,,56").encode(),
        items(ITEM, "", "   ", ",,,,,,,").encode(),
        items(ITEM.replace("56,1,56", '"1,056.0",1,"1,056.0"')).encode(),
    ],
    ids=[
        "bom", "crlf", "cr", "mixed endings", "utf-16", "utf-16 be", "utf-16 without mark", "no last newline",
        "trailing commas", "trailing comma of a row", "preamble", "footer", "blank lines", "thousands",
    ],
)  # fmt: skip
def test_f30_a_file_is_loaded_exactly_whatever_its_dress(desk: Desk, content: bytes) -> None:
    landed = desk.take("items.csv", content)
    assert set(landed["total_quantity"]) <= {"56", "1,056.0"}
    assert landed.height == 2 if content.count(b"Morphine") == 2 else 1
    assert sum(c.rows_quarantined for c in desk.counts("items.csv")) == 0
    assert sum(c.rows_read for c in desk.counts("items.csv")) == landed.height


def test_f30_windows_1252_is_read_as_itself_even_far_down_a_file_that_began_as_ascii(desk: Desk) -> None:
    odd = ITEM.replace("Morphine 10mg tablets", "Morphine “10mg” – £5 €")
    content = items(*[ITEM] * 20_000, odd)
    landed = desk.take("items.csv", content.encode("cp1252"))
    assert landed.height == 20_001
    assert landed["bnf_description"][-1] == "Morphine “10mg” – £5 €"
    assert landed["source_row"][-1] == 20_002


def test_f30_a_line_is_found_by_its_number_after_odd_lines(desk: Desk) -> None:
    quoted = ITEM.replace("Morphine 10mg tablets", '"Morphine\n10mg\ntablets"')
    rows = [ITEM, "202401,A81001", ITEM, "", quoted, ITEM, f"{ITEM},x,y", '"a"b,c', ITEM]
    landed = desk.take("items.csv", items(*rows))
    # 1 header, 2 item, 3 short, 4 item, 5 blank, 6 to 8 item, 9 item, 10 long, 11 odd quote, 12 item
    assert landed["source_row"].to_list() == [2, 4, 6, 9, 12]
    quarantined = desk.quarantined("items.csv").select("source_row", "reason").rows()
    assert quarantined == [
        (3, "the line has more or fewer columns than the header"),
        (10, "the line has more or fewer columns than the header"),
        (11, "the line cannot be cut into columns: a quotation mark is out of place"),
    ]


def test_f30_lines_without_blanks_or_breaks_are_numbered_past_refused_ones(desk: Desk) -> None:
    rows = [ITEM, "202401,A81001", "202401", ITEM, ITEM, "x", ITEM]
    landed = desk.take("items.csv", items(*rows))
    assert landed["source_row"].to_list() == [2, 5, 6, 8]
    assert desk.quarantined("items.csv")["source_row"].to_list() == [3, 4, 7]


def test_f30_every_line_swallowed_by_an_open_quote_is_counted(desk: Desk) -> None:
    limited = desk.settings.model_copy(
        update={"pipeline": desk.settings.pipeline.model_copy(update={"quarantined_share_limit": 0})}
    )
    content = items(*[ITEM] * 5, ITEM.replace("Morphine", '"Morphine'), *[ITEM] * 50)
    desk.settings = limited
    with pytest.raises((ReconciliationError, UnreadableFile)) as raised:
        desk.take("items.csv", content)
    assert "51 of 56 rows of a file cannot be read." in raised.value.what
    assert "999" not in str(raised.value)


def test_f30_an_open_quote_in_a_long_file_stops_the_run_in_words(desk: Desk) -> None:
    content = items(*[ITEM] * 5, ITEM.replace("Morphine", '"Morphine'), *[ITEM] * 40_000)
    desk.settings = desk.settings.model_copy(
        update={"pipeline": desk.settings.pipeline.model_copy(update={"quarantined_share_limit": 0})}
    )
    with pytest.raises((ReconciliationError, UnreadableFile)) as raised:
        desk.take("items.csv", content)
    assert "items.csv" in raised.value.where
    assert raised.value.remedy
    assert "999" not in str(raised.value)


@pytest.mark.parametrize("pounds", ["£56", "5 6", "(56)", "56-", "-", ".", "£", "--5", "1,00"])
def test_f30_a_quantity_that_is_no_plain_number_is_quarantined(desk: Desk, pounds: str) -> None:
    desk.take("items.csv", items(ITEM, ITEM.replace(",56,1,56", f',56,1,"{pounds}"')))
    assert desk.quarantined("items.csv").select("field", "rule", "value").rows() == [
        ("total_quantity", "pattern", pounds)
    ]


def test_f30_a_quantity_beyond_all_reason_is_quarantined_not_an_error(desk: Desk) -> None:
    desk.take("items.csv", items(ITEM, ITEM.replace(",56,1,56", ",9999999999999,999999999,")))
    assert desk.quarantined("items.csv")["reason"].to_list() == [
        "the quantity is larger than any that can be dispensed"
    ]


def workbook(desk: Desk, rows: list[list[object]]) -> str:
    with xlsxwriter.Workbook(desk.folder / "items.xlsx", {"default_date_format": "mmm-yy"}) as book:
        page = book.add_worksheet("Report")
        page.write(0, 0, "Run today")
        page.write_row(2, 0, HEADER.split(","))
        for number, row in enumerate(rows, 3):
            page.write_row(number, 0, row)
    desk.add(desk.folder / "items.xlsx")
    desk.land()
    return "items.xlsx"


def test_f30_a_workbook_is_read_with_its_dates_serials_and_numbers(desk: Desk) -> None:
    rest = ["A81001", "9990000018", "0407020Q0AAAAAA", "Morphine", 56.0, 1.0, 10.5]
    months: list[object] = [datetime(2024, 1, 1), 45292, 202401, "Jan-24", "2024-01"]
    landed = desk.landed(workbook(desk, [[month, *rest] for month in months]))
    assert landed["month"].to_list() == ["2024-01-01"] * 5
    assert set(landed.select("quantity", "items", "total_quantity").rows()) == {("56", "1", "10.5")}
    assert landed["source_row"].to_list() == [4, 5, 6, 7, 8]


def test_f30_codes_that_a_workbook_made_numbers_are_quarantined_with_the_cause(desk: Desk) -> None:
    rest = ["9990000018", 40702020000000, "Morphine", 56, 1, 56]
    workbook(desk, [["202401", "A81001", *rest]])
    assert desk.quarantined("items.xlsx").select("field", "reason").rows() == [
        ("bnf_code", "a spreadsheet has turned the code into a number, or cut its leading zero")
    ]


def test_f30_identifiers_too_long_for_a_cell_refuse_the_workbook(desk: Desk) -> None:
    with pytest.raises(UnreadableFile) as raised:
        workbook(desk, [["202401", "A81001", 485000000012345678, "0407020Q0AAAAAA", "Morphine", 56, 1, 56]])
    assert "they are numbers of over 15 digits" in raised.value.what
    assert "4850" not in str(raised.value)


def test_f30_parquet_is_read_with_its_own_types(desk: Desk) -> None:
    frame = pl.DataFrame(
        {
            "Year Month": [date(2024, 1, 1), date(2024, 2, 1)],
            "Practice Code": ["A81001", "A81001"],
            "NHS Number": [9990000018, 9990000018],
            "BNF Code": ["0407020Q0AAAAAA", "0205051L0AAABAB"],
            "Items": [1, 1],
            "Total Quantity": [56.0, 28.5],
            "Age": [50.0, None],
        }
    )
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    landed = desk.take("items.parquet", buffer.getvalue())
    assert landed.select("month", "total_quantity", "age", "identity_status").rows() == [
        ("2024-01-01", "56.0", "50", "identified")
    ]
    assert [c.total_quantity for c in desk.counts("items.parquet")] == [56, 28.5]


def test_f30_midnight_in_british_summer_time_belongs_to_the_day_that_begins(desk: Desk) -> None:
    written = ["2024-06-30T23:00:00Z", "2024-07-01T00:00:00+01:00", "2024-06-30T23:00:00.000+00:00", "2024-07-01"]
    landed = desk.take("items.csv", items(*[ITEM.replace("202401", month) for month in written]))
    assert landed["month"].to_list() == ["2024-07-01"] * 4


def test_f34_codes_in_scientific_notation_are_refused_by_name_in_every_table(desk: Desk) -> None:
    desk.take("items.csv", items(ITEM, ITEM.replace("0407020Q0AAAAAA", "4.07E+14")))
    desk.take("codes.csv", "BNF_CODE,BNF_DESCRIPTION\n0407020Q0AAAAAA,Morphine\n4.27551E+16,Lost\n")
    for name in ("items.csv", "codes.csv"):
        assert desk.quarantined(name).select("source_row", "field", "reason").rows() == [
            (3, "bnf_code", "a spreadsheet has turned the code into a rounded number")
        ]


def test_f34_a_product_id_in_scientific_notation_is_left_blank_and_counted(desk: Desk) -> None:
    header = "YEAR_MONTH,PRACTICE_CODE,BNF_CODE,BNF_DESCRIPTION,SNOMED_CODE,QUANTITY,ITEMS,TOTAL_QUANTITY,NIC"
    row = "202401,A81001,0407020Q0AAAAAA,Morphine,{},56,1,56,3"
    landed = desk.take("epd.csv", epd(row.format("4.27551E+16"), row.format("322236009"), header=header))
    assert landed["snomed_code"].to_list() == [None, "322236009"]
    assert desk.counts("epd.csv")[0].values_blanked == 1


@pytest.mark.parametrize("spoilt", [False, True])
def test_f30_no_clear_copy_of_a_patient_file_is_left_behind(desk: Desk, spoilt: bool) -> None:
    content = items(ITEM, ITEM.replace("9990000018", "9.99E+09") if spoilt else ITEM).encode("utf-16")
    desk.add(desk.file("items.csv.gz", gzip.compress(content)))
    if spoilt:
        with pytest.raises(UnreadableFile, match="spreadsheet has rounded the patient identifiers"):
            desk.land()
    else:
        desk.land()
    assert list(desk.data.tmp.iterdir()) == []
    assert not list(desk.data.identifiable.glob(".unpacked*"))
    for file in desk.data.root.rglob("*"):
        if file.is_file() and desk.data.identifiable not in file.parents:
            held = file.read_bytes()
            assert b"9990000018" not in held
            assert "9990000018".encode("utf-16-le") not in held
