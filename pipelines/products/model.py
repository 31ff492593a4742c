"""The words this package speaks: one small record for each kind of reference row, and for each answer.

Amounts are `Decimal` throughout. A mass is in milligrams, a patch's rate in micrograms an hour, a wear
time in hours; anything else carries its unit in its name.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

ROUTES = ("oral", "sublingual", "buccal", "nasal", "rectal", "transdermal", "inhaled", "parenteral")

PRODUCT_CLASSES = (
    "opioid",
    "gabapentinoid",
    "benzodiazepine",
    "z_drug",
    "sedative_not_counted",
    "dependence_treatment",
    "just_in_case",
    "excluded",
    "unknown_opioid",
    "not_followed",
)

# Classes that are noted and counted but never given a dose nor a place in a cohort.
NOTED_ONLY = frozenset({"excluded", "unknown_opioid"})

# How a strength becomes milligrams in NHSBSA's quantity unit; see `dose.py`.
DOSE_RULES = ("each", "per_ml", "container", "patch", "ambiguous")

# A scope contains the products of the scopes named for it.
SCOPES = {
    "nhsbsa_dfm": frozenset({"nhsbsa_dfm"}),
    "extended": frozenset({"nhsbsa_dfm", "extended"}),
}


class FollowedPrefix(NamedTuple):
    """The beginning of a BNF code whose rows are kept; `counted` is False where they are only noted."""

    bnf_prefix: str
    counted: bool


@dataclass(frozen=True, slots=True)
class Drug:
    """One row of drugs.csv: what a BNF code that begins with `bnf_prefix` is."""

    bnf_prefix: str
    drug: str
    product_class: str
    scope: str
    is_strong_opioid: bool
    compound_rule: str
    only_if_named: str
    out_of_scope_reason: str


@dataclass(frozen=True, slots=True)
class Name:
    """One row of names.csv: a substance, a brand or a partner ingredient as descriptions spell it."""

    name: str
    drug: str
    bnf_prefix: str
    kind: str
    release: str


@dataclass(frozen=True, slots=True)
class Form:
    """One row of forms.csv. `route` and `quantity_unit` are blank where the word alone cannot say."""

    word: str
    form: str
    route: str
    quantity_unit: str
    dose_rule: str
    priority: int


@dataclass(frozen=True, slots=True)
class Factor:
    """The factor in force for a drug, route and form; `factor` is None where the set leaves the drug out."""

    factor: Decimal | None
    unit: str
    basis: str
    where: str
    factor_set: str
    source: str


@dataclass(frozen=True, slots=True)
class PatchWear:
    """How long one brand and strength of patch is worn, in hours, and the rate it is reckoned at."""

    nominal_microgram_per_hour: Decimal
    wear_hours: int
    caution: str
    where: str


@dataclass(frozen=True, slots=True)
class Presentation:
    """A product known by its code or by its name, because its description does not say it."""

    bnf_code: str
    product_name: str
    drug: str
    form: str
    strength_value: Decimal
    strength_unit: str
    quantity_unit: str
    mg_per_unit: Decimal | None
    where: str


@dataclass(frozen=True, slots=True)
class DescriptionRule:
    """What a description means when there is no usable code: `dependence_treatment`, `excluded` …"""

    drug: str
    form: str
    min_mg_per_unit: Decimal | None
    max_mg_per_unit: Decimal | None
    product_class: str
    out_of_scope_reason: str


@dataclass(frozen=True, slots=True)
class CautionRule:
    """A caution for a drug, a form (blank = every form) and a strength from `min_mg_per_unit` up."""

    drug: str
    form: str
    min_mg_per_unit: Decimal | None
    caution: str


class Mass(NamedTuple):
    """A number and its unit as written, and the same in milligrams."""

    value: Decimal
    unit: str
    mg: Decimal


class Strength(NamedTuple):
    """One strength as written: `30mg/500mg`, `10mg/5ml`, `25micrograms/hour`.

    `per` is ml, hour, dose, g or blank; `per_amount` is None where no number stands before the unit
    (`30mg/ml`), which for an injection means that the size of the container is still unknown. `is_beside`
    where no word stands between it and the strength before: `10mg 20mg`.
    """

    masses: tuple[Mass, ...]
    per: str
    per_amount: Decimal | None
    position: int
    is_beside: bool = False


class Reading(NamedTuple):
    """What one description says, before any code is looked at."""

    description: str
    words: str
    names: tuple[tuple[int, Name], ...] = ()
    strengths: tuple[Strength, ...] = ()
    volumes_ml: tuple[Decimal, ...] = ()
    stated_wear_hours: Decimal | None = None
    form: Form | None = None
    form_problem: str = ""
    container: str = ""
    is_linctus: bool = False
    is_modified_release: bool = False
    has_unreadable_number: bool = False


class Amount(NamedTuple):
    """What one quantity unit holds, or why that cannot be said.

    `contradicts`: the description says something that the product cannot be, so that no reference row
    may stand in for it.
    """

    strength_value: Decimal | None = None
    strength_unit: str | None = None
    strength_mg: Decimal | None = None
    mg_per_unit: Decimal | None = None
    rate: tuple[Decimal, str] | None = None
    status: str = ""
    reason: str = ""
    contradicts: bool = False


@dataclass(slots=True)
class Resolution:
    """The answer for one code and description; the columns of the table that `resolve` gives."""

    current_bnf_code: str | None = None
    drug: str | None = None
    product_class: str = "not_followed"
    in_scope: bool = False
    out_of_scope_reason: str | None = None
    route: str | None = None
    form: str | None = None
    release: str | None = None
    strength_value: Decimal | None = None
    strength_unit: str | None = None
    quantity_unit: str | None = None
    wear_hours: int | None = None
    mg_per_unit: Decimal | None = None
    ome_mg_per_unit: Decimal | None = None
    ome_status: str = "out_of_scope"
    reason: str | None = None
    resolved_by: str = "none"
    resolved_from: str | None = None
    caution_list: list[str] = field(default_factory=list)
    cautions: str = ""
    is_immediate_release_fentanyl: bool = False
    is_methadone: bool = False
    is_strong_opioid: bool = False
    ddd_mg: Decimal | None = None
