"""Local returns as trends: like with like, intervals by published methods, no month filled in."""

from datetime import date
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from pipelines.statistics.local_trends import COLUMNS, difference_limits, judged
from pipelines.statistics.scores import AS_RETURNED, OF_BOTH, OF_CHANGE, mean_change, score_table


def series(figures: list[Any], form: str = "count", unit: str = "people", **more: Any) -> pl.DataFrame:
    """One PCN, month after month; None leaves the month out; a pair is part and whole."""
    rows = [
        {
            "org_level": "pcn", "org_code": "U1", "month": date(2024 + n // 12, n % 12 + 1, 1), "measure": "m",
            "form": form, "unit": unit, "direction": "lower", "kind": "process", "returned_by": "U1",
            "returns_counted": 1, "is_own": True,
            "numerator": figure[0] if isinstance(figure, tuple) else figure,
            "denominator": figure[1] if isinstance(figure, tuple) else None,
            **{name: values[n] for name, values in more.items()},
        }
        for n, figure in enumerate(figures)
        if figure is not None
    ]  # fmt: skip
    given = [*COLUMNS][: [*COLUMNS].index("value")]
    return pl.DataFrame(rows, schema={name: COLUMNS[name] for name in given})


def test_a_count_changes_in_percent_with_the_interval_of_two_poisson_counts() -> None:
    last = judged(series([40, 30])).row(-1, named=True)
    # ln(30/40) ± 1.96 √(1/30 + 1/40): exp(-0.2877 ± 0.4734)
    assert last["change"] == pytest.approx(-25)
    assert (last["change_low"], last["change_high"]) == (pytest.approx(-53.28, abs=0.02), pytest.approx(20.4, abs=0.1))
    assert last["change_unit"] == "percent"


def test_a_share_changes_in_percentage_points_by_newcombes_method() -> None:
    # Newcombe 1998, table II, example (a): 56/70 - 48/80 = 0.2000, method 10: 0.0524 to 0.3339
    low, high = difference_limits([56], [70], [48], [80])
    assert (round(float(low[0]), 4), round(float(high[0]), 4)) == (0.0524, 0.3339)
    last = judged(series([(48, 80), (56, 70)], form="share")).row(-1, named=True)
    assert (last["baseline"], last["value"], last["change"]) == (
        pytest.approx(60),
        pytest.approx(80),
        pytest.approx(20),
    )
    assert (last["change_low"], last["change_high"]) == (pytest.approx(5.24, abs=0.01), pytest.approx(33.39, abs=0.01))


def test_hours_and_staff_change_without_an_interval() -> None:
    for form, unit in (("amount", "hours"), ("count", "staff"), ("count", "documents")):
        last = judged(series([40, 30], form=form, unit=unit)).row(-1, named=True)
        assert last["change"] == pytest.approx(-25)
        assert (last["change_low"], last["change_high"]) == (None, None)
        assert last["change_reason"] == "no_interval_for_this_unit"


def test_a_sum_is_compared_with_a_sum_of_the_same_organisations() -> None:
    by = {"returned_by": ["U1,U2", "U1,U2,U3", "U1,U2", "U1,U2,U3"]}
    found = judged(series([40, 100, 50, 80], **by)).rows(named=True)
    assert [row["baseline"] for row in found] == [40, 100, 40, 100]
    assert [row["change"] for row in found] == [None, None, pytest.approx(25), pytest.approx(-20)]


def test_process_control_holds_the_months_of_the_same_organisations_alone() -> None:
    by = {"returned_by": ["U1"] + ["U1,U2"] * 12}
    found = judged(series([1000, *[50, 52] * 6], **by)).rows(named=True)
    assert found[0]["spc_mean"] is None
    assert found[0]["spc_reason"] == "other_organisations_returned"
    # Mean of six 50 and six 52; every moving range is 2: 51 ± 2.66 x 2
    last = found[-1]
    assert (last["spc_mean"], last["spc_lower"], last["spc_upper"]) == (
        pytest.approx(51),
        pytest.approx(51 - 5.32),
        pytest.approx(51 + 5.32),
    )
    assert last["spc_variation"] == "common cause – no significant change"


def test_a_month_without_a_return_is_no_point_and_no_zero() -> None:
    found = judged(series([50, 52, None, 50, 52, 50, 52, 50, 52, 50, 52, 50, 52]))
    assert found.height == 12
    # Over the gap there is no moving range; all others are 2.
    assert found["spc_upper"][-1] - found["spc_mean"][-1] == pytest.approx(5.32)
    assert found["numerator"].min() == 50


def test_fewer_than_twelve_months_have_no_limits() -> None:
    found = judged(series([50, 52] * 5))
    assert found["spc_mean"].null_count() == 10
    assert set(found["spc_reason"]) == {"fewer_than_12_points"}


def test_no_return_gives_an_empty_table_with_every_column() -> None:
    assert judged(pl.DataFrame(schema=COLUMNS)).schema == pl.Schema(COLUMNS)


def test_the_first_month_and_an_empty_baseline_say_why_there_is_no_change() -> None:
    found = judged(series([0, 30])).rows(named=True)
    assert [row["change_reason"] for row in found] == ["this_is_the_first_month", "baseline_zero"]


# --- scores ---------------------------------------------------------------------------------------


def test_the_published_pilot_has_a_change_and_no_interval() -> None:
    for before, after, change in ((15.75, 19.875, 4.125), (48.37, 52.93, 4.56)):
        found = mean_change(46, before, after)
        assert found.change == pytest.approx(change)
        assert (found.low, found.high, found.basis) == (None, None, None)


def test_the_interval_of_the_changes_is_that_of_a_t_distribution() -> None:
    # t(0.975, 24) = 2.0639; 2.0639 x 10 / √25 = 4.1278
    found = mean_change(25, 10, 15, sd_change=10)
    assert (found.low, found.high) == (pytest.approx(5 - 4.1278, abs=1e-4), pytest.approx(5 + 4.1278, abs=1e-4))
    assert (found.change, found.basis) == (5, OF_CHANGE)


def test_deviations_before_and_after_give_a_wider_interval_that_says_so() -> None:
    # √(6² + 8²) = 10
    found = mean_change(25, 10, 15, sds=(6, 8))
    assert (found.low, found.basis) == (pytest.approx(5 - 4.1278, abs=1e-4), OF_BOTH)


def test_limits_that_were_returned_stand_where_no_deviation_was() -> None:
    assert mean_change(25, 10, 15, returned=(1, 9)) == (5, 1, 9, AS_RETURNED)
    assert mean_change(1, 10, 15, sd_change=3).low is None


def test_each_row_of_scores_has_its_own_change_and_a_hidden_one_has_none() -> None:
    figures = ("mean_before", "mean_after", "sd_before", "sd_after", "sd_change", "returned_low", "returned_high")
    rows = [
        ("U2", 46, (15.75, 19.875, None, None, None, 3.5, 4.75)),
        ("U1", 25, (10, 15, None, None, 10, None, None)),
        ("U3", None, (None,) * 7),
        ("U4", 25, (10, 15, 6, 8, None, None, None)),
    ]
    table = pa.Table.from_pylist(
        [
            {
                "month": date(2025, 3, 1),
                "org_code": code,
                "instrument": "MSK-HQ",
                "n": n,
                **dict(zip(figures, given, strict=True)),
            }
            for code, n, given in rows
        ],
        pa.schema(
            [("month", pa.date32()), ("org_code", pa.string()), ("instrument", pa.string()), ("n", pa.int64())]
            + [(name, pa.float64()) for name in figures]
        ),
    )
    names = ("org_code", "mean_change", "change_low", "change_high", "interval_basis")
    found = [tuple(row[name] for name in names) for row in score_table(table).to_pylist()]
    wide = (5.0, pytest.approx(5 - 4.1278, abs=1e-4), pytest.approx(5 + 4.1278, abs=1e-4))
    assert found == [
        ("U1", *wide, OF_CHANGE),
        ("U2", 4.125, 3.5, 4.75, AS_RETURNED),
        ("U3", None, None, None, None),
        ("U4", *wide, OF_BOTH),
    ]
