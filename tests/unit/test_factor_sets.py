"""Factor sets compared: what differs is what their sources say differs."""

from decimal import Decimal

import pytest

from pipelines import assets
from pipelines.errors import ReferenceDataError
from pipelines.factor_sets import factor_changes
from pipelines.products import ProductReference

REFERENCE = ProductReference.load(assets.REFERENCE_DIR)


def test_uk_and_cdc_factors_differ_where_the_cdc_table_says_so() -> None:
    # CDC 2022, table of conversion factors: codeine 0.15, tramadol 0.2, methadone 4.7; buprenorphine is left out.
    changed = {(c.drug, c.route): (c.before, c.after) for c in factor_changes(REFERENCE, "uk_2026", "cdc_2022")}
    assert changed["codeine", "oral"] == (Decimal("0.1"), Decimal("0.15"))
    assert changed["tramadol", "oral"] == (Decimal("0.1"), Decimal("0.2"))
    assert changed["methadone", "oral"] == (Decimal(3), Decimal("4.7"))
    assert changed["buprenorphine", "transdermal"] == (Decimal("2.4"), None)
    assert ("morphine", "oral") not in changed


def test_a_set_does_not_differ_from_itself() -> None:
    assert factor_changes(REFERENCE, "uk_2026", "uk_2026") == ()


def test_an_unknown_set_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ReferenceDataError, match="uk_2026"):
        factor_changes(REFERENCE, "uk_2026", "uk_1900")
