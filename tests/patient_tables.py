"""The tables the patient models begin with: items with their descriptions, products, practices, loaded months."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import pyarrow as pa

from pipelines.products.arrow import SCHEMA as PRODUCT_ANSWERS

ITEMS = pa.schema(
    [
        ("source", pa.string()),
        ("item_id", pa.string()),
        ("month", pa.date32()),
        ("practice_code", pa.string()),
        ("registered_practice_code", pa.string()),
        ("patient_key", pa.string()),
        ("age", pa.int32()),
        ("sex", pa.string()),
        ("imd_decile", pa.int32()),
        ("bnf_code", pa.string()),
        ("bnf_description", pa.string()),
        ("items", pa.int32()),
        ("total_quantity", pa.decimal128(18, 4)),
        ("nic_gbp", pa.decimal128(18, 4)),
    ]
)
PRODUCTS = pa.schema([("product_number", pa.int32()), *PRODUCT_ANSWERS])
PRACTICES = pa.schema(
    [
        ("practice_code", pa.string()),
        ("practice_name", pa.string()),
        ("is_gp_practice", pa.bool_()),
        ("pcn_code", pa.string()),
    ]
)
FILE_MONTHS = pa.schema(
    [
        ("source", pa.string()),
        ("month", pa.date32()),
        ("is_current", pa.bool_()),
        ("rows_read", pa.int64()),
        ("rows_quarantined", pa.int64()),
    ]
)


def patient_tables(
    items: Iterable[Mapping[str, Any]],
    products: Iterable[Mapping[str, Any]],
    practices: Iterable[Mapping[str, Any]],
    loaded_months: Iterable[date],
) -> dict[str, pa.Table]:
    """Rows → the given tables for `build_from`. What a row does not say is NULL; products are numbered as they come."""
    months = [
        {"source": "patient_items", "month": month, "is_current": True, "rows_read": 1, "rows_quarantined": 0}
        for month in loaded_months
    ]
    numbered = [dict(product, product_number=number) for number, product in enumerate(products, start=1)]
    return {
        "intermediate.int_items__described": _table(items, ITEMS),
        "reference.products": _table(numbered, PRODUCTS),
        "intermediate.int_organisations__practices": _table(practices, PRACTICES),
        "staging.stg_register__file_months": _table(months, FILE_MONTHS),
    }


def _table(rows: Iterable[Mapping[str, Any]], schema: pa.Schema) -> pa.Table:
    rows = list(rows)
    return pa.table({field.name: pa.array([row.get(field.name) for row in rows], field.type) for field in schema})
