"""Equity, methods, doses and overlaps: what the pages say of protected rows, by hand."""

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipelines.report import equity, methods
from pipelines.report.charts import with_drawings
from pipelines.report.doses import doses_of
from pipelines.report.frame import Frame
from pipelines.report.leaving import Leaving, Publication, ReferenceFile
from pipelines.report.outlook import outlook
from pipelines.report.overlap import overlap_of
from pipelines.report.read import read
from pipelines.report.render import both_widths
from pipelines.statistics import forecast
from tests.unit.report.made import ICB, SETTINGS, SNAPSHOT, Warehouse, one_icb
from tests.unit.report.reading import table, words

PLACE = ("icb", ICB)
MONTH, BASELINE = date(2025, 6, 1), date(2024, 6, 1)
NAME = {"org_code": ICB, "org_name": "NHS NORTH SHIRE"}


@pytest.fixture
def leaving(tmp_path: Path) -> Leaving:
    warehouse = Warehouse(one_icb([[100.0] * 14] * 2))
    warehouse.write(tmp_path)
    return read(tmp_path / "warehouse.duckdb", SNAPSHOT, SETTINGS, tmp_path)


def bands(*people: float | None) -> pl.DataFrame:
    edges = (0.0, 25.0, 50.0, 90.0, 120.0, 200.0, None)
    return pl.DataFrame(
        [
            {
                **NAME,
                "month": MONTH,
                "band_number": n,
                "from_ome_mg_per_day": edge,
                "people": count,
                "suppressed": count is None,
            }
            for n, (edge, count) in enumerate(zip(edges, people, strict=True), 1)
        ]
    )


def test_doses_are_named_by_their_band_and_the_line_belongs_to_the_one_below(leaving: Leaving) -> None:
    found = doses_of(replace(leaving, dose_bands=bands(800, 100, 50, 20, 25, 5, 0)), SETTINGS, PLACE)
    assert found is not None
    assert [band.name for band in found.bands] == [
        "under 25 mg a day",
        "25 to under 50 mg a day",
        "50 to under 90 mg a day",
        "90 to 120 mg a day",
        "over 120 to under 200 mg a day",
        "200 mg a day or more",
    ]
    # 25 + 5 of 1,000
    assert (found.over, found.total, found.over_pct) == (30, 1000, pytest.approx(3.0))
    assert [band.from_mg for band in found.bands if band.line] == [90, 120]
    assert [band.share for band in found.bands][:5] == ["80%", "10%", "5.0%", "2.0%", "2.5%"]
    (svg,) = with_drawings([both_widths("doses", found, "d")])
    assert "120 mg a day" in svg
    assert "25 (2.5%)".replace(" ", "") in svg.replace(" ", "").replace("&nbsp;", "")


def test_with_a_hidden_band_no_share_is_told_and_an_unknown_dose_has_its_band(leaving: Leaving) -> None:
    found = doses_of(replace(leaving, dose_bands=bands(800, 100, 50, 20, None, 5, 10)), SETTINGS, PLACE)
    assert found is not None
    assert (found.over, found.total) == (None, None)
    assert found.bands[4].shown == "[c]"
    assert found.bands[-1].name == "dose not known"
    assert all(band.share is None for band in found.bands)
    assert doses_of(leaving, SETTINGS, PLACE) is None


def overlaps(counts: dict[tuple[bool, bool, bool], float | None]) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {
                **NAME, "month": MONTH, "high_dose": key[0], "long_term": key[1], "opioid_gabapentinoid": key[2],
                "people": count, "suppressed": count is None,
            }
            for key, count in counts.items()
        ]
    )  # fmt: skip


def test_overlaps_stand_by_size_and_the_hidden_last(leaving: Leaving) -> None:
    rows = overlaps(
        {(True, True, True): 20, (True, False, False): None, (False, True, False): 500, (False, True, True): 80}
    )
    found = overlap_of(replace(leaving, overlap=rows), SETTINGS, PLACE)
    assert found is not None
    assert [one.shown for one in found.intersections] == ["500", "80", "20", "[c]"]
    assert found.everything.words == "all three: above 120 mg OME a day, longer than 6 months, with a gabapentinoid"
    assert found.intersections[0].words == "longer than 6 months only"
    assert found.at_least_two == 100
    assert found.everybody is None
    (svg,) = with_drawings([both_widths("overlap", found, "o")])
    # Four columns of three dots, twice drawn.
    assert svg.count("<path") >= 2 * 12


def equity_rows() -> pl.DataFrame:
    people = {"quintile 1": (40.0, 80.0), "quintile 2": (30.0, 30.0), "quintile 5": (None, 20.0)}
    return pl.DataFrame(
        [
            {
                "org_level": "icb", **NAME, "month": MONTH, "measure": "high_dose", "dimension": "imd_quintile",
                "dimension_value": value, "imd_basis": "patient", "people": now, "baseline_month": BASELINE,
                "baseline_people": then, "share_pct": None if now is None else now / 2,
                "change_count_pct": -50.0 if value == "quintile 1" else None,
                "change_low": -65.8 if value == "quintile 1" else None,
                "change_high": -26.9 if value == "quintile 1" else None,
                "suppressed": "people" if now is None else "",
                "gap": "too few to tell" if value == "quintile 1" else None,
            }
            for value, (now, then) in people.items()
        ]
    )  # fmt: skip


def test_equity_says_share_change_and_what_cannot_be_told(leaving: Leaving) -> None:
    (page,) = equity.pages(Frame(replace(leaving, equity=equity_rows()), SETTINGS))
    text = words(page.html)
    assert "About 20 in 100 live in the most deprived fifth of areas" in text
    assert "differs from the least deprived fifth: too few to tell" in text
    assert table(page.html, "People on more than 120 mg OME a day, by fifth").rows[1:] == [
        ["Fifth 1: most deprived", "80", "40", "20%", "50% fewer", "27% to 66% fewer"],
        ["Fifth 2", "30", "30", "15%", "too few to tell", "–"],
        ["Fifth 5: least deprived", "20", "[c]", "–", "too few to tell", "–"],
    ]
    assert "of the area in which the patient lives" in text


def by_sex(reason: str | None) -> pl.DataFrame:
    """Women 40 of 20,000 registered, men 30 of 15,000: 2 per 1,000 both; or no lists by sex."""
    rate = {"rate_per_1000": 2.0, "ci_low": 1.43, "ci_high": 2.72} if reason is None else {}
    rows = equity_rows().head(2).to_dicts()
    return pl.DataFrame(
        {**row, "dimension": "sex", "dimension_value": sex, "imd_basis": None, "rate_reason": reason, **rate}
        for row, sex in zip(rows, "FM", strict=True)
    )


def test_rates_stand_where_lists_are_by_group_and_else_the_page_says_why_not(leaving: Leaving) -> None:
    def page_of(rows: pl.DataFrame) -> str:
        return equity.pages(Frame(replace(leaving, equity=rows), SETTINGS))[0].html

    found = table(page_of(by_sex(None)), "People on more than 120 mg OME a day, by sex").rows
    assert found[0][4:6] == ["Per 1,000 registered", "95% interval of the rate"]
    assert found[1][4:6] == ["2.00", "1.43 to 2.72"]
    assert "No rates" not in words(page_of(by_sex(None)))
    without = page_of(by_sex("list_not_by_age_and_sex"))
    assert "Per 1,000" not in " ".join(table(without, "People on more than 120 mg OME a day, by sex").rows[0])
    assert "No rates: the list sizes that are loaded are not by age and sex." in words(without)
    deprived = equity_rows().with_columns(rate_reason=pl.lit("list_not_by_deprivation"))
    assert "No rates: how many registered people live in each fifth of deprivation" in words(page_of(deprived))


def test_equity_without_groups_says_why_and_open_data_have_no_such_page(leaving: Leaving) -> None:
    (page,) = equity.pages(Frame(leaving, SETTINGS))
    assert "There are no groups to show yet" in words(page.html)
    exact = replace(leaving, policy=replace(leaving.policy, rounding="none"))
    assert "does not round" in words(equity.pages(Frame(exact, SETTINGS))[0].html)
    assert equity.pages(Frame(replace(leaving, has_patients=False), SETTINGS)) == []


def definition(dimension: str, people: float | None, **other: Any) -> dict[str, Any]:
    row = {**NAME, "as_at_month": MONTH, "dimension": dimension, "dose_window": "confirmed", "preset": "gt120"}
    row |= {"factor_set": "uk_2026", "factor_set_title": "UK", "parenteral": "without"}
    return {**row, "is_headline": dimension == "headline", "people": people, "suppressed": people is None, **other}


def test_methods_tell_how_far_the_headline_depends_on_its_definition(leaving: Leaving) -> None:
    rows = [
        definition("headline", 200.0),
        definition("window", 230.0, dose_window="3m"),
        definition("line", 300.0, preset="ge90"),
        definition("factor_set", 200.0, factor_set="other"),
        definition("factor_set", 180.0, factor_set="third", factor_set_title="Other methadone"),
        definition("route", None, parenteral="with"),
    ]
    text = methods.pages(Frame(replace(leaving, sensitivity=pl.DataFrame(rows)), SETTINGS))[0].html
    assert "about 200 people by the definition in use; from about 180 to 300" in words(text)
    found = table(text, "People on a high dose by definition").rows
    assert found[2:] == [
        ["Above 120 mg a day over the last three months alone", "230", "15% more"],
        ["90 mg a day or more", "300", "50% more"],
        ["With injected opioids counted as well", "[c]", "–"],
        ["With other factors: Other methadone", "180", "10% fewer"],
    ]
    assert "1 further set of factors" in words(text)
    assert "What does not leave the secure side at all" in words(text)


def test_methods_tell_what_changed_since_the_last_publication(leaving: Leaving) -> None:
    def published(snapshot: str, cohorts: str) -> Publication:
        return Publication("run", snapshot, datetime(2025, 7, 1, tzinfo=UTC), cohorts, "uk_2026", "nhsbsa_dfm")

    then, now = published("old", "2025-01"), published("new", "2025-07")
    new = (ReferenceFile("Patient items", MONTH),)
    changed = replace(leaving, published=now, previous=then, newly_loaded=new)
    text = words(methods.pages(Frame(changed, SETTINGS))[0].html)
    assert "counted by version 2025-07; it was 2025-01" in text
    assert "New since then: Patient items, June 2025." in text
    first = replace(leaving, previous=None)
    assert "This is the first publication" in words(methods.pages(Frame(first, SETTINGS))[0].html)


def fall(start: float, factor: float, months: int = 14) -> pl.DataFrame:
    """Protected trends of an ICB whose count falls by the same share each month."""
    return pl.DataFrame(
        [
            {
                "org_level": "icb", **NAME, "measure": "high_dose", "month": date(2024 + n // 12, n % 12 + 1, 1),
                "numerator": 5.0 * round(start * factor**n / 5), "denominator": 1_000_000, "provisional": False,
                "aim": "halve", "aim_type": "rate", "aim_pct": -50.0, "aim_target": start / 2000,
            }
            for n in range(months)
        ]
    )  # fmt: skip


def test_an_outlook_is_a_range_of_quarters_from_shown_counts_alone() -> None:
    # 4,000 falling by 3 % a month meets half after ln 2 / 0.0305 = 22.8 months: December 2025, within the range.
    row = outlook(fall(4000, 0.97)).row(0, named=True)
    assert row["forecast_status"] == forecast.MIGHT
    assert row["earliest_quarter"] <= date(2025, 12, 1) <= (row["latest_quarter"] or date.max)
    assert all(row[name].month in (1, 4, 7, 10) for name in ("earliest_quarter", "latest_quarter"))
    assert outlook(fall(4000, 1.0)).row(0, named=True)["forecast_status"] == forecast.NOT_IN_SIGHT
    assert outlook(fall(110, 0.97)).row(0, named=True)["forecast_status"] == forecast.TOO_FEW
    assert outlook(fall(4000, 0.97, 11)).row(0, named=True)["forecast_status"] == forecast.TOO_SHORT
