"""The whole patient calculation in boring Python: loops, dictionaries and Decimal.

This is the slow twin of the SQL: the same definitions written a second time, from the rules and not
from the SQL, so that a mistake has to be made twice before it can hide. Clarity before speed.

Words used throughout:
    item          a row of the extract that stands for something dispensed. An opioid counts unless it is
                  a netted reversal; any other class counts unless its quantity is zero or negative.
    opioid month  a month with at least one opioid item in scope, by any route, converted or not.
    loaded month  a month the extract holds. A month that is missing from the extract is not an empty
                  month: nobody knows what was dispensed in it, so it is neither in a window nor in a gap.
"""

from bisect import bisect_right
from calendar import monthrange
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from itertools import pairwise

ZERO = Decimal(0)
FOUR_DECIMALS = Decimal("0.0001")
HOURS_PER_DAY = 24

SEDATIVE_CLASSES = ("gabapentinoid", "benzodiazepine", "z_drug")
OTHER_CLASSES = (*SEDATIVE_CLASSES, "sedative_not_counted", "dependence_treatment", "just_in_case")
DOSE_IS_KNOWN = ("converted", "excluded_by_factor_set", "reversal_netted")

COHORTS = (
    "any_opioid",
    "high_dose",
    "high_dose_possible",
    "high_dose_recent",
    "high_dose_new",
    "high_dose_ge120",
    "high_dose_gt90",
    "high_dose_ge90",
    "long_term",
    "long_term_3m",
    "at_risk_3_to_6m",
    "opioid_gabapentinoid",
    "opioid_gabapentinoid_3m",
    "opioid_benzodiazepine",
    "opioid_benzodiazepine_3m",
    "opioid_z_drug",
    "opioid_z_drug_3m",
    "opioid_two_or_more_sedatives",
    "opioid_two_or_more_sedatives_3m",
    "high_dose_long_term",
    "high_dose_gabapentinoid",
    "all_three",
    "escalating",
    "rapid_escalation",
    "new_user",
    "in_dependence_treatment",
)
BALANCING = (
    "balance_abrupt_stop",
    "balance_fast_fall",
    "balance_substitution",
    "balance_restart",
    "balance_switch",
    "not_seen",
)


@dataclass(frozen=True)
class Settings:
    "The thresholds of every rule. Doses in mg of oral morphine equivalent (OME) a day"

    high_dose_mg_per_day: Decimal = Decimal(120)
    lower_high_dose_mg_per_day: Decimal = Decimal(90)
    near_threshold_low: Decimal = Decimal("0.90")
    near_threshold_high: Decimal = Decimal("1.10")
    episode_opioid_free_months: int = 6
    months_covered_for_confirmed: int = 3

    long_term_months: int = 7
    long_term_3m_months: int = 4
    max_empty_months: int = 1
    max_empty_months_long_script: int = 2
    long_script_units: int = 112
    long_script_patch_days: int = 56
    left_censored_data_months: int = 3

    escalating_ratio: Decimal = Decimal("1.2")
    escalating_mg_per_day: Decimal = Decimal(10)
    escalating_opioid_months_of_6: int = 5
    rapid_ratio: Decimal = Decimal("1.5")
    rapid_mg_per_day: Decimal = Decimal(30)
    rapid_opioid_months_of_3: int = 2
    new_user_opioid_free_months: int = 12

    abrupt_stop_mg_per_day: Decimal = Decimal(50)
    fast_fall_mg_per_day: Decimal = Decimal(90)
    fast_fall_ratio: Decimal = Decimal("0.5")
    fast_fall_opioid_months_of_3: int = 2
    restart_opioid_free_months: int = 3
    switch_ratio: Decimal = Decimal("1.5")

    look_back_months: int = 6
    adult_age_years: int = 18
    just_in_case_drugs: int = 2

    # The first month of data (the third, the fourth …) in which a measure exists.
    first_month_high_dose: int = 3
    first_month_long_term_3m: int = 4
    first_month_long_term: int = 7
    first_month_rapid_escalation: int = 9
    first_month_escalating: int = 12
    first_month_new_user: int = 13
    first_month_balance_abrupt_stop: int = 6
    first_month_balance_fast_fall: int = 6
    first_month_balance_switch: int = 9
    first_month_not_seen: int = 9
    first_month_balance_substitution: int = 12
    first_month_balance_restart: int = 19


# --- months -------------------------------------------------------------------------------------------


@cache
def months_after(month: date, number: int) -> date:
    "The first day of the month `number` months later (earlier if negative)"
    index = month.year * 12 + (month.month - 1) + number
    return date(index // 12, index % 12 + 1, 1)


@cache
def last_months(month: date, number: int) -> tuple[date, ...]:
    "The `number` calendar months ending at `month`, oldest first, missing ones included"
    return tuple(months_after(month, -back) for back in reversed(range(number)))


def span_months(first: date, last: date) -> int:
    "Calendar months from first to last, both included: January to July is 7"
    return (last.year - first.year) * 12 + (last.month - first.month) + 1


@cache
def days_in(month: date) -> int:
    return monthrange(month.year, month.month)[1]


class LoadedMonths:
    "The months the extract holds, in order"

    def __init__(self, months: list[date]) -> None:
        self.months = sorted(set(months))
        self.ordinal = {month: number for number, month in enumerate(self.months, start=1)}

    def __contains__(self, month: date) -> bool:
        return month in self.ordinal

    def empty_between(self, earlier: date, later: date) -> int:
        "Loaded months strictly between two loaded months"
        return self.ordinal[later] - self.ordinal[earlier] - 1


# --- items --------------------------------------------------------------------------------------------


def item_rows(items: list[dict]) -> list[dict]:
    """Every opioid item in scope, with net_quantity, ome_mg, ome_status and cautions added.

    net_quantity is what is left after reversals: 0 for a reversal itself, None where no quantity was
    given. ome_mg is None unless ome_status is `converted`.
    """
    rows = [dict(item, cautions=set()) for item in items if is_opioid_in_scope(item)]
    groups = defaultdict(list)
    for row in rows:
        groups[reversal_group(row)].append(row)
    for group in groups.values():
        take_off_reversals(group)

    for row in rows:
        row["ome_status"] = ome_status(row)
        row["ome_mg"] = None
        if row["ome_status"] == "converted":
            row["ome_mg"] = round_half_up(row["net_quantity"] * row["ome_mg_per_unit"])
        if row["is_methadone"]:
            row["cautions"].add("methadone_present")
    return rows


def is_opioid_in_scope(item: dict) -> bool:
    return item["product_class"] == "opioid" and item["in_scope"]


def reversal_group(row: dict) -> tuple:
    """A reversal belongs to the same patient, product and month, whichever practice wrote it.

    Nobody knows whose an unidentified item is, so those are matched inside one practice.
    """
    if row["patient_key"] is None:
        return ("unidentified", row["practice_code"], row["bnf_code"], row["month"])
    return ("patient", row["patient_key"], row["bnf_code"], row["month"])


def take_off_reversals(group: list[dict]) -> None:
    "Use up the positive quantities of one group, first item first, by the sum of its negative ones"
    quantities = [row["total_quantity"] for row in group if row["total_quantity"] is not None]
    still_to_take = -sum((quantity for quantity in quantities if quantity < 0), ZERO)

    for row in sorted(group, key=lambda row: row["item_id"]):
        quantity = row["total_quantity"]
        if quantity is None:
            row["net_quantity"] = None
        elif quantity <= 0:
            row["net_quantity"] = ZERO
        else:
            taken = min(quantity, still_to_take)
            still_to_take -= taken
            row["net_quantity"] = quantity - taken

    if still_to_take > 0:
        for row in group:
            if row["total_quantity"]:
                row["cautions"].add("reversal_exceeds_quantity")


def ome_status(row: dict) -> str:
    quantity = row["total_quantity"]
    if quantity is not None and quantity < 0:
        return "reversal_netted"
    if row["product_status"] != "converted":
        return row["product_status"]
    if quantity is None:
        return "quantity_missing"
    if quantity == 0:
        return "quantity_not_positive"
    return "converted"


def round_half_up(amount: Decimal) -> Decimal:
    return amount.quantize(FOUR_DECIMALS, rounding=ROUND_HALF_UP)


# --- one patient's dispensing, month by month ---------------------------------------------------------


@dataclass
class Dispensed:
    "What one patient was dispensed in one month"

    items: list[dict] = field(default_factory=list)
    opioids: list[dict] = field(default_factory=list)
    classes: set[str] = field(default_factory=set)
    just_in_case_drugs: set[str] = field(default_factory=set)
    dose_ome_mg: Decimal = ZERO
    parenteral_ome_mg: Decimal = ZERO
    ir_fentanyl_ome_mg: Decimal = ZERO
    tablets_and_capsules: Decimal = ZERO
    patch_hours: Decimal = ZERO
    has_unknown_dose: bool = False
    has_parenteral_opioid: bool = False
    has_parenteral_strong_opioid: bool = False

    def add_other(self, item: dict) -> None:
        self.items.append(item)
        self.classes.add(item["product_class"])
        if item["product_class"] == "just_in_case":
            self.just_in_case_drugs.add(item["drug"])

    def add_opioid(self, row: dict) -> None:
        self.items.append(row)
        self.opioids.append(row)
        self.has_unknown_dose |= row["ome_status"] not in DOSE_IS_KNOWN
        is_parenteral = row["route"] == "parenteral"
        self.has_parenteral_opioid |= is_parenteral
        self.has_parenteral_strong_opioid |= is_parenteral and row["is_strong_opioid"]

        if row["ome_mg"] is not None:
            if is_parenteral:
                self.parenteral_ome_mg += row["ome_mg"]
            else:
                self.dose_ome_mg += row["ome_mg"]
            if row["is_immediate_release_fentanyl"]:
                self.ir_fentanyl_ome_mg += row["ome_mg"]

        if row["net_quantity"] is not None:
            form = (row["form"] or "").lower()
            if "tablet" in form or "capsule" in form:
                self.tablets_and_capsules += row["net_quantity"]
            if "patch" in form and row["wear_hours"] is not None:
                self.patch_hours += row["net_quantity"] * row["wear_hours"]


@dataclass
class Patient:
    "All months in which a patient was dispensed anything, and what follows from their order"

    dispensed: dict[date, Dispensed]
    rows: dict[date, list[dict]]
    opioid_months: list[date]
    episode_starts: list[date]
    loaded: LoadedMonths

    def has_opioid(self, month: date) -> bool:
        return month in self.dispensed and bool(self.dispensed[month].opioids)

    def has_class(self, product_class: str, month: date) -> bool:
        return month in self.dispensed and product_class in self.dispensed[month].classes

    def count_opioid_months(self, months: tuple[date, ...]) -> int:
        return sum(1 for month in months if self.has_opioid(month))


def read_patients(items: list[dict], loaded: LoadedMonths, settings: Settings) -> dict[str, Patient]:
    months_of_patient = defaultdict(lambda: defaultdict(Dispensed))
    rows_of_patient = defaultdict(lambda: defaultdict(list))
    for item in items:
        if belongs_to_a_patient(item, loaded) and item["product_class"] != "not_followed":
            rows_of_patient[item["patient_key"]][item["month"]].append(item)
    for row in item_rows(items):
        if belongs_to_a_patient(row, loaded) and row["ome_status"] != "reversal_netted":
            months_of_patient[row["patient_key"]][row["month"]].add_opioid(row)
    for item in items:
        if belongs_to_a_patient(item, loaded) and item["product_class"] in OTHER_CLASSES:
            quantity = item["total_quantity"]
            if quantity is None or quantity > 0:
                months_of_patient[item["patient_key"]][item["month"]].add_other(item)

    patients = {}
    for patient_key, dispensed in months_of_patient.items():
        opioid_months = sorted(month for month in dispensed if dispensed[month].opioids)
        starts = episode_starts(opioid_months, loaded, settings)
        patients[patient_key] = Patient(dict(dispensed), rows_of_patient[patient_key], opioid_months, starts, loaded)
    return patients


def belongs_to_a_patient(item: dict, loaded: LoadedMonths) -> bool:
    return item["patient_key"] is not None and item["month"] in loaded


def episode_starts(opioid_months: list[date], loaded: LoadedMonths, settings: Settings) -> list[date]:
    "The first opioid month, and every one after enough loaded months without an opioid"
    starts = opioid_months[:1]
    for earlier, later in pairwise(opioid_months):
        if loaded.empty_between(earlier, later) >= settings.episode_opioid_free_months:
            starts.append(later)
    return starts


# --- dose ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Window:
    "OME and days of some months; the dose is their quotient, kept apart so that comparisons stay exact"

    start: date
    months: tuple[date, ...]
    ome_mg: Decimal
    days: int

    @property
    def mg_per_day(self) -> Decimal:
        return round_half_up(self.ome_mg / self.days)

    def above(self, mg_per_day: Decimal) -> bool:
        return self.ome_mg > mg_per_day * self.days

    def at_or_above(self, mg_per_day: Decimal) -> bool:
        return self.ome_mg >= mg_per_day * self.days


def sum_window(patient: Patient, months: tuple[date, ...]) -> Window:
    "The given calendar months; one that is missing from the data adds neither OME nor days"
    loaded = tuple(month for month in months if month in patient.loaded)
    ome_mg = sum((patient.dispensed[m].dose_ome_mg for m in loaded if m in patient.dispensed), ZERO)
    return Window(months[0], loaded, ome_mg, sum(days_in(month) for month in loaded))


def current_episode(patient: Patient, month: date) -> date | None:
    "The first month of the latest episode begun by this month"
    begun = bisect_right(patient.episode_starts, month)
    return patient.episode_starts[begun - 1] if begun else None


def dose_window(patient: Patient, month: date, number: int) -> Window:
    "Up to `number` months ending here: no further back than the episode, nor than the data"
    start = max(months_after(month, 1 - number), patient.loaded.months[0])
    episode = current_episode(patient, month)
    if episode is not None:
        start = max(start, episode)
    return sum_window(patient, last_months(month, span_months(start, month)))


def dose_status(is_over_3m: bool, is_over_6m: bool, is_covered: bool, left_censored: bool, has_history: bool) -> str:
    if not has_history:
        return "unknown"
    if is_over_3m and not is_covered:
        return "unknown" if left_censored else "new"
    if is_over_3m and is_over_6m:
        return "confirmed"
    if is_over_3m:
        return "possible"
    if is_over_6m:
        return "recent"
    return "below"


def dose_columns(patient: Patient, month: date, left_censored: bool, settings: Settings) -> dict:
    has_history = patient.loaded.ordinal[month] >= settings.first_month_high_dose
    window_3m = dose_window(patient, month, 3)
    window_6m = dose_window(patient, month, 6)
    # In calendar months: a month missing from the data does not make an old patient a new one.
    is_covered = span_months(window_3m.start, month) >= settings.months_covered_for_confirmed
    high, lower = settings.high_dose_mg_per_day, settings.lower_high_dose_mg_per_day
    comparisons = {
        "": (window_3m.above(high), window_6m.above(high)),
        "_ge120": (window_3m.at_or_above(high), window_6m.at_or_above(high)),
        "_gt90": (window_3m.above(lower), window_6m.above(lower)),
        "_ge90": (window_3m.at_or_above(lower), window_6m.at_or_above(lower)),
    }
    this_month = patient.dispensed.get(month, Dispensed())
    in_3m = [patient.dispensed[m] for m in window_3m.months if m in patient.dispensed]

    columns = {
        "ome_mg": round_half_up(this_month.dose_ome_mg + this_month.parenteral_ome_mg),
        "ome_mg_per_day_1m": dose_window(patient, month, 1).mg_per_day,
        "ome_mg_per_day_3m": window_3m.mg_per_day,
        "ome_mg_per_day_6m": window_6m.mg_per_day,
        "ome_mg_per_day_12m": dose_window(patient, month, 12).mg_per_day,
        "ome_mg_parenteral_3m": round_half_up(sum((d.parenteral_ome_mg for d in in_3m), ZERO)),
        "ome_mg_ir_fentanyl_3m": round_half_up(sum((d.ir_fentanyl_ome_mg for d in in_3m), ZERO)),
        "window_months_covered": len(window_3m.months),
        "episode_month": current_episode(patient, month),
        "dose_is_lower_bound": any(d.has_unknown_dose for d in in_3m),
    }
    for preset, (is_over_3m, is_over_6m) in comparisons.items():
        status = dose_status(is_over_3m, is_over_6m, is_covered, left_censored, has_history)
        columns[f"high_dose_status{preset}"] = status
        columns[f"high_dose{preset}"] = status == "confirmed" if has_history else None
    for status in ("possible", "recent", "new"):
        columns[f"high_dose_{status}"] = columns["high_dose_status"] == status if has_history else None
    columns["near_threshold"] = is_near_threshold(window_6m, settings) if has_history else None
    return columns


def is_near_threshold(window_6m: Window, settings: Settings) -> bool:
    threshold_ome_mg = settings.high_dose_mg_per_day * window_6m.days
    low = settings.near_threshold_low * threshold_ome_mg
    high = settings.near_threshold_high * threshold_ome_mg
    return low <= window_6m.ome_mg <= high


# --- runs ---------------------------------------------------------------------------------------------


def empty_months_allowed(dispensed: Dispensed, settings: Settings) -> int:
    "How many empty months may follow this month before the run is broken"
    is_long_script = (
        dispensed.tablets_and_capsules >= settings.long_script_units
        or dispensed.patch_hours >= settings.long_script_patch_days * HOURS_PER_DAY
    )
    return settings.max_empty_months_long_script if is_long_script else settings.max_empty_months


def open_run(patient: Patient, month: date, settings: Settings) -> tuple[date, date] | None:
    "First and latest opioid month of the run still open at this month"
    run = None
    for opioid_month in patient.opioid_months:
        if opioid_month > month:
            break
        if run is not None:
            allowed = empty_months_allowed(patient.dispensed[run[1]], settings)
            if patient.loaded.empty_between(run[1], opioid_month) <= allowed:
                run = (run[0], opioid_month)
                continue
        run = (opioid_month, opioid_month)

    if run is None:
        return None
    empty_since = patient.loaded.ordinal[month] - patient.loaded.ordinal[run[1]]
    return run if empty_since <= empty_months_allowed(patient.dispensed[run[1]], settings) else None


def run_columns(patient: Patient, month: date, settings: Settings) -> dict:
    history = patient.loaded.ordinal[month]
    run = open_run(patient, month, settings)
    run_months = span_months(*run) if run else 0
    left_censored = run is not None and patient.loaded.ordinal[run[0]] <= settings.left_censored_data_months
    at_risk = settings.long_term_3m_months <= run_months < settings.long_term_months and not left_censored

    has_3m_history = history >= settings.first_month_long_term_3m
    has_6m_history = history >= settings.first_month_long_term
    return {
        "opioid_run_months": run_months,
        "left_censored": left_censored,
        "long_term": run_months >= settings.long_term_months if has_6m_history else None,
        "long_term_3m": run_months >= settings.long_term_3m_months if has_3m_history else None,
        "at_risk_3_to_6m": at_risk if has_6m_history else None,
    }


# --- opioids together with other classes --------------------------------------------------------------


def class_columns(patient: Patient, month: date, settings: Settings) -> dict:
    columns = {"any_opioid": patient.has_opioid(month)}
    for months, suffix in ((last_months(month, 1), ""), (last_months(month, 3), "_3m")):
        has_opioid = any(patient.has_opioid(m) for m in months)
        taken = [c for c in SEDATIVE_CLASSES if any(patient.has_class(c, m) for m in months)]
        for product_class in SEDATIVE_CLASSES:
            columns[f"opioid_{product_class}{suffix}"] = has_opioid and product_class in taken
        columns[f"opioid_two_or_more_sedatives{suffix}"] = has_opioid and len(taken) >= 2

    months = last_months(month, settings.look_back_months)
    in_treatment = any(patient.has_class("dependence_treatment", m) for m in months)
    columns["in_dependence_treatment"] = in_treatment and any(patient.has_opioid(m) for m in months)
    return columns


def intersection_columns(columns: dict) -> dict:
    "None where one side has no history yet, also if the other is False"
    high_dose, long_term = columns["high_dose"], columns["long_term"]
    has_gabapentinoid = columns["opioid_gabapentinoid"]
    both_exist = high_dose is not None and long_term is not None
    return {
        "high_dose_long_term": high_dose and long_term if both_exist else None,
        "high_dose_gabapentinoid": high_dose and has_gabapentinoid if high_dose is not None else None,
        "all_three": high_dose and long_term and has_gabapentinoid if both_exist else None,
    }


# --- rising doses and new users -----------------------------------------------------------------------


def has_risen(now: Window, before: Window, ratio: Decimal, mg_per_day: Decimal, ratio_may_equal: bool) -> bool:
    "Both sides multiplied by both windows' days, so that nothing is rounded"
    now_scaled = now.ome_mg * before.days
    before_scaled = before.ome_mg * now.days
    by_ratio = now_scaled >= ratio * before_scaled if ratio_may_equal else now_scaled > ratio * before_scaled
    return by_ratio and now_scaled - before_scaled >= mg_per_day * now.days * before.days


def escalating_status(patient: Patient, month: date, settings: Settings) -> str:
    recent = last_months(month, 6)
    earlier = last_months(months_after(month, -6), 6)
    episode = current_episode(patient, month)
    is_assessable = (
        all(m in patient.loaded for m in earlier + recent)
        and episode is not None
        and episode <= earlier[0]
        and patient.count_opioid_months(recent) >= settings.escalating_opioid_months_of_6
        and patient.count_opioid_months(earlier) >= settings.escalating_opioid_months_of_6
    )
    if not is_assessable:
        return "not_assessable"
    now, before = sum_window(patient, recent), sum_window(patient, earlier)
    ratio, mg_per_day = settings.escalating_ratio, settings.escalating_mg_per_day
    return "yes" if has_risen(now, before, ratio, mg_per_day, ratio_may_equal=False) else "no"


def rapid_escalation_status(patient: Patient, month: date, settings: Settings) -> str:
    six_months_ago = months_after(month, -6)
    recent, earlier = last_months(month, 3), last_months(six_months_ago, 3)
    is_assessable = (
        all(m in patient.loaded for m in earlier + recent)
        and patient.count_opioid_months(recent) >= settings.rapid_opioid_months_of_3
        and patient.count_opioid_months(earlier) >= settings.rapid_opioid_months_of_3
    )
    if not is_assessable:
        return "not_assessable"
    now, before = dose_window(patient, month, 3), dose_window(patient, six_months_ago, 3)
    ratio, mg_per_day = settings.rapid_ratio, settings.rapid_mg_per_day
    return "yes" if has_risen(now, before, ratio, mg_per_day, ratio_may_equal=True) else "no"


def change_columns(patient: Patient, month: date, settings: Settings) -> dict:
    history = patient.loaded.ordinal[month]
    columns = {
        "escalating": None,
        "escalating_status": None,
        "rapid_escalation": None,
        "rapid_escalation_status": None,
        "new_user": None,
    }
    if history >= settings.first_month_escalating:
        columns["escalating_status"] = escalating_status(patient, month, settings)
        columns["escalating"] = columns["escalating_status"] == "yes"
    if history >= settings.first_month_rapid_escalation:
        columns["rapid_escalation_status"] = rapid_escalation_status(patient, month, settings)
        columns["rapid_escalation"] = columns["rapid_escalation_status"] == "yes"
    if history >= settings.first_month_new_user:
        year_before = last_months(months_after(month, -1), settings.new_user_opioid_free_months)
        columns["new_user"] = patient.has_opioid(month) and not patient.count_opioid_months(year_before)
    return columns


# --- balancing: harm that may come from lowering opioids ----------------------------------------------


def balancing_columns(patient: Patient, month: date, high_dose: dict, long_term: dict, settings: Settings) -> dict:
    """Each flag by its own rule; None before the month of data in which everything it looks at can be known.

    high_dose and long_term hold what was said of this patient in each month so far. "Three months ago" and
    "six months ago" are calendar months. Of a month that is missing from the data nobody knows whether
    anything was dispensed in it, so nothing that should have been in it is called stopped, fallen or unseen.
    """
    flags = {
        "balance_abrupt_stop": is_abrupt_stop(patient, month, settings),
        "balance_fast_fall": is_fast_fall(patient, month, settings),
        "balance_substitution": is_substitution(patient, month, high_dose),
        "balance_restart": is_restart(patient, month, long_term, settings),
        "balance_switch": is_switch(patient, month, high_dose, settings),
        "not_seen": is_not_seen(patient, month, high_dose),
    }
    history = patient.loaded.ordinal[month]
    return {name: flags[name] if history >= getattr(settings, f"first_month_{name}") else None for name in BALANCING}


def is_abrupt_stop(patient: Patient, month: date, settings: Settings) -> bool:
    "An opioid in each of three months at 50 mg a day or more, in the three months since none, yet other items"
    since = last_months(month, 3)
    three_months_ago = months_after(month, -3)
    if patient.count_opioid_months(last_months(three_months_ago, 3)) < 3 or patient.count_opioid_months(since) > 0:
        return False
    if not all(m in patient.loaded for m in since) or not any(m in patient.dispensed for m in since):
        return False
    return dose_window(patient, three_months_ago, 3).at_or_above(settings.abrupt_stop_mg_per_day)


def is_fast_fall(patient: Patient, month: date, settings: Settings) -> bool:
    """The dose is half of what it was three months ago or less, but not zero.

    Opioids in two of the three months of both, as for a rapid rise: a steady patient on 56-day scripts has
    two scripts in one window and one in the next, which is half.
    """
    since, three_months_ago = last_months(month, 3), months_after(month, -3)
    earlier = last_months(three_months_ago, 3)
    if not all(m in patient.loaded for m in earlier + since):
        return False
    if min(map(patient.count_opioid_months, (earlier, since))) < settings.fast_fall_opioid_months_of_3:
        return False
    now, before = dose_window(patient, month, 3), dose_window(patient, three_months_ago, 3)
    is_half = now.ome_mg * before.days <= settings.fast_fall_ratio * before.ome_mg * now.days
    return now.ome_mg > 0 and is_half and before.at_or_above(settings.fast_fall_mg_per_day)


def last_month_on_high_dose(month: date, high_dose: dict) -> date | None:
    "Of a patient who left the high dose in one of the last six months, this one included: the month before"
    if high_dose[month]:
        return None
    on_high_dose = [m for m in last_months(months_after(month, -1), 6) if high_dose.get(m)]
    return on_high_dose[-1] if on_high_dose else None


def is_substitution(patient: Patient, month: date, high_dose: dict) -> bool:
    "A class of sedative since the high dose was left that was not taken in the six months before"
    left_after = last_month_on_high_dose(month, high_dose)
    if left_after is None:
        return False
    before = last_months(left_after, 6)
    since = last_months(month, span_months(left_after, month) - 1)
    return any(
        any(patient.has_class(c, m) for m in since) and not any(patient.has_class(c, m) for m in before)
        for c in SEDATIVE_CLASSES
    )


def is_restart(patient: Patient, month: date, long_term: dict, settings: Settings) -> bool:
    "The month in which opioids begin again after three months without, for one who was long term in the last year"
    earlier = [m for m in patient.opioid_months if m < month]
    if not patient.has_opioid(month) or not earlier:
        return False
    if patient.loaded.empty_between(earlier[-1], month) < settings.restart_opioid_free_months:
        return False
    return any(long_term.get(m) for m in last_months(months_after(month, -1), 12))


def is_switch(patient: Patient, month: date, high_dose: dict, settings: Settings) -> bool:
    "Off the high dose, while injected opioids or immediate-release fentanyl rose by more than half"
    left_after = last_month_on_high_dose(month, high_dose)
    if left_after is None:
        return False
    then, now = last_months(left_after, 3), last_months(month, 3)
    if not all(m in patient.loaded for m in then + now):
        return False

    def ome_mg(kind: str, months: tuple[date, ...]) -> Decimal:
        return sum((getattr(patient.dispensed[m], kind) for m in months if m in patient.dispensed), ZERO)

    kinds = ("parenteral_ome_mg", "ir_fentanyl_ome_mg")
    return any(ome_mg(kind, now) > settings.switch_ratio * ome_mg(kind, then) for kind in kinds)


def is_not_seen(patient: Patient, month: date, high_dose: dict) -> bool:
    "High dose six months ago, and no item of any class for three months"
    since = last_months(month, 3)
    is_unseen = all(m in patient.loaded and m not in patient.dispensed for m in since)
    return is_unseen and high_dose.get(months_after(month, -6)) is True


# --- who the patient is -------------------------------------------------------------------------------


def person_columns(patient: Patient, month: date, settings: Settings) -> dict:
    """Age, sex and deprivation of the newest month with an item, the greatest of that month.

    They are the person's, not the item's: a reversal or an item that is not counted says them as well.
    """
    newest = max(m for m in patient.dispensed if m <= month)
    columns = {}
    for column in ("age", "sex", "imd_decile"):
        known = [item[column] for item in patient.rows[newest] if item[column] is not None]
        columns[column] = max(known) if known else None
    age = columns["age"]
    columns["is_adult"] = None if age is None else age >= settings.adult_age_years
    return columns


def practice_code(patient: Patient, month: date, gp_practices: set[str], settings: Settings) -> str | None:
    newest_first = [
        patient.dispensed[m] for m in reversed(last_months(month, settings.look_back_months)) if m in patient.dispensed
    ]
    for dispensed in newest_first:
        registered = {item["registered_practice_code"] for item in dispensed.items} - {None}
        if registered:
            return min(registered)
    for dispensed in newest_first:
        opioids = [row for row in dispensed.opioids if row["practice_code"] in gp_practices]
        if opioids:
            return leading_practice(opioids)
    for dispensed in newest_first:
        items = [item for item in dispensed.items if item["practice_code"] in gp_practices]
        if items:
            return leading_practice(items)
    return None


def leading_practice(items: list[dict]) -> str:
    "Of the practices of these items: most opioid OME, then most items, then lowest code"
    ome_mg = defaultdict(lambda: ZERO)
    number = defaultdict(int)
    for item in items:
        ome_mg[item["practice_code"]] += item.get("ome_mg") or ZERO
        number[item["practice_code"]] += item["items"]
    return min(ome_mg, key=lambda code: (-ome_mg[code], -number[code], code))


def palliative_proxy(patient: Patient, month: date, settings: Settings) -> str:
    window = last_months(month, settings.look_back_months)
    for centre in window:
        drugs = patient.dispensed[centre].just_in_case_drugs if centre in patient.dispensed else set()
        if len(drugs) < settings.just_in_case_drugs:
            continue
        for near in (months_after(centre, -1), centre, months_after(centre, 1)):
            if near <= month and near in patient.dispensed and patient.dispensed[near].has_parenteral_opioid:
                return "strong"
    if any(m in patient.dispensed and patient.dispensed[m].has_parenteral_strong_opioid for m in window):
        return "moderate"
    return "none"


# --- the two tables -----------------------------------------------------------------------------------


def patient_months(
    items: list[dict],
    loaded_months: list[date],
    gp_practices: set[str],
    settings: Settings = Settings(),
) -> dict[tuple[str, date], dict]:
    """One row for every loaded month in whose last six calendar months the patient had an item.

    The key is (patient_key, month). Items without a patient are in no row: they are nobody's.
    """
    loaded = LoadedMonths(loaded_months)
    can_see_palliative_care = any(item["product_class"] == "just_in_case" for item in items)
    rows = {}
    for patient_key, patient in sorted(read_patients(items, loaded, settings).items()):
        high_dose, long_term = {}, {}
        for month in loaded.months:
            if not any(m in patient.dispensed for m in last_months(month, settings.look_back_months)):
                continue
            row = {"month": month, "practice_code": practice_code(patient, month, gp_practices, settings)}
            row |= person_columns(patient, month, settings)
            row |= run_columns(patient, month, settings)
            row |= dose_columns(patient, month, row["left_censored"], settings)
            row |= class_columns(patient, month, settings)
            row |= intersection_columns(row)
            row |= change_columns(patient, month, settings)
            high_dose[month], long_term[month] = row["high_dose"], row["long_term"]
            row |= balancing_columns(patient, month, high_dose, long_term, settings)
            row["palliative_proxy"] = palliative_proxy(patient, month, settings) if can_see_palliative_care else None
            rows[patient_key, month] = row
    return rows


def trend_counts(
    patient_months: dict[tuple[str, date], dict],
    practice_pcn: dict[str, str | None],
    measures: tuple[str, ...] = COHORTS,
) -> dict[tuple[str, str, date, str], int]:
    """Patients in each cohort, by (level, code, month, measure); level practice, pcn or all (code `all`).

    Zeros are kept: every practice and PCN has a count in every month in which the measure exists. A
    patient without a practice counts in `all` only, one whose practice has no PCN in no PCN.
    """
    places = {("all", "all")}
    places |= {("practice", code) for code in practice_pcn}
    places |= {("practice", row["practice_code"]) for row in patient_months.values() if row["practice_code"]}
    places |= {("pcn", code) for code in practice_pcn.values() if code is not None}

    exist = {(row["month"], m) for row in patient_months.values() for m in measures if row[m] is not None}
    counts = {(level, code, month, measure): 0 for level, code in places for month, measure in exist}
    for row in patient_months.values():
        practice, month = row["practice_code"], row["month"]
        pcn = practice_pcn.get(practice)
        for measure in measures:
            if not row[measure]:
                continue
            counts["all", "all", month, measure] += 1
            if practice is not None:
                counts["practice", practice, month, measure] += 1
            if pcn is not None:
                counts["pcn", pcn, month, measure] += 1
    return counts
