import os
from typing import Any

import numpy as np
import pytest
from disclosure_attack import Attack
from disclosure_rows import DEFAULT, HIDING, POLICIES, frame, month, trend_row

from pipelines.disclosure import (
    Policy,
    protect_trends,
)

# --- attacks -------------------------------------------------------------------------------------


def icb(counts: list[int], measure: str = "high_dose", code: str = "Q1", **other: Any) -> list[dict[str, Any]]:
    children = [trend_row("pcn", f"U{i}-{code}", measure, c, icb_code=code, **other) for i, c in enumerate(counts)]
    return [*children, trend_row("icb", code, measure, sum(counts), icb_code=code, **other)]


def test_total_minus_siblings_gives_nothing_away_without_rounding() -> None:
    # 60 − 40 − 17 would be 3
    hidden = protect_trends(frame(icb([40, 17, 3])), POLICIES["nhsbsa_lt5"])["suppressed"].to_list()
    assert hidden == [False, True, True, False]


def test_rounding_does_not_protect_where_all_remainders_add_up() -> None:
    # 8 + 8 + 1 = 17, shown 10, 10, [c], 15: 15 is at most 17, each 10 at least 8, so the hidden one is 1
    hidden = protect_trends(frame(icb([8, 8, 1])), DEFAULT)["suppressed"].to_list()
    assert hidden[2]
    assert hidden.count(True) == 2


def test_practices_of_a_pcn_are_guarded_like_pcns_of_an_icb() -> None:
    rows = [
        *(trend_row("practice", f"A{i}", "high_dose", c, pcn_code="U1") for i, c in enumerate((8, 8, 1))),
        trend_row("pcn", "U1", "high_dose", 17, pcn_code="U1"),
    ]
    hidden = protect_trends(frame(rows), DEFAULT)["suppressed"].to_list()
    assert hidden[2]
    assert hidden.count(True) == 2


def test_rounding_alone_protects_where_remainders_leave_room() -> None:
    assert protect_trends(frame(icb([40, 17, 3])), DEFAULT)["suppressed"].to_list() == [
        False,
        False,
        True,
        False,
    ]


def test_a_variant_without_exclusions_does_not_betray_one_excluded_patient() -> None:
    rows = [
        trend_row("pcn", "U1", "high_dose", 30),
        trend_row("pcn", "U1", "high_dose_adult_no_palliative", 29),
    ]
    exact = protect_trends(frame(rows), POLICIES["nhsbsa_lt5"])
    assert exact["suppressed"].to_list() == [False, True]
    rounded = protect_trends(frame(rows), DEFAULT)
    assert rounded["shown"].to_list() == ["30", "30"]


def test_net_change_tells_no_more_than_joined_and_left() -> None:
    rows = [
        trend_row("pcn", code, f"high_dose_{flow}", count)
        for code, counts in (("U1", (23, 17, 6)), ("U2", (3, 12, -9)), ("U3", (0, 0, 0)))
        for flow, count in zip(("joined", "left", "net_change"), counts, strict=True)
    ]
    shown = protect_trends(frame(rows), DEFAULT)["shown"].to_list()
    # 25 − 15 = 10, not 6; hidden joined hides the net; nothing happened stays nothing
    assert shown == ["25", "15", "10", "[c]", "10", "[c]", "0", "0", "0"]


def test_last_month_and_this_month_do_not_betray_who_joined() -> None:
    # 23 + 1 − 12 = 12, shown 25 + [c] − 10 = 10: joined = (8 to 12) − (23 to 27) + (8 to 12) is
    # at most 1, so it is 1: one more of the four has to be hidden
    rows = [
        trend_row("pcn", "U1", "high_dose", 23, month=month(0)),
        trend_row("pcn", "U1", "high_dose", 12, month=month(1)),
        trend_row("pcn", "U1", "high_dose_joined", 1, month=month(1)),
        trend_row("pcn", "U1", "high_dose_left", 12, month=month(1)),
    ]
    hidden = protect_trends(frame(rows), DEFAULT)["suppressed"].to_list()
    assert hidden[2]
    assert hidden.count(True) == 2


def test_without_rounding_flows_do_not_leave() -> None:
    # 50 + joined − 5 = 48 would make joined 3
    rows = [
        trend_row("pcn", "U1", "high_dose", 50, month=month(0)),
        trend_row("pcn", "U1", "high_dose", 48, month=month(1)),
        trend_row("pcn", "U1", "high_dose_joined", 3, month=month(1)),
        trend_row("pcn", "U1", "high_dose_left", 5, month=month(1)),
        trend_row("pcn", "U1", "high_dose_net_change", -2, month=month(1)),
    ]
    protected = protect_trends(frame(rows), POLICIES["nhsbsa_lt5"])
    assert protected["suppressed"].to_list() == [False, False, True, True, True]


@pytest.mark.parametrize("policy", HIDING)
def test_every_true_count_behind_one_shown_row_gives_the_same_row(policy: str) -> None:
    """Rate × list size, interval inversion, change and trajectory tell no more than the rounded count."""
    rows = [trend_row("pcn", f"U{c}", "high_dose", c, baseline_count=100) for c in range(1, 60)]
    protected = protect_trends(frame(rows), POLICIES[policy]).drop("org_name", "org_code")
    assert protected.unique().height == protected["numerator"].n_unique()


SEEDS = int(os.environ.get("OPIOIDS_DISCLOSURE_HIERARCHIES", "200"))


def random_tables() -> list[list[dict[str, Any]]]:
    """ICBs with two to four PCNs: sparse counts, two months, flows, and the variant with exclusions."""
    tables = []
    for seed in range(SEEDS):
        rng = np.random.default_rng(seed)
        pcns = int(rng.integers(2, 5))
        stock = rng.poisson(rng.choice([3, 9, 20]), pcns)
        joined, left = rng.poisson(4, pcns), rng.binomial(stock, 0.2)
        measures = {
            ("high_dose", 0): stock,
            ("high_dose", 1): stock + joined - left,
            ("high_dose_joined", 1): joined,
            ("high_dose_left", 1): left,
            ("high_dose_adult_no_palliative", 0): stock - rng.binomial(stock, 0.1),
        }
        tables.append(
            [
                row
                for (measure, m), counts in measures.items()
                for row in icb(counts.tolist(), measure, code=f"Q{seed}", month=month(m))
            ]
        )
    return tables


def attack_on(rows: list[dict[str, Any]], figures: list[float | None], policy: Policy) -> Attack:
    """What an outsider knows of one ICB: totals are sums of parts, and a month is the one before with its flows."""
    attack = Attack(policy)
    named = {(row["org_code"], row["month"], row["measure"]): row for row in rows}
    for (name, row), figure in zip(named.items(), figures, strict=True):
        attack.true[name], attack.shown[name] = row["numerator"], figure
        if without_flows(row, policy):
            attack.known[name] = (0, None)
    for code, when, measure in named:
        if code.startswith("Q"):
            attack.add_sum(
                (code, when, measure), [(c, w, m) for c, w, m in named if (w, m) == (when, measure) and c != code]
            )
        before, joined, left = (
            (code, month(0), measure),
            (code, when, f"{measure}_joined"),
            (code, when, f"{measure}_left"),
        )
        if when == month(1) and {before, joined, left} <= named.keys():
            attack.equal.append({(code, when, measure): 1, before: -1, joined: -1, left: 1})
    return attack


def without_flows(row: dict[str, Any], policy: Policy) -> bool:
    return policy.rounding == "none" and row["measure"].endswith(("_joined", "_left"))


@pytest.mark.parametrize("policy", ["hes_1to7_round5", "nhsbsa_lt5"])
def test_no_hidden_count_is_recovered_from_random_hierarchies_by_linear_programming(policy: str) -> None:
    tables = random_tables()
    protected = protect_trends(frame([row for rows in tables for row in rows]), POLICIES[policy])
    figures = iter(protected["numerator"].to_list())
    recovered, attacked = [], 0
    for seed, rows in enumerate(tables):
        tried, known = attack_on(rows, [next(figures) for _ in rows], POLICIES[policy]).recovered()
        attacked += tried
        recovered += [(seed, one) for one in known]
    assert attacked > 1.5 * SEEDS
    assert not recovered
