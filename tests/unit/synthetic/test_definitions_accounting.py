"""The benchmark of the definitions: its counting, worked by hand, and that its page tells its tables."""

import re
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from synthetic_extracts import REFERENCE_DIR, read_text

from bench.definitions.accounting import Counts, Share, counted, dose_errors
from bench.definitions.charts import dose_chart, found_chart
from bench.definitions.measured import COMPUTED, at_judged_month, measure, with_windows
from bench.definitions.page import DOSE_CHART, FOUND_CHART, PAGE, page
from bench.definitions.populations import POPULATIONS, SCRIPTS, USUAL
from bench.definitions.results import Results
from bench.definitions.rules import rules

DOCS = Path(__file__).parents[3] / "docs"
STATUS_COLUMNS = [name for name in COMPUTED if name.startswith("high_dose_status")]

# Five people on opioids and one who is not. True: mean mg a day over three months; then what the product says.
#   person 1: truly above, confirmed           person 4: truly on 120 exactly, and read so
#   person 2: truly above, but read as recent  person 5: far below, with a gabapentinoid
#   person 3: truly below, but read as possible
#   person 6: nothing taken, nothing dispensed: judged nowhere
PEOPLE = pl.DataFrame(
    {
        "true_1m": [130.0, 130.0, 100.0, 120.0, 20.0, 0.0],
        "true_3m": [130.0, 130.0, 100.0, 120.0, 20.0, 0.0],
        "true_6m": [130.0, 130.0, 100.0, 120.0, 20.0, 0.0],
        "true_3m_before": [60.0, 130.0, 100.0, 120.0, 20.0, 0.0],
        "true_6m_before": [60.0, 130.0, 100.0, 120.0, 20.0, 0.0],
        "taken_3m": [3, 3, 3, 3, 3, 0],
        "taken_6m": [6, 6, 6, 6, 6, 0],
        "taken_3m_before": [1, 3, 3, 3, 3, 0],
        "taken_6m_before": [5, 6, 6, 6, 6, 0],
        "opioid_course_days": [183, 182, 400, 91, 92, 0],
        "opioid_gabapentinoid_days": [0, 0, 0, 0, 31, 0],
        "both_days_3m": [0, 0, 0, 4, 91, 0],
        "ome_mg_per_day_1m": [125.0, 60.0, 180.0, 120.0, None, None],
        "ome_mg_per_day_3m": [125.0, 110.0, 121.0, 120.0, 20.0, None],
        "ome_mg_per_day_6m": [122.0, 125.0, 101.0, 120.0, 20.0, None],
        "ome_mg_per_day_12m": [122.0, 125.0, 101.0, 120.0, 20.0, None],
        "high_dose_status": ["confirmed", "recent", "possible", "below", "below", None],
        "high_dose_status_ge120": ["confirmed", "recent", "possible", "confirmed", "below", None],
        "high_dose_status_gt90": ["confirmed", "confirmed", "confirmed", "confirmed", "below", None],
        "high_dose_status_ge90": ["confirmed", "confirmed", "confirmed", "confirmed", "below", None],
        "long_term": [True, True, True, False, False, None],
        "long_term_3m": [True, True, True, True, True, None],
        "opioid_gabapentinoid": [False, False, False, False, False, None],
        "opioid_gabapentinoid_3m": [False, False, False, True, True, None],
        "escalating": [True, False, True, False, False, None],
        "rapid_escalation": [False, False, True, False, False, None],
    }
)
#                                                         people, true, found, both, near_false, near_false_found
BY_HAND = {
    ("confirmed", "gt120", "3_months"): Counts(5, 2, 1, 1, 2, 0),  # near: persons 3 and 4, between 60 and 240
    ("confirmed_possible", "gt120", "3_months"): Counts(5, 2, 2, 1, 2, 1),
    ("any_status", "gt120", "3_months"): Counts(5, 2, 3, 2, 2, 1),
    ("window_1m", "gt120", "3_months"): Counts(5, 2, 2, 1, 2, 1),  # no row of person 5 counts as not found
    ("window_3m", "gt120", "3_months"): Counts(5, 2, 2, 1, 2, 1),
    ("window_6m", "gt120", "3_months"): Counts(5, 2, 2, 2, 2, 0),
    ("confirmed", "ge120", "3_months"): Counts(5, 3, 2, 2, 1, 0),
    ("confirmed", "gt90", "month"): Counts(5, 4, 4, 4, 0, 0),
    ("long_term", "", "course"): Counts(5, 2, 3, 2, 0, 0),  # 183 and 400 days are more than 182
    ("long_term_3m", "", "course"): Counts(5, 4, 5, 4, 0, 0),  # 91 days are not more than 91
    ("opioid_gabapentinoid", "", "month"): Counts(5, 1, 0, 0, 0, 0),
    ("opioid_gabapentinoid_3m", "", "month"): Counts(5, 1, 2, 1, 0, 0),
    ("opioid_gabapentinoid_3m", "", "3_months"): Counts(5, 2, 2, 2, 0, 0),
    ("escalating", "", "same_rule"): Counts(5, 1, 2, 1, 0, 0),  # 130 > 1.2 x 60, 70 more, 6 and 5 months
    ("rapid_escalation", "", "same_rule"): Counts(5, 0, 1, 0, 0, 0),  # person 1: an opioid in 1 of 3 months before
}


@pytest.mark.parametrize("rule", BY_HAND, ids=" ".join)
def test_people_are_counted_as_by_hand(rule: tuple[str, str, str]) -> None:
    flag, preset, truth = rule
    tables = Results(counted(PEOPLE, rules()).with_columns(population=pl.lit("x"), script=pl.lit("y")), pl.DataFrame())
    assert tables.counts("x", "y", flag, preset, truth) == BY_HAND[rule]


def test_shares_of_the_counts() -> None:
    """10 judged, true of 4, found 3, 2 of both: so 1 found wrongly and 5 of 6 left alone."""
    counts = Counts(people=10, true=4, found=3, both=2, near_false=4, near_false_found=1)
    assert counts.sensitivity == Share(2, 4)
    assert counts.specificity == Share(5, 6)
    assert counts.predictive_value == Share(2, 3)
    assert counts.near_specificity == Share(3, 4)
    assert counts.ratio == 0.75


def test_limits_are_wilsons() -> None:
    """81 of 263: 0.2553 to 0.3662 (Newcombe, Stat Med 1998;17:857, table I, method 3)."""
    assert Share(81, 263).limits == pytest.approx((0.2553, 0.3662), abs=5e-5)


def test_errors_of_the_dose_by_hand() -> None:
    """Computed over true: 90/100, 110/100, 40/20, nothing/50; the last of them changed dose; the fifth missed days."""
    people = pl.DataFrame(
        {
            "daily_3m": [True, True, True, True, False],
            "steady_3m": [True, True, True, False, True],
            "true_3m": [100.0, 100.0, 20.0, 50.0, 100.0],
            "ome_mg_per_day_3m": [90.0, 110.0, 40.0, None, 500.0],
        }
    )
    everybody, steady = dose_errors(people, [3]).rows(named=True)
    assert (everybody["people"], everybody["median_pct"]) == (4, 0.0)  # -100, -10, +10, +100
    assert (steady["people"], steady["median_pct"]) == (3, 10.0)
    assert steady["p5_pct"] == pytest.approx(-8.0)  # a tenth of the way from -10 to +10


def test_windows_of_the_truth_by_hand() -> None:
    """60 mg a day in January (31 days), 120 in February (29), nothing in March (31), nothing recorded in April."""
    truth = pl.DataFrame(
        {
            "Patient ID": ["1", "1", "1", "2"],
            "patient_key": ["a", "a", "a", "b"],
            "month": [date(2024, 1, 1), date(2024, 2, 1), date(2024, 3, 1), date(2024, 4, 1)],
            "true_ome_mg_per_day": [60.0, 120.0, 0.0, 7.0],
            "opioid_days": [31, 29, 0, 1],
            "opioid_gabapentinoid_days": [0, 5, 0, 0],
            "opioid_course_days": [31, 60, 0, 1],
        }
    )
    calendar = pl.DataFrame(
        {"month": truth["month"], "month_number": [1, 2, 3, 4], "days": pl.Series([31, 29, 31, 30], dtype=pl.Int64)}
    )
    windows = with_windows(truth, calendar).filter(pl.col("Patient ID") == "1").sort("month")
    assert windows["true_3m"].to_list() == [None, None, 58.6813, 38.6667]  # (60x31 + 120x29)/91, 120x29/90
    assert windows["taken_3m"].to_list() == [None, None, 2.0, 1.0]
    assert windows["both_days_3m"].to_list() == [None, None, 5.0, 5.0]
    assert windows["daily_1m"].to_list() == [True, True, False, False]
    assert windows["steady_3m"].to_list() == [None, None, False, False]


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> tuple[pl.DataFrame, Path]:
    folder = tmp_path_factory.mktemp("measured")
    return measure(USUAL, 28, patients=400, seed=1, folder=folder, months=14), folder


def test_each_person_is_judged_once_at_their_own_month(judged: tuple[pl.DataFrame, Path]) -> None:
    people, _ = judged
    assert people["Patient ID"].is_unique().all()
    assert people["month_number"].unique().sort().to_list() == [13, 14]
    assert people.height > 300


def test_what_is_computed_stands_beside_the_truth_of_the_same_person(judged: tuple[pl.DataFrame, Path]) -> None:
    """The dose of the month, added up from the rows of the extract under the person's own number."""
    people, folder = judged
    products = read_text(REFERENCE_DIR / "synthetic_products.csv").filter(pl.col("form") != "injection")
    dispensed = (
        read_text(folder / "extract" / "patient_items.csv")
        .join(products.select("bnf_code", "ome_mg_per_unit"), left_on="BNF Code", right_on="bnf_code")
        .with_columns(ome_mg=pl.col("Total Quantity").cast(pl.Float64) * pl.col("ome_mg_per_unit").cast(pl.Float64))
        .group_by("Patient ID", "Year Month")
        .agg(pl.col("ome_mg").sum())
    )
    side_by_side = people.with_columns(pl.col("month").dt.strftime("%Y%m").alias("Year Month")).join(
        dispensed, on=["Patient ID", "Year Month"], how="left"
    )
    expected = side_by_side["ome_mg"].fill_null(0.0) / side_by_side["days"]
    found = side_by_side["ome_mg_per_day_1m"].fill_null(0.0)
    assert (found > 0).sum() > 80
    assert (found - expected).abs().max() < 1e-3  # type: ignore[operator]


def test_a_person_without_a_row_in_the_product_is_found_nowhere() -> None:
    windows = pl.DataFrame(
        {"Patient ID": ["1"], "patient_key": ["a"], "month": [date(2024, 1, 1)], "month_number": [1]}
    )
    computed = pl.DataFrame({"patient_key": ["b"], "month": [date(2024, 1, 1)], "high_dose_status": ["confirmed"]})
    assert at_judged_month(windows, computed, 1, 1)["high_dose_status"].to_list() == [None]


def test_the_page_tells_its_tables_and_nothing_else() -> None:
    assert page(Results.read(DOCS)) == (DOCS / PAGE).read_text(encoding="utf-8")


def test_the_tables_hold_every_population_script_length_and_rule() -> None:
    results = Results.read(DOCS)
    every = len(POPULATIONS) * len(SCRIPTS)
    assert results.flags.height == every * len(list(rules()))
    assert results.flags.select("population", "script", "flag", "preset", "truth").is_unique().all()
    assert results.doses.height == every * 4 * 2
    counts = results.flags
    assert counts.filter(pl.col("both") > pl.min_horizontal("true", "found")).is_empty()
    assert counts["people"].min() > 10_000  # type: ignore[operator]


def test_charts_name_what_they_show_and_are_the_ones_beside_the_page() -> None:
    results = Results.read(DOCS)
    for name, drawn in ((FOUND_CHART, found_chart(results)), (DOSE_CHART, dose_chart(results))):
        kept = (DOCS / name).read_text(encoding="utf-8")
        words = [re.findall(r"<text[^>]*>([^<]*)</text>", svg) for svg in (kept, drawn)]
        assert words[0] == words[1], name
        assert "scripts of 56 days" in words[0]
        assert f"]({name})" in (DOCS / PAGE).read_text(encoding="utf-8")
