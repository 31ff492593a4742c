"""From what a description says to the milligrams in one NHSBSA quantity unit.

A tablet, capsule, sachet, suppository, lozenge, film or reefer holds its strength. A liquid is counted
in ml. An ampoule, vial, syringe, bag or unit-dose vial is counted whole: `60mg/2ml` is the whole ampoule,
`30mg/ml 2ml Amp` is 30 mg in each of 2 ml. A patch has a rate, and its wear time is looked up elsewhere.
There is no default: where a piece is missing the answer is a status and a reason.
"""

from decimal import Decimal

from pipelines.products.model import Amount, Form, Mass, Name, Reading, Strength

_NO_STRENGTH = "the description gives no strength"
_ANOTHER_INGREDIENT = "the strength in the description belongs to another ingredient"


def amount_of(reading: Reading, form: Form, drug: str, compound_rule: str) -> Amount:
    """What one quantity unit holds of `drug`, by what the description says."""
    if form.dose_rule == "ambiguous":
        return Amount(
            status="unit_ambiguous",
            reason=f"{form.form}: the quantity may count packs, doses, grams or ml: it cannot be told",
        )
    if reading.has_unreadable_number:
        return Amount(status="strength_unknown", reason="a strength of zero or beyond reason", contradicts=True)
    chosen = _choose(reading, drug, compound_rule)
    if isinstance(chosen, str):
        return Amount(status="strength_unknown", reason=chosen, contradicts=chosen == _ANOTHER_INGREDIENT)
    strength, mass = chosen
    rule = {"patch": _patch, "each": _each, "per_ml": _per_ml, "container": _container}[form.dose_rule]
    return rule(reading, form, strength, mass)


def _choose(reading: Reading, drug: str, compound_rule: str) -> tuple[Strength, Mass] | str:
    """The strength and the mass that belong to the opioid, or why that cannot be told."""
    strengths = reading.strengths
    if not strengths:
        return _NO_STRENGTH
    if len(strengths) == 1 and len(strengths[0].masses) == 1 and len(reading.names) == 1:
        # The everyday product: one name, one strength.
        if reading.names[0][1].kind == "partner":
            return _ANOTHER_INGREDIENT
        return strengths[0], strengths[0].masses[0]
    own: list[Strength] = []
    free: list[Strength] = []
    start = 0
    bound: list[str] = []
    for strength in strengths:
        before = [name for at, name in reading.names if start <= at < strength.position]
        start = strength.position
        # What stands beside a strength is as near to the name as it.
        bound = bound if strength.is_beside else _ingredients(before)
        if len(bound) == 1 and len(strength.masses) == 1:
            if bound[0] == drug:
                own.append(strength)
        else:
            free.append(strength)
    if len(own) == 1 and len(own[0].masses) == 1:
        return own[0], own[0].masses[0]
    candidates = own or free
    if len(candidates) != 1:
        return _one_of_several(candidates, compound_rule)
    return _in_compound(reading, candidates[0], drug, compound_rule)


def _one_of_several(candidates: list[Strength], compound_rule: str) -> tuple[Strength, Mass] | str:
    if not candidates:
        return _ANOTHER_INGREDIENT
    if len({(strength.masses, strength.per, strength.per_amount) for strength in candidates}) == 1:
        return candidates[0], candidates[0].masses[0]
    if compound_rule == "smaller":
        pairs = [(strength, mass) for strength in candidates for mass in strength.masses]
        return min(pairs, key=lambda pair: pair[1].mg)
    return "the description gives several strengths, and not just one beside the name of the drug"


def _in_compound(reading: Reading, strength: Strength, drug: str, compound_rule: str) -> tuple[Strength, Mass] | str:
    """Codeine and dihydrocodeine are the smaller number whatever the order; others go by the names."""
    masses = strength.masses
    if len(masses) == 1:
        return strength, masses[0]
    if compound_rule == "smaller":
        return strength, min(masses, key=lambda mass: mass.mg)
    named = _ingredients([name for at, name in reading.names if at < strength.position])
    if len(named) == len(masses) and named.count(drug) == 1:
        return strength, masses[named.index(drug)]
    if compound_rule == "first":
        return strength, masses[0]
    return "the description gives several strengths, and no rule says which is the opioid's"


def _ingredients(names: list[Name]) -> list[str]:
    """Substances in the order they are named, once each; brands say nothing about order."""
    found: list[str] = []
    for name in names:
        label = name.name if name.kind == "partner" else name.drug
        if name.kind in ("substance", "partner") and label not in found:
            found.append(label)
    return found


def _each(_reading: Reading, form: Form, strength: Strength, mass: Mass) -> Amount:
    if strength.per:
        return Amount(
            status="strength_unknown",
            reason=f"a strength per {strength.per} cannot be the content of one {form.form}",
        )
    return Amount(mass.value, mass.unit or "mg", mass.mg, mass.mg)


def _per_ml(_reading: Reading, form: Form, strength: Strength, mass: Mass) -> Amount:
    if strength.per != "ml":
        return Amount(
            mass.value,
            mass.unit,
            mass.mg,
            status="strength_unknown",
            reason=f"{form.form}: the strength is not given per ml",
        )
    per_ml = strength.per_amount or Decimal(1)
    return Amount(mass.value, f"{mass.unit}/{_plain(per_ml)}ml", mass.mg, mass.mg / per_ml)


def _container(reading: Reading, form: Form, strength: Strength, mass: Mass) -> Amount:
    """The whole container. A concentration without a volume, or two volumes, is ambiguous."""
    volumes = set(reading.volumes_ml)
    if strength.per == "":
        return Amount(mass.value, mass.unit or "mg", mass.mg, mass.mg)
    if strength.per != "ml":
        return Amount(status="strength_unknown", reason=f"{form.form}: a strength per {strength.per}")
    unit = f"{mass.unit}/{_plain(strength.per_amount or Decimal(1))}ml"
    if len(volumes) > 1 or (not volumes and strength.per_amount is None):
        return Amount(
            mass.value,
            unit,
            mass.mg,
            status="unit_ambiguous",
            reason=f"{form.form}: a strength per ml without the volume of one container",
        )
    if not volumes:
        return Amount(mass.value, unit, mass.mg, mass.mg)
    return Amount(mass.value, unit, mass.mg, mass.mg / (strength.per_amount or Decimal(1)) * volumes.pop())


def _patch(_reading: Reading, _form: Form, strength: Strength, mass: Mass) -> Amount:
    """A rate in micrograms an hour, or mg released in 72 hours as patches were once labelled."""
    if strength.per == "hour" and strength.per_amount == 72 and mass.unit == "mg":
        return Amount(mass.value, "mg/72h", mass.mg, rate=(mass.value, "mg/72h"))
    if mass.unit == "microgram" and (
        strength.per == "" or (strength.per == "hour" and strength.per_amount in (None, 1))
    ):
        return Amount(mass.value, "microgram/hour", mass.mg, rate=(mass.value, "microgram/hour"))
    return Amount(status="strength_unknown", reason="patch: the strength is not in micrograms an hour")


def _plain(number: Decimal) -> str:
    """A number without an exponent or needless zeros."""
    return format(number.normalize(), "f")
