"""The dose windows of one person: which months count, what was dispensed in them, and the dose per day."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from pipelines.explain.facts import Facts, refuse_unless, rounded

LENGTHS = (1, 3, 6, 12)


@dataclass(frozen=True)
class Window:
    """The last `length` months to `last`: those that count, and why the others do not.

    Doses are oral morphine equivalents in mg; ome_mg leaves out the parenteral route, which stands beside it.
    """

    length: int
    last: date
    counted: tuple[date, ...]
    before_data: tuple[date, ...]
    before_episode: tuple[date, ...]
    missing: tuple[date, ...]
    opioid_months: int
    items: int
    unconverted_items: int
    ome_mg: Decimal
    ome_mg_parenteral: Decimal
    ome_mg_ir_fentanyl: Decimal
    days: int

    @property
    def ome_mg_per_day(self) -> Decimal | None:
        """Rounded to four decimals; NULL where no month counts. Comparisons use the sums."""
        return rounded(self.ome_mg / self.days) if self.days else None


def months_before(month: date, number: int) -> date:
    """The first day of the month `number` months earlier."""
    index = month.year * 12 + month.month - 1 - number
    return date(index // 12, index % 12 + 1, 1)


def span_months(first: date, last: date) -> int:
    """Calendar months from first to last, both counted."""
    return (last.year - first.year) * 12 + last.month - first.month + 1


def _days(month: date) -> int:
    return (months_before(month, -1) - month).days


def _months(last: date, length: int) -> Iterator[date]:
    yield from (months_before(last, back) for back in reversed(range(length)))


def window(facts: Facts, last: date, length: int, episode: date | None) -> Window:
    """A window that ends at a month, cut at the start of the episode and of the data."""
    asked = tuple(_months(last, length))
    before_data = tuple(month for month in asked if month < facts.loaded[0])
    before_episode = tuple(month for month in asked if episode and month < episode and month not in before_data)
    missing = tuple(month for month in asked if month not in (*before_data, *before_episode, *facts.loaded))
    counted = tuple(month for month in asked if month not in (*before_data, *before_episode, *missing))
    items = [item for item in facts.items if item.month in counted and item.is_opioid_item]
    return Window(
        length=length,
        last=last,
        counted=counted,
        before_data=before_data,
        before_episode=before_episode,
        missing=missing,
        opioid_months=len({item.month for item in items}),
        items=len(items),
        unconverted_items=sum(item.is_unconverted for item in items),
        ome_mg=sum((item.ome_mg for item in items if item.ome_mg and not item.is_parenteral), Decimal(0)),
        ome_mg_parenteral=sum((item.ome_mg for item in items if item.ome_mg and item.is_parenteral), Decimal(0)),
        ome_mg_ir_fentanyl=sum(
            (item.ome_mg for item in items if item.ome_mg and item.is_immediate_release_fentanyl), Decimal(0)
        ),
        days=sum(map(_days, counted)),
    )


def windows_of(facts: Facts) -> dict[int, Window]:
    """The windows of 1, 3, 6 and 12 months by their length, each checked against the published figure."""
    row = facts.row
    found = {length: window(facts, facts.month, length, row["episode_month"]) for length in LENGTHS}
    for length, held in found.items():
        refuse_unless(held.ome_mg_per_day == row[f"ome_mg_per_day_{length}m"], f"ome_mg_per_day_{length}m")
    this_month, last_three = found[1], found[3]
    refuse_unless(this_month.ome_mg + this_month.ome_mg_parenteral == row["ome_mg"], "ome_mg")
    refuse_unless(last_three.ome_mg_parenteral == row["ome_mg_parenteral_3m"], "ome_mg_parenteral_3m")
    refuse_unless(last_three.ome_mg_ir_fentanyl == row["ome_mg_ir_fentanyl_3m"], "ome_mg_ir_fentanyl_3m")
    refuse_unless(len(last_three.counted) == row["window_months_covered"], "window_months_covered")
    refuse_unless((last_three.unconverted_items > 0) == row["dose_is_lower_bound"], "dose_is_lower_bound")
    return found
