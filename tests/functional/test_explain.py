"""`opioids explain`: people worked by hand, from the file to the page; and figures that do not add up."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from commands import Answer, Opioids

from pipelines.audit import AuditTrail
from pipelines.errors import ContractError, UsageError
from pipelines.explain import Explanation, explain_person
from pipelines.explain.rules import RULES
from pipelines.folders import DataFolder
from pipelines.release.identifying import pseudonym_asked_for

MST_60 = ("0407020Q0AAAIAI", "Morphine 60mg modified-release tablets")
AMPOULES = ("0407020Q0AAABAB", "Morphine sulfate 10mg/1ml solution for injection ampoules")
NO_STRENGTH = ("0407020Q0AAZZZZ", "Morphine oral solution")
GABAPENTIN = ("0408010G0AAABAB", "Gabapentin 300mg capsules")
PATCH = ("0407020A0AAAEAE", "Fentanyl 25micrograms/hour transdermal patches")
ANNE, BILL, CARA = "4010232137", "9434765919", "9434765870"
ITEM_COLUMNS = "Year Month,Practice Code,Patient ID,Age,Sex,BNF Code,BNF Description,Items,Total Quantity"
SUPPLY_COLUMNS = "Dispensed Date,Days Supply"

Page = Callable[..., Answer]
Told = Callable[..., Explanation]


def lines_of_extract() -> list[str]:
    """January to August 2024: the newest month is provisional, so the as-at month is July."""
    lines = [f"{ITEM_COLUMNS},{SUPPLY_COLUMNS}"]

    def add(month: str, patient: str, product: tuple[str, str], quantity: object, supplied: str = ",") -> None:
        code, description = product
        lines.append(f"{month},A81001,{patient},61,F,{code},{description},1,{quantity},{supplied}")

    for month in range(1, 9):
        add(f"20240{month}", ANNE, MST_60, 70, f"2024-0{month}-01,28")
    add("202407", ANNE, AMPOULES, 10)
    add("202407", ANNE, GABAPENTIN, 84)
    add("202406", BILL, PATCH, 10)
    add("202406", BILL, PATCH, -4)
    add("202407", BILL, NO_STRENGTH, 300)
    add("202401", CARA, MST_60, 100)
    add("202408", CARA, MST_60, 100)
    return lines


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, opioids: Opioids) -> Path:
    folder = tmp_path_factory.mktemp("explain")
    extract = folder / "items.csv"
    extract.write_text("\n".join(lines_of_extract()) + "\n")
    added = opioids("add", extract, "--data-dir", folder / "data")
    assert added.code == 0, added.err
    refreshed = opioids("refresh", "--no-report", "--data-dir", folder / "data")
    assert refreshed.code == 0, refreshed.err
    return folder / "data"


@pytest.fixture(scope="module")
def warehouse(data: Path) -> Path:
    pointer = json.loads((data / "warehouse" / "current.json").read_text())
    return data / "warehouse" / str(pointer["file"])


def rows_of(warehouse: Path, sql: str) -> list[tuple]:
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        return connection.execute(sql).fetchall()


@pytest.fixture(scope="module")
def keys(warehouse: Path) -> dict[str, str]:
    """The pseudonyms, found by what each alone was dispensed."""
    rows = rows_of(
        warehouse,
        "SELECT patient_key, CASE WHEN bool_or(drug = 'fentanyl') THEN 'bill' WHEN count(DISTINCT month) = 2 "
        "THEN 'cara' ELSE 'anne' END FROM marts.item_ome GROUP BY patient_key",
    )
    assert sorted(name for _, name in rows) == ["anne", "bill", "cara"]
    return {name: key for key, name in rows}


@pytest.fixture(scope="module")
def told(warehouse: Path, keys: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Told:
    spill = tmp_path_factory.mktemp("spill")
    return lambda name, month=None: explain_person(warehouse, warehouse.stem[-16:], spill, keys[name], month)


@pytest.fixture(scope="module")
def page(data: Path, opioids: Opioids) -> Page:
    return lambda *options: opioids("explain", *options, "--data-dir", data)


def because(explained: Explanation, cohort: str) -> list[str]:
    return next(list(flag.because) for flag in explained.flags if flag.cohort == cohort)


def test_a_high_dose_with_the_persons_own_numbers(told: Told) -> None:
    # 70 x 60 = 4,200 mg a month. May to July 12,600 mg over 92 days = 136.9565; the line is 120 x 92 = 11,040.
    # February to July 25,200 mg over 29 + 31 + 30 + 31 + 30 + 31 = 182 days = 138.4615; 120 x 182 = 21,840.
    explained = told("anne")
    assert explained.month == date(2024, 7, 1)
    assert explained.is_as_at
    assert because(explained, "high_dose") == [
        "3 months to Jul 2024: 12,600.0000 mg over 92 days = 136.9565 mg a day; > 120 × 92 = 11,040 mg? yes",
        "6 months to Jul 2024: 25,200.0000 mg over 182 days = 138.4615 mg a day; > 120 × 182 = 21,840 mg? yes",
        "3 of 3 months covered (needed: 3), from Jan 2024; over the line in both windows, with enough months covered: "
        "confirmed",
    ]
    assert because(explained, "long_term")[0] == "opioid items from Jan 2024 to Jul 2024: at least 7 calendar months"
    assert because(explained, "opioid_gabapentinoid") == [
        "opioid items in Jul 2024",
        "gabapentinoid: Gabapentin 300mg capsules in Jul 2024",
    ]
    assert because(explained, "new_user") == ["needs 13 months of data; Jul 2024 is month 7"]


def test_windows_and_what_they_leave_out(told: Told) -> None:
    windows = told("anne").windows
    assert [(held.days, held.ome_mg, held.items) for held in windows] == [
        (31, Decimal(4200), 2),
        (92, Decimal(12600), 4),
        (182, Decimal(25200), 7),
        (213, Decimal(29400), 8),  # January to July: five months are before the data
    ]
    assert len(windows[3].before_data) == 5
    # Ten ampoules of 10 mg x 2 = 200 mg stand beside the dose.
    assert {held.ome_mg_parenteral for held in windows} == {200}


def test_a_window_is_cut_where_the_episode_begins(told: Told) -> None:
    # Nothing from February to July: six opioid-free months. 100 x 60 = 6,000 mg over the 31 days of August alone.
    explained = told("cara", date(2024, 8, 1))
    assert {(held.days, held.ome_mg) for held in explained.windows} == {(31, Decimal(6000))}
    assert [len(held.before_episode) for held in explained.windows] == [0, 2, 5, 7]
    assert because(explained, "high_dose_new")[2].endswith("opioids began too recently to confirm it: new")


def test_an_item_leads_back_to_its_factor_and_its_row(told: Told) -> None:
    explained = told("bill")
    by_status = {item.ome_status: item for item in explained.items}
    patch, reversal, unknown = (by_status[name] for name in ("converted", "reversal_netted", "strength_unknown"))
    # 25 µg/h x 2.4 = 60 mg a day, worn 3 days: 180 mg; 10 less 4 taken back.
    assert (patch.factor, patch.ome_mg_per_unit) == (Decimal("2.4"), Decimal(180))
    assert (patch.net_quantity, patch.ome_mg) == (Decimal(6), Decimal(1080))
    assert patch.factor_source
    assert str(patch.factor_row).startswith("ome_factors.csv:")
    assert (reversal.ome_mg, unknown.ome_mg) == (None, None)
    assert because(explained, "dose_unknown") == [f"Morphine oral solution: strength_unknown, {unknown.reason}"]
    lines = lines_of_extract()
    assert len(explained.items) == 3
    for item in explained.items:
        assert item.file_name == "items.csv"
        assert item.product in lines[item.source_row - 1]
        assert BILL in lines[item.source_row - 1]


def test_the_page_is_read_at_100_columns(page: Page, keys: dict[str, str]) -> None:
    shown = page("--patient", keys["bill"])
    assert shown.code == 0, shown.err
    assert max(map(len, shown.out.splitlines())) <= 100
    for words in ("180 mg", "1,080.0000", "items.csv:12", "reversal_netted", "strength_unknown", "dose_is_lower_bound"):
        assert words in shown.out, words
    assert "Faculty of Pain Medicine" in shown.out
    assert "never use it to convert" in " ".join(shown.out.split())


def test_the_answer_for_programs_holds_all_of_it(page: Page, keys: dict[str, str], told: Told) -> None:
    shown = page("--patient", keys["anne"], "--json", "--cohort", "high_dose")
    assert shown.code == 0, shown.err
    answer = json.loads(shown.out)
    explained = told("anne")
    assert answer["windows"][1]["ome_mg"] == "12600.0000"
    assert [flag["cohort"] for flag in answer["flags"]] == [flag.cohort for flag in explained.flags]
    assert [item["item_id"] for item in answer["items"]] == [item.item_id for item in explained.items]
    assert answer["definitions"]["factor_set"] == "uk_2026"
    assert answer["snapshot_id"] == explained.snapshot_id


def test_the_rows_of_the_dose_are_shown_as_they_were_delivered(page: Page, keys: dict[str, str]) -> None:
    """Anne, May to July: 70 tablets of 60 mg a month, and what came beside them; each with its line."""
    shown = page("--patient", keys["anne"], "--rows")
    assert shown.code == 0, shown.err
    said = shown.out.split("as they were delivered")[1]
    lines = lines_of_extract()
    mine = [
        number for number, line in enumerate(lines, 1) if ANNE in line and line[:6] in ("202405", "202406", "202407")
    ]
    assert re.findall(r"^items\.csv:(\d+)$", said, re.MULTILINE) == [str(number) for number in mine]
    flat = " ".join(said.split())
    assert flat.count(f"bnf_description {MST_60[1]}; items 1; total_quantity 70") == 3
    assert f"bnf_description {GABAPENTIN[1]}" in flat
    assert ANNE not in shown.out
    assert keys["anne"] not in said


def test_whoever_cares_for_a_patient_asks_by_the_number_and_it_is_audited_without_it(
    data: Path, key_file: Path, keys: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPIOIDS_KEY_FILE", str(key_file))
    folder, purpose = DataFolder(data), "medication reviews"
    command = [sys.executable, "-m", "pipelines", "explain", "--ask", "--purpose", purpose, "--role", "direct care"]
    typed = f"{ANNE[:3]} {ANNE[3:6]} {ANNE[6:]}\n"
    shown = subprocess.run(
        [*command, "--data-dir", str(data)], input=typed, capture_output=True, text=True, check=True, encoding="utf-8"
    )
    assert shown.stdout.startswith(f"Person {keys['anne']}")
    assert "on the list: 1 – review first. High dose:" in shown.stdout
    for number, said, role in (
        (ANNE, purpose, "analysis"),
        (ANNE, purpose, ""),
        (ANNE, "", "direct care"),
        (ANNE[:-1] + "8", purpose, "direct care"),
    ):
        with pytest.raises(UsageError) as refused:
            pseudonym_asked_for(number, said, role, None, folder)
        assert number not in str(refused.value)
    (entry,) = [entry for entry in AuditTrail(folder).entries() if entry["action"] == "explain"]
    assert (entry["people"], entry["nhs_numbers"], entry["role"]) == (1, 1, "direct care")
    trail = (folder.state / "audit.jsonl").read_text()
    for said in (trail, shown.stdout, shown.stderr):
        assert ANNE not in said
    assert keys["anne"] not in trail


def test_whom_to_explain_is_said_once(page: Page, keys: dict[str, str]) -> None:
    for options in ((), ("--patient", keys["anne"], "--ask")):
        refused = page(*options)
        assert refused.code == 2
        assert "Say whom to explain, once." in refused.err


def test_one_cohort_is_told_also_where_the_person_is_not_in_it(page: Page, keys: dict[str, str]) -> None:
    shown = page("--patient", keys["bill"], "--cohort", "high_dose")
    assert "high_dose: no – People on more than 120 mg OME a day" in shown.out
    assert "over the line in neither window" in shown.out
    assert "any_opioid" not in shown.out


def test_an_unknown_key_is_refused_without_repeating_it(page: Page) -> None:
    unknown = page("--patient", ANNE)
    assert unknown.code == 2
    assert ANNE not in unknown.err
    assert unknown.out == ""
    assert "an NHS number is none" in unknown.err


@pytest.mark.parametrize(
    ("month", "words"),
    [(date(2025, 8, 1), "hold no 2025-08"), (date(2024, 2, 1), "Nothing is said of this person in 2024-02")],
)
def test_a_month_without_the_person_is_refused_without_naming_them(
    told: Told, keys: dict[str, str], month: date, words: str
) -> None:
    with pytest.raises(UsageError) as refused:
        told("bill", month)
    assert words in str(refused.value)
    assert keys["bill"] not in str(refused.value)


def test_every_cohort_of_the_mart_is_explained(warehouse: Path, told: Told) -> None:
    columns = {name for (name,) in rows_of(warehouse, "SELECT column_name FROM (DESCRIBE marts.patient_month)")}
    people = rows_of(
        warehouse,
        "SELECT measure FROM reference.measures WHERE unit = 'people' AND measure NOT LIKE '%_adult_no_palliative'",
    )
    explained = {flag.cohort for flag in told("anne").flags}
    assert explained == {measure for (measure,) in people if measure in columns} | {"dose_unknown"}
    without_words = {cohort for cohort in explained if cohort not in RULES}
    assert all(cohort.startswith("balance_") or cohort == "not_seen" for cohort in without_words)


@pytest.mark.parametrize(
    ("tampered", "figure"),
    [
        ("UPDATE marts.item_ome SET ome_mg = ome_mg + 1 WHERE month = '2024-07-01'", "ome_mg of an item"),
        ("UPDATE marts.item_ome SET total_quantity = 1, net_quantity = 1, ome_mg = ome_mg_per_unit", "per_day"),
        ("UPDATE reference.products_by_factor_set SET factor = factor * 2", "ome_mg_per_unit of an item"),
        ("UPDATE marts.patient_month SET ome_mg_per_day_3m = 99", "ome_mg_per_day_3m"),
        ("UPDATE marts.patient_month SET episode_month = '2024-06-01'", "per_day"),
        ("UPDATE marts.patient_month SET high_dose_status = 'possible'", "high_dose_status"),
        ("UPDATE marts.patient_month SET high_dose = FALSE", "high_dose"),
        ("UPDATE marts.patient_month SET long_term_3m = NOT long_term_3m", "long_term_3m"),
        ("UPDATE marts.patient_month SET opioid_gabapentinoid = FALSE", "opioid_gabapentinoid"),
        ("UPDATE marts.patient_month SET high_dose = NULL", "high_dose"),
        ("DELETE FROM marts.item_ome WHERE month = '2024-05-01'", "per_day"),
    ],
)
def test_a_figure_that_its_items_do_not_give_is_an_error(
    warehouse: Path, keys: dict[str, str], tmp_path: Path, tampered: str, figure: str
) -> None:
    copy = tmp_path / "copy.duckdb"
    shutil.copyfile(warehouse, copy)
    assert explain_person(copy, "", tmp_path, keys["anne"]).flags
    with duckdb.connect(str(copy)) as connection:
        connection.execute(tampered)
    with pytest.raises(ContractError) as refused:
        explain_person(copy, "", tmp_path, keys["anne"])
    assert figure in refused.value.what
    assert keys["anne"] not in str(refused.value)


def test_sensitivity_and_days_supply_from_the_file(warehouse: Path) -> None:
    # Anne alone is on a high dose at July; her ampoules (200 mg) change nothing.
    headline = "SELECT patients FROM marts.sensitivity WHERE is_headline AND org_level = 'all'"
    assert rows_of(warehouse, headline) == [(1,)]
    # 12,600 mg for three times 28 days that never meet: 150 a day by each.
    doses = (
        "SELECT definition, ome_mg_per_day FROM marts.dose_definitions "
        "WHERE month = '2024-07-01' AND window_months = 3 ORDER BY definition"
    )
    assert rows_of(warehouse, doses) == [("max_daily", 150), ("on_therapy_days", 150), ("sum_days_supply", 150)]
