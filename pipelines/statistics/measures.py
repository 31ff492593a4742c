"""Which measures are counted: those of measures.toml, and those that follow from them.

A measure of people has a twin without under-18s, likely end of life and exclusions. Where `flows` is set it also has
flows: who joined, who left, and the net of both. A measure of items may be counted by drug and by route too.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pyarrow as pa

from pipelines.config import Measure, Settings
from pipelines.statistics.differencing import WITHOUT_SUFFIX

JOINED, LEFT, NET_CHANGE = "joined", "left", "net_change"

_FLOW_TITLES = {JOINED: "joined since the month before", LEFT: "left since the month before", NET_CHANGE: "net change"}
_FLOW_NUMERATORS = {
    JOINED: "People counted this month in this organisation and not the month before: {}",
    LEFT: "People counted the month before in this organisation and not this month: {}",
    NET_CHANGE: "Those who joined less those who left: {}",
}


@dataclass(frozen=True)
class CountedMeasure:
    """One measure of the trend table: a row of `reference.measures`."""

    measure: str
    cohort: str
    """The entry of measures.toml that it comes from."""
    flow: str | None
    title: str
    why: str
    numerator: str
    denominator: str
    kind: str
    unit: str
    direction: str
    source: str
    product_class: str
    drug: str | None
    route: str | None
    strength: str | None
    is_dose_cohort: bool
    is_independent: bool
    """Whether neighbouring months are independent, so that process control applies."""
    first_month_of_data: int
    checked_by: str
    next_review: str


def counted_measures(settings: Settings) -> list[CountedMeasure]:
    """Every measure that is counted, in the order of measures.toml."""
    return [counted for measure in settings.measures.measures for counted in _derived(measure, settings)]


def measures_by_old_rules(settings: Settings) -> list[CountedMeasure]:
    """What superseded definitions count that no cohort of today counts: for marts.trend_variants alone."""
    today = {measure.id: measure for measure in settings.measures.measures}
    found = []
    for old in settings.cohorts.superseded:
        for name, rule in old.rules.items():
            line = f"{rule.comparison} {rule.ome_mg_per_day:f} mg a day over {' and '.join(rule.windows)}"
            update = {
                "id": old.counted_as[name],
                "title": f"{today[name].title}, by the rule until {old.last_month}",
                "numerator": f"People dispensed {line}, the rule until {old.last_month}",
                "flows": False,
            }
            counted = _derived(today[name].model_copy(update=update), settings)
            found += [replace(one, first_month_of_data=rule.first_month_of_data) for one in counted]
    return found


def old_rules_table(settings: Settings) -> pa.Table:
    """`reference.superseded_rules`: one row per old rule and window."""
    rows = [
        {
            "cohort": old.counted_as[name],
            "window_months": int(window.removesuffix("m")),
            "windows": len(set(rule.windows)),
            "ome_mg_per_day": rule.ome_mg_per_day,
            "is_inclusive": rule.comparison == ">=",
            "months_covered": rule.months_covered,
            "first_month_of_data": rule.first_month_of_data,
        }
        for old in settings.cohorts.superseded
        for name, rule in old.rules.items()
        for window in sorted(set(rule.windows))
    ]
    whole = dict.fromkeys(("window_months", "windows", "months_covered", "first_month_of_data"), pa.int32())
    kinds = {"cohort": pa.string(), "ome_mg_per_day": pa.decimal128(8, 4), "is_inclusive": pa.bool_(), **whole}
    return pa.Table.from_pylist(rows, schema=pa.schema(list(kinds.items())))


def person_measures(settings: Settings) -> set[str]:
    """The measures that count people."""
    return {counted.measure for counted in counted_measures(settings) if counted.unit == "people"}


def measures_table(settings: Settings) -> pa.Table:
    """`reference.measures`."""
    text = {"flow", "drug", "route", "strength"}
    every = [*counted_measures(settings), *measures_by_old_rules(settings)]
    table = pa.Table.from_pylist([vars(counted) for counted in every])
    types = [pa.field(field.name, pa.string() if field.name in text else field.type) for field in table.schema]
    return table.cast(pa.schema(types))


def _derived(measure: Measure, settings: Settings) -> Iterator[CountedMeasure]:
    own = CountedMeasure(
        measure=measure.id,
        cohort=measure.id,
        flow=None,
        title=measure.title,
        why=measure.why,
        numerator=measure.numerator,
        denominator=measure.denominator,
        kind=measure.kind,
        unit=measure.unit,
        direction=measure.direction,
        source=measure.source,
        product_class=measure.product_class,
        drug=None,
        route=None,
        strength=measure.strength,
        is_dose_cohort=measure.is_dose_cohort,
        is_independent=measure.months_are_independent or measure.unit != "people",
        first_month_of_data=settings.cohorts.first_month_of_data.get(measure.history, 1),
        checked_by=measure.checked_by or settings.measures.checked_by,
        next_review=measure.next_review or settings.measures.next_review,
    )
    yield own
    if measure.unit == "people":
        without = ", without under-18s, likely end of life and exclusions"
        yield replace(
            own,
            measure=measure.id + WITHOUT_SUFFIX,
            title=measure.title + without,
            numerator=measure.numerator + without,
        )
    if measure.flows:
        yield from (_flow(own, flow) for flow in (JOINED, LEFT, NET_CHANGE))
    for drug in measure.by_drug:
        yield replace(own, measure=f"{measure.id}_{_slug(drug)}", drug=drug, title=f"{measure.title}: {drug}")
    for route in measure.by_route:
        yield replace(own, measure=f"{measure.id}_{_slug(route)}", route=route, title=f"{measure.title}: {route}")


def _flow(own: CountedMeasure, flow: str) -> CountedMeasure:
    """A flow of a cohort. Leaving is neither good nor bad of itself: people also die, move or are not seen."""
    return replace(
        own,
        measure=f"{own.measure}_{flow}",
        flow=flow,
        title=f"{own.title}: {_FLOW_TITLES[flow]}",
        numerator=_FLOW_NUMERATORS[flow].format(own.numerator[:1].lower() + own.numerator[1:]),
        kind="process",
        is_independent=True,
        direction="none" if flow == LEFT else own.direction,
        first_month_of_data=own.first_month_of_data + 1,
    )


def _slug(name: str) -> str:
    return name.replace(" ", "_").replace("-", "_")
