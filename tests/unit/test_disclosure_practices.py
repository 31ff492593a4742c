"""Single practices beside their PCN: what of them leaves, by hand, and that they tell nothing of the PCN."""

import os
from typing import Any

import numpy as np
import pytest
from disclosure_attack import Attack
from disclosure_rows import DEFAULT, POLICIES, frame, month, trend_row

from pipelines.disclosure import protect_trends

HIERARCHIES = int(os.environ.get("OPIOIDS_DISCLOSURE_HIERARCHIES", "25"))


def shown(counts: list[int], total: int | None = None, policy: str = DEFAULT.name) -> tuple[list[str], str]:
    """What is shown of the practices of one PCN, and of the PCN; `total` where there are people in none of them."""
    whole = sum(counts) if total is None else total
    rows: list[dict[str, Any]] = [
        trend_row("practice", f"A{number}", "high_dose", count, pcn_code="U1") for number, count in enumerate(counts)
    ]
    rows.append(trend_row("pcn", "U1", "high_dose", whole, pcn_code="U1"))
    *practices, pcn = protect_trends(frame(rows), POLICIES[policy])["shown"].to_list()
    return practices, pcn


def test_a_practice_never_shows_0_to_7() -> None:
    # 0, 5 and 7 hidden: with 40 shown as 40 (38 to 42) the PCN, 52, may be 38 to 63, and is shown as 50 (48 to 52).
    assert shown([0, 5, 7, 40]) == (["[c]", "[c]", "[c]", "40"], "50")


def test_where_the_pcn_says_none_so_do_its_practices() -> None:
    assert shown([0, 0]) == (["0", "0"], "0")


def test_where_the_pcn_is_hidden_so_is_every_practice_of_it() -> None:
    assert shown([3, 0]) == (["[c]", "[c]"], "[c]")


def test_a_hidden_pcn_hides_large_practices_too() -> None:
    # 60 − 40 − 17 would be 3 where nothing is rounded: U2 is hidden for U3, and A2, with all 17 of U2, with it.
    rows = [
        *(
            trend_row("pcn", f"U{i}", "high_dose", count, pcn_code=f"U{i}", icb_code="Q1")
            for i, count in enumerate((40, 17, 3), 1)
        ),
        trend_row("icb", "Q1", "high_dose", 60, icb_code="Q1"),
        trend_row("practice", "A2", "high_dose", 17, pcn_code="U2", icb_code="Q1"),
    ]  # fmt: skip
    marks = protect_trends(frame(rows), POLICIES["nhsbsa_lt5"])["shown"].to_list()
    assert marks == ["40", "[c]", "[c]", "60", "[c]"]


def test_practices_that_would_narrow_their_pcn_are_hidden_until_they_do_not() -> None:
    # 13 + 13 are shown as 15 + 15, each at the least 13: 26 at the least, while the PCN's own 25 may be 23 to 27.
    assert shown([13, 13]) == (["[c]", "15"], "25")
    # 12 + 12 are shown as 10 + 10, 8 to 12 each: 24 at the most, while the PCN's own 25 may be 27.
    assert shown([12, 12]) == (["[c]", "10"], "25")
    # 13 + 12: 21 to 29 at the ends, and the PCN's own 25 is 23 to 27.
    assert shown([13, 12]) == (["15", "10"], "25")


def test_a_hidden_practice_is_not_worked_out_from_its_pcn() -> None:
    # Who knew the PCN's 19 to a person: less 12 (8 to 12) leaves 7 or more, and hidden means 7 or less: 7 it would be.
    assert shown([12, 7]) == (["[c]", "[c]"], "20")
    # Less 10 (8 to 12): 17 − 12 = 5 to 7. That is not known.
    assert shown([10, 7]) == (["10", "[c]"], "15")


def test_where_all_practices_are_small_and_tell_their_sum_the_pcn_goes() -> None:
    # 7 + 7 = 14: both hidden say 14 at the most, the PCN's own 15 says 13 to 17. No practice is left to hide.
    assert shown([7, 7]) == (["[c]", "[c]"], "[c]")


def test_a_few_people_in_no_practice_are_not_worked_out_either() -> None:
    # 3 of 43 in no practice that leaves: 40 is 38 to 42, so of the 43, if known, 1 to 5 are elsewhere.
    assert shown([40], total=43) == (["40"], "45")
    # Not rounded, 43 − 40 would be 3.
    assert shown([40], total=43, policy="nhsbsa_lt5") == (["[c]"], "43")


def test_a_practice_without_its_pcn_does_not_leave() -> None:
    rows = [
        trend_row("practice", "A1", "high_dose", 50, pcn_code=None),
        trend_row("practice", "A2", "high_dose", 50, pcn_code="U9"),
    ]
    assert protect_trends(frame(rows), DEFAULT)["shown"].to_list() == ["[c]", "[c]"]


def test_items_and_money_of_a_practice_do_not_leave() -> None:
    rows = [
        trend_row("practice", "A1", "ome_total", 5000, pcn_code="U1", people=500),
        trend_row("pcn", "U1", "ome_total", 9000, pcn_code="U1", people=900),
    ]
    assert protect_trends(frame(rows), DEFAULT)["suppressed"].to_list() == [True, False]


@pytest.mark.parametrize("policy", ["midpoint6", "nhsbsa_lt5"])
def test_other_policies_guard_practices_too(policy: str) -> None:
    # midpoint6: 3 [1 to 6] three times is 3 at the least, where the PCN's own 3 (of 3) may be 1: all are hidden.
    practices, _ = shown([1, 1, 1], policy=policy)
    assert practices.count("[c]") >= 2


def test_on_the_secure_side_practices_are_all_there() -> None:
    assert shown([3, 0], policy="none") == (["3", "0"], "3")


# --- attacks -------------------------------------------------------------------------------------

SUMS = (
    ("pcn", "practice", "pcn_code"),
    ("sub_icb", "practice", "sub_icb_code"),
    ("sub_icb", "pcn", "sub_icb_code"),
    ("icb", "practice", "icb_code"),
    ("icb", "pcn", "icb_code"),
    ("icb", "sub_icb", "icb_code"),
)
"""Which level holds which, and the column that names it."""


def icb_with_practices(seed: int) -> list[dict[str, Any]]:
    """One to four PCNs of two to five practices in one or two sub-ICBs; some cost centres are no GP practice."""
    rng = np.random.default_rng(seed)
    icb, pcns, sub_icbs = f"Q{seed}", int(rng.integers(1, 5)), int(rng.integers(1, 3))
    places = [(f"A{u}{k}", f"U{u}", f"S{u % sub_icbs}") for u in range(pcns) for k in range(int(rng.integers(2, 6)))]
    mean = rng.choice([1, 3, 6, 12, 30])
    stock = rng.poisson(mean * rng.gamma(4, 0.25, len(places)))
    joined, left = rng.poisson(mean * 0.15, len(places)), rng.binomial(stock, 0.15)
    is_gp = rng.random(len(places)) < 0.9
    counts = {
        ("high_dose", 0): stock,
        ("high_dose", 1): stock + joined - left,
        ("high_dose_joined", 1): joined,
        ("high_dose_left", 1): left,
        ("high_dose_long_term", 0): rng.binomial(stock, 0.6),
        ("high_dose_adult_no_palliative", 0): stock - rng.binomial(stock, 0.1),
    }
    rows = []
    for (measure, number), of in counts.items():
        for level, codes in (
            ("practice", [place[0] for place in places]),
            ("pcn", [place[1] for place in places]),
            ("sub_icb", [place[2] for place in places]),
            ("icb", [icb] * len(places)),
        ):
            if level == "practice" and measure != "high_dose":
                continue
            for code in dict.fromkeys(codes):
                mine = [i for i, one in enumerate(codes) if one == code]
                if level == "practice" and not is_gp[mine[0]]:
                    continue
                _, pcn, sub_icb = places[mine[0]]
                above = {"pcn_code": pcn, "sub_icb_code": sub_icb, "icb_code": icb, "month": month(number)}
                name = code if code == icb else f"{code}-{icb}"
                rows.append(trend_row(level, name, measure, int(of[mine].sum()), **above))
    for row in rows:
        row["pcn_code"], row["sub_icb_code"] = f"{row['pcn_code']}-{icb}", f"{row['sub_icb_code']}-{icb}"
    return rows


def attack_on(rows: list[dict[str, Any]], figures: list[float | None]) -> Attack:
    """Every sum between levels, nested measures, and months with their flows."""
    attack = Attack(DEFAULT)
    named = {(row["org_level"], row["org_code"], row["month"], row["measure"]): row for row in rows}
    for (name, row), figure in zip(named.items(), figures, strict=True):
        attack.true[name], attack.shown[name] = row["numerator"], figure
    for (level, code, when, measure), row in named.items():
        if level == "practice":
            is_small = row["numerator"] <= 7 and attack.shown["pcn", row["pcn_code"], when, measure] is not None
            if attack.shown[level, code, when, measure] is None:
                attack.known[level, code, when, measure] = (0, 7 if is_small else None)
            continue
        for whole, below, column in SUMS:
            parts = [
                name for name, one in named.items()
                if name[0] == below and name[2:] == (when, measure) and one[column] == code
            ]  # fmt: skip
            if level == whole and parts:
                attack.add_sum((level, code, when, measure), parts)
        for inside in (f"{measure}_adult_no_palliative", f"{measure}_long_term"):
            if (level, code, when, inside) in named:
                attack.add_sum((level, code, when, measure), [(level, code, when, inside)])
        flows = [(level, code, when, f"{measure}_{flow}") for flow in ("joined", "left")]
        if when == month(1) and all(flow in named for flow in flows):
            before = (level, code, month(0), measure)
            attack.equal.append({(level, code, when, measure): 1, before: -1, flows[0]: -1, flows[1]: 1})
    return attack


def test_practices_give_no_hidden_count_away_in_random_hierarchies() -> None:
    tables = [icb_with_practices(seed) for seed in range(HIERARCHIES)]
    figures = iter(protect_trends(frame([row for rows in tables for row in rows]), DEFAULT)["numerator"].to_list())
    attacked, found, practices_shown = 0, [], 0
    for seed, rows in enumerate(tables):
        own = [next(figures) for _ in rows]
        tried, known = attack_on(rows, own).recovered()
        attacked += tried
        found += [(seed, one) for one in known]
        practices_shown += sum(
            bool(figure) and row["org_level"] == "practice" for row, figure in zip(rows, own, strict=True)
        )
    assert not found
    assert attacked > 15 * HIERARCHIES
    assert practices_shown > 2 * HIERARCHIES


def test_no_pcn_and_no_icb_shows_less_for_the_practices() -> None:
    """But where hiding practices is not enough, which is rare."""
    tables = [row for seed in range(HIERARCHIES) for row in icb_with_practices(seed)]
    above = [row for row in tables if row["org_level"] != "practice"]
    alone = protect_trends(frame(above), DEFAULT)["suppressed"]
    beside = protect_trends(frame(tables), DEFAULT).filter(~(frame(tables)["org_level"] == "practice"))["suppressed"]
    assert beside.sum() - alone.sum() <= 0.01 * len(above)
