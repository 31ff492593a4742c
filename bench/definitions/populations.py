"""The two populations of the benchmark, and the script lengths in which each is written."""

from dataclasses import replace

from pipelines.synthetic import mix
from pipelines.synthetic.mix import Habits, Line, Mix, Pathway

SCRIPTS: dict[str, int | None] = {"28 days": 28, "56 days": 56, "84 days": 84, "mixed": None}
"""Every lasting script of a population is written for so many days; mixed: 7 to 84, mostly 28 (`mix`)."""

MONTHS, FIRST_JUDGED_MONTH = 36, 13
"""A person is judged at one month drawn from the 13th on, when every window and run has its history."""

_WITHOUT_OPIOID = {"gabapentinoid only", "benzodiazepine only", "z-drug only", "short sedative", "dependence treatment"}
_PATCH_BESIDE = {"long-term strong opioid": 0.05, "high dose": 0.08}


def _opioid_pathways() -> tuple[Pathway, ...]:
    """The demo's pathways on which an opioid may be taken, some with a patch beside tablets."""
    return tuple(
        replace(pathway, patch_beside=_PATCH_BESIDE.get(pathway.name, 0.0))
        for pathway in mix.PATHWAYS
        if pathway.name not in _WITHOUT_OPIOID
    )


USUAL = Mix(
    _opioid_pathways(),
    mid_script_change_share=0.3,
    stockpiling_share=0.08,
    late_claim_share=0.3,
    synchronised_share=0.6,
)

_RESTLESS = Habits(start_taper=0.04, up=0.03, up_two_steps=0.01, switch=0.04, stop=0.015, restart=0.03)


def _nearer(line: Line, highest_ome_mg_per_day: float, lowest_ome_mg_per_day: float = 0.0) -> Line:
    return replace(
        line,
        habits=_RESTLESS,
        from_ome_mg_per_day=lowest_ome_mg_per_day,
        to_ome_mg_per_day=highest_ome_mg_per_day,
    )


def _near_the_line(pathway: Pathway) -> Pathway:
    """The same pathway, with doses nearer 120 mg a day and more changes; more people strong or now and then."""
    match pathway.name:
        case "high dose":
            return replace(pathway, share=0.03, main_line=_nearer(mix.HIGH_LINE, 180.0, 80.0))
        case "long-term strong opioid":
            return replace(pathway, share=0.12, main_line=_nearer(mix.STRONG_LINE, 140.0))
        case "intermittent opioid":
            return replace(pathway, share=0.2)
        case _:
            return pathway


NEAR_THE_LINE = replace(USUAL, pathways=tuple(_near_the_line(pathway) for pathway in USUAL.pathways))


def _steady(pathway: Pathway) -> Pathway:
    line = pathway.main_line
    return replace(pathway, main_line=line and replace(line, habits=mix.NO_CHANGES), patch_beside=0.0)


STEADY = Mix(
    tuple(_steady(pathway) for pathway in NEAR_THE_LINE.pathways),
    unidentified_share=0.0,
    missed_script_share=0.0,
    holiday_share=0.0,
    gap_share_a_year=0.0,
)

POPULATIONS = {"usual": USUAL, "near the line": NEAR_THE_LINE, "steady": STEADY}
PATIENTS = {"usual": 50_000, "near the line": 20_000, "steady": 20_000}
"""How many people in each script length. In the second and third far more of them are near the line."""
