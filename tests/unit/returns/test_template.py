"""The template has every sheet with its columns, a warning on each, and comes back as it went out."""

import zipfile
from datetime import date
from pathlib import Path

import fastexcel
import pytest

from pipelines.config import load_settings
from pipelines.errors import UsageError
from pipelines.returns import SHEETS, read_returns
from pipelines.returns.template import WARNING, write_template

SETTINGS = load_settings()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("template") / "returns.xlsx"
    write_template(out, SETTINGS)
    return out


def cells(file: Path, sheet: str) -> list[list[str]]:
    table = fastexcel.read_excel(file).load_sheet(sheet, header_row=None, skip_rows=0, dtypes="string").to_arrow()
    return [[cell or "" for cell in row.values()] for row in table.to_pylist()]


def test_every_sheet_has_its_columns_and_the_warning(template: Path) -> None:
    assert fastexcel.read_excel(template).sheet_names == ["Read me", *SHEETS, "Measures"]
    for name, sheet in SHEETS.items():
        found = cells(template, name)
        assert found[0][0] == sheet.says
        assert found[1][0] == WARNING
        assert [cell for cell in found[3] if cell] == [*(column.name for column in sheet.columns), "withdraw"]


def test_every_measure_and_instrument_is_explained(template: Path) -> None:
    listed = {row[0] for row in cells(template, "Measures")}
    assert {measure.id for measure in SETTINGS.local.returned} <= listed
    assert {instrument.id for instrument in SETTINGS.local.instruments} <= listed
    assert {"high_dose", "long_term", "opioid_gabapentinoid"} <= listed


def test_the_empty_template_comes_back_without_a_row_or_a_fault(template: Path) -> None:
    found = read_returns(template.read_bytes(), template.name, SETTINGS, None, date(2026, 6, 15))
    assert found.rows == ()
    assert set(found.not_read) == {"Read me", "Measures"}


def test_it_holds_no_formula_and_the_same_bytes_whenever_it_is_written(template: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.xlsx"
    write_template(again, SETTINGS)
    assert again.read_bytes() == template.read_bytes()
    with zipfile.ZipFile(template) as book:
        sheets = [book.read(name).decode() for name in book.namelist() if name.startswith("xl/worksheets/")]
    assert sheets
    assert not any("<f>" in sheet for sheet in sheets)


def test_it_is_a_workbook(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"an \.xlsx file"):
        write_template(tmp_path / "returns.csv", SETTINGS)


def test_the_measures_of_the_programme_are_there() -> None:
    kinds = {measure.id: measure.kind for measure in SETTINGS.local.returned}
    for measure, kind in {
        "referrals_personalised_care": "outcome",
        "referrals_alternative_services": "outcome",
        "referrals_advice_and_guidance": "process",
        "mdt_cases": "process",
        "mdt_attendees_pharmacist": "process",
        "hours_case_finding": "balancing",
        "hours_reviews": "balancing",
        "hours_mdts": "balancing",
        "survey_patient_experience": "outcome",
        "survey_clinician_competence": "outcome",
        "survey_advice_useful": "outcome",
        "discharge_letters_with_plan": "outcome",
        "pathway_case_studies": "outcome",
    }.items():
        assert kinds[measure] == kind
    assert all(measure.checked_by and measure.next_review for measure in SETTINGS.local.returned)
