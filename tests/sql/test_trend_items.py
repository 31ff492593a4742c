"""What practices dispense: sums by drug and route, high-strength items, defined daily doses, and baselines of aims."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from support import SETTINGS, build_from

from pipelines import assets
from pipelines.build import text_table
from pipelines.products import ProductReference, resolve
from pipelines.statistics.measures import measures_table

JUNE = date(2025, 6, 1)
PRODUCTS = [
    "Fentanyl 50micrograms/hour transdermal patches",
    "Fentanyl 25micrograms/hour transdermal patches",
    "Morphine 60mg modified-release tablets",
    "Morphine 30mg modified-release tablets",
    "MXL 60mg capsules",
    "MXL 120mg capsules",
    "Morphine 10mg/5ml oral solution",
    "Onexila XL 40mg tablets",
    "Gabapentin 300mg capsules",
    "Pregabalin 150mg capsules",
]


def products() -> pa.Table:
    asked = pa.table({"bnf_code": pa.nulls(len(PRODUCTS), pa.string()), "bnf_description": PRODUCTS})
    resolved = resolve(asked, ProductReference.load(assets.REFERENCE_DIR))
    return resolved.append_column("product_number", pa.array(range(len(PRODUCTS)), pa.int64()))


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Ten items of each product in practice A; five of the first again, without a practice."""
    known = {row["product_number"]: row for row in products().to_pylist()}
    rows = []
    for number, practice, items in [*((n, "A", 10) for n in known), (0, None, 5)]:
        product = known[number]
        rows.append(
            {
                "source": "epd",
                "item_id": f"{number}{practice}",
                "month": JUNE,
                "practice_code": practice,
                "patient_key": None,
                "product_number": number,
                "product_class": product["product_class"],
                "items": items,
                "total_quantity": Decimal(100),
                "nic_gbp": Decimal("2.50"),
                "drug": product["drug"],
                "route": product["route"],
                "ome_mg": Decimal(1000),
            }
        )
    items = pa.Table.from_pylist(rows)
    is_opioid = pa.array([row["product_class"] == "opioid" for row in rows])
    made = build_from(
        {
            "reference.products": products(),
            "reference.high_strength": text_table(assets.REFERENCE_DIR / "high_strength.csv"),
            "reference.measures": measures_table(SETTINGS),
            "intermediate.int_items__ome": items.filter(is_opioid),
            "intermediate.int_items__classified": items.set_column(
                items.schema.get_field_index("patient_key"), "patient_key", pa.nulls(items.num_rows, pa.string())
            ),
        },
        "intermediate.int_practice_months__items",
        tmp_path_factory.mktemp("spill"),
    )
    yield made
    made.close()


@pytest.fixture(scope="module")
def sums(engine: Any) -> dict[tuple[str, str], dict[str, Any]]:
    rows = engine.fetch("SELECT * FROM intermediate.int_practice_months__items").to_pylist()
    return {(row["practice_code"], row["measure"]): row for row in rows}


def test_high_strength_is_judged_by_drug_route_and_name(engine: Any) -> None:
    rows = engine.fetch("SELECT * FROM intermediate.int_products__high_strength").to_pylist()
    judged = {PRODUCTS[row["product_number"]]: (row["high_strength_120"], row["high_strength_90"]) for row in rows}
    assert judged == {
        "Fentanyl 50micrograms/hour transdermal patches": (True, True),
        "Fentanyl 25micrograms/hour transdermal patches": (False, False),
        "Morphine 60mg modified-release tablets": (True, True),
        "Morphine 30mg modified-release tablets": (False, False),
        # Taken once a day, so twice the strength; and one brand that never counts.
        "MXL 60mg capsules": (False, False),
        "MXL 120mg capsules": (True, True),
        "Onexila XL 40mg tablets": (False, False),
    }


def test_the_share_is_of_long_acting_items(sums: dict[tuple[str, str], dict[str, Any]]) -> None:
    # Of seven long-acting products with ten items each three are of high strength; the solution is not long-acting.
    row = sums["A", "epd_high_strength_120_items"]
    assert (row["numerator"], row["long_acting_items"]) == (30, 70)


def test_milligrams_by_drug_and_route_add_up_to_all(sums: dict[tuple[str, str], dict[str, Any]]) -> None:
    amounts = {measure: row["numerator"] for (practice, measure), row in sums.items() if practice == "A"}
    assert amounts["epd_ome_total"] == 8000
    assert (amounts["epd_ome_total_morphine"], amounts["epd_ome_total_fentanyl"]) == (5000, 2000)
    assert (amounts["epd_ome_total_oral"], amounts["epd_ome_total_transdermal"]) == (6000, 2000)
    assert amounts["epd_opioid_items"] == 80
    assert amounts["epd_opioid_nic"] == 20


def test_defined_daily_doses_of_gabapentinoids(sums: dict[tuple[str, str], dict[str, Any]]) -> None:
    # 100 x 300 mg / 1,800 mg = 16.6667; 100 x 150 mg / 300 mg = 50.
    assert float(sums["A", "epd_gabapentinoid_ddd"]["numerator"]) == pytest.approx(66.6667, abs=1e-4)


def test_what_is_in_no_practice_is_kept_apart_and_open_data_hides_nobody(
    sums: dict[tuple[str, str], dict[str, Any]],
) -> None:
    assert sums["-", "epd_opioid_items"]["numerator"] == 5
    assert {row["people"] for row in sums.values()} == {0}
    assert not any(measure == "opioid_items" for _, measure in sums)


def test_the_cut_offs_are_those_that_were_published() -> None:
    """The lines of the published list, by drug and line; Onexila and MXL are its exceptions."""
    rows = text_table(assets.REFERENCE_DIR / "high_strength.csv").to_pylist()
    lines = {(row["drug"], row["product_name"]): (row["strength_120"], row["strength_90"]) for row in rows}
    assert lines == {
        ("fentanyl", None): ("50", "37.5"),
        ("oxycodone", None): ("40", "30"),
        ("oxycodone", "onexila"): (None, None),
        ("tapentadol", None): ("150", "112.5"),
        ("buprenorphine", None): ("52.5", "39.375"),
        ("morphine", None): ("60", "45"),
        ("morphine", "mxl"): ("120", "90"),
        ("hydromorphone", None): (None, "9"),
    }


def baselines(aims: list[tuple[Any, ...]], spill: Path) -> dict[tuple[str, str], tuple[date, date]]:
    """24 months from January 2024, the last provisional; each aim as (aim, measure, first, last, settle)."""
    calendar = [
        {
            "month": date(2024 + n // 12, n % 12 + 1, 1),
            "is_loaded": True,
            "is_provisional": n == 23,
            "data_month_number": n + 1,
        }
        for n in range(24)
    ]
    names = ("aim", "measure", "baseline_first", "baseline_last", "settle_months")
    types = (pa.string(), pa.string(), pa.date32(), pa.date32(), pa.int32())
    register = pa.schema(
        [
            ("source", pa.string()),
            ("month", pa.date32()),
            ("is_current", pa.bool_()),
            ("rows_read", pa.int64()),
            ("rows_quarantined", pa.int64()),
        ]
    )
    given = {
        "reference.measures": measures_table(SETTINGS),
        "reference.aim_measures": pa.Table.from_pylist(
            [dict(zip(names, aim, strict=True)) for aim in aims], schema=pa.schema(list(zip(names, types, strict=True)))
        ),
        "intermediate.int_months__patient": pa.Table.from_pylist(calendar),
        "intermediate.int_register__file_months": register.empty_table(),
    }
    made = build_from(given, "intermediate.int_measures__baseline", spill)
    rows = made.fetch("SELECT * FROM intermediate.int_measures__baseline").to_pylist()
    made.close()
    return {(r["aim"], r["measure"]): (r["baseline_first_month"], r["baseline_last_month"]) for r in rows}


def test_each_aim_has_its_own_baseline(tmp_path: Path) -> None:
    march, may, december = date(2024, 3, 1), date(2024, 5, 1), date(2025, 12, 1)
    found = baselines(
        [
            ("default", "high_dose", None, None, 2),
            ("default", "long_term", None, None, 2),
            ("of a month", "high_dose", march, march, 0),
            ("of a month", "long_term_3m", march, march, 0),
            ("of months", "high_dose", march, may, 0),
            ("of the newest", "high_dose", december, december, 0),
        ],
        tmp_path,
    )
    assert found == {
        # The 6th month has the first full window; long_term exists from the 7th and settles by the 9th.
        ("default", "high_dose"): (date(2024, 6, 1), date(2024, 6, 1)),
        ("default", "long_term"): (date(2024, 9, 1), date(2024, 9, 1)),
        # high_dose exists from the 3rd month; long_term_3m only from the 4th: no baseline.
        ("of a month", "high_dose"): (march, march),
        ("of months", "high_dose"): (march, may),
    }
