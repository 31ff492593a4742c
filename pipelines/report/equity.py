"""The page on equity: whom the cohorts hold by deprivation, age and sex, and whether a change reaches all alike."""

from pipelines.report.equity_groups import Grouping, groupings
from pipelines.report.frame import Frame, SitePage
from pipelines.report.render import fill

PAGE = "equity.html"


def pages(frame: Frame) -> list[SitePage]:
    """One page; none where no patients are loaded."""
    if not frame.leaving.has_patients:
        return []
    found = groupings(frame.leaving, frame.settings)
    icbs: dict[tuple[str, str], dict[str, list[Grouping]]] = {}
    for one in found:
        icbs.setdefault((one.org_code, one.org_name), {}).setdefault(one.measure.id, []).append(one)
    html = fill(
        "equity.html.j2",
        frame,
        icbs=[(code, name, list(measures.values())) for (code, name), measures in icbs.items()],
        month=found[0].month if found else None,
        exact_parts=frame.leaving.policy.rounding == "none" and not frame.leaving.policy.hides_nothing,
    )
    return [SitePage(PAGE, "Equity", PAGE, html)]
