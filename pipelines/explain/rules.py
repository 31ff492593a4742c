"""Each cohort's rule in words, with the person's own numbers, judged anew and compared with what was published."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from pipelines.explain.facts import Facts, refuse_unless
from pipelines.explain.windows import Window, months_before, span_months, window

SEDATIVES = {"gabapentinoid": "gabapentinoid", "benzodiazepine": "benzodiazepine", "z_drug": "z-drug"}
# A cohort of the measures that the mart keeps under another name.
_COLUMNS = {"dose_unknown": "dose_is_lower_bound"}
_PRESETS = {"high_dose": "", "high_dose_ge120": "_ge120", "high_dose_gt90": "_gt90", "high_dose_ge90": "_ge90"}
_STATUS_WORDS = {
    "confirmed": "over the line in both windows, with enough months covered: confirmed",
    "possible": "over the line in the shorter window alone: possible",
    "recent": "over the line in the longer window alone (long scripts, or a fall): recent",
    "new": "over the line, but opioids began too recently to confirm it: new",
    "unknown": "not to be judged: too few months of data",
    "below": "over the line in neither window: below",
}


@dataclass(frozen=True)
class Flag:
    """One cohort: whether the person is in it (NULL: not to be judged yet), and why, line by line."""

    cohort: str
    title: str
    is_member: bool | None
    because: tuple[str, ...]


@dataclass(frozen=True)
class Case:
    """A person's facts with their windows."""

    facts: Facts
    windows: dict[int, Window]

    def number(self, setting: str) -> Decimal:
        return self.facts.settings[setting]

    def last(self, length: int, ending: date | None = None) -> tuple[date, ...]:
        ending = ending or self.facts.month
        return tuple(months_before(ending, back) for back in reversed(range(length)))

    def opioids_in(self, months: Iterable[date]) -> int:
        return len(set(months) & set(self.facts.opioid_months))

    def window_at(self, month: date, length: int) -> Window:
        """A window that ended earlier, cut at the episode of its own time."""
        row = self.facts.rows.get(month)
        return window(self.facts, month, length, row["episode_month"] if row else None)


_Judgement = tuple[bool | None, list[str]]
_Rule = Callable[[Case], _Judgement]


def cohorts_of(facts: Facts) -> tuple[str, ...]:
    """The cohorts that the warehouse holds, in the order of its columns."""
    names = {column: name for name, column in _COLUMNS.items()}
    return tuple(names.get(column, column) for column in facts.row if names.get(column, column) in facts.measures)


def flags_of(facts: Facts, windows: dict[int, Window]) -> tuple[Flag, ...]:
    """Every cohort, judged anew. Raises ContractError where the judgement is not the published one."""
    case = Case(facts, windows)
    return tuple(_flag(case, cohort) for cohort in cohorts_of(facts))


def _flag(case: Case, cohort: str) -> Flag:
    measure = case.facts.measures[cohort]
    published = case.facts.row[_COLUMNS.get(cohort, cohort)]
    held = len(case.facts.loaded)
    if published is None:
        refuse_unless(held < measure.first_month_of_data or cohort in _INTERSECTIONS, cohort)
        return Flag(cohort, measure.title, None, (_not_yet(case, measure.first_month_of_data),))
    judged, because = RULES.get(cohort, _doses_over_time)(case)
    refuse_unless(judged is None or judged == published, cohort)
    return Flag(cohort, measure.title, published, tuple(because))


def _not_yet(case: Case, needed: int) -> str:
    return f"needs {needed} months of data; {month_words(case.facts.month)} is month {len(case.facts.loaded)}"


def month_words(month: date) -> str:
    """`Sep 2024`."""
    return f"{month:%b %Y}"


def dose_words(held: Window) -> str:
    """`3 months to Sep 2024: 15,920.0000 mg over 92 days = 173.0435 mg a day`."""
    months = "month" if held.length == 1 else "months"
    if not held.days:
        return f"{held.length} {months} to {month_words(held.last)}: before the data or the opioids began"
    at_least = "at least " if held.unconverted_items else ""
    return (
        f"{held.length} {months} to {month_words(held.last)}: {at_least}{held.ome_mg:,.4f} mg over {held.days} days"
        f" = {at_least}{held.ome_mg_per_day:,.4f} mg a day"
    )


def _against(held: Window, line: Decimal, includes_line: bool) -> tuple[bool, str]:
    """The sum against line x days, unrounded."""
    total = line * held.days
    is_over = held.ome_mg >= total if includes_line else held.ome_mg > total
    words = f"{'≥' if includes_line else '>'} {line:g} × {held.days} = {total:,.0f} mg"
    return is_over, f"{dose_words(held)}; {words}? {_yes(is_over)}"


def _high_dose(case: Case, preset: str) -> tuple[str, list[str]]:
    """The status of a threshold, and the numbers behind it."""
    facts, row = case.facts, case.facts.row
    line = case.number("high_dose_lower_ome_mg_per_day" if "90" in preset else "high_dose_ome_mg_per_day")
    is_over_3m, words_3m = _against(case.windows[3], line, "ge" in preset)
    is_over_6m, words_6m = _against(case.windows[6], line, "ge" in preset)
    starts = [facts.loaded[0], *([row["episode_month"]] if row["episode_month"] else [])]
    covered = min(3, span_months(max(starts), facts.month))
    needed = int(case.number("high_dose_months_covered_for_confirmed"))
    if len(facts.loaded) < case.number("first_month_of_data_high_dose"):
        status = "unknown"
    elif is_over_3m and covered < needed:
        status = "unknown" if row["left_censored"] else "new"
    elif is_over_3m:
        status = "confirmed" if is_over_6m else "possible"
    else:
        status = "recent" if is_over_6m else "below"
    refuse_unless(status == row[f"high_dose_status{preset}"], f"high_dose_status{preset}")
    reach = f"{covered} of 3 months covered (needed: {needed}), from {month_words(max(starts))}"
    return status, [words_3m, words_6m, f"{reach}; {_STATUS_WORDS[status]}"]


def _status_rule(status: str, preset: str = "") -> _Rule:
    def rule(case: Case) -> _Judgement:
        found, because = _high_dose(case, preset)
        return found == status, because

    return rule


def _near_threshold(case: Case) -> _Judgement:
    held, line = case.windows[6], case.number("high_dose_ome_mg_per_day")
    low = case.number("high_dose_near_threshold_low") * line
    high = case.number("high_dose_near_threshold_high") * line
    words = (
        f"{dose_words(held)}; near means {low:g} to {high:g}: within the error of the method, confirm from the record"
    )
    return low * held.days <= held.ome_mg <= high * held.days, [words]


def _dose_unknown(case: Case) -> _Judgement:
    held = case.windows[3]
    items = [item for item in case.facts.items if item.month in held.counted and item.is_unconverted]
    return bool(items), [f"{item.product}: {item.ome_status}, {item.reason or 'no reason given'}" for item in items]


def _run(case: Case) -> list[str]:
    """The run of opioid months that is open at the month."""
    facts, run_months = case.facts, case.facts.row["opioid_run_months"]
    if not run_months:
        return ["no run of opioid months is open"]
    last = facts.opioid_months[-1]
    first = months_before(last, run_months - 1)
    refuse_unless(first in facts.opioid_months, "opioid_run_months")
    between = [month for month in case.last(run_months, last) if month not in facts.opioid_months]
    empty = ", ".join(month_words(month) + ("" if month in facts.loaded else " (not in the data)") for month in between)
    at_least = "at least " if facts.row["left_censored"] else ""
    words = f"opioid items from {month_words(first)} to {month_words(last)}: {at_least}{run_months} calendar months"
    lines = [words + (f"; none in {empty}, which does not break the run" if empty else "")]
    if at_least:
        lines.append("it begins in the first months of data: how much earlier is not known")
    return lines


def _run_of(setting: str) -> _Rule:
    def rule(case: Case) -> _Judgement:
        needed = int(case.number(setting))
        return case.facts.row["opioid_run_months"] >= needed, [*_run(case), f"the line is {needed} calendar months"]

    return rule


def _at_risk(case: Case) -> _Judgement:
    low, high = int(case.number("long_term_months_3m")), int(case.number("long_term_months")) - 1
    row = case.facts.row
    is_at_risk = low <= row["opioid_run_months"] <= high and not row["left_censored"]
    return is_at_risk, [*_run(case), f"from {low} to {high} calendar months, and its beginning is seen"]


def _taken(case: Case, months: tuple[date, ...]) -> list[str]:
    """The classes of sedative in some months, if there was an opioid in them too."""
    if not case.opioids_in(months):
        return []
    return [name for name in SEDATIVES if set(case.facts.months_with(name)) & set(months)]


def _with_classes(case: Case, months: tuple[date, ...], names: Iterable[str]) -> list[str]:
    facts = case.facts
    opioid = sorted(set(facts.opioid_months) & set(months))
    lines = [f"opioid items in {', '.join(map(month_words, opioid)) or 'none of these months'}"]
    for name in names:
        held = [item for item in facts.other_items if item.product_class == name and item.month in months]
        products = "; ".join(f"{item.product} in {month_words(item.month)}" for item in held if item.is_counted)
        lines.append(f"{name.replace('_', ' ')}: {products or 'none'}")
    return lines


def _combination(name: str, length: int) -> _Rule:
    def rule(case: Case) -> _Judgement:
        months = case.last(length)
        return name in _taken(case, months), _with_classes(case, months, [name])

    return rule


def _two_or_more(length: int) -> _Rule:
    def rule(case: Case) -> _Judgement:
        months = case.last(length)
        taken = _taken(case, months)
        return len(taken) >= 2, _with_classes(case, months, taken)

    return rule


def _all_of(*cohorts: str) -> _Rule:
    def rule(case: Case) -> _Judgement:
        held = {cohort: case.facts.row[cohort] for cohort in cohorts}
        judged = all(held.values()) if None not in held.values() else None
        return judged, ["; ".join(f"{cohort}: {'yes' if is_member else 'no'}" for cohort, is_member in held.items())]

    return rule


def _rise(case: Case, length: int, now: Window, before: Window, kind: str, ratio_may_equal: bool) -> _Judgement:
    """Whether a dose rose by a ratio and an amount, both windows whole and with opioids in most of their months."""
    ratio = case.number(f"escalation_{kind}_ratio")
    least = case.number(f"escalation_{kind}_ome_mg_per_day")
    needed = int(case.number(f"escalation_{kind}_opioid_months_of_{length}"))
    counts = [case.opioids_in(case.last(length, held.last)) for held in (before, now)]
    lines = [dose_words(before), dose_words(now), f"opioid items in {counts[0]} and {counts[1]} of {length} months"]
    is_whole = all(month in case.facts.loaded for held in (before, now) for month in case.last(length, held.last))
    if length == 6:
        is_whole = is_whole and len(before.counted) == length and bool(case.facts.row["episode_month"])
    if not is_whole or min(counts) < needed:
        lines.append(f"not assessable: {needed} of {length} months with items are needed in both, and whole windows")
        return False, lines
    scaled_now, scaled_before = now.ome_mg * before.days, before.ome_mg * now.days
    by_ratio = scaled_now >= ratio * scaled_before if ratio_may_equal else scaled_now > ratio * scaled_before
    by_amount = scaled_now - scaled_before >= least * now.days * before.days
    sign = "≥" if ratio_may_equal else ">"
    lines.append(
        f"{sign} {ratio:g} times the dose before? {_yes(by_ratio)}; ≥ {least:g} mg a day more? {_yes(by_amount)}"
    )
    return by_ratio and by_amount, lines


def _yes(is_so: bool) -> str:
    return "yes" if is_so else "no"


def _escalating(case: Case) -> _Judgement:
    before = window(case.facts, months_before(case.facts.month, 6), 6, case.facts.row["episode_month"])
    return _rise(case, 6, case.windows[6], before, "escalating", ratio_may_equal=False)


def _rapid_escalation(case: Case) -> _Judgement:
    before = case.window_at(months_before(case.facts.month, 6), 3)
    return _rise(case, 3, case.windows[3], before, "rapid", ratio_may_equal=True)


def _any_opioid(case: Case) -> _Judgement:
    held = [item for item in case.facts.items if item.month == case.facts.month and item.is_opioid_item]
    return bool(held), [f"{len(held)} opioid item row(s) in {month_words(case.facts.month)}"]


def _new_user(case: Case) -> _Judgement:
    before = case.last(12, months_before(case.facts.month, 1))
    earlier = [month for month in case.facts.opioid_months if month in before]
    _, lines = _any_opioid(case)
    lines.append(f"opioid items in the 12 months before: {', '.join(map(month_words, earlier)) or 'none'}")
    return case.facts.month in case.facts.opioid_months and not earlier, lines


def _in_dependence_treatment(case: Case) -> _Judgement:
    months = case.last(6)
    treated = set(case.facts.months_with("dependence_treatment")) & set(months)
    lines = _with_classes(case, months, ["dependence_treatment"])
    return bool(treated) and case.opioids_in(months) > 0, lines


def _doses_over_time(case: Case) -> _Judgement:
    """A cohort that is about change: the doses it looks at; its rule is named by its title."""
    ends = [months_before(case.facts.month, back) for back in (6, 3, 0)]
    held = [case.window_at(end, 3) for end in ends if end in case.facts.loaded]
    return None, [*map(dose_words, held), "judged by the rule in the title; items by month are below"]


_INTERSECTIONS = ("high_dose_long_term", "high_dose_gabapentinoid", "all_three")
RULES: dict[str, _Rule] = {
    "any_opioid": _any_opioid,
    **{cohort: _status_rule("confirmed", preset) for cohort, preset in _PRESETS.items()},
    **{f"high_dose_{status}": _status_rule(status) for status in ("possible", "recent", "new")},
    "near_threshold": _near_threshold,
    "dose_unknown": _dose_unknown,
    "long_term": _run_of("long_term_months"),
    "long_term_3m": _run_of("long_term_months_3m"),
    "at_risk_3_to_6m": _at_risk,
    **{f"opioid_{name}": _combination(name, 1) for name in SEDATIVES},
    **{f"opioid_{name}_3m": _combination(name, 3) for name in SEDATIVES},
    "opioid_two_or_more_sedatives": _two_or_more(1),
    "opioid_two_or_more_sedatives_3m": _two_or_more(3),
    "high_dose_long_term": _all_of("high_dose", "long_term"),
    "high_dose_gabapentinoid": _all_of("high_dose", "opioid_gabapentinoid"),
    "all_three": _all_of("high_dose", "long_term", "opioid_gabapentinoid"),
    "escalating": _escalating,
    "rapid_escalation": _rapid_escalation,
    "new_user": _new_user,
    "in_dependence_treatment": _in_dependence_treatment,
}
