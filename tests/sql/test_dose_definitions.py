"""marts.dose_definitions: three further definitions of dose per day, by hand and by their published cases."""

import json
import os
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from given import item_id_of, tables_of
from golden_reader import opioid
from support import build_from

FOLDER = os.environ.get("OPIOIDS_CONFORMANCE_DIR")
SUPPLIES = pa.schema([("item_id", pa.string()), ("dispensed_date", pa.date32()), ("days_supply", pa.int32())])
LOADED = [date(2024, month, 1) for month in range(1, 7)]
MORPHINE = opioid("morphine", "0407020Q0AAALAL", "MR tablet")
BUPRENORPHINE = opioid("buprenorphine", "0407020B0AAAAAA", "sublingual tablet", "sublingual")
INJECTION = opioid("morphine", "0407020Q0AAABAB", "injection", "parenteral")

Supply = tuple[str | None, int | None]


class Dispensing:
    """Items of one or more people, with the day and the days' supply of each."""

    def __init__(self) -> None:
        self.items: list[dict] = []
        self.supplies: list[dict] = []

    def add(
        self,
        dispensed: str | None,
        days: int | None,
        quantity: object,
        *,
        mg: object = 30,
        product: dict = MORPHINE,
        status: str = "converted",
        month: str = "2024-01",
        patient: str = "anne",
    ) -> None:
        number = len(self.items) + 1
        self.items.append(
            {
                "item_id": number,
                "month": date.fromisoformat(f"{month}-01"),
                "practice_code": "A81001",
                "patient_key": patient,
                "age": 50,
                "sex": "F",
                "wear_hours": None,
                "is_immediate_release_fentanyl": False,
                "is_methadone": False,
                "is_strong_opioid": True,
                **product,
                "ome_mg_per_unit": Decimal(str(mg)) if status == "converted" else None,
                "product_status": status,
                "total_quantity": Decimal(str(quantity)),
                "items": 1,
            }
        )
        day = date.fromisoformat(dispensed) if dispensed else None
        self.supplies.append({"item_id": item_id_of(number), "dispensed_date": day, "days_supply": days})

    def doses(self, spill: Path, month: str = "2024-01", window: int = 1, patient: str = "anne") -> dict[str, dict]:
        """The rows of one person, month and window, by definition."""
        given = tables_of(self.items, LOADED, {"A81001"})
        given["staging.stg_patient__items"] = pa.Table.from_pylist(self.supplies, SUPPLIES)
        engine = build_from(given, "marts.dose_definitions", spill)
        rows = engine.fetch("SELECT * FROM marts.dose_definitions").to_pylist()
        engine.close()
        asked = (patient, date.fromisoformat(f"{month}-01"), window)
        return {
            row["definition"]: row for row in rows if (row["patient_key"], row["month"], row["window_months"]) == asked
        }


def per_day(doses: dict[str, dict]) -> dict[str, Decimal | None]:
    return {definition: row["ome_mg_per_day"] for definition, row in doses.items()}


def test_two_scripts_that_overlap_by_eight_days(tmp_path: Path) -> None:
    # 56 x 30 = 1,680 mg for 28 days (60 a day) from 1 January, again from 21 January: 21 to 28 January twice.
    # Days supplied 56; on therapy 1 January to 17 February, 48 days; the highest day has 60 + 60.
    dispensing = Dispensing()
    dispensing.add("2024-01-01", 28, 56)
    dispensing.add("2024-01-21", 28, 56)
    assert per_day(dispensing.doses(tmp_path)) == {
        "sum_days_supply": Decimal("60.0000"),  # 3,360 / 56
        "on_therapy_days": Decimal("70.0000"),  # 3,360 / 48
        "max_daily": Decimal("120.0000"),
    }


def test_scripts_that_follow_each_other_to_the_day_are_never_added(tmp_path: Path) -> None:
    # 1 to 28 January, then 29 January to 25 February.
    dispensing = Dispensing()
    dispensing.add("2024-01-01", 28, 56)
    dispensing.add("2024-01-29", 28, 56)
    doses = dispensing.doses(tmp_path)
    assert doses["on_therapy_days"]["days"] == 56
    assert set(per_day(doses).values()) == {Decimal("60.0000")}


def test_a_script_within_another_adds_no_days_and_a_gap_none_either(tmp_path: Path) -> None:
    # 1 to 28 January; within it 5 to 11 January; after a gap 1 to 10 March (claimed in March).
    # 1,680 + 7 x 30 + 20 x 30 = 2,490 mg; days supplied 28 + 7 + 10 = 45; on therapy 28 + 10 = 38.
    dispensing = Dispensing()
    dispensing.add("2024-01-01", 28, 56)
    dispensing.add("2024-01-05", 7, 7)
    dispensing.add("2024-03-01", 10, 20, month="2024-03")
    assert per_day(dispensing.doses(tmp_path, "2024-03", 3)) == {
        "sum_days_supply": Decimal("55.3333"),  # 2,490 / 45 = 55.33…
        "on_therapy_days": Decimal("65.5263"),  # 2,490 / 38 = 65.526…
        "max_daily": Decimal("90.0000"),  # 60 + 30
    }
    assert per_day(dispensing.doses(tmp_path, "2024-03", 1))["max_daily"] == Decimal("60.0000")


def test_the_items_are_those_of_the_dose_window(tmp_path: Path) -> None:
    # The injection stands beside the dose; what is taken back is not taken: 56 - 28 tablets for 28 days, 30 a day.
    dispensing = Dispensing()
    dispensing.add("2024-01-01", 28, 56)
    dispensing.add(None, None, -28)
    dispensing.add("2024-01-01", 5, 10, product=INJECTION)
    assert set(per_day(dispensing.doses(tmp_path)).values()) == {Decimal("30.0000")}


def test_an_item_without_its_days_leaves_the_dose_unknown_and_says_so(tmp_path: Path) -> None:
    dispensing = Dispensing()
    dispensing.add("2024-01-01", 28, 56)
    dispensing.add("2024-01-15", None, 56)
    doses = dispensing.doses(tmp_path)
    assert set(per_day(doses).values()) == {None}
    assert doses["sum_days_supply"]["reason"].startswith("days_supply_missing")
    assert {doses[name]["reason"].split(":")[0] for name in ("on_therapy_days", "max_daily")} == {"dates_missing"}


def test_days_without_dates_give_the_one_definition_that_needs_no_dates(tmp_path: Path) -> None:
    dispensing = Dispensing()
    dispensing.add(None, 28, 56)
    doses = dispensing.doses(tmp_path)
    assert doses["sum_days_supply"]["ome_mg_per_day"] == Decimal("60.0000")
    assert doses["on_therapy_days"]["ome_mg_per_day"] is None


def test_an_item_without_a_dose_makes_a_lower_bound_and_its_days_count_as_therapy(tmp_path: Path) -> None:
    # 1,680 mg; the other item, 10 days from 29 January, could not be converted: 28 + 10 days on therapy.
    dispensing = Dispensing()
    dispensing.add("2024-01-01", 28, 56)
    dispensing.add("2024-01-29", 10, 100, product=BUPRENORPHINE, status="strength_unknown")
    doses = dispensing.doses(tmp_path)
    assert per_day(doses) == {
        "sum_days_supply": Decimal("60.0000"),
        "on_therapy_days": Decimal("44.2105"),  # 1,680 / 38
        "max_daily": Decimal("60.0000"),
    }
    assert all(row["dose_is_lower_bound"] for row in doses.values())


def test_without_any_days_supply_the_table_is_there_and_empty(tmp_path: Path) -> None:
    dispensing = Dispensing()
    dispensing.add(None, None, 56)
    assert dispensing.doses(tmp_path) == {}
    assert dispensing.doses(tmp_path, patient="nobody") == {}


def test_a_person_without_supplies_has_no_row_beside_one_who_has(tmp_path: Path) -> None:
    dispensing = Dispensing()
    dispensing.add("2024-01-01", 28, 56)
    dispensing.add(None, None, 56, patient="bill")
    assert dispensing.doses(tmp_path, patient="bill") == {}
    assert len(dispensing.doses(tmp_path)) == 3


@pytest.mark.skipif(not FOLDER, reason="OPIOIDS_CONFORMANCE_DIR is not set")
def test_the_published_cases(tmp_path: Path) -> None:
    published = json.loads((Path(FOLDER or "") / "vectors/mme_per_day_four_definitions.json").read_text("utf-8"))
    wrong, checked = [], 0
    with_prescriptions: list[dict] = []
    for case in published["cases"]:
        prescriptions = case.get("prescriptions")
        if prescriptions:
            with_prescriptions = prescriptions
            told = [(prescription, "converted") for prescription in prescriptions]
        else:
            # A variant of the case before: buprenorphine, its first prescription, is left out of the dose; in the last
            # variant nothing else was prescribed, for the days on therapy that the case gives.
            told = [(with_prescriptions[0], "excluded_by_factor_set"), (with_prescriptions[1], "converted")]
            if not case["total_mme"]:
                told = [({**with_prescriptions[0], "days": case["therapy_days"]}, "excluded_by_factor_set")]
        dispensing = Dispensing()
        for prescription, status in told:
            day = date(2024, 1, 1) + timedelta(days=prescription.get("start_day", 1) - 1)
            quantity = prescription["doses_per_day"] * prescription["days"]
            ome = Decimal(str(prescription["dose"])) * Decimal(str(prescription["factor"]))
            product = BUPRENORPHINE if status != "converted" else MORPHINE
            dispensing.add(day.isoformat(), prescription["days"], quantity, mg=ome, product=product, status=status)
        found = dispensing.doses(tmp_path)
        for name, definition in (("mme1", "sum_days_supply"), ("mme2", "on_therapy_days"), ("mme4", "max_daily")):
            dose, expected = found[definition]["ome_mg_per_day"], case[name]
            checked += 1
            same = dose is None if expected is None else abs(float(dose) - expected) <= case.get("tolerance", 0.0001)
            if not same:
                wrong.append(f"{case['name']}, {definition}: {dose}, published {expected}")
        assert found["sum_days_supply"]["ome_mg"] == Decimal(str(case["total_mme"]))
    assert checked == 15
    assert wrong == []
