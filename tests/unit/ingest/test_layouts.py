"""Layouts: which shape a file has, in words; NHS England's flow; lists of NHS numbers; a layout of one's own."""

import csv
from datetime import date
from pathlib import Path

import pytest
from faults.desk import Desk, epd
from typer.testing import CliRunner

from pipelines import assets
from pipelines.cli.main import app
from pipelines.config import load_settings
from pipelines.errors import UnknownLayout
from pipelines.ingest.register import Register
from pipelines.synthetic import write_extract

NHSE = {
    "ProcessedPeriod": "Year Month",
    "CostCentreODSCode": "Practice Code",
    "PatientGPODS": "Practice Code",
    "PseudoNHSNumber": "Patient ID",
    "PaidBNFCode": "BNF Code",
    "PaidBNFName": "BNF Description",
    "PaidQuantity": "Total Quantity",
}


@pytest.fixture(scope="module")
def extract(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("extract")
    write_extract(
        folder, patients=60, months=3, seed=3, start=date(2024, 1, 1), dirty=False, reference_dir=assets.REFERENCE_DIR
    )
    return folder


def test_the_flow_of_nhs_england_lands_as_the_same_items(desk: Desk, extract: Path) -> None:
    with (extract / "patient_items.csv").open(newline="") as handle:
        items = [row for row in csv.DictReader(handle) if row["Items"] == "1"]
    flow = desk.folder / "flow.csv"
    with flow.open("w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow([*NHSE, "PaidDrugStrength", "PaiddmdCode"])
        writer.writerows([*(row[name] for name in NHSE.values()), "10mg", "322236009"] for row in items)
    (added,) = desk.add(flow)
    assert added.layout == "nhse_dispensed_medicines"
    assert added.extra_columns == ("PaidDrugStrength",)
    desk.land()
    landed = desk.landed("flow.csv")
    followed = [row for row in items if row["BNF Code"].startswith(("0407020Q0", "0309"))]
    assert landed["items"].to_list() == ["1"] * len(followed)
    assert landed["registered_practice_code"].to_list() == [row["Practice Code"] for row in followed]
    assert landed["total_quantity"].to_list() == [row["Total Quantity"] for row in followed]
    assert landed["patient_key"].n_unique() == len({row["Patient ID"] for row in followed})


def test_a_list_of_nhs_numbers_stays_in_the_identifiable_store(desk: Desk) -> None:
    (added,) = desk.add(desk.file("list.csv", "NHS Number,Comparator\n9990000018,High dose opioids\n"))
    assert added.layout == "nhs_number_list"
    assert desk.land() == 0
    assert list(desk.data.landed.iterdir()) == list(desk.data.raw.iterdir()) == []
    assert desk.registered("list.csv").kept_as.startswith("identifiable/originals/")


def test_a_file_with_nhs_numbers_and_more_is_no_list_of_them(desk: Desk) -> None:
    with pytest.raises(UnknownLayout) as raised:
        desk.add(desk.file("people.csv", "NHS Number,Surname,Date of Birth\n9990000018,Q,1950-01-01\n"))
    assert "9990000018" not in str(raised.value)
    assert list(desk.data.originals.iterdir()) == []


def test_list_sizes_by_single_year_of_age_are_landed_by_age_and_sex(desk: Desk) -> None:
    content = (
        "EXTRACT_DATE,CCG_CODE,ONS_CCG_CODE,ORG_CODE,POSTCODE,SEX,AGE,NUMBER_OF_PATIENTS\n"
        "01JAN2021,00L,E38000130,A84002,NE65 7UW,FEMALE,ALL,2961\n"
        "01JAN2021,00L,E38000130,A84002,NE65 7UW,FEMALE,0,21\n"
        "01JAN2021,00L,E38000130,A84002,NE65 7UW,FEMALE,95+,7\n"
    )
    landed = desk.take("gp-reg-pat-prac-sing-age-female.csv", content)
    assert landed.select("practice_code", "sex", "age", "patients").rows() == [
        ("A84002", "FEMALE", "ALL", "2961"),
        ("A84002", "FEMALE", "0", "21"),
        ("A84002", "FEMALE", "95+", "7"),
    ]


def test_layouts_test_says_field_by_field_what_would_be_used(tmp_path: Path) -> None:
    file = tmp_path / "epd.csv"
    file.write_text(epd())
    answer = CliRunner().invoke(app, ["layouts", "test", str(file)])
    assert answer.exit_code == 0, answer.output
    lines = [line.split() for line in answer.stdout.splitlines()]
    assert lines[0][:8] == ["epd.csv:", "would", "be", "taken", "in", "as", "epd", "(English"]
    assert ["bnf_code", "←", "'BNF_CODE'"] in [line[:3] for line in lines]
    assert ["snomed_code", "absent"] in [line[:2] for line in lines]
    assert "Not used and not kept: PRACTICE_NAME" in answer.stdout


def test_layouts_test_names_what_the_nearest_layout_lacks(tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text("Claim Month,Practice Code,Patient ID,BNF Code,Items,Qty\n")
    answer = CliRunner().invoke(app, ["layouts", "test", str(file)])
    assert answer.exit_code == 5
    assert "mine.csv: is not epact2_items" in answer.stdout
    missing = [line.split() for line in answer.stdout.splitlines() if " MISSING " in line]
    assert [line[0] for line in missing if line[0] == "month"] == ["month"]


def test_a_layout_of_ones_own_is_used_from_the_settings_folder(desk: Desk) -> None:
    sources = desk.folder / "settings" / "sources"
    sources.mkdir(parents=True)
    shipped = (assets.CONFIG_DIR / "sources" / "epact2_items.toml").read_text(encoding="utf-8")
    mine = shipped.replace('"Year Month"', '"Claim Month"').replace('["Total Quantity"]', '["Qty"]')
    (sources / "mine.toml").write_text(mine, encoding="utf-8")
    desk.settings = load_settings(sources.parent)
    content = "Claim Month,Practice Code,Patient ID,BNF Code,Items,Qty\n202401,A81001,9990000018,0407020Q0AAAAAA,1,56\n"
    (added,) = desk.add(desk.file("report.csv", content))
    assert added.layout == "mine"
    desk.land()
    assert desk.landed("report.csv")["total_quantity"].to_list() == ["56"]


def test_every_layout_says_what_a_file_needs() -> None:
    answer = CliRunner().invoke(app, ["layouts", "list"])
    assert answer.exit_code == 0
    assert all(f" {layout.name} " in answer.stdout for layout in load_settings().layouts)


def test_only_one_delivery_is_registered_for_the_parts_of_an_add(desk: Desk) -> None:
    desk.add(desk.file("a.csv", epd()), desk.file("b.csv", epd("202401,S,A81001,0407020Q0AAAAAA,M,1,1,1,1,1")))
    assert {file.delivery for file in Register(desk.data).files()} == {1}
