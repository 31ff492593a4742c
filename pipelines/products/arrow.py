"""Arrow tables in and out: distinct products are resolved once, in the order of the input.

The distinct answers become columns once and are spread over the rows, so that a long table of few
products costs no more than the products.
"""

from operator import attrgetter
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.products.model import SCOPES, Resolution
from pipelines.products.reference import ProductReference, unknown_factor_set
from pipelines.products.resolver import Resolver

# Answers are turned into columns this many at a time: memory stays that of the columns.
_CHUNK = 5_000
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
_ALL_ANSWERS = attrgetter(*_ANSWERS)

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
    distinct_codes, distinct_descriptions, row_to_distinct = _distinct(given_codes, given_descriptions)
    chunks = [_columns([])]
    for start in range(0, len(distinct_codes), _CHUNK):
        pairs = zip(
            distinct_codes.slice(start, _CHUNK).to_pylist(),
            distinct_descriptions.slice(start, _CHUNK).to_pylist(),
            strict=True,
        )
        chunks.append(_columns([resolver.resolve(code, description) for code, description in pairs]))
    spread = pa.concat_tables(chunks).take(row_to_distinct)
    return pa.Table.from_arrays([given_codes, given_descriptions, *spread.columns], schema=SCHEMA)


def _distinct(given_codes: pa.ChunkedArray, descriptions: pa.ChunkedArray) -> tuple[Any, Any, Any]:
    """The distinct pairs (null is a value of its own), and for each row the place of its pair."""
    codes = given_codes.combine_chunks().dictionary_encode(null_encoding="encode")
    words = descriptions.combine_chunks().dictionary_encode(null_encoding="encode")
    size = pa.scalar(max(1, len(words.dictionary)), pa.int64())
    pair = pc.add(pc.multiply(codes.indices.cast(pa.int64()), size), words.indices.cast(pa.int64()))
    pairs = pair.dictionary_encode()
    code_at = pc.divide(pairs.dictionary, size)
    words_at = pc.subtract(pairs.dictionary, pc.multiply(code_at, size))
    return codes.dictionary.take(code_at), words.dictionary.take(words_at), pairs.indices


def _columns(answers: list[Resolution]) -> pa.Table:
    rows = list(map(_ALL_ANSWERS, answers))
    columns = zip(*rows, strict=True) if rows else ([] for _name in _ANSWERS)
    return pa.table(
        {name: pa.array(column, kind) for (name, kind), column in zip(_ANSWERS.items(), columns, strict=True)}
    )
