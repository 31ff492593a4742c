"""Every number that shapes the invented population, in one readable place.

What every population shares stands as a constant; what may differ from one to another is a `Mix`, and `DEMO` is the
one that is written unless another is asked for. The numbers are invented, in the range of published English figures;
none is a finding. Which products are taken, and how much a day, stands in `data/reference/synthetic_*.csv`. Days are
days, doses mg of oral morphine equivalent (OME) a day, shares relative unless said otherwise.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

PATIENTS_PER_PRACTICE = 500
LEAST_PRACTICES = 12
PRACTICES_PER_PCN = 4
PRACTICES_PER_ICB = 150
LIST_SIZE_PER_PATIENT = 12.0

REVIEW_DAYS = 56  # a prescriber looks at a course about this often
JOINING_DAYS = 36 * 30.4375  # people new to the data join over this time
DYING_DAYS = 60 * 30.4375  # deaths of the palliative pathway fall over this time

EPS_SHARE = 0.89
GAP_DAYS = (30, 90)
EARLIEST_REFILL_DAYS = 6
LATEST_REFILL_DAYS = 3
AS_NEEDED_SPREAD_DAYS = 12
LATE_CLAIM_DAYS = 5  # a late claim moves what was handed out in the last days of a month to the next month
STOCKPILING_PACE = 0.9  # who stockpiles comes for the next script after so much of the last one …
STOCKPILING_SCRIPTS = 10  # … and leaves out every tenth, so that in the long run no more is fetched than is taken
OUT_OF_HOURS_SHARE = 0.02  # of short courses
HOSPICE_SHARE = 0.3  # of just-in-case medicines
MOVING_MEAN_DAYS = 40 * 365.25
FEMALE_SHARE = 0.58
PRACTICE_SPREAD = 0.25  # standard deviation, on the log scale, of a practice's share of long-term courses
DEPRIVATION_SLOPE = 0.06  # more long-term courses for each decile below the middle

SCRIPT_DAYS_SHARES = {28: 0.52, 30: 0.08, 56: 0.28, 84: 0.08, 14: 0.02, 7: 0.02}
STRONG_SCRIPT_DAYS_SHARES = {28: 0.58, 30: 0.14, 56: 0.16, 84: 0.03, 14: 0.06, 7: 0.03}
DEPENDENCE_SCRIPT_DAYS_SHARES = {14: 0.8, 7: 0.2}


@dataclass(frozen=True)
class Habits:
    """What may happen at each review (about every 56 days): probabilities, checked from left to right."""

    start_taper: float
    up: float
    up_two_steps: float
    switch: float
    stop: float
    restart: float = 0.03  # at a review while nothing is taken
    taper_step: float = 0.75  # at a review during a taper: one step down


WEAK_HABITS = Habits(start_taper=0.010, up=0.02, up_two_steps=0.002, switch=0.02, stop=0.015)
STRONG_HABITS = Habits(start_taper=0.014, up=0.016, up_two_steps=0.003, switch=0.02, stop=0.010, restart=0.02)
HIGH_HABITS = Habits(start_taper=0.026, up=0.008, up_two_steps=0.001, switch=0.015, stop=0.004, restart=0.02)
STEADY_HABITS = Habits(start_taper=0.008, up=0.02, up_two_steps=0.0, switch=0.01, stop=0.02)
NO_CHANGES = Habits(start_taper=0.0, up=0.0, up_two_steps=0.0, switch=0.0, stop=0.0, restart=0.0)


@dataclass(frozen=True)
class Line:
    """One medicine line of a person: what it begins with, and what happens at its reviews."""

    name: str
    families: dict[str, float]
    habits: Habits
    from_ome_mg_per_day: float = 0.0
    to_ome_mg_per_day: float = 1e9
    script_days_shares: dict[int, float] = field(default_factory=lambda: dict(SCRIPT_DAYS_SHARES))
    stronger: dict[str, float] = field(default_factory=dict)  # where it goes from the top of its ladder


STRONG_STARTS = {"morphine_mr": 0.4, "oxycodone_mr": 0.2, "buprenorphine_7_day": 0.4}
_STRONG_FAMILIES = {
    "morphine_mr": 0.34,
    "oxycodone_mr": 0.20,
    "buprenorphine_7_day": 0.20,
    "fentanyl_patch": 0.10,
    "tapentadol_mr": 0.07,
    "tramadol_mr": 0.03,
    "buprenorphine_96_hour": 0.02,
    "oxycodone_naloxone": 0.02,
    "buprenorphine_sublingual": 0.01,
    "methadone": 0.01,
}
_HIGH_FAMILIES = {
    "morphine_mr": 0.42,
    "oxycodone_mr": 0.28,
    "fentanyl_patch": 0.22,
    "buprenorphine_96_hour": 0.04,
    "tapentadol_mr": 0.03,
    "methadone": 0.01,
}
WEAK_LINE = Line(
    "weak opioid",
    {
        "co_codamol_30_brand": 0.25,
        "co_codamol_30": 0.08,
        "co_codamol_30_capsule": 0.05,
        "co_codamol_15": 0.07,
        "co_codamol_8": 0.09,
        "codeine": 0.18,
        "tramadol": 0.15,
        "tramadol_mr": 0.03,
        "tramadol_paracetamol": 0.01,
        "dihydrocodeine": 0.05,
        "co_dydramol": 0.04,
    },
    WEAK_HABITS,
    stronger=STRONG_STARTS,
)
STRONG_LINE = Line("strong opioid", _STRONG_FAMILIES, STRONG_HABITS, 0.0, 100.0, STRONG_SCRIPT_DAYS_SHARES)
HIGH_LINE = Line("high dose", _HIGH_FAMILIES, HIGH_HABITS, 110.0, 1e9, STRONG_SCRIPT_DAYS_SHARES)
BREAKTHROUGH_LINE = Line(
    "breakthrough opioid",
    {
        "morphine_liquid": 0.55,
        "oxycodone_liquid": 0.2,
        "oxycodone_capsule": 0.13,
        "morphine_tablet": 0.1,
        "fentanyl_buccal": 0.004,
    },
    NO_CHANGES,
    script_days_shares={28: 0.8, 14: 0.2},
)
GABAPENTINOID_LINE = Line("gabapentinoid", {"pregabalin": 0.55, "gabapentin": 0.45}, STEADY_HABITS)
BENZODIAZEPINE_LINE = Line(
    "benzodiazepine",
    {"diazepam": 0.64, "lorazepam": 0.12, "nitrazepam": 0.1, "temazepam": 0.08, "clonazepam": 0.06},
    STEADY_HABITS,
)
Z_DRUG_LINE = Line("z-drug", {"zopiclone": 0.85, "zolpidem": 0.15}, STEADY_HABITS)
DEPENDENCE_LINE = Line(
    "dependence treatment",
    {"methadone_maintenance": 0.7, "buprenorphine_maintenance": 0.3},
    NO_CHANGES,
    script_days_shares=DEPENDENCE_SCRIPT_DAYS_SHARES,
)
PATCH_BESIDE_LINE = Line("patch beside", {"buprenorphine_7_day": 0.7, "fentanyl_patch": 0.3}, STEADY_HABITS)
PALLIATIVE = "palliative"
PALLIATIVE_LADDER = "morphine_mr"
PALLIATIVE_STEP_DAYS = (150, 90, 50, 21)
"""Days before death at which the dose of the palliative pathway goes up a step."""


@dataclass(frozen=True)
class Pathway:
    """A kind of patient: how many, how old, how long, and what else they take (probabilities)."""

    name: str
    share: float
    age_mean: float
    age_spread: float
    long_term: bool = False  # its share varies between practices and with deprivation
    main_line: Line | None = None
    already_taking: float = 0.75  # at the first month; the others join later
    leaving_mean_days: float = 8 * 365.25
    gabapentinoid: float = 0.0
    benzodiazepine: float = 0.0
    z_drug: float = 0.0
    breakthrough: float = 0.0
    dependence: float = 0.0
    patch_beside: float = 0.0  # an opioid patch beside the main line
    acute_opioid_gap_days: float = 0.0  # mean days between short courses; 0 = none
    intermittent_opioid_gap_days: float = 0.0
    short_sedative_gap_days: float = 0.0
    cough_gap_days: float = 8000.0
    antimotility_gap_days: float = 6000.0


PATHWAYS = (
    Pathway("acute opioid", 0.36, 50, 18, acute_opioid_gap_days=330, already_taking=1.0),
    Pathway(
        "intermittent opioid",
        0.10,
        58,
        16,
        intermittent_opioid_gap_days=75,
        gabapentinoid=0.06,
        benzodiazepine=0.02,
        z_drug=0.02,
    ),
    Pathway(
        "long-term weak opioid",
        0.24,
        62,
        15,
        True,
        WEAK_LINE,
        already_taking=0.62,
        gabapentinoid=0.20,
        benzodiazepine=0.06,
        z_drug=0.06,
        acute_opioid_gap_days=2500,
    ),
    Pathway(
        "long-term strong opioid",
        0.07,
        65,
        15,
        True,
        STRONG_LINE,
        already_taking=0.64,
        leaving_mean_days=6 * 365.25,
        gabapentinoid=0.34,
        benzodiazepine=0.09,
        z_drug=0.09,
        breakthrough=0.22,
    ),
    Pathway(
        "high dose",
        0.0115,
        57,
        12,
        True,
        HIGH_LINE,
        already_taking=0.88,
        leaving_mean_days=8 * 365.25,
        gabapentinoid=0.48,
        benzodiazepine=0.16,
        z_drug=0.12,
        breakthrough=0.45,
        dependence=0.01,
    ),
    Pathway(PALLIATIVE, 0.02, 77, 10),
    Pathway("gabapentinoid only", 0.10, 57, 15, gabapentinoid=1.0, benzodiazepine=0.05, z_drug=0.04),
    Pathway("benzodiazepine only", 0.045, 58, 16, benzodiazepine=1.0, z_drug=0.05),
    Pathway("z-drug only", 0.03, 58, 16, z_drug=1.0),
    Pathway("short sedative", 0.035, 52, 17, short_sedative_gap_days=300, already_taking=1.0),
    Pathway("dependence treatment", 0.0025, 44, 9, dependence=1.0, gabapentinoid=0.1, already_taking=0.85),
)


@dataclass(frozen=True)
class Mix:
    """A population: who is in it, and how scripts are written, fetched and claimed. Shares are from 0 to 1."""

    pathways: tuple[Pathway, ...]
    script_days: int | None = None  # every lasting script is written for so many days; None: the shares of each line
    unidentified_share: float = 0.015  # of items
    missed_script_share: float = 0.015
    holiday_share: float = 0.006  # of scripts: two at once, and the next one left out
    gap_share_a_year: float = 0.06  # a stay in hospital, a long absence: no script for one to three months
    mid_script_change_share: float = 0.0  # of changes; the others fall on the day the script runs out
    stockpiling_share: float = 0.0  # of lasting courses
    late_claim_share: float = 0.0  # of scripts handed out in the last days of a month
    synchronised_share: float = 0.0  # of people: lasting scripts begun together run out together, packs split

    def of_each(self, name: str) -> NDArray[np.float64]:
        """A figure of the pathways, by number of the pathway."""
        return np.array([getattr(pathway, name) for pathway in self.pathways], dtype=np.float64)

    def palliative(self, pathway: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether each pathway number is the palliative one."""
        return np.array([each.name == PALLIATIVE for each in self.pathways])[pathway]


DEMO = Mix(PATHWAYS)
