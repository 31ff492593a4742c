"""Arrow tables in and out: distinct products are resolved once, in the order of the input.

The distinct answers become columns once and are spread over the rows, so that a long table of few
products costs no more than the products.
"""

from itertools import islice
from typing import Any

import pyarrow as pa

from pipelines.products.model import SCOPES, Resolution
from pipelines.products.reference import ProductReference, unknown_factor_set
from pipelines.products.resolver import Resolver

# Answers are turned into columns this many at a time: memory stays that of the columns.
_CHUNK = 10_000
_DECIMAL = pa.decimal128(18, 6)
_ANSWERS: dict[str, Any] = {
    "current_bnf_code": pa.string(),
    "drug": pa.string(),
    "product_class": pa.string(),
    "in_scope": pa.bool_(),
    "out_of_scope_reason": pa.string(),
    "route": pa.string(),
    "form": pa.string(),
    "release": pa.string(),
    "strength_value": _DECIMAL,
    "strength_unit": pa.string(),
    "quantity_unit": pa.string(),
    "wear_hours": pa.int32(),
    "mg_per_unit": _DECIMAL,
    "ome_mg_per_unit": _DECIMAL,
    "ome_status": pa.string(),
    "reason": pa.string(),
    "resolved_by": pa.string(),
    "resolved_from": pa.string(),
    "cautions": pa.string(),
    "is_immediate_release_fentanyl": pa.bool_(),
    "is_methadone": pa.bool_(),
    "is_strong_opioid": pa.bool_(),
    "ddd_mg": _DECIMAL,
}

SCHEMA = pa.schema([("bnf_code", pa.string()), ("bnf_description", pa.string()), *_ANSWERS.items()])


def resolve(
    products: pa.Table,
    reference: ProductReference,
    factor_set: str = "uk_2026",
    scope: str = "nhsbsa_dfm",
) -> pa.Table:
    """What each product is and its oral morphine equivalent (mg) in one NHSBSA quantity unit.

    `products` has bnf_code and bnf_description, either of which may be null. The answer has `SCHEMA`,
    with as many rows in the same order. Raises ReferenceDataError for an unknown factor set and
    ValueError for an unknown scope; never for what a row says.
    """
    if factor_set not in reference.factors:
        raise unknown_factor_set(reference, factor_set)
    if scope not in SCOPES:
        raise ValueError(f"scope {scope!r} is not one of {', '.join(SCOPES)}")
    resolver = Resolver(reference, factor_set, scope)
    given_codes = products.column("bnf_code").cast(pa.string())
    given_descriptions = products.column("bnf_description").cast(pa.string())
    index_of: dict[tuple[str | None, str | None], int] = {}
    indices = [
        index_of.setdefault(pair, len(index_of))
        for pair in zip(given_codes.to_pylist(), given_descriptions.to_pylist(), strict=True)
    ]
    distinct = iter(index_of)
    chunks = []
    while pairs := list(islice(distinct, _CHUNK)):
        chunks.append(_columns([resolver.resolve(*pair) for pair in pairs]))
    answers = pa.concat_tables(chunks) if chunks else _columns([])
    spread = answers.take(pa.array(indices, pa.int64())).combine_chunks()
    return pa.Table.from_arrays([given_codes, given_descriptions, *spread.columns], schema=SCHEMA)


def _columns(answers: list[Resolution]) -> pa.Table:
    return pa.table(
        {
            name: pa.array([getattr(answer, name) for answer in answers], kind)
            for name, kind in _ANSWERS.items()
        }
    )
