"""What each opioid product is worth under every factor set, and which factor made it so."""

from typing import Any

import pyarrow as pa

from pipelines.products.arrow import resolve
from pipelines.products.model import Factor
from pipelines.products.reference import ProductReference

_DECIMAL = pa.decimal128(18, 6)
SCHEMA = pa.schema(
    [
        ("product_number", pa.int32()),
        ("factor_set", pa.string()),
        ("factor", _DECIMAL),
        ("factor_unit", pa.string()),
        ("factor_basis", pa.string()),
        ("factor_row", pa.string()),
        ("factor_row_set", pa.string()),
        ("factor_source", pa.string()),
        ("ome_mg_per_unit", _DECIMAL),
        ("ome_status", pa.string()),
        ("reason", pa.string()),
    ]
)


_ASKED = ("bnf_code", "bnf_description", "product_number")
_ANSWERED = ("drug", "route", "form", "ome_mg_per_unit", "ome_status", "reason")
# A factor decides these; what anything else has decided is the same under every set.
_BY_FACTOR = ("converted", "factor_missing", "excluded_by_factor_set")


def under_every_factor_set(products: pa.Table, reference: ProductReference, factor_set: str, scope: str) -> pa.Table:
    """One row per product in scope and factor set, as `SCHEMA` says.

    `products` is what `resolve` answered under `factor_set`, with product_number. factor is NULL where the set leaves
    the drug out, and where no factor was asked for because something else is missing; factor_row_set is the set that
    the factor's row stands under, a base set where the set itself says nothing.
    """
    in_scope = products.filter(products["in_scope"]).select([*_ASKED, *_ANSWERED])
    resolved = in_scope.to_pylist()
    rows: list[dict[str, Any]] = []
    for name in reference.factor_sets:
        # Only what another factor may change is resolved again: forty sets cost little more than one.
        again = [
            name != factor_set
            and product["ome_status"] in _BY_FACTOR
            and (
                product["ome_status"] != "converted"
                or _factor(product, reference, name) != _factor(product, reference, factor_set)
            )
            for product in resolved
        ]
        anew = iter(resolve(in_scope.filter(pa.array(again, pa.bool_())), reference, name, scope).to_pylist())
        for product, is_anew in zip(resolved, again, strict=True):
            answer = next(anew) if is_anew else product
            rows.append(
                {"product_number": product["product_number"], "factor_set": name, **_of(answer, reference, name)}
            )
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def _factor(answer: dict[str, Any], reference: ProductReference, factor_set: str) -> Factor | None:
    return reference.factor_of(factor_set, answer["drug"], answer["route"], answer["form"])


def _of(answer: dict[str, Any], reference: ProductReference, factor_set: str) -> dict[str, Any]:
    found = {name: answer[name] for name in ("ome_mg_per_unit", "ome_status", "reason")}
    if answer["ome_status"] not in ("converted", "excluded_by_factor_set"):
        return found
    factor = _factor(answer, reference, factor_set)
    assert factor is not None
    return found | {
        "factor": factor.factor,
        "factor_unit": factor.unit,
        "factor_basis": factor.basis,
        "factor_row": factor.where,
        "factor_row_set": factor.factor_set,
        "factor_source": factor.source,
    }
