"""Local counts of people leave protected: small ones hidden, none to be worked out, figures from what is shown."""

from datetime import date
from typing import Any

import polars as pl
import pytest

from pipelines.config import load_settings
from pipelines.disclosure import load_policies
from pipelines.disclosure.local import protect_local_trends, protect_scores, protect_service_impact
from pipelines.statistics.local_trends import COLUMNS, judged
from pipelines.statistics.scores import with_mean_change

POLICIES = load_policies(load_settings().disclosure_file)
DEFAULT, EXACT, NONE = POLICIES["hes_1to7_round5"], POLICIES["nhsbsa_lt5"], POLICIES["none"]
MARCH = date(2025, 3, 1)


def trends(counts: dict[str, Any], form: str = "count", unit: str = "people", month: date = MARCH) -> pl.DataFrame:
    """Figures by organisation: U… are PCNs of ICB Q1; a pair is part and whole."""
    rows = [
        {
            "org_level": "all" if code == "all" else "icb" if code == "Q1" else "pcn", "org_code": code,
            "pcn_code": code if code[0] == "U" else None, "icb_code": None if code == "all" else "Q1",
            "month": month, "measure": "m", "form": form, "unit": unit, "kind": "process", "direction": "none",
            "numerator": count[0] if isinstance(count, tuple) else count,
            "denominator": count[1] if isinstance(count, tuple) else None,
            "returned_by": code, "returns_counted": 1, "is_own": True,
        }
        for code, count in counts.items()
    ]  # fmt: skip
    given = [*COLUMNS][: [*COLUMNS].index("value")]
    return judged(pl.DataFrame(rows, schema={name: COLUMNS[name] for name in given}))


def shown(rows: pl.DataFrame, policy: Any = DEFAULT) -> dict[str, tuple[Any, Any, bool]]:
    left = protect_local_trends(rows, policy)
    return {row["org_code"]: (row["numerator"], row["value"], row["suppressed"]) for row in left.to_dicts()}


def test_counts_of_one_to_seven_are_hidden_the_rest_rounded_and_nothing_stays_nothing() -> None:
    left = shown(trends({"U1": 7, "U2": 8, "U3": 42, "U4": 0, "U5": 1}))
    assert left["U1"] == (None, None, True)
    assert left["U5"] == (None, None, True)
    assert [left[code][:2] for code in ("U2", "U3", "U4")] == [(10, 10), (40, 40), (0, 0)]


@pytest.mark.parametrize(("form", "unit"), [("amount", "hours"), ("count", "staff"), ("count", "documents")])
def test_hours_staff_and_documents_are_nobody_and_leave_as_they_are(form: str, unit: str) -> None:
    assert shown(trends({"U1": 3.0}, form, unit))["U1"] == (3.0, 3.0, False)


def test_a_hidden_pcn_cannot_be_worked_out_from_its_icb() -> None:
    # Without rounding 33 − 30 would be 3.
    left = shown(trends({"U1": 3, "U2": 30, "Q1": 33}), EXACT)
    assert left["U1"][2]
    assert left["U2"][2] or left["Q1"][2]


def test_both_parts_of_a_share_are_protected_and_so_is_their_difference() -> None:
    left = shown(trends({"U1": (42, 48), "U2": (3, 20), "U3": (2, 5)}, form="share"))
    # 42 → 40, 48 → 50
    assert left["U1"] == (40, 80, False)
    assert left["U2"] == (None, None, True)
    assert left["U3"] == (None, None, True)
    # 18 of 20: without rounding the two who did not would be known.
    exact = protect_local_trends(trends({"U1": (18, 20)}, form="share"), EXACT).row(0, named=True)
    assert exact["suppressed"]
    assert None in (exact["numerator"], exact["denominator"])


def test_a_mean_leaves_with_a_rounded_number_behind_it_or_not_at_all() -> None:
    left = protect_local_trends(trends({"U1": (46 * 7.25, 46), "U2": (21.0, 3)}, form="mean"), DEFAULT)
    rows = {row["org_code"]: row for row in left.to_dicts()}
    assert (rows["U1"]["value"], rows["U1"]["denominator"]) == (pytest.approx(7.25), 45)
    assert (rows["U2"]["value"], rows["U2"]["denominator"], rows["U2"]["suppressed"]) == (None, None, True)


def test_a_change_of_people_needs_twenty_on_both_sides() -> None:
    first = date(2025, 2, 1)
    rows = judged(
        pl.concat(
            [trends({"U1": 30, "U2": 60}, month=first), trends({"U1": 12, "U2": 40})],
        ).with_columns(pl.lit("same").alias("returned_by"))
    )
    left = {
        row["org_code"]: (row["change"], row["change_reason"])
        for row in protect_local_trends(rows, DEFAULT).to_dicts()
        if row["month"] == MARCH
    }
    assert left["U1"] == (None, "too_few_to_tell")
    # 60 and 40 are multiples of 5: 100 x (40/60 − 1)
    assert left["U2"][0] == pytest.approx(-33.33, abs=0.01)


@pytest.mark.parametrize(
    ("count", "unit", "reason"),
    [(150, "people", "trial_limits"), (50, "people", "too_few_to_tell"), (50, "documents", "trial_limits")],
)
def test_process_control_of_people_needs_a_mean_of_a_hundred(count: int, unit: str, reason: str) -> None:
    months = [date(2024, month, 1) for month in range(1, 13)] + [date(2025, 1, 1)]
    rows = judged(pl.concat([trends({"U1": count + 10 * (at % 2)}, unit=unit, month=m) for at, m in enumerate(months)]))
    assert rows["spc_mean"].null_count() == 0
    left = protect_local_trends(rows, DEFAULT)
    assert set(left["spc_reason"]) == {reason}
    assert (
        (left["spc_mean"].null_count() == 13) == (left["spc_upper"].null_count() == 13) == (reason == "too_few_to_tell")
    )


def test_counts_that_round_alike_leave_alike_in_every_column() -> None:
    one, two = (protect_local_trends(trends({"U1": count, "U2": 60, "Q1": count + 60}), DEFAULT) for count in (38, 42))
    assert one.equals(two)


def scores(n: int, **more: Any) -> pl.DataFrame:
    row = {
        "month": MARCH, "org_code": "U1", "org_level": "pcn", "org_name": None, "pcn_code": "U1", "icb_code": "Q1",
        "instrument": "MSK-HQ", "n": n, "mean_before": 15.75, "mean_after": 19.875, "sd_before": None,
        "sd_after": None, "sd_change": None, "returned_low": None, "returned_high": None, **more,
    }  # fmt: skip
    empty = ("sd_before", "sd_after", "sd_change", "returned_low", "returned_high")
    return with_mean_change(pl.DataFrame([row], schema_overrides=dict.fromkeys(empty, pl.Float64)))


def test_scores_of_few_people_leave_nothing_but_that_there_is_a_row() -> None:
    left = protect_scores(scores(7, sd_change=3.0, returned_low=1.0, returned_high=8.0), DEFAULT).row(0, named=True)
    figures = (
        "n", "mean_before", "mean_after", "sd_change", "returned_low", "returned_high", "mean_change", "change_low",
        "change_high",
    )  # fmt: skip
    assert left["suppressed"]
    assert {name: left[name] for name in figures} == dict.fromkeys(figures)


def test_the_interval_of_a_score_tells_no_more_than_the_rounded_number() -> None:
    one, two = (protect_scores(scores(n, sd_change=6.0), DEFAULT) for n in (44, 46))
    assert one.equals(two)
    assert one["n"][0] == 45
    assert one["mean_change"][0] == pytest.approx(4.125)


def impact(patients: int) -> pl.DataFrame:
    row = {
        "org_code": "U1", "org_level": "pcn", "pcn_code": "U1", "icb_code": "Q1", "service": "GP",
        "unit_cost_gbp": 50.0, "reduction_per_patient": 2.2, "patients": patients,
        "value_gbp_a_year": 110.0 * patients,
    }  # fmt: skip
    return pl.DataFrame([row])


def test_money_tells_no_more_than_the_patients_it_is_worked_out_from() -> None:
    few = protect_service_impact(impact(6), DEFAULT).row(0, named=True)
    assert (few["patients"], few["value_gbp_a_year"], few["suppressed"]) == (None, None, True)
    assert protect_service_impact(impact(128), DEFAULT).equals(protect_service_impact(impact(132), DEFAULT))
    whole = protect_service_impact(impact(130), DEFAULT).row(0, named=True)
    assert (whole["patients"], whole["value_gbp_a_year"]) == (130, pytest.approx(14_300))


def test_on_the_secure_side_nothing_is_changed() -> None:
    assert shown(trends({"U1": 3}), NONE)["U1"] == (3, 3, False)
    assert protect_scores(scores(3), NONE)["n"][0] == 3
    assert protect_service_impact(impact(3), NONE)["value_gbp_a_year"][0] == pytest.approx(330)


def test_of_nothing_returned_there_is_nothing_to_protect() -> None:
    assert protect_local_trends(trends({"U1": 3}).clear(), DEFAULT).is_empty()
    assert protect_scores(scores(3).clear(), DEFAULT).is_empty()
    assert protect_service_impact(impact(3).clear(), DEFAULT).is_empty()
