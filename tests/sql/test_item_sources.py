"""Whose items they are, as far as that is known, and what a code that came without a description is called."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
from patient_tables import ITEMS, patient_tables
from support import build_from

JANUARY, FEBRUARY = date(2024, 1, 1), date(2024, 2, 1)
# source, practice, patient, month, items
DISPENSED = [
    ("patient", "A81001", "anne", JANUARY, 2),
    ("patient", "A81001", None, JANUARY, 1),
    ("patient", "A81001", "anne", FEBRUARY, 1),
    ("patient", None, "anne", JANUARY, 1),
    ("patient", None, None, JANUARY, 3),
    ("patient", "A81002", None, JANUARY, 4),
    ("epd", "A81001", None, JANUARY, 50),
]


def test_the_share_of_items_that_have_a_patient_is_counted_by_practice_and_month(tmp_path: Path) -> None:
    columns = ("source", "practice_code", "patient_key", "month", "items")
    given = pa.Table.from_pylist([dict(zip(columns, row, strict=True)) for row in DISPENSED])
    engine = build_from({"intermediate.int_items__ome": given}, "intermediate.int_items__capture", tmp_path)
    found = engine.fetch("SELECT * FROM intermediate.int_items__capture ORDER BY practice_code, month").to_pylist()
    engine.close()
    # Open data names nobody, and takes no part: 2 of 3 items of A81001 are Anne's in January.
    told = [(row["practice_code"], row["month"], row["identified_items"], row["items"]) for row in found]
    assert told == [
        ("-", JANUARY, 1, 4),
        ("A81001", JANUARY, 2, 3),
        ("A81001", FEBRUARY, 1, 1),
        ("A81002", JANUARY, 0, 4),
    ]


def test_a_description_that_is_missing_is_taken_from_the_presentations_and_no_other(tmp_path: Path) -> None:
    def items(*rows: tuple[str, str, str]) -> pa.Table:
        given = [
            {
                "item_id": item,
                "month": JANUARY,
                "bnf_code": code,
                "bnf_description": words,
                "total_quantity": Decimal(1),
            }
            for item, code, words in rows
        ]
        fields = [field for field in ITEMS if field.name != "source"]
        return pa.table({field.name: pa.array([row.get(field.name) for row in given], field.type) for field in fields})

    presentations = pa.table(
        {"bnf_code": ["C1", "C1", "C2"], "bnf_description": ["Alpha 1mg", "Beta 1mg", "Gamma 2mg"]}
    )
    given = {
        "staging.stg_patient__items": items(("p1", "C1", ""), ("p2", "C2", "As it came"), ("p3", "C9", "")),
        "staging.stg_epd__items": items(("e1", "C2", "")),
        "staging.stg_bnf__presentations": presentations,
    }
    engine = build_from(given, "intermediate.int_items__described", tmp_path)
    found = engine.fetch("SELECT * FROM intermediate.int_items__described").to_pylist()
    engine.close()
    assert {row["item_id"]: (row["source"], row["bnf_description"]) for row in found} == {
        "p1": ("patient", "Beta 1mg"),
        "p2": ("patient", "As it came"),
        "p3": ("patient", ""),
        "e1": ("epd", "Gamma 2mg"),
    }


def test_an_item_of_a_product_that_nobody_follows_is_left_out_and_one_that_is_noted_is_kept(tmp_path: Path) -> None:
    classes = {"followed": "opioid", "noted": "excluded", "other": "not_followed"}
    products = [{"bnf_code": name, "bnf_description": name, "product_class": kind} for name, kind in classes.items()]
    names = (*classes, "in no list")
    items = [{"item_id": name, "month": JANUARY, "bnf_code": name, "bnf_description": name} for name in names]
    given = patient_tables(items, products, [], [JANUARY])
    engine = build_from(given, "intermediate.int_items__classified", tmp_path)
    found = engine.fetch("SELECT item_id, product_class FROM intermediate.int_items__classified").to_pylist()
    engine.close()
    assert {row["item_id"]: row["product_class"] for row in found} == {"followed": "opioid", "noted": "excluded"}
