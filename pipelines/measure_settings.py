"""What is measured and against what: measures.toml, local_measures.toml, aims.toml and superseded definitions.

`pipelines.config` reads them with the other files; import them from there.
"""

import re
from collections.abc import Collection
from datetime import date
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pipelines.errors import ConfigError


class Frozen(BaseModel):
    """Settings that cannot be changed and refuse what they do not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class DoseRule(Frozen):
    """What a high dose was: above a line over each of some windows, of those that every run computes."""

    ome_mg_per_day: Decimal = Field(gt=0, max_digits=8, decimal_places=4)
    comparison: Literal[">", ">="]
    windows: tuple[Literal["1m", "3m", "6m", "12m"], ...] = Field(default=("3m", "6m"), min_length=1)
    months_covered: int = Field(default=3, ge=1, le=3)

    @property
    def first_month_of_data(self) -> int:
        """The month of data in which the shortest window is whole for the first time."""
        return min(int(window.removesuffix("m")) for window in self.windows)


class SupersededDefinition(Frozen):
    """A version of the cohorts that was in force before: by cohorts of today, or by the dose it asked for."""

    version: str
    last_month: str = Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")
    measures: dict[str, str] = {}
    """The measure, and the cohort of today that counts it by the old rule."""
    rules: dict[str, DoseRule] = {}
    """The measure, and the dose that made it, where no cohort of today has that rule."""

    @model_validator(mode="after")
    def _says_how_it_counted(self) -> "SupersededDefinition":
        if not self.measures and not self.rules:
            raise ValueError("give measures (a cohort of today for each) or rules (a dose for each)")
        both = sorted(set(self.measures) & set(self.rules))
        if both:
            raise ValueError(f"{', '.join(both)}: either a cohort of today or a rule, not both")
        others = sorted(set(self.rules) - set(MEASURES_BY_DOSE_ALONE))
        if others:
            raise ValueError(
                f"{', '.join(others)}: a dose alone does not make it, so its old rule cannot be kept by one; "
                f"rules are for {', '.join(MEASURES_BY_DOSE_ALONE)}"
            )
        return self

    @property
    def counted_as(self) -> dict[str, str]:
        """The measure, and the name under which the old rule is counted."""
        ending = re.sub(r"[^a-z0-9]+", "_", self.version.lower())
        return {**self.measures, **{measure: f"{measure}_until_{ending}" for measure in self.rules}}


# The measures that a dose in some windows decides, and nothing else.
MEASURES_BY_DOSE_ALONE = ("high_dose", "high_dose_ge120", "high_dose_gt90", "high_dose_ge90")


class Aim(Frozen):
    """One aim: a change of some measures between a baseline and a month.

    `rate`: a share of the rate per 1,000. `share`: a share of the number of people. `count`: so many people of all
    loaded data together; each organisation's part is its part of the baseline.
    """

    title: str
    measures: tuple[str, ...] = Field(min_length=1)
    type: Literal["share", "rate", "count"]
    change: Decimal | dict[str, Decimal]
    months: int | None = Field(default=None, ge=1)
    end: str | None = Field(default=None, pattern=r"^\d{4}-(0[1-9]|1[0-2])$")
    baseline: str = Field(pattern=r"^(first_complete|\d{4}-\d{2}|\d{4}-\d{2}\.\.\d{4}-\d{2})$")
    settle_months: int = Field(default=0, ge=0)
    source: str
    checked_by: str

    @model_validator(mode="after")
    def _is_an_aim(self) -> "Aim":
        if (self.months is None) == (self.end is None):
            raise ValueError("give either months (from the baseline) or end (YYYY-MM)")
        if isinstance(self.change, dict) and set(self.change) != set(self.measures):
            raise ValueError("a change for each measure needs exactly the measures of the aim")
        for change in map(self.change_of, self.measures):
            if change == 0 or (self.type != "count" and change < -1):
                raise ValueError("change is a share such as -0.50, or with type count a number of people such as -4500")
            if self.type == "count" and change != int(change):
                raise ValueError("with type count, change is a whole number of people such as -4500")
        return self

    def change_of(self, measure: str) -> Decimal:
        return self.change[measure] if isinstance(self.change, dict) else self.change

    def month_from(self, baseline_month: date) -> date:
        """The month of the aim, for a series whose baseline ends with this month."""
        if self.end is not None:
            return date.fromisoformat(f"{self.end}-01")
        assert self.months is not None, "validated"
        index = baseline_month.year * 12 + baseline_month.month - 1 + self.months
        return date(index // 12, index % 12 + 1, 1)


class AimSettings(Frozen):
    """aims.toml: the aims by name, which of them fills marts.trends, and which stand in marts.trend_variants."""

    default: str
    also: tuple[str, ...] = ()
    aims: dict[str, Aim]

    @property
    def default_aim(self) -> Aim:
        return self.aims[self.default]

    @property
    def further_aims(self) -> dict[str, Aim]:
        """The aims of marts.trend_variants by name."""
        return {name: self.aims[name] for name in self.also if name != self.default}


class Measure(Frozen):
    """measures.toml: what a measure is called, why it matters, and how it counts."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str = Field(min_length=1)
    why: str = Field(min_length=1)
    numerator: str = Field(min_length=1)
    denominator: Literal["registered_patients", "long_acting_items"]
    kind: Literal["outcome", "process", "balancing", "context"]
    unit: Literal["people", "items", "ome_mg", "nic_gbp", "ddd"]
    direction: Literal["lower", "higher", "none"]
    history: str
    source: Literal["patient", "epd"]
    # The next ones say what is counted of measures that count no people.
    product_class: Literal["opioid", "gabapentinoid"] = "opioid"
    strength: Literal["high_strength_120", "high_strength_90"] | None = None
    by_drug: tuple[str, ...] = ()
    by_route: tuple[str, ...] = ()
    flows: bool = False
    # Neighbouring months hold different people: process control applies. Flows, items and milligrams always do.
    months_are_independent: bool = False
    # Judged on a dose: who is not identified every month falls out of it more than once.
    is_dose_cohort: bool = False
    checked_by: str | None = None
    next_review: str | None = Field(default=None, pattern=r"^\d{4}-(0[1-9]|1[0-2])$")

    @model_validator(mode="after")
    def _counts_one_thing(self) -> "Measure":
        if self.unit == "people" and (self.by_drug or self.by_route or self.strength):
            raise ValueError("people are not counted by drug, route or strength")
        if self.unit != "people" and (self.flows or self.is_dose_cohort):
            raise ValueError("only people join and leave")
        if (self.source == "epd") != self.id.startswith("epd_"):
            raise ValueError("the ids of EPD measures, and no others, begin with epd_")
        return self


class Step(Frozen):
    """A recorded change of how things are done, at which the limits of process control begin afresh."""

    month: str = Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")
    measures: tuple[str, ...] = Field(min_length=1)
    reason: str = Field(min_length=1)


class MeasureSettings(Frozen):
    """The measures in the order in which they are shown."""

    steps: tuple[Step, ...] = ()
    checked_by: str = Field(min_length=1)
    next_review: str = Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")
    measures: tuple[Measure, ...]

    @model_validator(mode="after")
    def _each_once(self) -> "MeasureSettings":
        ids = [measure.id for measure in self.measures]
        doubled = sorted({name for name in ids if ids.count(name) > 1})
        if doubled:
            raise ValueError(f"measures that stand twice: {', '.join(doubled)}")
        return self


class LocalMeasure(Frozen):
    """local_measures.toml: a measure that comes by a local return."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str = Field(min_length=1)
    why: str = Field(min_length=1)
    numerator: str = Field(min_length=1)
    denominator: str | None = None
    kind: Literal["outcome", "process", "balancing"]
    form: Literal["count", "share", "mean", "amount"]
    unit: Literal["people", "staff", "documents", "hours", "pounds"]
    direction: Literal["lower", "higher", "none"]
    sheet: Literal["local_returns", "surveys"]
    lowest: Decimal | None = None
    highest: Decimal | None = None
    by_profession: bool = False
    checked_by: str | None = None
    next_review: str | None = Field(default=None, pattern=r"^\d{4}-(0[1-9]|1[0-2])$")

    @model_validator(mode="after")
    def _fits_its_form(self) -> "LocalMeasure":
        has_denominator = self.form in ("share", "mean")
        if has_denominator != (self.denominator is not None):
            raise ValueError("a share and a mean, and nothing else, have a denominator")
        if (self.form == "mean") != (self.lowest is not None and self.highest is not None):
            raise ValueError("a mean, and nothing else, has lowest and highest")
        if (self.form == "amount") != (self.unit in ("hours", "pounds")):
            raise ValueError("hours and pounds are amounts, and nothing else is")
        if has_denominator and self.unit != "people":
            raise ValueError("a share or a mean is of people")
        return self


class Instrument(Frozen):
    """A questionnaire whose mean scores before and after come by a local return."""

    id: str = Field(min_length=1)
    title: str = Field(min_length=1)
    lowest: Decimal
    highest: Decimal
    direction: Literal["lower", "higher"]
    source: str = Field(min_length=1)

    @model_validator(mode="after")
    def _has_a_range(self) -> "Instrument":
        if self.lowest >= self.highest:
            raise ValueError("lowest is below highest")
        return self


class LocalMeasureSettings(Frozen):
    """What a local return may hold, in the order in which it is shown."""

    checked_by: str = Field(min_length=1)
    next_review: str = Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")
    professions: tuple[str, ...] = ()
    measures: tuple[LocalMeasure, ...]
    instruments: tuple[Instrument, ...] = ()

    @property
    def returned(self) -> tuple[LocalMeasure, ...]:
        """The measures as they are returned: by profession where asked, each with who checked it."""
        common = {"checked_by": self.checked_by, "next_review": self.next_review}
        found = []
        for measure in self.measures:
            known = measure.model_copy(update={name: getattr(measure, name) or common[name] for name in common})
            if not measure.by_profession:
                found.append(known)
            for profession in self.professions if measure.by_profession else ():
                words = "GP" if profession == "gp" else profession.replace("_", " ")
                update = {"id": f"{measure.id}_{profession}", "title": f"{measure.title}: {words}"}
                found.append(known.model_copy(update=update))
        return tuple(found)

    @model_validator(mode="after")
    def _each_once(self) -> "LocalMeasureSettings":
        ids = [*(measure.id for measure in self.returned), *(one.id.casefold() for one in self.instruments)]
        titles = [measure.title.casefold() for measure in self.returned]
        doubled = sorted({name for names in (ids, titles) for name in names if names.count(name) > 1})
        if doubled:
            raise ValueError(f"measures, titles or instruments that stand twice: {', '.join(doubled)}")
        return self


def check_names(
    superseded: Collection[SupersededDefinition],
    histories: Collection[str],
    aims: AimSettings,
    measures: MeasureSettings,
    local: LocalMeasureSettings,
) -> None:
    """Every aim, measure and history that one settings file names must stand in another."""
    people = {measure.id for measure in measures.measures if measure.unit == "people"}
    ids = {measure.id for measure in measures.measures}
    wrong = [
        *(f"aims.toml: no aim is called '{n}'" for n in (aims.default, *aims.also) if n not in aims.aims),
        *(
            f"aims.toml: {name} names '{measure}', which measures.toml does not have"
            for name, aim in aims.aims.items()
            for measure in aim.measures
            if measure not in ids
        ),
        *(
            f"measures.toml: the step of {step.month} names '{measure}', which is no measure"
            for step in measures.steps
            for measure in step.measures
            if measure not in ids
        ),
        *(
            f"cohorts.toml: superseded {old.version} names '{measure}', which is no measure of people"
            for old in superseded
            for measure in (*old.measures, *old.measures.values(), *old.rules)
            if measure not in people
        ),
        *(
            f"cohorts.toml: superseded {version} stands twice"
            for version in sorted({old.version for old in superseded})
            if sum(old.version == version for old in superseded) > 1
        ),
        *(
            f"measures.toml: {measure.id} has the history '{measure.history}', which cohorts.toml does not have"
            for measure in measures.measures
            if measure.history not in {"none", *histories}
        ),
        *(
            f"local_measures.toml: {measure.id} is a measure of measures.toml as well"
            for measure in local.returned
            if measure.id in ids
        ),
    ]
    if wrong:
        raise ConfigError(
            f"{len(wrong)} setting(s) name what no settings file defines.",
            "; ".join(wrong),
            "Mend the names; the shipped files show the form.",
        )
