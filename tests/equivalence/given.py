"""Items as dictionaries → the tables that stand at the head of the patient models."""

from datetime import date
from decimal import Decimal

import pyarrow as pa
from patient_tables import patient_tables

OF_PRODUCT = (
    "bnf_code",
    "drug",
    "product_class",
    "in_scope",
    "route",
    "form",
    "wear_hours",
    "ome_mg_per_unit",
    "product_status",
    "is_immediate_release_fentanyl",
    "is_methadone",
    "is_strong_opioid",
)


def item_id_of(number: int) -> str:
    """The id of an item as the warehouse writes it: file, then line."""
    return f"{'0' * 12}:{number}"


def tables_of(items: list[dict], loaded_months: list[date], gp_practices: set[str]) -> dict[str, pa.Table]:
    """The given tables for `build_from`."""
    descriptions: dict[tuple, str] = {}
    rows = []
    for item in items:
        product = tuple(item[name] for name in OF_PRODUCT)
        # Products that differ in anything are different products, though they may share a code.
        description = descriptions.setdefault(product, f"product {len(descriptions) + 1}")
        own = {"source": "patient", "item_id": item_id_of(item["item_id"]), "bnf_description": description}
        rows.append(item | own)
    products = [_product(dict(zip(OF_PRODUCT, product, strict=True)), name) for product, name in descriptions.items()]
    codes = {item["practice_code"] for item in items} - {None} | gp_practices
    practices = [{"practice_code": code, "is_gp_practice": code in gp_practices} for code in sorted(codes)]
    return patient_tables(rows, products, practices, loaded_months)


def _product(product: dict, description: str) -> dict:
    return product | {
        "bnf_description": description,
        "current_bnf_code": product["bnf_code"],
        "ome_status": product["product_status"],
        "cautions": "methadone_present" if product["is_methadone"] else None,
    }


def same(found: object, expected: object) -> bool:
    """Equal, and unknown only where unknown is expected. Numbers by value, cautions as sets."""
    if isinstance(expected, set | frozenset):
        found = set() if not found else set(str(found).split("; "))
        return found & {"reversal_exceeds_quantity", "methadone_present"} == expected
    if isinstance(expected, Decimal) or isinstance(found, Decimal):
        return found is not None and expected is not None and Decimal(found) == Decimal(expected)
    return found == expected and (found is None) == (expected is None)
