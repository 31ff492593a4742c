"""Practices among practices: who is compared, in which tenth, and inside which funnel."""

from datetime import date

import polars as pl
import pytest

from pipelines.statistics.comparison import decile_lines, practice_comparison

JUNE, JULY = date(2025, 6, 1), date(2025, 7, 1)


def practices(counts: list[float], size: float = 10_000, **other: object) -> list[dict]:
    return [
        {
            "practice_code": f"A{number:05}",
            "practice_name": "SURGERY",
            "pcn_code": "U1",
            "icb_code": "QZA",
            "month": JUNE,
            "measure": "high_dose",
            "unit": "people",
            "numerator": float(count),
            "denominator": size,
            "denominator_basis": "registered patients, all ages, list of the month",
            "rate_per_1000": count / size * 1000,
            "provisional": False,
            "definition": "v1",
            **other,
        }
        for number, count in enumerate(counts)
    ]


def compared(rows: list[dict]) -> list[dict]:
    return practice_comparison(pl.DataFrame(rows).to_arrow()).to_pylist()


def test_twenty_practices_are_compared_and_nineteen_are_not() -> None:
    enough = compared(practices([50.0] * 20))
    assert {row["practices_compared"] for row in enough} == {20}
    assert {row["funnel_position"] for row in enough} == {"within the limits"}
    # 1,000 people in 200,000: 5 per 1,000. Exact Poisson limits of 50 lie near 50 -+ 1.96 x 7.07.
    assert enough[0]["pooled_rate_per_1000"] == 5
    assert enough[0]["funnel_low_95"] == pytest.approx(3.6, abs=0.1)
    assert enough[0]["funnel_high_95"] == pytest.approx(6.4, abs=0.1)
    few = compared(practices([50.0] * 19))
    assert {row["funnel_position"] for row in few} == {row["tenth"] for row in few} == {None}
    assert {row["practices_compared"] for row in few} == {19}


def test_a_practice_far_above_the_others_stands_outside() -> None:
    rows = compared(practices([50.0] * 24 + [110.0]))
    assert [row["funnel_position"] for row in rows] == ["within the limits"] * 24 + ["above the 99.8 % limits"]
    assert rows[-1]["tenth"] == 10


def test_a_small_list_is_not_compared_but_listed() -> None:
    rows = compared([*practices([50.0] * 20), *practices([90.0], 999.0, practice_code="B1")])
    assert rows[-1]["is_compared"] is False
    assert (rows[-1]["tenth"], rows[-1]["funnel_position"]) == (None, None)
    assert rows[0]["practices_compared"] == 20
    assert rows[0]["pooled_rate_per_1000"] == 5


def test_milligrams_have_tenths_but_no_funnel() -> None:
    rows = compared(practices([float(n) for n in range(20)], measure="ome_total", unit="ome_mg"))
    assert [rows[0]["tenth"], rows[-1]["tenth"]] == [1, 10]
    assert {row["funnel_position"] for row in rows} == {row["funnel_high_95"] for row in rows} == {None}


def test_decile_lines_are_drawn_month_by_month() -> None:
    # 0 to 20 per 1,000 in 21 practices: the deciles are 2, 4, ... 18.
    rows = [*practices([10.0 * n for n in range(21)]), *practices([1.0] * 19, month=JULY)]
    lines = decile_lines(pl.DataFrame(rows).to_arrow()).to_pylist()
    assert [line["month"] for line in lines] == [JUNE]
    assert [lines[0][f"decile_{n}"] for n in range(1, 10)] == pytest.approx([2.0 * n for n in range(1, 10)])


def test_a_share_of_items_is_compared_whatever_its_denominator() -> None:
    rows = practices([float(n) for n in range(20)], 100.0, unit="items", denominator_basis="long-acting opioid items")
    found = compared(rows)
    assert found[0]["practices_compared"] == 20
    assert found[0]["funnel_position"] is None


def deprived(
    scores: dict[str, float], people: int | None = None, basis: str = "published score of the practice"
) -> pl.DataFrame:
    rows = [
        {"practice_code": code, "deprivation_basis": basis, "deprivation": score, "people": people}
        for code, score in scores.items()
    ]
    return pl.DataFrame(rows, schema_overrides={"people": pl.Int64})


def similar(rates: list[dict], known: pl.DataFrame | None = None) -> dict[str, dict]:
    deprivation = known.to_arrow() if known is not None else None
    table = practice_comparison(pl.DataFrame(rates).to_arrow(), deprivation).to_pylist()
    return {row["practice_code"]: row for row in table}


def test_similar_practices_are_those_of_like_size_and_deprivation() -> None:
    # 24 practices of one size: 12 deprived at a rate of 9 per 1,000, 12 others at 3. By size alone the ten nearest of
    # each are the first ten others, which are deprived: 9. By deprivation too: 9 for the deprived, 3 for the others.
    rates = practices([90.0] * 12 + [30.0] * 12)
    codes = [row["practice_code"] for row in rates]
    found = similar(rates, deprived({code: 40.0 if n < 12 else 10.0 for n, code in enumerate(codes)}))
    assert [found[code]["median_of_similar"] for code in codes] == [9.0] * 12 + [3.0] * 12
    assert [found[code]["median_of_similar_size"] for code in codes] == [9.0] * 24
    assert {row["similar_basis"] for row in found.values()} == {
        "list size and deprivation: published score of the practice"
    }
    for own, others in ((codes[:12], codes[:12]), (codes[12:], codes[12:])):
        for code in own:
            # All are as near: the first ten of the twelve, without itself.
            assert found[code]["similar_practices"] == ", ".join([one for one in others if one != code][:10])


def test_without_deprivation_list_size_alone_is_said_in_the_row() -> None:
    found = similar(practices([50.0] * 20))
    assert {row["similar_basis"] for row in found.values()} == {
        "list size alone: deprivation of practices is not loaded"
    }
    assert all(row["median_of_similar"] == row["median_of_similar_size"] == 5.0 for row in found.values())


def test_a_practice_of_unknown_deprivation_has_neighbours_by_size_and_is_none_to_the_others() -> None:
    # The last practice is alone in its rate. Its own ten are by size; nobody else is compared with it.
    rates = practices([30.0] * 21 + [900.0])
    codes = [row["practice_code"] for row in rates]
    found = similar(rates, deprived({code: 10.0 + n for n, code in enumerate(codes[:-1])}))
    assert found[codes[-1]]["similar_basis"] == "list size alone: deprivation of this practice is not known"
    assert {found[code]["median_of_similar"] for code in codes} == {3.0}


def test_a_mean_decile_of_few_people_is_not_known() -> None:
    rates = practices([50.0] * 20)
    codes = [row["practice_code"] for row in rates]
    basis = "mean decile of its people in the data"
    few, enough = deprived({codes[0]: 1.0}, 19, basis), deprived(dict.fromkeys(codes[1:], 5.0), 20, basis)
    found = similar(rates, pl.concat([few, enough]))
    assert found[codes[0]]["similar_basis"] == "list size alone: deprivation of this practice is not known"
    assert found[codes[1]]["similar_basis"] == f"list size and deprivation: {basis}"


def test_too_few_to_compare_have_no_median_though_it_is_told_who_is_alike() -> None:
    found = similar(practices([50.0] * 19))
    assert {(row["median_of_similar"], row["median_of_similar_size"]) for row in found.values()} == {(None, None)}
    assert {len(row["similar_practices"].split(", ")) for row in found.values()} == {10}
