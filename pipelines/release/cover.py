"""The words that go with every list: what it is made from, what it cannot see, how to use it safely."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal

from pipelines.release.rows import RULES, Facts, Row
from pipelines.release.wording import month_in_words

SAFETY = (
    "Dispensed, not taken. Check the record first: cancer, palliative care, dependence treatment, and whether the "
    "patient is alive and registered here.",
    "Do not stop or cut opioids, gabapentinoids or benzodiazepines abruptly; agree any reduction with the patient, "
    "slowly. A justified, stable dose is a valid outcome.",
    "OME (oral morphine equivalent) finds people to review: never use it to convert or switch medicines. Methadone, "
    "buprenorphine, patches and doses within 10 % of the line need the exact dose from the record.",
    "Absence from this list does not mean low risk. It cannot see indication, directions, kidney and liver function, "
    "pregnancy, sleep apnoea, alcohol, over-the-counter codeine, hospital and private supply, naloxone, "
    "antidepressants or other sedatives that are not loaded.",
    "The priority orders the work; it is not a measure of harm.",
)
_PRIORITY_1 = (
    "Priority 1: a high dose (above {high_dose_ome_mg_per_day} mg OME a day) together with a gabapentinoid, "
    "benzodiazepine or z-drug, with dependence treatment or from {case_list_older_age_years} years on; "
    "{case_list_very_high_ome_mg_per_day} mg a day and over; a dose that rises fast and has reached "
    "{case_list_rapid_escalation_ome_mg_per_day} mg a day."
)
_OTHER_PRIORITIES = (
    "Priority 2: other high doses; a dose that rises fast; methadone; immediate-release fentanyl; opioids beside "
    "dependence treatment; a dose that is not fully known.",
    "Priority 3: more than three months of opioids, with a gabapentinoid, benzodiazepine or z-drug.",
    "Priority 4: long term, or about to be.",
    "At the end: people who are likely near the end of life, each with the number of the priority; then people whom "
    "a review has excluded.",
    "Dose: OME dispensed in the last three months, divided by their days; injections are not in it. A month is a "
    "coarse ruler: a steady dose on long scripts may read a quarter too high or too low, and change its band.",
    "A dose that 'rises fast' is a reason to open the record, not a finding: with made-up people whose true dose is "
    "known, in two of three of those flagged the dose truly taken had not risen by that much.",
)
REFERRAL_RULE = (
    "The pain-team rule: adults (and people of unknown age, who are marked) with a high dose that is confirmed, "
    "possible or new, or whose dose rises fast. People who are likely near the end of life are left out.",
)


def priorities(lines: Mapping[str, str]) -> tuple[str, ...]:
    """What each priority means, with the lines that the published list was made with."""
    return (_PRIORITY_1.format_map(lines), *_OTHER_PRIORITIES)


@dataclass(frozen=True)
class Cover:
    """What the first sheet says."""

    title: str
    facts: tuple[str, ...]
    selection: tuple[str, ...]
    counts: tuple[tuple[str | int, ...], ...]
    explained: tuple[str, ...]
    confidential: str
    snapshot_id: str

    @property
    def reminders(self) -> tuple[str, ...]:
        """What is also said on the screen when the list is written."""
        return (*self.facts, *self.selection, *SAFETY, self.confidential)


COUNT_HEADINGS = ("Rule", "On the list", "Excluded by review", "Under 18", "Together", "In the trends")


def facts_in_words(facts: Facts, snapshot_id: str) -> list[str]:
    """What the list is made from, and what limits it."""
    month = month_in_words(facts.as_at_month)
    said = [f"As at {month}; snapshot {snapshot_id}; definitions: {facts.definition}."]
    if facts.is_provisional:
        said.append(f"{month} is provisional: people new to the data are missing.")
    too_young = _rules_without_history(facts.null_reason)
    if too_young:
        said.append(f"The data are too young for some rules, which find nobody yet: {too_young}.")
    if facts.capture_rate is not None and facts.capture_rate < 1:
        share = Decimal(repr(100 * facts.capture_rate)).quantize(Decimal("0.1"), ROUND_FLOOR)
        said.append(f"The patient is known for {share} % of the opioid items here; the rest find nobody.")
    if facts.unconverted_items:
        said.append(
            f"{facts.unconverted_items:,} opioid items of the whole data have no known dose: where one of them is a "
            "listed person's, the dose reads 'at least'."
        )
    if not facts.can_see_palliative_signs:
        said.append("This extract holds no just-in-case medicines: signs of end-of-life care cannot be seen in it.")
    return said


def counts_in_words(counts: Sequence[Row]) -> tuple[tuple[str | int, ...], ...]:
    """The counts of every rule: list + excluded + under 18 = together = trends."""
    return tuple(
        (
            RULES[row["rule"]],
            row["listed"],
            row["excluded"],
            row["under_18"],
            row["patients"],
            "not a trend" if row["in_trends"] is None else row["in_trends"],
        )
        for row in counts
    )


def confidential(*, with_nhs_numbers: bool, is_clear: bool) -> str:
    """What kind of secret this file is."""
    if with_nhs_numbers:
        return (
            "Confidential: patient identifiable. Send the password another way; delete the file when it is done with."
        )
    said = "Confidential: pseudonyms stand in place of NHS numbers, and the file is still about people."
    return f"{said} Keep it in the data folder, which only you can read." if is_clear else said


def readme(cover: Cover) -> bytes:
    """The cover as a text file, to lie beside a list in clear."""
    lines = [cover.title, ""]
    lines += [f"* {reminder}" for reminder in cover.reminders]
    if cover.counts:
        lines += ["", " | ".join(COUNT_HEADINGS)]
        lines += [" | ".join(map(str, row)) for row in cover.counts]
    lines += ["", *cover.explained]
    return ("\n".join(lines) + "\n").encode("utf-8")


def _rules_without_history(null_reason: str | None) -> str | None:
    """What of `history_too_short: long_term, …` matters to a list: not the measures that no rule of it uses."""
    rules = (null_reason or "").removeprefix("history_too_short: ")
    used = [rule for rule in rules.split(", ") if rule not in ("", "escalating", "new_user", "balancing")]
    return ", ".join(used).replace("_", " ") or None
