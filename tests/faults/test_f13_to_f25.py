"""Faults F13 to F25, as far as files are concerned: deliveries, quantities, codes, row limits, silent changes."""

import gzip
import zipfile
from datetime import date
from decimal import Decimal

import pytest
import xlsxwriter
from faults.desk import Desk, epd

from pipelines.errors import UnreadableFile
from pipelines.ingest import layouts
from pipelines.ingest.register import Register

ROW = "202401,SURGERY,A81001,0407020Q0AAAAAA,Morphine 10mg tablets,56,2,112,3.20,3.10"
ITEMS_HEADER = "Year Month,Practice Code,Patient ID,BNF Code,BNF Description,Quantity,Items,Total Quantity"
ITEM = "202401,A81001,9990000018,0407020Q0AAAAAA,Morphine 10mg tablets,56,1,56"


def test_f13_the_same_content_renamed_zipped_or_gzipped_changes_nothing(desk: Desk) -> None:
    content = epd(ROW)
    desk.take("epd.csv", content)
    zipped = desk.folder / "again.zip"
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("other.csv", content)
    packed = desk.file("again.csv.gz", gzip.compress(content.encode()))
    added = desk.add(desk.file("renamed.csv", content), zipped, packed)
    assert [file.is_new for file in added] == [False, False, False]
    assert desk.land() == 0
    assert [len(list(folder.iterdir())) for folder in (desk.data.raw, desk.data.originals)] == [1, 0]


def test_f13_an_overlapping_republication_replaces_its_months_and_no_other(desk: Desk) -> None:
    february = ROW.replace("202401", "202402")
    march = ROW.replace("202401", "202403")
    desk.take("year.csv", epd(ROW, february))
    desk.take("again.csv", epd(february, february, march))
    current = {m.counts.month: m.counts.rows_read for m in Register(desk.data).loaded_months() if m.is_current}
    assert current == {date(2024, 1, 1): 1, date(2024, 2, 1): 2, date(2024, 3, 1): 1}


def test_f13_old_content_that_comes_again_does_not_undo_a_correction_and_the_user_is_told(desk: Desk) -> None:
    february = ROW.replace("202401", "202402")
    wrong, right = epd(ROW, february), epd(ROW, ROW)
    desk.take("wrong.csv", wrong)
    desk.take("right.csv", right)
    desk.log.clear()
    (added,) = desk.add(desk.file("again.csv", wrong))
    assert not added.is_new
    assert desk.land() == 0
    current = {(m.file.file_name, m.counts.month) for m in Register(desk.data).loaded_months() if m.is_current}
    assert current == {("right.csv", date(2024, 1, 1)), ("wrong.csv", date(2024, 2, 1))}
    assert desk.said == (
        "again.csv was delivered before as wrong.csv, and 2024-01 of it was replaced since by right.csv: that stays. "
        "If the later file is the wrong one, take it back: opioids withdraw FILE."
    )


def test_f13_files_of_one_delivery_add_up(desk: Desk) -> None:
    desk.add(desk.file("a.csv", epd(ROW)), desk.file("b.csv", epd(ROW.replace("A81001", "A81002"))))
    desk.land()
    assert sum(m.counts.rows_read for m in Register(desk.data).loaded_months() if m.is_current) == 2


def test_f13_a_zip_of_several_files_is_one_delivery_of_them(desk: Desk) -> None:
    archive = desk.folder / "parts.zip"
    with zipfile.ZipFile(archive, "w") as parts:
        parts.writestr("x/a.csv", epd(ROW))
        parts.writestr("x/b.csv", epd(ROW.replace("A81001", "A81002")))
        parts.writestr("__MACOSX/._a.csv", b"\0")
    assert [added.file_name for added in desk.add(archive)] == ["parts.zip/a.csv", "parts.zip/b.csv"]
    assert len({file.delivery for file in Register(desk.data).files()}) == 1


def test_f14_equal_items_stay_and_equal_reference_rows_are_counted_once(desk: Desk) -> None:
    assert desk.take("epd.csv", epd(ROW, ROW)).height == 2
    lists = "EXTRACT_DATE,CODE,SEX,AGE,NUMBER_OF_PATIENTS\n" + "01JAN2024,A81001,ALL,ALL,9\n" * 2
    assert desk.take("lists.csv", lists).height == 1
    assert [(c.rows_read, c.rows_loaded, c.rows_duplicate) for c in desk.counts("lists.csv")] == [(2, 1, 1)]


@pytest.mark.parametrize(("quantity", "items"), [("0", "1"), ("-56", "1"), ("56", "-1")])
def test_f15_and_f16_nothing_dispensed_and_reversals_are_kept(desk: Desk, quantity: str, items: str) -> None:
    landed = desk.take("items.csv", f"{ITEMS_HEADER}\n{ITEM.replace('56,1,56', f'{quantity},{items},')}\n")
    assert landed.select("quantity", "items").rows() == [(quantity, items)]
    assert desk.counts("items.csv")[0].total_quantity == Decimal(quantity) * Decimal(items)


def test_f17_a_product_of_an_unknown_code_with_a_description_is_landed(desk: Desk) -> None:
    landed = desk.take("items.csv", f"{ITEMS_HEADER}\n{ITEM.replace('0407020Q0AAAAAA', '')}\n")
    assert landed.select("bnf_code", "bnf_description").rows() == [(None, "Morphine 10mg tablets")]


def test_f18_a_code_that_is_junk_is_quarantined_on_every_row(desk: Desk) -> None:
    landed = desk.take("items.csv", f"{ITEMS_HEADER}\n{ITEM}\n" + f"{ITEM.replace('0407020Q0AAAAAA', '#N/A')}\n" * 3)
    assert landed.height == 1
    quarantined = desk.quarantined("items.csv").select("source_row", "field", "value").rows()
    assert quarantined == [(line, "bnf_code", "#N/A") for line in (3, 4, 5)]


def test_f21_the_month_is_that_of_the_content_and_a_name_that_differs_is_told(desk: Desk) -> None:
    desk.take("EPD_202402.csv", epd(ROW))
    assert [c.month for c in desk.counts("EPD_202402.csv")] == [date(2024, 1, 1)]
    assert desk.said == "EPD_202402.csv is named for 2024-02 but holds 2024-01: the content counts."


def test_f23_a_sheet_that_is_full_to_its_last_row_is_refused(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layouts, "EXCEL_ROWS", 3)
    file = desk.folder / "items.xlsx"
    with xlsxwriter.Workbook(file) as book:
        page = book.add_worksheet("Report")
        for number, row in enumerate([ITEMS_HEADER, ITEM, ITEM]):
            page.write_row(number, 0, row.split(","))
    with pytest.raises(UnreadableFile) as raised:
        desk.add(file)
    assert str(raised.value).splitlines() == [
        "A sheet is full to its last row (3), so rows are very likely missing.",
        "File items.xlsx, sheet 'Report'.",
        "Export it as csv, or in parts of fewer rows.",
    ]


def test_f23_an_old_workbook_is_refused_with_its_limit(desk: Desk) -> None:
    with pytest.raises(UnreadableFile) as raised:
        desk.add(desk.file("items.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 512))
    assert "An .xls sheet ends at 65,536 rows, and what was beyond is lost without a word." in str(raised.value)


def test_f23_a_csv_as_long_as_a_sheet_is_told(desk: Desk) -> None:
    desk.take("items.csv", f"{ITEMS_HEADER}\n" + f"{ITEM}\n" * 65_535)
    assert "items.csv has 65,535 rows, as many as a sheet of Excel holds" in desk.said


def test_f25_a_file_without_any_followed_product_is_landed_with_no_row(desk: Desk) -> None:
    landed = desk.take("epd.csv", epd(ROW.replace("0407020Q0AAAAAA", "0205051L0AAABAB")))
    assert landed.height == 0
    assert [(c.rows_read, c.rows_loaded, c.rows_out_of_scope) for c in desk.counts("epd.csv")] == [(1, 0, 1)]
