"""Parts of a change and groups of people: what leaves of them, and that nobody works out a hidden count with them."""

import os
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from disclosure_attack import Attack
from disclosure_rows import DEFAULT, POLICIES, frame, month, trend_row

from pipelines import assets
from pipelines.disclosure import Policy, outside_grain, protect_trends, protect_variants
from pipelines.disclosure.parts import COMPONENTS, Parts, protect_parts
from pipelines.disclosure.tables import REFUSED, leaving_comparison, protect_decile_lines, refuse
from pipelines.errors import UsageError
from pipelines.statistics.tables import STATISTICS_TABLES

HIERARCHIES = int(os.environ.get("OPIOIDS_DISCLOSURE_HIERARCHIES", "40"))
BEFORE, NOW = month(0), month(3)
LIMIT = DEFAULT.suppress_to


def component_row(level: str, code: str, **parts: int) -> dict[str, Any]:
    """A row of change_components; parts that are not given are 0."""
    counts = {name: parts.get(name, 0) for name in COMPONENTS}
    return {
        "org_level": level,
        "org_code": code,
        "org_name": code,
        "month": NOW,
        "measure": "high_dose",
        "baseline_month": BEFORE,
        "baseline_people": sum(counts.values()) - counts["joined"],
        **counts,
        "people": counts["stayed"] + counts["joined"],
        "provisional": False,
        "definition": "test 1",
    }


def equity_row(code: str, dimension: str, value: str, people: int, baseline: int) -> dict[str, Any]:
    return {
        "org_level": "icb",
        "org_code": code,
        "month": NOW,
        "measure": "high_dose",
        "dimension": dimension,
        "dimension_value": value,
        "people": people,
        "share_pct": 12.34567,
        "baseline_month": BEFORE,
        "baseline_people": baseline,
        "people_in_both": min(people, baseline),
        "change_count_pct": 1.23456,
        "change_low": 0.12345,
        "change_high": 2.34567,
        "change_method": "paired",
        "gap_ratio": 1.0,
        "gap_low": 0.9,
        "gap_high": 1.1,
        "gap": "said from true counts",
        "provisional": False,
        "definition": "test 1",
    }


def trends_of(components: list[dict[str, Any]], parents: dict[str, str]) -> list[dict[str, Any]]:
    """The two rows of the trends of which each row of components tells the parts."""
    return [
        trend_row(
            row["org_level"], row["org_code"], "high_dose", count, month=when, icb_code=parents.get(row["org_code"])
        )
        for row in components
        for when, count in ((BEFORE, row["baseline_people"]), (NOW, row["people"]))
    ]


LINES = (90.0, 120.0)


def test_small_parts_are_hidden_the_rest_rounded_and_sums_come_from_the_trends() -> None:
    # 62 = 30 + 12 + 8 + 3 + 9, now 30 + 13 = 43
    rows = [
        component_row(
            "icb",
            "Q1",
            stayed=30,
            lower_still_on_opioid=12,
            no_opioid_still_seen=8,
            moved_away=3,
            not_seen=9,
            joined=13,
        )
    ]
    trends = frame(trends_of(rows, {}))
    left = protect_parts(trends, Parts(pl.DataFrame(rows)), DEFAULT, LINES).components.to_dicts()[0]
    expected = {
        "stayed": 30,
        "lower_still_on_opioid": 10,
        "no_opioid_still_seen": 10,
        # The others add up to 59 at the least 8 + 8 + 8 + 28 = 52 and at most 66; 62 is shown as 60: 1 to 7 it stays.
        "moved_away": None,
        "not_seen": 10,
        "excluded_or_redefined": 0,
        "joined": 15,
        "baseline_people": 60,
        "people": 45,
    }
    assert {name: left[name] for name in expected} == expected
    assert left["suppressed"] == "moved_away"


def test_a_part_that_its_sum_gives_away_hides_another() -> None:
    # 17 = 8 + 8 + 1, shown 15 = 10 + 10 + [c]: 17 at the most less 8 and 8 leaves 1.
    rows = [component_row("icb", "Q1", stayed=8, lower_still_on_opioid=8, not_seen=1, joined=20)]
    left = protect_parts(frame(trends_of(rows, {})), Parts(pl.DataFrame(rows)), DEFAULT, LINES).components.to_dicts()[0]
    hidden = left["suppressed"].split("|")
    assert "not_seen" in hidden
    assert len(hidden) == 2


def test_parts_do_not_betray_a_count_that_the_trends_hide() -> None:
    # 3 people: hidden in the trends. stayed 0 + joined 3: joined is hidden too, and says no more.
    rows = [component_row("icb", "Q1", not_seen=9, joined=3)]
    trends = frame(trends_of(rows, {}))
    assert protect_trends(trends, DEFAULT)["suppressed"].to_list() == [False, True]
    left = protect_parts(trends, Parts(pl.DataFrame(rows)), DEFAULT, LINES).components.to_dicts()[0]
    assert (left["people"], left["joined"], left["baseline_people"]) == (None, None, 10)


def test_shares_changes_and_gaps_come_from_protected_counts() -> None:
    rows = [
        equity_row("Q1", "imd_quintile", f"quintile {number}", people, before)
        for number, (people, before) in enumerate(((42, 81), (33, 33), (21, 22), (12, 14), (31, 62)), 1)
    ]
    whole = [
        trend_row("icb", "Q1", "high_dose", sum(row[name] for row in rows), month=when)
        for name, when in (("baseline_people", BEFORE), ("people", NOW))
    ]
    left = protect_parts(frame(whole), Parts(equity=pl.DataFrame(rows)), DEFAULT, LINES).equity
    first = left.to_dicts()[0]
    # 42 → 40, 81 → 80, 139 → 140: 40/140 and 40/80.
    assert first["people"] == 40
    assert first["share_pct"] == pytest.approx(100 * 40 / 140)
    assert first["change_count_pct"] == pytest.approx(-50)
    # 12 and 14 are shown as 10 and 15, below 20: no change is told.
    assert left.to_dicts()[3]["change_count_pct"] is None
    assert first["gap"] == "no difference between most and least deprived can be told"
    assert not {"people_in_both", "gap_ratio", "gap_low"} & set(left.columns)


def test_a_group_that_its_sum_gives_away_hides_another() -> None:
    # 17 = 8 + 8 + 1, shown 15 = 10 + 10 + [c]: 17 at the most less 8 and 8 leaves 1.
    groups = ((8, 30), (8, 20), (1, 10))
    rows = [equity_row("Q1", "age", f"band {number}", *counts) for number, counts in enumerate(groups)]
    whole = [trend_row("icb", "Q1", "high_dose", count, month=when) for when, count in ((BEFORE, 60), (NOW, 17))]
    left = protect_parts(frame(whole), Parts(equity=pl.DataFrame(rows)), DEFAULT, LINES).equity
    shown = left["people"].to_list()
    assert shown[2] is None
    assert None in shown[:2]
    assert left["baseline_people"].to_list() == [30, 20, 10]


def test_what_may_not_leave_is_not_among_it() -> None:
    rows = [
        component_row("practice", "A1", stayed=50),
        {**component_row("icb", "Q1", stayed=50), "measure": "high_dose_adult_no_palliative"},
        {**component_row("icb", "Q1", stayed=50), "month": month(4), "provisional": True},
        {**component_row("icb", "Q1", stayed=50), "month": month(2)},
        component_row("icb", "Q1", stayed=40),
        # One month after the baseline the parts are the flows.
        {**component_row("icb", "Q2", stayed=50), "measure": "long_term", "month": month(1)},
    ]
    trends = outside_grain(frame(trends_of([rows[4]], {})))
    left = protect_parts(trends, Parts(pl.DataFrame(rows)), DEFAULT, LINES).components
    assert left.select("org_code", "measure", "month", "stayed").rows() == [("Q1", "high_dose", NOW, 40)]


def test_on_the_secure_side_parts_are_exact_and_nothing_is_hidden() -> None:
    rows = [component_row("icb", "Q1", stayed=3)]
    parts = protect_parts(frame(trends_of(rows, {})), Parts(pl.DataFrame(rows)), POLICIES["none"], LINES)
    assert parts.components.select("org_code", "stayed", "suppressed").rows() == [("Q1", 3, "")]
    assert (parts.equity.height, parts.dose_bands.height, parts.overlap.height, parts.sensitivity.height) == (
        0,
        0,
        0,
        0,
    )


def test_exact_parts_do_not_leave() -> None:
    with pytest.raises(UsageError, match="do not leave under the policy nhsbsa_lt5"):
        protect_parts(frame([]), Parts(), POLICIES["nhsbsa_lt5"], LINES)


def test_every_aggregate_mart_leaves_by_a_rule_or_is_refused_by_name() -> None:
    protected = {"trends", "trend_variants", "change_components", "equity", "decile_lines", "practice_comparison"}
    protected |= {"sensitivity", "local_trends", "patient_reported_scores"}
    assert {table.name.removeprefix("marts.") for table in STATISTICS_TABLES} - protected <= set(REFUSED)
    assert protected.isdisjoint(REFUSED)
    known = {file.stem for file in (assets.SQL_DIR / "marts").glob("*.sql")}
    assert set(REFUSED) <= known | {table.name.removeprefix("marts.") for table in STATISTICS_TABLES}
    for mart in (*REFUSED, "anything_new"):
        with pytest.raises(UsageError, match=f"marts.{mart} does not leave") as refused:
            refuse(mart)
        assert refused.value.where == f"Because {REFUSED.get(mart, 'it has no rule of disclosure control')}."
        assert "marts.trends" in refused.value.remedy


def test_a_further_aim_shows_the_counts_of_the_trends_and_hides_what_they_hide() -> None:
    # 60 − 40 − 17 would be 3: the trends hide 17 too, so the further aim, here without the ICB, must as well.
    policy = POLICIES["nhsbsa_lt5"]
    counts = {"U1": 40, "U2": 17, "U3": 3}
    rows = [trend_row("pcn", code, "high_dose", count, icb_code="Q1", aim="first") for code, count in counts.items()]
    trends = frame([*rows, trend_row("icb", "Q1", "high_dose", 60, icb_code="Q1", aim="first")])
    shown = protect_trends(trends, policy)
    assert shown["numerator"].to_list() == [40, None, None, 60]
    further = frame([{**row, "aim": "second"} for row in rows])
    # By itself the 17 would be shown.
    assert protect_trends(further, policy)["numerator"].to_list() == [40, 17, None]
    assert protect_variants(further, shown, policy)["numerator"].to_list() == [40, None, None]
    # Not among the trends: hidden; a superseded definition: does not leave.
    other = frame([{**rows[0], "org_code": "U9"}, {**rows[0], "definition": "of old"}])
    assert protect_variants(other, shown, policy)["shown"].to_list() == ["[c]"]


def test_decile_lines_leave_from_twenty_practices_and_single_practices_of_open_data_alone() -> None:
    lines = pl.DataFrame(
        {
            "measure": ["high_dose", "high_dose", "epd_ome_total"],
            "practices_compared": [20, 19, 5],
            "decile_1": [1.234] * 3,
        }
    )
    assert protect_decile_lines(lines, DEFAULT)["decile_1"].to_list() == [1.2, None, 1.234]
    assert leaving_comparison(lines)["measure"].to_list() == ["epd_ome_total"]


def test_deciles_of_practices_that_leave_are_those_of_what_is_shown() -> None:
    # 21 lists of 10,000: 5 hidden, then 10, 11 … 25 people shown. The first decile is the third lowest, a hidden one:
    # 0.1 with 1 person and 0.7 with 7, so it is not told. The median is the eleventh, 15 people: 1.5 per 1,000.
    lines = pl.DataFrame(
        {"measure": ["high_dose"], "month": [NOW], "practices_compared": [21]}
        | {f"decile_{number}": [0.4] for number in range(1, 10)}
    )
    counts = [None] * 5 + list(range(10, 26))
    practices = pl.DataFrame(
        {
            "org_level": ["practice"] * 21,
            "measure": ["high_dose"] * 21,
            "month": [NOW] * 21,
            "numerator": counts,
            "denominator": [10_000] * 21,
            "suppressed": [count is None for count in counts],
        }
    )
    left = protect_decile_lines(lines, DEFAULT, practices)
    assert left.select("practices_compared", "decile_1", "decile_5").rows() == [(21, None, 1.5)]
    # Of fewer than 20 no line leaves.
    assert protect_decile_lines(lines, DEFAULT, practices.head(19)).is_empty()


# --- attacks -------------------------------------------------------------------------------------


class Hierarchy:
    """An ICB with two to four PCNs, its people one by one, and all sums that an outsider knows of."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.icb, pcns = f"Q{seed}", int(rng.integers(2, 5))
        self.codes = [f"U{number}-{self.icb}" for number in range(pcns)]
        size = int(rng.choice([12, 40, 90]))
        was, now = rng.integers(0, pcns, size), rng.integers(0, pcns, size)
        now = np.where(rng.random(size) < 0.9, was, now)
        fate = rng.choice(
            ["new", "member", "lower", "none", "unseen", "excluded"], size, p=[0.2, 0.4, 0.15, 0.1, 0.1, 0.05]
        )
        groups = {
            "imd_quintile": [
                f"quintile {number}" for number in rng.choice([1, 2, 3, 4, 5], size, p=[0.4, 0.3, 0.15, 0.1, 0.05])
            ],
            "sex": rng.choice(["F", "M"], size, p=[0.7, 0.3]).tolist(),
        }
        before, after = fate != "new", (fate == "member") | (fate == "new")
        everywhere = np.ones(size, dtype=bool)
        self.components = [component_row("icb", self.icb, **self._parts(everywhere, everywhere, fate))]
        of_pcns = [
            component_row("pcn", code, **self._parts(was == place, now == place, fate))
            for place, code in enumerate(self.codes)
        ]
        self.equity = [
            equity_row(self.icb, dimension, value, int((mine & after).sum()), int((mine & before).sum()))
            for dimension, values in groups.items()
            for value in sorted(set(values))
            for mine in (np.array(values) == value,)
        ]
        self.trends = trends_of([*self.components, *of_pcns], dict.fromkeys([*self.codes, self.icb], self.icb))

    @staticmethod
    def _parts(here_then: np.ndarray, here_now: np.ndarray, fate: np.ndarray) -> dict[str, int]:
        then = here_then & (fate != "new")
        stays = then & here_now
        return {
            "stayed": int((stays & (fate == "member")).sum()),
            "lower_still_on_opioid": int((stays & (fate == "lower")).sum()),
            "no_opioid_still_seen": int((stays & (fate == "none")).sum()),
            "excluded_or_redefined": int((stays & (fate == "excluded")).sum()),
            "not_seen": int((then & (fate == "unseen")).sum()),
            "moved_away": int((then & ~here_now & (fate != "unseen")).sum()),
            "joined": int((here_now & ((fate == "new") | ((fate == "member") & ~here_then))).sum()),
        }

    def cells(self) -> list[tuple[Any, ...]]:
        """Each count by its name, with the true value."""
        found: list[tuple[Any, ...]] = [
            (("trend", row["org_code"], row["month"]), row["numerator"]) for row in self.trends
        ]
        found += [((name, row["org_code"]), row[name]) for row in self.components for name in COMPONENTS]
        found += [
            ((name, row["dimension"], row["dimension_value"]), row[name])
            for row in self.equity
            for name in ("people", "baseline_people")
        ]
        return found

    def sums(self) -> list[dict[Any, int]]:
        """Signed names that add up to 0."""
        at_baseline = {(name, self.icb): -1 for name in COMPONENTS if name != "joined"}
        found: list[dict[Any, int]] = [
            {("trend", self.icb, BEFORE): 1, **at_baseline},
            {("trend", self.icb, NOW): 1, ("stayed", self.icb): -1, ("joined", self.icb): -1},
        ]
        for when in (BEFORE, NOW):
            found.append({("trend", self.icb, when): 1, **{("trend", code, when): -1 for code in self.codes}})
        for name, when in (("people", NOW), ("baseline_people", BEFORE)):
            for dimension in ("imd_quintile", "sex"):
                own = [row for row in self.equity if row["dimension"] == dimension]
                groups = {(name, dimension, row["dimension_value"]): -1 for row in own}
                found.append({("trend", self.icb, when): 1, **groups})
        return found


def attack_on(hierarchy: Hierarchy, shown: dict[Any, float | None], policy: Policy = DEFAULT) -> Attack:
    cells = dict(hierarchy.cells())
    return Attack(policy, true=cells, shown={name: shown[name] for name in cells}, equal=hierarchy.sums())


def test_no_hidden_count_is_recovered_from_parts_margins_and_totals_by_linear_programming() -> None:
    hierarchies = [Hierarchy(seed) for seed in range(HIERARCHIES)]
    trends = frame([row for one in hierarchies for row in one.trends])
    left = protect_parts(
        trends,
        Parts(
            pl.DataFrame([row for one in hierarchies for row in one.components]),
            pl.DataFrame([row for one in hierarchies for row in one.equity]),
        ),
        DEFAULT,
        LINES,
    )
    protected = protect_trends(trends, DEFAULT)
    counts: dict[Any, float | None] = {
        ("trend", row["org_code"], row["month"]): row["numerator"] for row in protected.iter_rows(named=True)
    }
    for row in left.components.iter_rows(named=True):
        counts |= {(name, row["org_code"]): row[name] for name in COMPONENTS}
    groups: dict[str, dict[Any, float | None]] = {}
    for row in left.equity.iter_rows(named=True):
        for name in ("people", "baseline_people"):
            groups.setdefault(row["org_code"], {})[name, row["dimension"], row["dimension_value"]] = row[name]
    attacked, found = 0, []
    for one in hierarchies:
        tried, known = attack_on(one, {**counts, **groups[one.icb]}).recovered()
        attacked += tried
        found += known
    assert attacked > 5 * HIERARCHIES
    assert not found
    # Something is left to read.
    assert left.components["stayed"].drop_nulls().len() > 0
    assert left.equity["people"].drop_nulls().len() > 0


def test_the_attack_finds_what_suppression_alone_gives_away() -> None:
    """Where the other counts are exact, sums give the hidden ones away: the attack is no blank."""
    exact, found = replace(DEFAULT, rounding="none"), []
    for one in (Hierarchy(seed) for seed in range(5)):
        shown = {name: None if 1 <= true <= LIMIT else float(true) for name, true in one.cells()}
        found += attack_on(one, shown, exact).recovered()[1]
    assert len(found) >= 5
