"""Quantities that no course of treatment explains are cautioned, never changed; a quantity without a dose says why.

The bounds are per item: tablets and capsules of 3 or fewer or more than 1,000; patches more than 60; oral liquids less
than 20 ml or more than 3,000 ml, but not drops or unit-dose vials; ampoules more than 200; immediate-release fentanyl
more than 200 of whatever it is.
"""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from patient_tables import patient_tables
from support import build_from

JANUARY = date(2024, 1, 1)
QUANTITIES = """
form             | fentanyl | quantity | items | cautioned
tablet           |          | 3        | 1     | yes
tablet           |          | 4        | 1     |
tablet           |          | 1000     | 1     |
tablet           |          | 1001     | 1     | yes
tablet           |          | 6        | 2     | yes
tablet           |          | 7        | 2     |
tablet           |          | 2000     | 2     |
tablet           |          | 2001     | 2     | yes
orodispersible tablet |     | 3        | 1     | yes
capsule          |          | 3        | 1     | yes
capsule          |          | 4        | 1     |
capsule          |          | 1001     | 1     | yes
patch            |          | 1        | 1     |
patch            |          | 60       | 1     |
patch            |          | 61       | 1     | yes
patch            |          | 120      | 2     |
patch            |          | 121      | 2     | yes
oral liquid      |          | 19       | 1     | yes
oral liquid      |          | 20       | 1     |
oral liquid      |          | 39       | 2     | yes
oral liquid      |          | 3000     | 1     |
oral liquid      |          | 3001     | 1     | yes
oral liquid      |          | 6000     | 2     |
oral drops       |          | 10       | 1     |
oral drops       |          | 5000     | 1     |
unit-dose vial   |          | 1        | 1     |
injection        |          | 1        | 1     |
injection        |          | 200      | 1     |
injection        |          | 201      | 1     | yes
injection        |          | 400      | 2     |
injection        |          | 401      | 2     | yes
buccal tablet    | yes      | 3        | 1     |
buccal tablet    | yes      | 200      | 1     |
buccal tablet    | yes      | 201      | 1     | yes
lozenge          | yes      | 400      | 2     |
lozenge          | yes      | 401      | 2     | yes
suppository      |          | 1        | 1     |
tablet           |          | 0        | 1     |
tablet           |          | -28      | 1     |
tablet           |          | missing  | 1     |
"""


def built(lines: list[list[str]], folder: Path) -> list[dict]:
    """The items of `form | fentanyl | quantity | items`, each of a product of its own, as the warehouse has them."""
    products = [
        {
            "bnf_code": f"P{number}",
            "current_bnf_code": f"P{number}",
            "bnf_description": form,
            "product_class": "opioid",
            "in_scope": True,
            "route": "oral",
            "form": form,
            "is_immediate_release_fentanyl": bool(fentanyl),
            "ome_mg_per_unit": Decimal(2),
            "ome_status": "converted",
        }
        for number, (form, fentanyl, *_) in enumerate(lines)
    ]
    items = [
        {
            "source": "patient",
            "item_id": f"{number:04}",
            "month": JANUARY,
            "patient_key": "anne",
            "bnf_code": f"P{number}",
            "bnf_description": line[0],
            "items": int(line[3]),
            "total_quantity": None if line[2] == "missing" else Decimal(line[2]),
        }
        for number, line in enumerate(lines)
    ]
    engine = build_from(patient_tables(items, products, [], [JANUARY]), "intermediate.int_items__ome", folder)
    found: list[dict] = engine.fetch("SELECT * FROM intermediate.int_items__ome ORDER BY item_id").to_pylist()
    engine.close()
    return found


def test_a_quantity_beyond_any_course_is_cautioned_and_kept(tmp_path: Path) -> None:
    lines = [[cell.strip() for cell in line.split("|")] for line in QUANTITIES.strip().splitlines()[1:]]
    found = built(lines, tmp_path)
    told = [
        [*line[:4], "yes" if item["is_implausible_quantity"] else ""] for line, item in zip(lines, found, strict=True)
    ]
    assert told == lines
    for item in found:
        assert ("implausible_quantity" in (item["cautions"] or "")) == item["is_implausible_quantity"]
        if item["total_quantity"] is not None and item["total_quantity"] > 0:
            assert item["ome_mg"] == item["total_quantity"] * 2


@pytest.mark.parametrize(
    ("quantity", "status", "reason"),
    [
        ("missing", "quantity_missing", "no quantity is given"),
        ("0", "quantity_not_positive", "the quantity is zero"),
        ("-28", "reversal_netted", "the quantity is negative: it is taken off the item it reverses"),
        ("28", "converted", None),
    ],
)
def test_a_quantity_without_a_dose_says_why(quantity: str, status: str, reason: str | None, tmp_path: Path) -> None:
    (item,) = built([["tablet", "", quantity, "1"]], tmp_path)
    assert (item["ome_status"], item["quantity_reason"]) == (status, reason)
    assert item["ome_mg"] == (56 if status == "converted" else None)
