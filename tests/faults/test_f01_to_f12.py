"""Faults F1 to F12, as far as files are concerned: headers, names, workbooks, odd codes."""

import zipfile
from pathlib import Path

import pytest
import xlsxwriter
from faults.desk import Desk, epd

from pipelines.errors import UnknownLayout, UnreadableFile

ROW = "202401,SURGERY,A81001,0407020Q0AAAAAA,Morphine 10mg tablets,56,2,112,3.20,3.10"
SNOMED_HEADER = (
    "SNOMED_CODE,YEAR_MONTH,PRACTICE_NAME,PRACTICE_CODE,BNF_PRESENTATION_CODE,BNF_PRESENTATION_NAME,QUANTITY,ITEMS,"
    "TOTAL_QUANTITY,NIC,ACTUAL_COST"
)
KEPT = ["month", "practice_code", "bnf_code", "bnf_description", "quantity", "items", "total_quantity", "nic"]


def test_f1_renamed_columns_land_in_the_same_table(desk: Desk) -> None:
    old = desk.take("old.csv", epd(ROW))
    new = desk.take("new.csv", epd(f"322236009,{ROW}", header=SNOMED_HEADER))
    assert old.select(KEPT).rows() == new.select(KEPT).rows()


@pytest.mark.parametrize("edition", ["STP_NAME,STP_CODE", "AREA_TEAM_NAME,AREA_TEAM_CODE", "ICB_NAME,ICB_CODE"])
def test_f1_headers_of_every_age_are_known_and_extra_columns_named(desk: Desk, edition: str) -> None:
    header = f"YEAR_MONTH,{edition},PRACTICE_CODE,BNF_CODE,BNF_DESCRIPTION,QUANTITY,ITEMS,TOTAL_QUANTITY,NIC"
    content = epd("2016_01,X,Y,A81001,0407020Q0AAAAAA,Morphine,56.0,2,112.0,3.2", header=header)
    (added,) = desk.add(desk.file("EPD_201601.csv", content))
    assert added.layout == "epd"
    assert added.extra_columns == tuple(edition.split(","))
    desk.land()
    assert desk.landed("EPD_201601.csv")["month"].to_list() == ["2016-01-01"]


def test_f1_an_unknown_header_stops_with_the_nearest_match(desk: Desk) -> None:
    content = epd(header="YEAR_MONTH,PRACTICE_CODE,BNF_PRESENTATION,BNF_DESCRIPTION,QUANTITY,ITEM,TOTAL_QUANTITY,NIC")
    with pytest.raises(UnknownLayout) as raised:
        desk.add(desk.file("EPD_202512.csv", content))
    assert str(raised.value).splitlines() == [
        "The header of this file matches no known layout.",
        "File EPD_202512.csv. Nearest: epd lacks BNF_CODE (nearest: 'bnf presentation'), ITEMS (nearest: 'item'); "
        "bnf_presentations lacks BNF_CODE (nearest: 'bnf presentation').",
        "A patient-level report of your own: 'opioids layouts test FILE --layout epact2_items' shows what it lacks, "
        "docs/layouts.md how to describe it. Any other: 'opioids layouts list'.",
    ]


@pytest.mark.parametrize("place", [0, 4, 9])
def test_f2_the_snomed_column_may_stand_anywhere_or_be_absent(desk: Desk, place: int) -> None:
    names, cells = epd(ROW).splitlines()
    header, row = names.split(","), cells.split(",")
    header.insert(place, "SNOMED_CODE")
    row.insert(place, "322236009")
    landed = desk.take("epd.csv", epd(",".join(row), header=",".join(header)))
    assert landed.select(*KEPT, "snomed_code").rows() == [
        ("2024-01-01", "A81001", "0407020Q0AAAAAA", "Morphine 10mg tablets", "56", "2", "112", "3.20", "322236009")
    ]


def test_f5_a_suffix_and_a_zip_change_nothing_and_a_revision_says_what_it_replaces(desk: Desk) -> None:
    desk.take("EPD_202401.csv", epd(ROW))
    revised = desk.folder / "EPD_202401_FINAL_V2.zip"
    with zipfile.ZipFile(revised, "w") as archive:
        archive.writestr("EPD_202401_FINAL_V2.csv", epd(ROW, ROW.replace(",56,2,112,", ",56,1,56,")))
        archive.writestr("notes.pdf", b"%PDF")
    desk.add(revised)
    desk.land()
    assert desk.said == (
        "EPD_202401_FINAL_V2.zip replaces 2024-01 of epd (was EPD_202401.csv): "
        "1 rows, quantity 112 before, 2 rows, quantity 168 now."
    )


def pcn_workbook(file: Path, sheet: str, headers: list[str], rows: list[list[str]]) -> Path:
    with xlsxwriter.Workbook(file) as book:
        book.add_worksheet("PCN Details")
        page = book.add_worksheet(sheet)
        for number, row in enumerate([headers, *rows]):
            page.write_row(number, 0, row)
    return file


PCN_HEADERS = [
    "Partner\nOrganisation\nCode",
    "Partner\nName",
    "PCN  Code",
    "pcn name",
    "Practice to PCN\nRelationship\nStart Date",
    "Practice to PCN\nRelationship\nEnd Date",
]


def test_f6_case_spaces_and_line_breaks_of_a_header_do_not_count(desk: Desk) -> None:
    file = pcn_workbook(
        desk.folder / "ePCN.xlsx",
        "PCN Core Partner Details",
        PCN_HEADERS,
        [["A81001", "", "U1", "One", "20200101", ""]],
    )
    (added,) = desk.add(file)
    assert added.layout == "epcn"


def test_f6_another_sheet_name_is_told_with_the_sheets_found(desk: Desk) -> None:
    file = pcn_workbook(desk.folder / "ePCN.xlsx", "Partners", PCN_HEADERS, [])
    with pytest.raises(UnknownLayout) as raised:
        desk.add(file)
    assert "File ePCN.xlsx (sheets: PCN Details, Partners)." in str(raised.value)


def test_f7_half_blank_rows_are_quarantined_and_ended_links_stay(desk: Desk) -> None:
    rows = [
        ["A81001", "", "U1", "One", "20190701", "20200331"],
        ["", "", "", "", "", ""],
        ["", "", "U2", "Two", "20200101", ""],
        ["A81002", "", "U2", "Two", "20200101", ""],
    ]
    file = pcn_workbook(desk.folder / "ePCN.xlsx", "PCN Core Partner Details", PCN_HEADERS, rows)
    desk.add(file)
    desk.land()
    assert desk.landed("ePCN.xlsx").select("source_row", "practice_code", "end_date").rows() == [
        (2, "A81001", "20200331"),
        (5, "A81002", None),
    ]
    assert desk.quarantined("ePCN.xlsx").select("source_row", "field", "reason").rows() == [
        (4, "practice_code", "the field is empty")
    ]
    assert [c.rows_read for c in desk.counts("ePCN.xlsx")] == [3]


def test_f10_and_f11_odd_practices_are_landed_with_their_rows(desk: Desk) -> None:
    rows = [ROW.replace("A81001", code) for code in ("W91001", "-", "", "A81001")]
    landed = desk.take("epd.csv", epd(*rows))
    assert landed["practice_code"].to_list() == ["W91001", "-", None, "A81001"]


@pytest.mark.parametrize("patients", ["0", ""])
def test_f12_a_list_without_people_is_landed_or_quarantined_never_a_number_of_its_own(
    desk: Desk, patients: str
) -> None:
    content = f"EXTRACT_DATE,CODE,SEX,AGE,NUMBER_OF_PATIENTS\n01JAN2024,A81001,ALL,ALL,{patients}\n"
    landed = desk.take("gp-reg-pat-prac-all.csv", content)
    if patients:
        assert landed["patients"].to_list() == ["0"]
    else:
        assert desk.quarantined("gp-reg-pat-prac-all.csv")["reason"].to_list() == ["the field is empty"]


def test_f5_a_damaged_archive_is_refused_in_words(desk: Desk) -> None:
    file = desk.folder / "epd.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("epd.csv", epd(ROW))
    file.write_bytes(file.read_bytes().replace(b"Morphine", b"Morphime", 1))
    with pytest.raises(UnreadableFile, match="does not match its checksum"):
        desk.add(file)
    file.write_bytes(file.read_bytes()[:-30])
    with pytest.raises(UnreadableFile, match="its end is missing"):
        desk.add(file)
    assert set(desk.data.identifiable.iterdir()) == {desk.data.originals, desk.data.refused}
