"""Invented people: a test NHS number, age, sex, deprivation, practice and the pathway they are on."""

from dataclasses import dataclass

import numpy as np

from pipelines.errors import UsageError
from pipelines.synthetic import mix
from pipelines.synthetic.draws import Bools, Draws, Floats, Ints, keys
from pipelines.synthetic.mix import Mix

TEST_RANGE_START = 999_000_000
TEST_RANGE_STOP = 1_000_000_000
REPEATED_DIGIT = 9_999_999_999
_STRIDE = 611_953  # prime: steps through the numbers so that neighbours are not of one practice


def test_range_nhs_numbers() -> Ints:
    """Every valid NHS number of the 999 range, which is never issued: 10 digits, modulus 11.

    9999999999 passes the check but is a placeholder, so it is left out.
    """
    bodies = np.arange(TEST_RANGE_START, TEST_RANGE_STOP, dtype=np.int64)
    weighted = np.zeros_like(bodies)
    rest = bodies.copy()
    for weight in range(2, 11):
        weighted += (rest % 10) * weight
        rest //= 10
    check_digit = (11 - weighted % 11) % 11
    numbers = bodies * 10 + check_digit
    valid: Ints = numbers[(check_digit < 10) & (numbers != REPEATED_DIGIT)]
    return valid


def patient_nhs_numbers(patients: int) -> Ints:
    """Distinct NHS numbers of the test range for so many patients; more than it holds is refused."""
    numbers = test_range_nhs_numbers()
    if patients > len(numbers):
        raise UsageError(
            f"{patients:,} patients are more than the {len(numbers):,} NHS numbers of the 999 test range.",
            "--patients",
            f"Ask for at most {len(numbers)}; a number outside the range might be a real person's.",
        )
    chosen: Ints = numbers[(np.arange(patients, dtype=np.int64) * _STRIDE) % len(numbers)]
    return chosen


@dataclass(frozen=True)
class People:
    """People by number. Days count from the first month's first day and may be negative.

    `practice` until `move_day`, `next_practice` from then; `leave_day`: died or moved away, no item later.
    `age_at_start` is in years with a fraction; `pathway` is a number of `mix.pathways`.
    """

    mix: Mix
    number: Ints
    nhs_number: Ints
    draws: Draws
    pathway: Ints
    practice: Ints
    next_practice: Ints
    move_day: Floats
    join_day: Floats
    leave_day: Floats
    age_at_start: Floats
    female: Bools
    imd_decile: Ints


def _pathways(drawn_from: Mix, draws: Draws, seed: int, practice: Ints, imd_decile: Ints, practices: int) -> Ints:
    """A pathway for each person; long-term ones are commoner in some practices and where it is poorer."""
    practice_draws = Draws(keys(seed, "practice", np.arange(practices)))
    leaning = np.exp(mix.PRACTICE_SPREAD * practice_draws.normal("long-term leaning"))
    factor = leaning[practice] * (1.0 + mix.DEPRIVATION_SLOPE * (5.5 - imd_decile))
    uniform = draws.uniform("pathway")
    chosen = np.zeros(len(practice), dtype=np.int64)
    total = np.zeros(len(practice))
    for pathway in drawn_from.pathways:
        total += pathway.share * (factor if pathway.long_term else 1.0)
    edge = np.zeros(len(practice))
    for pathway in drawn_from.pathways[:-1]:
        edge += pathway.share * (factor if pathway.long_term else 1.0)
        chosen += uniform * total >= edge
    return chosen


def people(
    seed: int,
    numbers: Ints,
    nhs_numbers: Ints,
    practice: Ints,
    practices: int,
    *,
    children: bool = False,
    drawn_from: Mix = mix.DEMO,
) -> People:
    """The people with these numbers, a run without holes; `children` lets a few be under 18."""
    draws = Draws(keys(seed, "person", numbers))
    practice_draws = Draws(keys(seed, "practice", np.arange(practices)))
    practice_decile = 1.0 + 9.0 * practice_draws.uniform("deprivation")
    decile = np.rint(practice_decile[practice] + 1.8 * draws.normal("deprivation"))
    imd_decile = np.clip(decile, 1, 10).astype(np.int64)
    pathway = _pathways(drawn_from, draws, seed, practice, imd_decile, practices)

    def of_pathway(name: str) -> Floats:
        return drawn_from.of_each(name)[pathway]

    already = draws.uniform("already taking") < of_pathway("already_taking")
    join_day = np.where(already, -1.0, draws.uniform("join") * mix.JOINING_DAYS)
    stay_days = draws.exponential("leave", of_pathway("leaving_mean_days"))
    leave_day = np.maximum(join_day, 0.0) + np.maximum(stay_days, 20.0)
    leave_day = np.where(drawn_from.palliative(pathway), draws.uniform("death") * mix.DYING_DAYS, leave_day)
    age = of_pathway("age_mean") + of_pathway("age_spread") * draws.normal("age")
    age = np.clip(age, 18.0, 97.0) + draws.uniform("birthday")
    if children:
        child = (draws.uniform("child") < 0.01) & (pathway == 0)
        age = np.where(child, 2.0 + 15.0 * draws.uniform("child's age"), age)
    hop = 1 + (draws.uniform("new practice") * 10).astype(np.int64)
    return People(
        drawn_from,
        numbers,
        nhs_numbers,
        draws,
        pathway,
        practice,
        (practice + hop) % practices,
        draws.exponential("move", mix.MOVING_MEAN_DAYS),
        join_day,
        leave_day,
        age,
        draws.uniform("sex") < mix.FEMALE_SHARE,
        imd_decile,
    )
