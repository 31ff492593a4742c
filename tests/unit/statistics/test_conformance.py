"""Published expected results, read from the folder named by OPIOIDS_CONFORMANCE_DIR; skipped without it."""

import csv
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipelines.disclosure import load_policies, protect_counts
from pipelines.statistics import aim, intervals, spc

FOLDER = os.environ.get("OPIOIDS_CONFORMANCE_DIR")
pytestmark = pytest.mark.skipif(not FOLDER, reason="OPIOIDS_CONFORMANCE_DIR is not set")
CONFIGS = Path(__file__).parents[3] / "configs"


def vectors(name: str) -> Path:
    """The file in the folder or in its `vectors` folder."""
    folder = Path(FOLDER or "")
    return next((path for path in (folder / name, folder / "vectors" / name) if path.exists()), folder / name)


def rows(name: str) -> list[dict[str, str]]:
    with vectors(name).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def cases(name: str = "nhsrplotthedots_spc_cases.json") -> dict[str, Any]:
    content: dict[str, Any] = json.loads(vectors(name).read_text(encoding="utf-8"))
    return content


def number(text: str) -> float:
    return float(text) if text else float("nan")


def column(table: list[dict[str, str]], name: str) -> np.ndarray:
    return np.array([number(row[name]) for row in table])


def test_every_published_file_of_statistics_is_read_here() -> None:
    folder = vectors("spc_rule_cases.csv").parent
    published = {file.name for pattern in ("ci_*", "*spc_*", "sdc_*") for file in folder.glob(pattern)}
    assert len(published) >= 10
    own = Path(__file__).read_text(encoding="utf-8")
    assert [name for name in sorted(published) if f'"{name}"' not in own] == []


def test_byar_and_wilson_limits_equal_the_published_ones() -> None:
    for row in rows("ci_byars_wilson.csv"):
        confidence = float(row["confidence"].rstrip("%")) / 100
        if row["method"] == "Byars":
            lower, upper = intervals.byar_limits(number(row["x"]), confidence)
        else:
            lower, upper = intervals.wilson_limits(number(row["x"]), number(row["n"]), confidence=confidence)
        for expected, actual in ((row["lowercl"], lower), (row["uppercl"], upper)):
            if expected:
                assert float(actual) == pytest.approx(float(expected), rel=1e-9, abs=1e-9), row


@pytest.mark.parametrize("percent", ["95_0", "99_8"])
def test_proportions_with_wilson_limits_equal_the_published_ones(percent: str) -> None:
    table = rows("ci_proportion_wilson.csv")
    multiplier, confidence = column(table, "multiplier"), float(percent.replace("_", ".")) / 100
    lower, upper = intervals.wilson_limits(
        column(table, "Numerator"), column(table, "Denominator"), confidence=confidence
    )
    for limits, side in ((lower, "lower"), (upper, "upper")):
        assert limits * multiplier == pytest.approx(column(table, f"{side}{percent}cl"), rel=1e-9, nan_ok=True)


@pytest.mark.parametrize("percent", ["95_0", "99_8"])
def test_rates_by_byar_and_exact_limits_equal_the_published_ones(percent: str) -> None:
    table = rows("ci_rate_byars_exact.csv")
    count, size, times = (column(table, name) for name in ("Numerator", "Denominator", "multiplier"))
    confidence = float(percent.replace("_", ".")) / 100
    lower, upper = intervals.rate_limits(count, size, multiplier=1, confidence=confidence)
    assert intervals.rate(count, size, 1) * times == pytest.approx(column(table, "value"), rel=1e-9, nan_ok=True)
    for limits, side in ((lower, "lower"), (upper, "upper")):
        assert limits * times == pytest.approx(column(table, f"{side}{percent}cl"), rel=1e-9, nan_ok=True)


def test_proportion_funnel_limits_equal_the_published_ones() -> None:
    table = rows("ci_funnel_prop_outputs.csv")
    inputs = rows("ci_funnel_prop_inputs.csv")
    centre = intervals.pooled_rate(column(inputs, "numerator"), column(inputs, "denominator"), multiplier=100)
    assert centre == pytest.approx(column(table, "Baseline")[0], abs=5e-7)  # published to six decimals
    population = column(table, "Population")
    for confidence, name in ((0.95, "2s0025"), (0.998, "3s0001")):
        lower, upper = intervals.proportion_funnel_limits(population, centre, 100, confidence)
        # Published to six decimals: rounded alike, the same but for the last bit.
        assert np.round(lower, 6) == pytest.approx(column(table, f"Lower{name}limit"), abs=1e-9)
        assert np.round(upper, 6) == pytest.approx(column(table, f"Upper{name}limit"), abs=1e-9)


def test_areas_lie_outside_the_proportion_funnel_where_published() -> None:
    table = rows("ci_funnel_prop_inputs.csv")
    count, size = column(table, "numerator"), column(table, "denominator")
    share, centre = count / size, intervals.pooled_rate(count, size, multiplier=1)
    said = np.full(share.size, "Not significant", dtype=object)
    for confidence, label in ((0.95, "0.025"), (0.998, "0.001")):
        lower, upper = intervals.proportion_funnel_limits(size, centre, 1, confidence)
        said[share < lower], said[share > upper] = f"Low ({label})", f"High ({label})"
    assert said.tolist() == [row["significance"] for row in table]


def test_wald_limits_and_jeffreys_probability_equal_the_published_ones() -> None:
    table = rows("ci_reduction_vs_target.csv")
    counts = tuple(column(table, name) for name in ("x1", "n1", "x0", "n0"))
    assert aim.rate_ratio(*counts) == pytest.approx(column(table, "rate_ratio"), rel=1e-9)
    lower, upper = aim.wald_log_limits(*counts)
    assert lower == pytest.approx(column(table, "rr_lower95_wald_log"), rel=1e-9, nan_ok=True)
    assert upper == pytest.approx(column(table, "rr_upper95_wald_log"), rel=1e-9, nan_ok=True)
    halved = aim.probability_ratio_below_jeffreys(*counts, 0.5)
    assert halved == pytest.approx(column(table, "prob_rate_halved_jeffreys"), rel=1e-9)


def test_xmr_limits_equal_the_published_ones_to_two_decimals() -> None:
    for row in rows("spc_xmr_limits.csv"):
        values = [float(v) for v in row["values"].split()]
        mean, lower, upper = spc.xmr_limits(values, screen_outliers=row["screen_outliers"] == "true")
        expected = [float(row[name]) for name in ("lpl_2dp", "mean_2dp", "upl_2dp")]
        assert [lower, mean, upper] == pytest.approx(expected, abs=0.0051), row["case"]


def test_xmr_limits_equal_those_of_nhsrplotthedots() -> None:
    for case in cases()["limits"]:
        limits = spc.xmr_limits(case["y"], case["screen_outliers"])
        tolerance = 0.0051 if case.get("rounded") else 1e-6
        assert limits == pytest.approx((case["mean"], case["lpl"], case["upl"]), abs=tolerance), case["name"]
        common = case.get("common_cause_points")
        if common is not None:
            assert list(spc.xmr(case["y"], screen_outliers=True).signal).count(None) == common


def test_each_rule_marks_the_points_it_marks_in_the_rule_table() -> None:
    for row in rows("spc_rule_cases.csv"):
        expected = [int(v) for v in row["expected"].replace(",", " ").split()]
        if row["rule"] == "two_in_three":
            near, side = (part.split("=")[1].split() for part in row["input"].split("|"))
            actual = spc.part_of_two_in_three([int(v) for v in near], [int(v) for v in side])
        else:
            values = [int(v) for v in row["input"].split()]
            actual = {
                "seven_one_side": lambda v: np.abs(spc.seven_on_one_side(v)),
                "seven_trend": spc.seven_point_trend,
                "back_fill": spc.part_of_run,
            }[row["rule"]](values)
        assert np.asarray(actual).astype(int).tolist() == expected, row


def test_each_rule_marks_the_points_that_nhsrplotthedots_marks() -> None:
    rules = cases()["rules"]
    for case in rules["seven_points_one_side_of_mean"]:
        assert np.abs(spc.seven_on_one_side(case["side"])).tolist() == case["flag_at_end_of_run"]
    for case in rules["part_of_run_backfill"]:
        assert np.abs(spc.part_of_run(case["flags"])).tolist() == case["part"]
    for case in rules["seven_point_trend"]:
        assert spc.seven_point_trend(case["y"]).tolist() == case["flag"]
    for case in rules["two_in_three_near_limit"]:
        assert spc.part_of_two_in_three(case["close"], case["side"]).astype(int).tolist() == case["in_pattern"]
    for case in rules["two_in_three_highlighted_points"]:
        part = spc.part_of_two_in_three(case["close"], case["side"]) & np.array(case["close"], dtype=bool)
        assert part.astype(int).tolist() == case["highlighted"]
    assert list(spc.xmr(rules["opposite_sides_near_limits"]["y"]).signal[-2:]) == [None, None]


def test_assurance_equals_that_of_nhsrplotthedots() -> None:
    words = {
        "consistent_pass": spc.CONSISTENT_PASS,
        "consistent_fail": spc.CONSISTENT_FAIL,
        "inconsistent": spc.INCONSISTENT,
        None: None,
    }
    for case in cases()["assurance"]:
        for row in case.get("rows", []):
            said = spc.assurance(row["lpl"], row["upl"], case["target"], case["improvement"])
            assert said == words[row["assurance"]], (case["improvement"], row)


@pytest.mark.parametrize(
    ("policy", "name", "marks"),
    [
        ("midpoint6", "midpoint6", ()),
        ("opensafely_le7_round5", "redact_le7_round5", ("[REDACTED]",)),
        ("nhsbsa_lt5", "nhsbsa_lt5", ("",)),
        ("hes_1to7_round5", "hes_1to7_round5", ("*",)),
    ],
)
def test_counts_are_suppressed_and_rounded_as_published(policy: str, name: str, marks: tuple[str, ...]) -> None:
    table = rows("sdc_rounding.csv")
    protected = protect_counts(column(table, "true_count"), load_policies(CONFIGS / "disclosure.toml")[policy])
    for row, value, suppressed in zip(table, protected.value, protected.suppressed, strict=True):
        assert bool(suppressed) is (row[name] in marks), row
        if not suppressed:
            assert value == float(row[name]), row
