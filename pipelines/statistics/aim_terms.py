"""The aims of aims.toml as the trend table needs them: by measure, with their twins."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

import pyarrow as pa

from pipelines.config import Aim, Settings
from pipelines.statistics.differencing import WITHOUT_SUFFIX
from pipelines.statistics.measures import counted_measures, measures_by_old_rules


@dataclass(frozen=True)
class AimTerms:
    """What a series is judged against.

    `change` by measure: the share by which it is to fall (0.5 halves; negative: rise), or with type `count` the
    number of people fewer. The aim lies `months` after the last month of the baseline, or at `end`.
    """

    name: str
    change: dict[str, float] = field(hash=False)
    type: str = "rate"
    months: int | None = None
    end: date | None = None

    @property
    def measures(self) -> frozenset[str]:
        return frozenset(self.change)


def terms_of(name: str, aim: Aim) -> AimTerms:
    """One aim of aims.toml; each of its measures counts for its twin too."""
    change = {
        twin: -float(aim.change_of(measure)) for measure in aim.measures for twin in (measure, measure + WITHOUT_SUFFIX)
    }
    return AimTerms(name, change, aim.type, aim.months, _first_day(aim.end) if aim.end else None)


def aim_measures_table(settings: Settings) -> pa.Table:
    """`reference.aim_measures`: of which measures each aim has a baseline, and of which months.

    The default aim has one for every measure but flows; a further aim for its own measures.
    """
    every = [*counted_measures(settings), *measures_by_old_rules(settings)]
    rows = [
        *_rows(
            settings.aims.default,
            settings.aims.default_aim,
            [counted.measure for counted in every if counted.flow is None],
        ),
        *(
            row
            for name, aim in settings.aims.further_aims.items()
            for row in _rows(name, aim, sorted(terms_of(name, aim).measures))
        ),
    ]
    schema = pa.schema(
        [
            ("aim", pa.string()),
            ("measure", pa.string()),
            ("is_aimed", pa.bool_()),
            ("baseline_first", pa.date32()),
            ("baseline_last", pa.date32()),
            ("settle_months", pa.int32()),
        ]
    )
    return pa.Table.from_pylist(rows, schema=schema)


def _rows(name: str, aim: Aim, measures: list[str]) -> Iterator[dict[str, object]]:
    first, last = _baseline_months(aim.baseline)
    aimed = terms_of(name, aim).measures
    for measure in measures:
        yield {
            "aim": name,
            "measure": measure,
            "is_aimed": measure in aimed,
            "baseline_first": first,
            "baseline_last": last,
            "settle_months": aim.settle_months,
        }


def _baseline_months(baseline: str) -> tuple[date | None, date | None]:
    if baseline == "first_complete":
        return None, None
    first, _, last = baseline.partition("..")
    return _first_day(first), _first_day(last or first)


def _first_day(month: str) -> date:
    year, _, number = month.partition("-")
    return date(int(year), int(number), 1)
