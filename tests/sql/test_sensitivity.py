"""marts.sensitivity: every definition counted again by the naive twin, and a few people counted by hand."""

import random
from collections import Counter
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from given import tables_of
from golden_reader import PRODUCTS
from naive import LoadedMonths, Settings, days_in, dose_window, patient_months, read_patients, span_months
from support import build_from

from pipelines.products.factor_sets import SCHEMA as FACTOR_SET_ANSWERS

LOADED = [date(2023 + month // 12, month % 12 + 1, 1) for month in range(15) if month != 9]
AS_AT = LOADED[-2]
LEVELS = pa.table(
    {
        "practice_code": ["A81001", "A81002", "A81001", "A81002", "-"],
        "org_level": ["practice", "practice", "all", "all", "all"],
        "org_code": ["A81001", "A81002", "all", "all", "all"],
        "org_name": ["", "", "", "", ""],
    }
)
OME_OF_UNIT = {
    "morphine tablet 30mg": "30",
    "morphine tablet 60mg": "60",
    "co-codamol tablet 30/500": "3",
    "tramadol capsule 50mg": "5",
    "fentanyl patch 25mcg": "180",
    "morphine injection 10mg/ml": "20",
    "buprenorphine patch 25mcg": "wear_time_unknown",
}


def worth(drug: str, route: str, ome: Decimal | None, status: str) -> Iterator[tuple[str, Decimal | None, str]]:
    """A product under made-up factor sets: one drug changed, left out, or without a factor in each."""
    yield "uk_2026", ome, status
    yield "codeine_trebled", ome * 3 if ome and drug == "co-codamol" else ome, status
    yield "injections_doubled", ome * 2 if ome and route == "parenteral" else ome, status
    yield "fentanyl_left_out", *((None, "excluded_by_factor_set") if drug == "fentanyl" else (ome, status))
    yield "no_factor_for_tramadol", *((None, "factor_missing") if drug == "tramadol" else (ome, status))
    yield "patches_known", *((Decimal(180), "converted") if status == "wear_time_unknown" else (ome, status))


SETS = [name for name, *_ in worth("", "", None, "")]


def under(factor_set: str, item: dict) -> dict:
    answers = worth(item["drug"], item["route"], item["ome_mg_per_unit"], item["product_status"])
    ome, status = next((ome, status) for name, ome, status in answers if name == factor_set)
    return item | {"ome_mg_per_unit": ome, "product_status": status}


def item(number: int, patient: str, month: date, product: str, quantity: object, practice: str = "A81001") -> dict:
    ome = OME_OF_UNIT[product]
    is_number = ome.isdigit()
    return {
        "item_id": number,
        "month": month,
        "practice_code": practice,
        "registered_practice_code": None,
        "patient_key": patient,
        "age": 50,
        "sex": "F",
        "imd_decile": 5,
        "wear_hours": None,
        "is_immediate_release_fentanyl": False,
        "is_methadone": False,
        "is_strong_opioid": False,
        **PRODUCTS[product],
        "ome_mg_per_unit": Decimal(ome) if is_number else None,
        "product_status": "converted" if is_number else ome,
        "total_quantity": None if quantity is None else Decimal(str(quantity)),
        "items": 1,
    }


def counted_by_sql(items: list[dict], spill: Path) -> dict[tuple[str, ...], tuple[int | None, int | None]]:
    given = tables_of(items, LOADED, {"A81001", "A81002"})
    answers = [
        {"product_number": product["product_number"], "factor_set": name, "ome_mg_per_unit": ome, "ome_status": status}
        for product in given["reference.products"].to_pylist()
        for name, ome, status in worth(
            product["drug"], product["route"], product["ome_mg_per_unit"], product["ome_status"]
        )
    ]
    given["reference.products_by_factor_set"] = pa.Table.from_pylist(answers, FACTOR_SET_ANSWERS)
    given["intermediate.int_organisations__levels"] = LEVELS
    engine = build_from(given, "marts.sensitivity", spill)
    rows = engine.fetch("SELECT * FROM marts.sensitivity").to_pylist()
    engine.close()
    assert {row["as_at_month"] for row in rows} == {AS_AT}
    assert sum(row["is_headline"] for row in rows) == 3  # one of each organisation
    return {
        (row["org_code"], row["dose_window"], row["preset"], row["factor_set"], row["parenteral"]): (
            row["patients"],
            row["patients_dose_unknown"],
        )
        for row in rows
    }


def counted_by_loops(items: list[dict]) -> dict[tuple[str, ...], tuple[int, int]]:
    """The same by the naive twin, once for every factor set, with and without parenteral items in the dose."""
    loaded, gp_practices = LoadedMonths(LOADED), {"A81001", "A81002"}
    practices = {
        patient: row["practice_code"]
        for (patient, month), row in patient_months(items, LOADED, gp_practices).items()
        if month == AS_AT
    }
    over: Counter[tuple[str, ...]] = Counter()
    unknown: Counter[tuple[str, ...]] = Counter()
    for factor_set in SETS:
        for parenteral in ("without", "with"):
            told = [under(factor_set, one) for one in items]
            if parenteral == "with":
                told = [one | {"route": "oral"} if one["route"] == "parenteral" else one for one in told]
            for key, patient in read_patients(told, loaded, Settings()).items():
                if key not in practices:
                    continue
                windows = {f"{number}m": dose_window(patient, AS_AT, number) for number in (1, 3, 6, 12)}
                is_covered = span_months(windows["3m"].start, AS_AT) >= 3
                for preset, line in (("gt120", 120), ("ge120", 120), ("gt90", 90), ("ge90", 90)):
                    is_over = {
                        name: window.at_or_above(Decimal(line)) if preset[:2] == "ge" else window.above(Decimal(line))
                        for name, window in windows.items()
                    }
                    is_over["confirmed"] = is_over["3m"] and is_over["6m"] and is_covered
                    for name, counts in is_over.items():
                        months = windows["6m" if name == "confirmed" else name].months
                        lacks = any(patient.dispensed[m].has_unknown_dose for m in months if m in patient.dispensed)
                        for org in {"all", practices[key] or "all"}:
                            definition = (org, name, preset, factor_set, parenteral)
                            over[definition] += counts
                            unknown[definition] += lacks and not counts
    return {definition: (over[definition], unknown[definition]) for definition in over}


def made_up(seed: int) -> list[dict]:
    """People round the lines: 28-day and 56-day scripts, breaks, reversals, missing quantities, several drugs."""
    draw = random.Random(seed)
    # Four people exactly on a line in every window: four (three) tablets of 30 mg a day are 120 (90) mg.
    items = [
        item(
            4 * place + line,
            f"line{line}",
            month,
            "morphine tablet 30mg",
            days_in(month) * a_day,
        )
        for place, month in enumerate(LOADED)
        for line, a_day in enumerate((3, 3, 4, 4), 1)
    ]
    for number in range(160):
        practice = draw.choice(["A81001", "A81002"])
        usual = draw.choice(["morphine tablet 30mg", "morphine tablet 60mg", "fentanyl patch 25mcg"])
        begins, every = draw.choice([0, 0, 0, 4, 11, 12, 13]), draw.choice([1, 1, 1, 2])
        for place, month in enumerate(LOADED):
            if place < begins or (place - begins) % every or draw.random() < 0.1:
                continue
            wanted = Decimal(draw.choice([90, 100, 120, 120, 125, 140])) * 31 * every
            quantity = (wanted / Decimal(OME_OF_UNIT[usual])).quantize(Decimal("0.1")) + draw.choice([-1, 0, 0, 1])
            chosen: list[tuple[str, object]] = [(usual, draw.choice([quantity, quantity, quantity, quantity, None]))]
            if draw.random() < 0.3:
                other = draw.choice([name for name in OME_OF_UNIT if name != usual])
                chosen.append((other, draw.choice([0, 5, 28, 56, 100])))
            if draw.random() < 0.05:
                chosen.append((usual, -10))
            for product, units in chosen:
                items.append(item(len(items) + 1, f"p{number}", month, product, units, practice))
        if draw.random() < 0.2:
            # An earlier episode, more than six months before.
            items.append(item(len(items) + 1, f"p{number}", LOADED[0], usual, 500, practice))
    return items


@pytest.mark.parametrize("seed", [1, 2])
def test_every_definition_counts_as_the_naive_twin_does(seed: int, tmp_path: Path) -> None:
    items = made_up(seed)
    found, expected = counted_by_sql(items, tmp_path), counted_by_loops(items)
    wrong = {key: (found.get(key), count) for key, count in expected.items() if found.get(key) != count}
    assert wrong == {}
    assert {key for key, counts in found.items() if counts != (0, 0)} <= expected.keys()
    # The definitions differ on these people, or the comparison would say nothing.
    by_set = {name: expected["all", "confirmed", "gt90", name, "without"] for name in SETS}
    assert len(set(by_set.values())) >= 3
    assert expected["all", "3m", "ge120", "uk_2026", "without"] != expected["all", "3m", "gt120", "uk_2026", "without"]
    without = {key: count for key, count in expected.items() if key[4] == "without"}
    assert any(expected[*key[:4], "with"] != count for key, count in without.items())
    assert expected["all", "12m", "gt120", "uk_2026", "without"][1] > 0


def test_people_counted_by_hand(tmp_path: Path) -> None:
    """As at February 2024. Windows: 1 month 29 days, 3 months 31 + 31 + 29 = 91, 6 months 91 + 30 + 30 = 151: October
    2023 is missing from the data; 12 months 151 + 31 + 31 + 30 + 31 + 30 + 31 = 335."""
    assert date(2024, 2, 1) == AS_AT
    assert date(2023, 10, 1) not in LOADED
    items = [
        # line: 120 x 91 = 10,920 mg = 364 tablets of 30 mg, all in three months: exactly on the line over 3 months;
        # over 6 months 10,920 / 151 = 72. Nothing in February.
        item(1, "line", date(2023, 9, 1), "morphine tablet 30mg", "0.0001"),
        item(2, "line", date(2023, 12, 1), "morphine tablet 30mg", 182),
        item(3, "line", date(2024, 1, 1), "morphine tablet 30mg", 182),
        # ampoules: 91 tablets of 60 mg = 5,460 = 60 a day; with 300 ampoules of 20 mg = 6,000 more, 125.9 a day.
        item(4, "ampoules", date(2024, 2, 1), "morphine tablet 60mg", 91),
        item(5, "ampoules", date(2023, 12, 1), "morphine injection 10mg/ml", 300),
        # codeine: 1,200 x 3 = 3,600 mg over 29 days = 124.1; trebled 372.4. Over 91 days 39.6; trebled 118.7.
        item(6, "codeine", date(2023, 12, 1), "co-codamol tablet 30/500", "0.0001"),
        item(7, "codeine", date(2024, 2, 1), "co-codamol tablet 30/500", 1200, "A81002"),
        # unknown: a patch whose wear time is not known, beside nothing.
        item(8, "unknown", date(2024, 2, 1), "buprenorphine patch 25mcg", 4),
    ]
    found = counted_by_sql(items, tmp_path)

    def at(window: str, preset: str, factor_set: str = "uk_2026", parenteral: str = "without", org: str = "all") -> int:
        patients = found[org, window, preset, factor_set, parenteral][0]
        assert patients is not None
        return patients

    assert at("3m", "gt120") == 0
    assert at("3m", "ge120") == 1  # line
    assert at("6m", "ge120") == 0
    assert at("3m", "gt90") == 1
    assert at("confirmed", "gt90") == 0  # 6 months: 72 a day
    assert at("3m", "gt120", parenteral="with") == 1  # ampoules; its episode begins in December: 3 months covered
    assert at("confirmed", "gt120", parenteral="with") == 1  # its 6-month window is cut to the same three months
    assert at("1m", "gt120") == 2  # codeine 124.1, ampoules 5,460 / 29 = 188.3
    assert at("1m", "gt120", org="A81002") == 1
    assert at("3m", "gt90", "codeine_trebled") == 2  # line, and codeine with 118.7
    assert at("3m", "ge120", "codeine_trebled") == 1
    assert at("confirmed", "gt90", "codeine_trebled") == 1  # codeine: its episode begins in December
    assert found["all", "1m", "gt120", "uk_2026", "without"] == (2, 1)  # unknown may be above the line
    assert found["all", "1m", "gt120", "patches_known", "without"] == (2, 0)  # 4 x 180 / 29 = 24.8 a day: it is not
    assert (
        found["all", "3m", "gt120", "fentanyl_left_out", "without"] == found["all", "3m", "gt120", "uk_2026", "without"]
    )


def test_without_enough_history_a_window_of_several_months_is_not_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    months = LOADED[:3]  # as at the second month of data
    monkeypatch.setitem(globals(), "LOADED", months)
    monkeypatch.setitem(globals(), "AS_AT", months[1])
    found = counted_by_sql([item(1, "new", months[1], "morphine tablet 60mg", 100)], tmp_path)
    assert found["all", "1m", "gt120", "uk_2026", "without"] == (1, 0)
    assert {found["all", window, "gt120", "uk_2026", "without"] for window in ("3m", "6m", "12m", "confirmed")} == {
        (None, None)
    }


def test_without_patients_the_table_is_there_and_empty(tmp_path: Path) -> None:
    given = tables_of([], [], {"A81001"})
    given["reference.products_by_factor_set"] = FACTOR_SET_ANSWERS.empty_table()
    given["intermediate.int_organisations__levels"] = LEVELS
    engine = build_from(given, "marts.sensitivity", tmp_path)
    assert engine.count("marts.sensitivity") == 0
    engine.close()
