"""Factor sets compared: what differs is what their sources say differs."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from pipelines import assets
from pipelines.config import load_settings
from pipelines.errors import ReferenceDataError
from pipelines.factor_sets import CohortChange, FactorDiff, ProductChange, diff_factor_sets, factor_changes, rows_of
from pipelines.folders import DataFolder
from pipelines.ingest.delivery import add_files
from pipelines.ingest.landing import land_new_files
from pipelines.products import ProductReference, followed_prefixes

REFERENCE = ProductReference.load(assets.REFERENCE_DIR)
SETTINGS = load_settings()
HEADER = "Year Month,Practice Code,Patient ID,BNF Code,BNF Description,Quantity,Items,Total Quantity,Age"
CO_CODAMOL = "0407010F0AAAHAH,Co-codamol 30mg/500mg tablets"
MORPHINE = "0407020Q0AAAIAI,Morphine 60mg modified-release tablets"


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataFolder:
    """One person on co-codamol, one on morphine, January to April 2024: the newest month is provisional."""
    monkeypatch.setenv("OPIOIDS_KEY_FILE", str(tmp_path / "key"))
    data = DataFolder(tmp_path / "data")
    data.prepare()
    lines = [
        f"2024{month:02},A81001,{person},{product},{tablets},1,{tablets},50"
        for month in (1, 2, 3, 4)
        for person, product, tablets in (("9990000018", CO_CODAMOL, 900), ("9990000026", MORPHINE, 90))
    ]
    file = tmp_path / "report.csv"
    file.write_text("\n".join([HEADER, *lines]) + "\n", encoding="utf-8")
    add_files([file], data, SETTINGS)
    land_new_files(data, SETTINGS, followed_prefixes(REFERENCE))
    return data


def cohorts_that_change(diff: FactorDiff) -> dict[str, tuple[int, int, int, int]]:
    return {c.cohort: (c.before, c.after, c.enter, c.leave) for c in diff.cohorts if c.enter or c.leave}


def test_products_and_people_move_as_the_arithmetic_says(data: DataFolder) -> None:
    # January to March 2024 have 91 days. 2,700 tablets of 30 mg codeine are 8,100 mg OME at 0.1, 89.0 a day: below 90;
    # at 0.15 they are 12,150 mg, 133.5 a day: above 120. 270 tablets of 60 mg morphine are 178 a day under both.
    diff = diff_factor_sets(data, SETTINGS, "uk_2026", "uk_2026_codeine_0_15")
    code, description = CO_CODAMOL.split(",")
    assert [(c.drug, c.before, c.after) for c in diff.factors] == [("codeine", Decimal("0.1"), Decimal("0.15"))]
    assert diff.products == (ProductChange(code, description, "3.000000", "4.500000", 4),)
    assert diff.month == date(2024, 3, 1)
    moved = dict.fromkeys(("high_dose", "high_dose_ge120", "high_dose_gt90", "high_dose_ge90"), (1, 2, 1, 0))
    assert cohorts_that_change(diff) == moved
    # Nobody can be judged long-term in the third month of data.
    assert CohortChange("high_dose_long_term", 0, 0, 0, 0) in diff.cohorts
    back = diff_factor_sets(data, SETTINGS, "uk_2026_codeine_0_15", "uk_2026")
    assert cohorts_that_change(back) == dict.fromkeys(moved, (2, 1, 0, 1))


def test_without_data_only_the_factors_are_compared(tmp_path: Path) -> None:
    data = DataFolder(tmp_path / "data")
    data.prepare()
    diff = diff_factor_sets(data, SETTINGS, "uk_2026", "uk_2026_codeine_0_15")
    assert len(diff.factors) == 1
    assert (diff.products, diff.cohorts, diff.month) == ((), (), None)


def test_the_factors_of_a_set_are_told_as_text_and_what_is_left_out_is_said() -> None:
    told = {(row[0], row[1]): (row[3], row[4]) for row in rows_of("cdc_2022", REFERENCE)}
    assert told["morphine", "oral"] == ("1", "mg OME per mg")
    assert told["codeine", "oral"] == ("0.15", "mg OME per mg")
    assert told["buprenorphine", "transdermal"][0] == "left out"
    with pytest.raises(ReferenceDataError, match="uk_1900"):
        rows_of("uk_1900", REFERENCE)


def test_uk_and_cdc_factors_differ_where_the_cdc_table_says_so() -> None:
    # CDC 2022, table of conversion factors: codeine 0.15, tramadol 0.2, methadone 4.7; buprenorphine is left out.
    changed = {(c.drug, c.route): (c.before, c.after) for c in factor_changes(REFERENCE, "uk_2026", "cdc_2022")}
    assert changed["codeine", "oral"] == (Decimal("0.1"), Decimal("0.15"))
    assert changed["tramadol", "oral"] == (Decimal("0.1"), Decimal("0.2"))
    assert changed["methadone", "oral"] == (Decimal(3), Decimal("4.7"))
    assert changed["buprenorphine", "transdermal"] == (Decimal("2.4"), None)
    assert ("morphine", "oral") not in changed


def test_a_set_does_not_differ_from_itself() -> None:
    assert factor_changes(REFERENCE, "uk_2026", "uk_2026") == ()


def test_an_unknown_set_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ReferenceDataError, match="uk_2026"):
        factor_changes(REFERENCE, "uk_2026", "uk_1900")
