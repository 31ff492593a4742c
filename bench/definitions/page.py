"""docs/definitions.md: the figures put into the words of page.md.j2. The same results give the same text."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import polars as pl
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from bench.definitions.accounting import Counts, Share
from bench.definitions.measured import WINDOWS
from bench.definitions.populations import SCRIPTS
from bench.definitions.results import COUNTS_FILE, DOSES_FILE, Results
from bench.definitions.rules import DEFINITIONS, MORE_THAN_SIX_MONTHS_DAYS, MORE_THAN_THREE_MONTHS_DAYS
from pipelines.synthetic.truth import LONGEST_BREAK_DAYS

PAGE, FOUND_CHART, DOSE_CHART = "definitions.md", "definitions_found.svg", "definitions_dose.svg"
HIGH_DOSE = ("gt120", "3_months")
"""Preset and truth of the headline."""

_FEWEST_FOR_A_SHARE = 20
"""Where no interval stands beside it."""
_PRESET_NAMES = {"gt120": "> 120", "ge120": "≥ 120", "gt90": "> 90", "ge90": "≥ 90"}
_STATUSES = {"confirmed": "`confirmed`", "confirmed_possible": "`confirmed` + `possible`"}
_OTHER_FLAGS = (
    ("long_term", "course", "more than six months"),
    ("long_term_3m", "course", "more than three months"),
    ("opioid_gabapentinoid", "month", "both in the month"),
    ("opioid_gabapentinoid_3m", "month", "both in the month"),
    ("opioid_gabapentinoid_3m", "3_months", "both in three months"),
    ("escalating", "same_rule", "the true dose rose so"),
    ("rapid_escalation", "same_rule", "the true dose rose so"),
)
_IN_ALL_MIXES = (
    *((flag, *HIGH_DOSE, f"{DEFINITIONS[flag]}, > 120") for flag in ("confirmed", "confirmed_possible", "window_3m")),
    *((flag, "", truth, f"`{flag}`") for flag, truth, _ in _OTHER_FLAGS if (flag, truth) != _OTHER_FLAGS[4][:2]),
)


def page(results: Results) -> str:
    """The whole page."""
    words = Environment(
        loader=FileSystemLoader(Path(__file__).parent), undefined=StrictUndefined, keep_trailing_newline=True
    )
    return words.get_template("page.md.j2").render(
        people=_fewest_people(results),
        summary_table=_summary_table(results),
        long_days=MORE_THAN_SIX_MONTHS_DAYS,
        quarter_days=MORE_THAN_THREE_MONTHS_DAYS,
        break_days=LONGEST_BREAK_DAYS,
        found_chart=FOUND_CHART,
        found_text=_found_text(results),
        high_dose_table=_high_dose_table(results, "3_months", _WITH_NEAR),
        high_dose_month_table=_high_dose_table(results, "month", (*_COLUMNS[2:4], _COLUMNS[5])),
        lines_table=_lines_table(results),
        flags_table=_flags_table(results),
        dose_chart=DOSE_CHART,
        dose_text=_dose_text(results),
        doses_table=_doses_table(results),
        mixes_table=_mixes_table(results),
        near_table=_near_table(results),
        counts_file=COUNTS_FILE,
        doses_file=DOSES_FILE,
    )


def _with_limits(share: Share, digits: int = 0) -> str:
    """93 % (90–95), or a dash where there is nobody to take a share of."""
    if not share.whole:
        return "–"
    low, high = share.limits
    return f"{_per_cent(share, digits)} ({100 * low:.{digits}f}–{100 * high:.{digits}f})"


def _per_cent(share: Share, digits: int = 0) -> str:
    return f"{100 * share.part / share.whole:.{digits}f} %" if share.whole else "–"


def _signed(per_cent: float) -> str:
    """+8, −8, and never −0."""
    return f"{round(per_cent):+d}".replace("-", "−").replace("+0", "0")


def _found(counts: Counts) -> str:
    return _per_cent(counts.sensitivity)


def _right(counts: Counts) -> str:
    return _per_cent(counts.predictive_value) if counts.found >= _FEWEST_FOR_A_SHARE else f"too few ({counts.found})"


def _ratio(counts: Counts) -> str:
    return "–" if math.isnan(counts.ratio) else f"{counts.ratio:.2f}"


_Column = tuple[str, Callable[[Counts], str]]
_COLUMNS: tuple[_Column, ...] = (
    ("truly", lambda counts: f"{counts.true:,}"),
    ("found", lambda counts: f"{counts.found:,}"),
    ("sensitivity", lambda counts: _with_limits(counts.sensitivity)),
    ("predictive value", lambda counts: _with_limits(counts.predictive_value)),
    ("specificity", lambda counts: _with_limits(counts.specificity, digits=1)),
    ("found ÷ truly", _ratio),
)
_WITH_NEAR: tuple[_Column, ...] = (
    *_COLUMNS[:5],
    ("specificity near the line", lambda counts: _with_limits(counts.near_specificity)),
    _COLUMNS[5],
)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]], words: int = 2) -> str:
    """A table whose first columns hold words, the others figures."""
    rule = ["---"] * words + ["---:"] * (len(header) - words)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, rule, *rows))


def _over_scripts(show: Callable[[str], str]) -> str:
    """One figure in each script length: 93 % on 28-day scripts, … and 90 % on mixed ones."""
    *fixed, mixed = SCRIPTS
    return f"{', '.join(f'{show(each)} on {each[:2]}-day' for each in fixed)} and {show(mixed)} on mixed scripts"


_SUMMARY: tuple[tuple[str, str, str, str, Callable[[Counts], str]], ...] = (
    ("of people truly above 120 mg a day, `high_dose` finds", "confirmed", *HIGH_DOSE, _found),
    ("of those it finds, truly above 120 mg a day are", "confirmed", *HIGH_DOSE, _right),
    ("its count, for each person truly above", "confirmed", *HIGH_DOSE, _ratio),
    ("of people truly above, the list has (any status)", "any_status", *HIGH_DOSE, _found),
    ("of people truly above, one month alone would find", "window_1m", *HIGH_DOSE, _found),
    ("of people on opioids for more than six months, `long_term` finds", "long_term", "", "course", _found),
    ("of people who take both in a month, `opioid_gabapentinoid` finds", "opioid_gabapentinoid", "", "month", _found),
    ("of the same people, `opioid_gabapentinoid_3m` finds", "opioid_gabapentinoid_3m", "", "month", _found),
    ("of people flagged `escalating`, the dose truly rose in", "escalating", "", "same_rule", _right),
    ("of people flagged `rapid_escalation`, the dose truly rose in", "rapid_escalation", "", "same_rule", _right),
)


def _summary_table(results: Results) -> str:
    rows = (
        (words, *(show(results.counts("usual", script, flag, preset, truth)) for script in SCRIPTS))
        for words, flag, preset, truth, show in _SUMMARY
    )
    return _table(("scripts of", *SCRIPTS), rows, words=1)


def _found_text(results: Results) -> str:
    """What the first chart shows, for those who do not see it."""

    def found(flag: str) -> str:
        return _over_scripts(lambda script: _found(results.counts("usual", script, flag, *HIGH_DOSE)))

    return (
        "Four panels, one a script length; in each, seven definitions with the share of people truly above 120 mg a "
        "day who are found, and the share of those found who truly are. Found by one month alone: "
        f"{found('window_1m')}; by confirmed: {found('confirmed')}; by any status: {found('any_status')}. "
        "The table that follows holds every figure."
    )


def _dose_text(results: Results) -> str:
    """What the second chart shows, for those who do not see it."""

    def nine_in_ten(window_months: int) -> str:
        def spread(script: str) -> str:
            dose = results.dose("usual", script, window_months, "all")
            return f"{_signed(dose['p5_pct'])} to {_signed(dose['p95_pct'])} %"

        return _over_scripts(spread)

    return (
        "Four panels, one a script length; in each, the error of the dose computed over 1, 3, 6 and 12 months. Nine in "
        f"ten people lie, over three months, within {nine_in_ten(3)}; over twelve months, within {nine_in_ten(12)}."
    )


def _high_dose_table(results: Results, truth: str, columns: Sequence[_Column]) -> str:
    rows = (
        (name, script, *(show(results.counts("usual", script, flag, "gt120", truth)) for _, show in columns))
        for flag, name in DEFINITIONS.items()
        for script in SCRIPTS
    )
    return _table(("definition", "scripts", *(name for name, _ in columns)), rows)


def _lines_table(results: Results) -> str:
    columns = (*_COLUMNS[:4], _COLUMNS[5])

    def rows() -> Iterator[Sequence[str]]:
        for preset, line in _PRESET_NAMES.items():
            for status, name in _STATUSES.items():
                for script in SCRIPTS:
                    counts = results.counts("usual", script, status, preset, "3_months")
                    yield (line, name, script, *(show(counts) for _, show in columns))

    return _table(("line", "status", "scripts", *(name for name, _ in columns)), rows(), words=3)


def _flags_table(results: Results) -> str:
    rows = (
        (f"`{flag}`", truly, script, *(show(results.counts("usual", script, flag, "", truth)) for _, show in _COLUMNS))
        for flag, truth, truly in _OTHER_FLAGS
        for script in SCRIPTS
    )
    return _table(("flag", "truth", "scripts", *(name for name, _ in _COLUMNS)), rows, words=3)


def _doses_table(results: Results) -> str:
    def cell(script: str, window_months: int, who: str) -> str:
        dose = results.dose("usual", script, window_months, who)
        return f"{_signed(dose['median_pct'])} ({_signed(dose['p5_pct'])} to {_signed(dose['p95_pct'])})"

    people = {"all": "all", "steady": "on one dose throughout"}
    rows = (
        (f"{months} month{'s' * (months > 1)}", people[who], *(cell(script, months, who) for script in SCRIPTS))
        for months in WINDOWS
        for who in people
    )
    return _table(("window", "people", *SCRIPTS), rows)


def _fewest_people(results: Results) -> dict[str, str]:
    """Of each population, the people judged in the script length that has the fewest."""
    fewest = results.flags.group_by("population").agg(pl.col("people").min())
    return {str(population): f"{people:,}" for population, people in fewest.iter_rows()}


def _populations(results: Results) -> list[str]:
    return [str(name) for name in results.flags["population"].unique(maintain_order=True)]


def _mixes_table(results: Results) -> str:
    """Sensitivity, predictive value and count of the main flags in every population."""

    def cells(counts: Counts) -> str:
        return " / ".join((_per_cent(counts.sensitivity), _per_cent(counts.predictive_value), _ratio(counts)))

    populations = _populations(results)
    rows = (
        (name, script, *(cells(results.counts(each, script, flag, preset, truth)) for each in populations))
        for flag, preset, truth, name in _IN_ALL_MIXES
        for script in SCRIPTS
    )
    header = ("flag", "scripts", *populations)
    return "Sensitivity / predictive value / found ÷ truly:\n\n" + _table(header, rows)


def _near_table(results: Results) -> str:
    def near(population: str, script: str) -> str:
        return _with_limits(results.counts(population, script, "confirmed", *HIGH_DOSE).near_specificity)

    rows = (
        (
            each,
            *(
                _with_limits(results.counts(each, script, "confirmed", *HIGH_DOSE).near_specificity)
                for script in SCRIPTS
            ),
        )
        for each in _populations(results)
    )
    return _table(("population", *SCRIPTS), rows, words=1)
