"""Laws that hold for every text: no error, no invented dose, the same rows in the same order."""

import string

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import ReferenceDataError
from pipelines.products import SCHEMA, resolve

from .tables import REFERENCE, answers

# Twice the strongest ampoule known: 1,000 mg of diamorphine at 3.3.
ABSURD_OME_MG = 3_300

ODDITIES = (
    "mg; mcg; micrograms; g; ml; %; /; 5ml; 10mg; 30mg/500mg; 500/7.7mg; 25mcg/hr; 4.2mg/72hrs; (96hr); (; )"
    "; _; M/R; 1,000mg; 0mg; 1e9mg; 0.0000001mg; 999999999mg; 10mg/0ml; 10mg/ml; 2ml; unit dose vials; ½mg"
)
WORDS = [
    *sorted(REFERENCE.names),
    *sorted(REFERENCE.forms),
    *ODDITIES.split("; "),
]
CODES = [*sorted(REFERENCE.drugs), *sorted(REFERENCE.generics), *sorted(REFERENCE.code_changes)]
codes = st.none() | st.sampled_from(CODES) | st.text(string.ascii_uppercase + string.digits, max_size=16)
texts = st.none() | st.text(max_size=60) | st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join)


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.tuples(codes, texts), max_size=12),
    st.sampled_from(REFERENCE.factor_sets),
    st.sampled_from(["nhsbsa_dfm", "extended"]),
)
def test_no_text_raises_or_gets_an_absurd_dose(
    products: list[tuple[str | None, str | None]], factor_set: str, scope: str
) -> None:
    found = answers(products, factor_set, scope)
    assert [(row["bnf_code"], row["bnf_description"]) for row in found] == products
    for row in found:
        ome = row["ome_mg_per_unit"]
        assert (ome is not None) == (row["ome_status"] == "converted")
        assert ome is None or 0 < ome <= ABSURD_OME_MG
        assert row["mg_per_unit"] is None or row["mg_per_unit"] > 0
        assert ome is None or row["in_scope"]
        assert ome is None or row["route"] is not None
        assert ome is not None or not row["in_scope"] or row["reason"]


def test_the_order_of_the_input_does_not_matter() -> None:
    products = [(code, None) for code in CODES[:300]]
    forwards = answers(products)
    assert answers(products[::-1]) == forwards[::-1]


def test_an_empty_table_gives_an_empty_table_of_the_same_shape() -> None:
    empty = pa.table({"bnf_code": pa.array([], pa.string()), "bnf_description": pa.array([], pa.string())})
    found = resolve(empty, REFERENCE)
    assert found.num_rows == 0
    assert found.schema == SCHEMA


def test_an_unknown_factor_set_names_those_that_exist() -> None:
    empty = pa.table({"bnf_code": pa.array([], pa.string()), "bnf_description": pa.array([], pa.string())})
    with pytest.raises(ReferenceDataError, match="no factor set 'uk_1999'") as error:
        resolve(empty, REFERENCE, "uk_1999")
    assert "cdc_2022" in error.value.remedy
