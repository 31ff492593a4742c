"""Filling in the answer for one product: what it is, what form it has, why it is not converted."""

from decimal import Decimal

from pipelines.products.model import Amount, Drug, Form, Name, Presentation, Reading, Resolution

# Two numbers closer than this are the same strength, rounded (7.7 and 7.71 mg of papaveretum).
SAME_STRENGTH = Decimal("0.01")
# 12 micrograms an hour is nominally 12.5; no two patches made are closer than 35 and 37.5.
_SAME_RATE = Decimal("0.05")
_IMMEDIATE_RELEASE_FENTANYL_ROUTES = frozenset({"buccal", "sublingual", "nasal"})
# Analgesic sections of the BNF: elsewhere (epilepsy, anaesthesia) the same words are no news.
_OPIOID_SECTIONS = ("0407",)
_NO_RELEASE = frozenset({"injection", "patch", "topical", "powder"})

_REASONS = {
    "unknown_opioid_code": "a code of BNF section 4.7.2 that drugs.csv does not know: check and add it",
    "opium": "opium: licensed for diarrhoea, not in NHSBSA's list",
    "cough": "a cough medicine (BNF 3.9), never counted for dose",
    "antimotility": "a bowel medicine (BNF 1.4.2), never counted for dose",
    "dependence_treatment": "treatment of dependence (BNF 4.10), never counted for dose",
}


def fail(answer: Resolution, status: str, reason: str) -> None:
    """Not converted: the status and the reason in plain words."""
    answer.ome_status = status
    answer.reason = reason


def not_followed(answer: Resolution, reading: Reading) -> Resolution:
    """A product of no class; says so where its description names one that is followed."""
    answer.product_class = "not_followed"
    answer.in_scope = False
    named = sorted({name.drug for name in drugs_named(reading) if name.bnf_prefix.startswith(_OPIOID_SECTIONS)})
    if named and answer.current_bnf_code:
        answer.reason = f"the description names {', '.join(named)}, but the code is in no list that is followed"
    return answer


def drugs_named(reading: Reading) -> list[Name]:
    """The followed drugs a description names, partners in a compound apart."""
    return [name for _at, name in reading.names if name.kind != "partner"]


def describe_drug(answer: Resolution, drug: Drug) -> None:
    """What drugs.csv says of the product."""
    answer.drug = drug.drug or None
    answer.product_class = drug.product_class
    answer.is_methadone = drug.drug == "methadone"
    answer.is_strong_opioid = drug.is_strong_opioid


def note_only(answer: Resolution, drug: Drug, named: list[Name]) -> None:
    """A product that is noted as out of scope: its reason, and its drug as far as the words tell."""
    if not drug.drug and named:
        answer.drug = named[0].drug or None
        answer.is_methadone = answer.drug == "methadone"
    answer.out_of_scope_reason = drug.out_of_scope_reason
    answer.reason = _REASONS.get(drug.out_of_scope_reason)


def names_ingredient(ingredient: str, named: list[Name], row: Presentation | None) -> bool:
    """True where the description or a reference row says that a compound holds the ingredient."""
    return any(name.drug == ingredient for name in named) or (row is not None and row.drug == ingredient)


def disagree(amount: Amount, form: Form | None, row: Presentation, row_form: Form) -> bool:
    """True where a complete description and a reference row give different strengths or routes."""
    if form is not None and form.route and row_form.route and form.route != row_form.route:
        return True
    if amount.rate is not None:
        value, unit = amount.rate
        return row.strength_unit != unit or abs(value - row.strength_value) > row.strength_value * _SAME_RATE
    if amount.mg_per_unit is None or amount.strength_mg is None:
        return False
    # A unit-dose vial may be described as a liquid: then the strengths are compared, not the units.
    said, known = amount.mg_per_unit, row.mg_per_unit
    if row_form.form != (form.form if form else "") and row_form.dose_rule == "container":
        said, known = amount.strength_mg, mg_of(row)
    return known is not None and abs(said - known) > known * SAME_STRENGTH


def mg_of(row: Presentation) -> Decimal | None:
    """The mass in a reference row's strength, in mg; None for a rate."""
    return row.strength_value if row.strength_unit.partition("/")[0] == "mg" else None


def amount_of_row(row: Presentation) -> Amount:
    """What a reference row says one quantity unit holds."""
    if row.strength_unit in ("microgram/hour", "mg/72h"):
        return Amount(row.strength_value, row.strength_unit, rate=(row.strength_value, row.strength_unit))
    if row.mg_per_unit is None:
        return Amount(
            row.strength_value,
            row.strength_unit,
            status="unit_ambiguous",
            reason=f"{row.form}: the quantity may count ml or containers ({row.where})",
        )
    return Amount(row.strength_value, row.strength_unit, row.strength_value, row.mg_per_unit)


def set_form(answer: Resolution, form: Form | None, reading: Reading, named: list[Name]) -> None:
    """Form, route, quantity unit and release."""
    if form is None:
        return
    answer.form = form.form
    answer.route = form.route or None
    answer.quantity_unit = form.quantity_unit
    if form.dose_rule == "container" and reading.container and form.quantity_unit == "container":
        answer.quantity_unit = reading.container
    if form.form in _NO_RELEASE:
        return
    brands = [name.release for name in named if name.release]
    if reading.is_modified_release or "modified" in brands:
        answer.release = "modified"
    else:
        answer.release = "immediate"


def mark_immediate_release_fentanyl(answer: Resolution) -> None:
    """Tablets, lozenges, films and sprays for breakthrough pain; patches and injections are not."""
    answer.is_immediate_release_fentanyl = (
        answer.product_class == "opioid"
        and answer.drug == "fentanyl"
        and answer.route in _IMMEDIATE_RELEASE_FENTANYL_ROUTES
    )
