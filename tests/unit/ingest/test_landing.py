"""Landing keeps every row: loaded, out of scope, duplicate, or quarantined with its line and a reason."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from faults.desk import Desk, epd

from pipelines.config import load_settings
from pipelines.engine.landing import MonthCounts
from pipelines.errors import PipelineError, ReconciliationError, UnknownLayout, UnreadableFile, UsageError
from pipelines.folders import DataFolder
from pipelines.ingest.delivery import add_files
from pipelines.ingest.landing import land_new_files, landed_file, quarantine_file
from pipelines.ingest.register import Register
from pipelines.products import FollowedPrefix

SETTINGS = load_settings()
FOLLOWED = [FollowedPrefix("0407020Q0", True), FollowedPrefix("0309", False)]
HEADER = "Year Month,Practice Code,Patient ID,BNF Code,BNF Description,Quantity,Items,Total Quantity,Age"
ITEM = "202401,A81001,9990000018,0407020Q0AAAAAA,Morphine 10mg tablets,56,1,56,50"

Land = Callable[[bytes | str], tuple[list[MonthCounts], pl.DataFrame, pl.DataFrame | None]]


@pytest.fixture
def land(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Land:
    monkeypatch.setenv("OPIOIDS_KEY_FILE", str(tmp_path / "key"))

    def run(content: bytes | str, **options: object) -> tuple[list[MonthCounts], pl.DataFrame, pl.DataFrame | None]:
        data = DataFolder(tmp_path / "data")
        data.prepare()
        file = tmp_path / "report.csv"
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        add_files([file], data, SETTINGS, **options)  # type: ignore[arg-type]
        # One bad row of a few is more than real files have: the limit is tested by itself.
        roomy = SETTINGS.model_copy(
            update={"pipeline": SETTINGS.pipeline.model_copy(update={"quarantined_share_limit": Decimal(1)})}
        )
        land_new_files(data, roomy, FOLLOWED)
        register = Register(data)
        registered = register.files()[-1]
        counts = [m.counts for m in register.loaded_months() if m.file.sha256 == registered.sha256]
        quarantine = quarantine_file(registered, data)
        return (
            counts,
            pl.read_parquet(landed_file(registered, data)),
            pl.read_parquet(quarantine) if quarantine.exists() else None,
        )

    return run


@pytest.mark.parametrize(
    ("written", "month"),
    [
        ("202401", date(2024, 1, 1)),
        ("2024-01", date(2024, 1, 1)),
        ("2016_01", date(2016, 1, 1)),
        ("Jan-24", date(2024, 1, 1)),
        ("Sep 2025", date(2025, 9, 1)),
        ("01/12/2024", date(2024, 12, 1)),
        ("2024-03-01", date(2024, 3, 1)),
        ("2024-03-01T00:00:00+00:00", date(2024, 3, 1)),
        ("01JAN2021", date(2021, 1, 1)),
    ],
)
def test_a_month_is_read_in_every_form_that_extracts_use(land: Land, written: str, month: date) -> None:
    counts, landed, _ = land(f"{HEADER}\n{ITEM.replace('202401', written)}\n")
    assert [c.month for c in counts] == [month]
    assert landed["month"].to_list() == [month.isoformat()]


@pytest.mark.parametrize("written", ["202413", "24-01", "1e5", "", "January", "20240", "00/01/2024x"])
def test_a_month_that_cannot_be_read_is_quarantined_never_guessed(land: Land, written: str) -> None:
    counts, landed, quarantine = land(f"{HEADER}\n{ITEM}\n{ITEM.replace('202401', written)}\n")
    assert sum(c.rows_read for c in counts) == 2
    assert landed.height == 1
    assert quarantine is not None
    assert quarantine.select("source_row", "field", "rule").rows() == [(3, "month", "month")]


@pytest.mark.parametrize("quantity", ["1e3", "1_000", "0x10", "nan", "٣", "５６", "12,34", "--5", "1.2.3", "5 0"])
def test_a_quantity_that_is_no_plain_number_is_quarantined_with_its_line(land: Land, quantity: str) -> None:
    bad = f'202401,A81001,9990000018,0407020Q0AAAAAA,Morphine 10mg tablets,"{quantity}",1,,50'
    counts, landed, quarantine = land(f"{HEADER}\n{ITEM}\n{bad}\n")
    assert landed.height == 1
    assert quarantine is not None
    assert quarantine.select("source_row", "field", "rule", "value").rows() == [(3, "quantity", "pattern", quantity)]
    assert counts[0].rows_quarantined == 1


@pytest.mark.parametrize("quantity", ["10.5", "012345", "1,000", " 56 ", "56.00"])
def test_a_quantity_is_landed_as_it_stands(land: Land, quantity: str) -> None:
    row = f'202401,A81001,9990000018,0407020Q0AAAAAA,Morphine 10mg tablets,"{quantity}",1,,50'
    _, landed, quarantine = land(f"{HEADER}\n{row}\n")
    assert landed["quantity"].to_list() == [quantity.strip()]
    assert quarantine is None


def test_rows_are_reconciled_by_what_became_of_them(land: Land) -> None:
    cough = ITEM.replace("0407020Q0AAAAAA,Morphine 10mg tablets", "0309010C0AAADAD,Codeine linctus")
    heart = ITEM.replace("0407020Q0AAAAAA,Morphine 10mg tablets", "0205051L0AAABAB,Lisinopril 5mg tablets")
    spoilt = ITEM.replace("0407020Q0AAAAAA", "4.07E+14")
    counts, landed, _ = land("\n".join([HEADER, ITEM, ITEM, cough, heart, spoilt]) + "\n")
    assert counts == [MonthCounts(date(2024, 1, 1), 5, 2, 2, 1, 0, Decimal("280.0000"), Decimal("112.0000"), 0)]
    # Two equal items of a person in a month are two items; what is only noted is landed too.
    assert landed["bnf_code"].to_list() == ["0407020Q0AAAAAA", "0407020Q0AAAAAA", "0309010C0AAADAD"]


def test_a_line_with_too_few_or_too_many_columns_is_quarantined(land: Land) -> None:
    counts, landed, quarantine = land(f"{HEADER}\n{ITEM}\n202401,A81001\n{ITEM},extra\n")
    assert landed.height == 1
    assert quarantine is not None
    assert quarantine.select("source_row", "rule").rows() == [(3, "columns"), (4, "columns")]
    assert sum(c.rows_quarantined for c in counts) == 2


def test_an_odd_age_costs_nobody_their_dose(land: Land) -> None:
    counts, landed, _ = land(f"{HEADER}\n{ITEM[:-2]}unknown\n")
    assert landed["age"].to_list() == [None]
    assert counts[0].values_blanked == 1


@pytest.mark.parametrize(
    "content",
    [
        f"\ufeff{HEADER}\r\n{ITEM}\r\n".encode(),
        f"{HEADER}\n{ITEM}\n".encode("utf-16"),
        f"{HEADER},NIC (£)\n{ITEM},£1.50\n".encode("latin-1"),
        f"{HEADER}\n{ITEM}\n".replace(",", ";").encode(),
        f"{HEADER}\n{ITEM}\n".replace(",", "\t").encode(),
        f"My report,,,,,,,,\nRun on 1 May,,,,,,,,\n\n{HEADER}\n{ITEM}\n".encode(),
        f"{HEADER}\n{ITEM}\nReport total,,,,,,,56,\n".encode(),
    ],
    ids=["bom-crlf", "utf-16", "latin-1", "semicolons", "tabs", "preamble", "footer"],
)
def test_a_file_is_read_whatever_its_dress(land: Land, content: bytes) -> None:
    counts, landed, quarantine = land(content)
    assert landed["total_quantity"].to_list() == ["56"]
    assert quarantine is None
    assert sum(c.rows_read for c in counts) == 1


def test_the_identifier_is_replaced_before_anything_is_landed(land: Land) -> None:
    invalid = ITEM.replace("9990000018", "9434765918")
    placeholder = ITEM.replace("9990000018", "4444444444")
    nobody = ITEM.replace("9990000018", "")
    _, landed, _ = land("\n".join([HEADER, ITEM, ITEM, invalid, placeholder, nobody]) + "\n")
    assert "patient_id" not in landed.columns
    keys = landed["patient_key"].to_list()
    assert keys[0] == keys[1]
    assert len(keys[0]) == 32
    assert keys[2:] == [None, None, None]
    assert landed["identity_status"].to_list() == [
        "identified",
        "identified",
        "invalid_nhs_number",
        "invalid_nhs_number",
        "unidentified",
    ]


def test_an_identifier_that_has_slipped_into_another_column_is_not_kept_in_the_quarantine(land: Land) -> None:
    slipped = ITEM.replace("A81001,9990000018", "9990000018,A81001")
    counts, landed, quarantine = land(f"{HEADER}\n{ITEM}\n{slipped}\n")
    assert landed.height == 1
    assert quarantine is not None
    assert quarantine.select("source_row", "field", "value").rows() == [(3, "practice_code", None)]
    assert sum(c.rows_quarantined for c in counts) == 1


def test_identifiers_that_a_spreadsheet_has_rounded_are_refused(land: Land) -> None:
    with pytest.raises(UnreadableFile, match="spreadsheet has rounded the patient identifiers"):
        land(f"{HEADER}\n{ITEM.replace('9990000018', '9.99E+09')}\n")


def test_a_file_with_too_many_bad_rows_stops_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPIOIDS_KEY_FILE", str(tmp_path / "key"))
    data = DataFolder(tmp_path / "data")
    data.prepare()
    file = tmp_path / "report.csv"
    file.write_text(f"{HEADER}\n{ITEM}\n{ITEM.replace(',56,1,56,', ',x,1,x,')}\n")
    add_files([file], data, SETTINGS)
    with pytest.raises(ReconciliationError) as raised:
        land_new_files(data, SETTINGS, FOLLOWED)
    assert "1 of 2 rows of a file cannot be read" in raised.value.what
    assert "9990000018" not in str(raised.value)
    assert list(data.landed.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("", UnreadableFile),
        ("a,b,c\n1,2,3\n", UnknownLayout),
        ("PRACTICE_CODE,BNF_CODE,QUANTITY,ITEMS,ACTUAL_COST\n", UnknownLayout),
        (b"\x00\x01\x02\x03binary\x00", UnreadableFile),
    ],
)
def test_what_is_not_recognised_is_refused_in_words_and_not_registered(
    tmp_path: Path, content: str | bytes, error: type[PipelineError]
) -> None:
    data = DataFolder(tmp_path / "data")
    data.prepare()
    file = tmp_path / "odd.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(error) as raised:
        add_files([file], data, SETTINGS)
    assert raised.value.remedy
    assert Register(data).files() == []
    assert list(data.raw.iterdir()) == list(data.originals.iterdir()) == []


def test_a_layout_without_month_asks_for_it(land: Land) -> None:
    with pytest.raises(UsageError, match="does not say its month"):
        land("PRACTICE_CODE,BNF_CODE,QUANTITY,ITEMS,ACTUAL_COST\n", layout_name="epd_partial")


def test_a_month_given_by_the_user_is_that_of_every_row(land: Land) -> None:
    counts, landed, _ = land(
        "PRACTICE_CODE,BNF_CODE,QUANTITY,ITEMS,ACTUAL_COST\nA81001,0407020Q0AAAAAA,28,3,1.5\n",
        layout_name="epd_partial",
        month=date(2023, 3, 1),
    )
    assert [c.month for c in counts] == [date(2023, 3, 1)]
    assert counts[0].total_quantity == 84
    assert landed["month"].to_list() == ["2023-03-01"]


@pytest.mark.parametrize(
    "header",
    [
        "YEAR_MONTH,PRACTICE_NAME,PRACTICE_CODE,BNF_CHEMICAL_SUBSTANCE,BNF_CODE,BNF_DESCRIPTION,QUANTITY,ITEMS,TOTAL_QUANTITY,NIC",
        "YEAR_MONTH,PRACTICE_NAME,PRACTICE_CODE,BNF_CHEMICAL_SUBSTANCE,BNF_PRESENTATION_CODE,BNF_PRESENTATION_NAME,QUANTITY,ITEMS,TOTAL_QUANTITY,NIC",
    ],
    ids=["to mid-2025", "with SNOMED"],
)
def test_both_editions_of_epd_land_in_the_same_columns(land: Land, header: str) -> None:
    row = "202401,SURGERY,A81001,Morphine,0407020Q0AAAAAA,Morphine 10mg tablets,56,2,112,3.20"
    _, landed, _ = land(f"{header}\n{row}\n")
    kept = landed.select("practice_code", "bnf_code", "bnf_description", "total_quantity", "nic").rows()
    assert kept == [("A81001", "0407020Q0AAAAAA", "Morphine 10mg tablets", "112", "3.20")]


@pytest.mark.parametrize(
    ("months", "is_refused"),
    [
        (("01/01/2024", "02/01/2024", "12/01/2024"), True),
        (("02/01/2024",), True),
        # One month, day first; three months, day first; days of January as they fall.
        (("01/01/2024",), False),
        (("01/01/2024", "01/02/2024", "01/03/2024"), False),
        (("02/01/2024", "09/01/2024", "31/01/2024"), False),
    ],
)
def test_months_that_stand_first_are_not_read_as_days_of_january(
    desk: Desk, months: tuple[str, ...], is_refused: bool
) -> None:
    rows = [f"{month},A,A81001,0407020Q0AAALAL,Morphine 30mg MR tablets,56,1,56,5.00,4.90" for month in months]
    desk.add(desk.file("dates.csv", epd(*rows)))
    if is_refused:
        with pytest.raises(UnreadableFile, match="month first") as raised:
            desk.land()
        assert raised.value.remedy.endswith("opioids withdraw dates.csv")
    else:
        assert desk.land() == 1
