"""One product: from its BNF code and description to its OME per quantity unit, or the reason why not.

Order: a row of presentations.csv for the code, for the code that replaced it, for its generic equivalent;
then the description; then generic_products.csv, which knows the strength of a code whose description is
blank or says none. Whatever disagrees (drug, strength, wear time) is said and not converted.
"""

from decimal import Decimal
from typing import NamedTuple

from pipelines.products import codes
from pipelines.products.answers import (
    SAME_STRENGTH,
    amount_of_row,
    describe_drug,
    disagree,
    drugs_named,
    fail,
    mark_immediate_release_fentanyl,
    names_ingredient,
    not_followed,
    note_only,
    set_form,
)
from pipelines.products.dose import amount_of
from pipelines.products.model import (
    SCOPES,
    Amount,
    Drug,
    Form,
    Name,
    Presentation,
    Reading,
    Resolution,
)
from pipelines.products.patches import wear_of
from pipelines.products.reference import ProductReference
from pipelines.products.text import Reader

_PLACES = Decimal("0.000001")
# Classes whose strength is of no interest: a missing one is not worth a reason.
_NOT_MEASURED = frozenset({"unknown_opioid", "excluded", "dependence_treatment", "just_in_case"})
# Descriptions and codes kept in memory: NHSBSA uses some thousands of each.
_MOST_READINGS = 5_000
_HOURS_PER_DAY = 24
_MICROGRAMS_PER_MG = 1000


class _Code(NamedTuple):
    """What a BNF code alone says."""

    code: str
    current: str
    drug: Drug | None
    known: "_Known | None"


class _Known(NamedTuple):
    """What reference tables say about a code: the row, how it was found, and whether it goes first."""

    row: Presentation
    resolved_by: str
    goes_first: bool


class Resolver:
    """Resolves products with one set of reference tables, one factor set and one scope."""

    def __init__(self, reference: ProductReference, factor_set: str, scope: str) -> None:
        self._reference = reference
        self._factor_set = factor_set
        self._scopes = SCOPES[scope]
        self._reader = Reader(reference)
        self._forms_by_name = {form.form: form for form in reference.forms.values()}
        self._readings: dict[str, Reading] = {}
        self._codes: dict[str | None, _Code] = {}
        self._opioid_substances = {
            name.name
            for name in reference.names.values()
            if name.kind == "substance"
            and (drug := reference.drug_of(name.bnf_prefix)) is not None
            and drug.product_class == "opioid"
        }

    def resolve(self, bnf_code: str | None, bnf_description: str | None) -> Resolution:
        """Never raises, whatever the code and the text."""
        description = (bnf_description or "").strip()
        reading = self._readings.get(description)
        if reading is None:
            if len(self._readings) >= _MOST_READINGS:
                self._readings.clear()
            reading = self._readings[description] = self._reader.read(description)
        code, current, drug, known = self._codes.get(bnf_code) or self._look_up(bnf_code)
        answer = Resolution(current_bnf_code=current or None)
        if drug is None and code:
            return not_followed(answer, reading)
        named = drugs_named(reading)
        if drug is None:
            drug = self._drug_by_name(named)
            if drug is None:
                return not_followed(answer, reading)
        describe_drug(answer, drug)
        if drug.product_class in ("unknown_opioid", "excluded", "dependence_treatment"):
            note_only(answer, drug, named)
        noted = answer.reason
        if drug.only_if_named and not names_ingredient(drug.only_if_named, named, known.row if known else None):
            return not_followed(Resolution(current_bnf_code=answer.current_bnf_code), reading)
        self._measure(answer, drug, reading, known, current, named)
        if drug.product_class in _NOT_MEASURED:
            answer.reason = noted
        if not code:
            self._description_only(answer, reading)
        self._convert(answer, drug, reading)
        return self._finish(answer)

    def _look_up(self, bnf_code: str | None) -> _Code:
        code = codes.clean_code(bnf_code)
        current, replaced_by = codes.follow_replacements(code, self._reference.code_changes)
        facts = _Code(code, current, self._reference.drug_of(current), self._known(code, current, replaced_by))
        if len(self._codes) >= _MOST_READINGS:
            self._codes.clear()
        self._codes[bnf_code] = facts
        return facts

    def _drug_by_name(self, named: list[Name]) -> Drug | None:
        """The drug a description names; an opioid before anything else it stands together with."""
        found = [self._reference.drug_of(name.bnf_prefix) for name in named]
        drugs = [drug for drug in found if drug is not None]
        # A brand's own list (Suboxone, Nurofen Plus) tells more than the substance's.
        brands = [
            drug for drug, name in zip(found, named, strict=True) if drug is not None and name.kind != "substance"
        ]
        opioids = [drug for drug in (*brands, *drugs) if drug.product_class != "just_in_case"]
        return next(iter(opioids or drugs), None)

    def _known(self, code: str, current: str, replaced_by: str) -> _Known | None:
        """The reference row of a code, of its replacement or of its generic equivalent."""
        if not code:
            return None
        replaced = "replaced_code" if replaced_by else "exact_code"
        candidates = [(code, "exact_code"), (current, replaced)]
        candidates.append((codes.generic_equivalent(current), "generic_equivalent"))
        if replaced_by:
            candidates.append((codes.generic_equivalent(code), "generic_equivalent"))
        for table, goes_first in ((self._reference.presentations, True), (self._reference.generics, False)):
            for candidate, how in candidates:
                row = table.get(candidate)
                if row is not None:
                    return _Known(row, how, goes_first)
        return None

    def _measure(
        self,
        answer: Resolution,
        drug: Drug,
        reading: Reading,
        known: _Known | None,
        current: str,
        named: list[Name],
    ) -> None:
        """Form, strength and amount, from the description or from a reference row."""
        contradiction = self._contradiction(drug, named)
        if contradiction:
            fail(answer, "strength_unknown", contradiction)
            return
        form = reading.form
        amount = Amount(status="strength_unknown", reason=reading.form_problem)
        if form is not None:
            amount = amount_of(reading, form, drug.drug, drug.compound_rule)
        source = f"description: '{reading.description}'"
        by = "description"
        if known is None and amount.status == "strength_unknown":
            known = self._known_by_name(reading, drug)
        if known is not None and (known.row.drug != drug.drug):
            known = None
        use_row = (
            known is not None
            and not amount.contradicts
            and (known.goes_first or form is None or (amount.status != "" and form.dose_rule != "ambiguous"))
        )
        if known is not None and disagree(amount, form, known.row, self._forms_by_name[known.row.form]):
            fail(
                answer,
                "strength_unknown",
                f"the code says {known.row.form} {known.row.strength_value} {known.row.strength_unit} "
                f"({known.row.where}), the description {form.form if form else ''} "
                f"{amount.strength_value} {amount.strength_unit}",
            )
            return
        if known is not None and known.goes_first and _says_the_same(amount, known.row):
            use_row = False
        if known is not None and use_row:
            form = self._forms_by_name[known.row.form]
            amount = amount_of_row(known.row)
            source, by = known.row.where, known.resolved_by
        set_form(answer, form, reading, named)
        if known is not None and use_row:
            answer.quantity_unit = known.row.quantity_unit
        answer.strength_value, answer.strength_unit = amount.strength_value, amount.strength_unit
        if amount.status:
            fail(answer, amount.status, amount.reason)
            return
        answer.resolved_by, answer.resolved_from = by, source
        if amount.rate is not None:
            self._wear(answer, drug, reading, amount.rate, current, named)
        else:
            answer.mg_per_unit = amount.mg_per_unit
            self._check_limit(answer, drug, form)

    def _contradiction(self, drug: Drug, named: list[Name]) -> str:
        """What the description names that the code cannot be, in words; '' where they agree."""
        if not drug.drug:
            return ""
        opioids = self._opioids(named)
        if len(opioids) > 1:
            return f"the description names {' and '.join(opioids)}"
        others = {name.drug for name in named if name.drug}
        if others and drug.drug not in others:
            return f"the code says {drug.drug}, the description {', '.join(sorted(others))}"
        return ""

    def _opioids(self, named: list[Name]) -> list[str]:
        """The different opioids named; combination names (co-codamol, opium) stand for their drug."""
        if len(named) < 2:
            return []
        return sorted({name.drug for name in named if name.name in self._opioid_substances})

    def _known_by_name(self, reading: Reading, drug: Drug) -> _Known | None:
        words = f" {reading.words} "
        for row in self._reference.named_presentations:
            if f" {row.product_name} " in words and row.drug == drug.drug:
                return _Known(row, "description", True)
        return None

    def _check_limit(self, answer: Resolution, drug: Drug, form: Form | None) -> None:
        limit = self._reference.limits.get((drug.drug, form.dose_rule if form else ""))
        if limit is not None and answer.mg_per_unit is not None and answer.mg_per_unit > limit:
            said = answer.mg_per_unit.normalize()
            answer.mg_per_unit, answer.resolved_by = None, "none"
            fail(
                answer,
                "strength_unknown",
                f"{said:f} mg of {drug.drug} in one {answer.quantity_unit}: more than any known product",
            )

    def _wear(
        self,
        answer: Resolution,
        drug: Drug,
        reading: Reading,
        rate: tuple[Decimal, str],
        current: str,
        named: list[Name],
    ) -> None:
        wear = wear_of(self._reference, drug.drug, rate, reading, current, named)
        if isinstance(wear, str):
            answer.resolved_by, answer.resolved_from = "none", None
            fail(answer, "wear_time_unknown", wear)
            return
        answer.wear_hours = wear.wear_hours
        answer.mg_per_unit = wear.nominal_microgram_per_hour * wear.wear_hours / _MICROGRAMS_PER_MG
        answer.resolved_from = f"{answer.resolved_from}; {wear.where}"
        if wear.caution:
            answer.caution_list.append(wear.caution)

    def _description_only(self, answer: Resolution, reading: Reading) -> None:
        """Without a code some descriptions fit both a pain product and one that is never counted."""
        if answer.drug is None:
            return
        rules = self._reference.description_rules
        rule = rules.get((answer.drug, "linctus")) if reading.is_linctus else None
        rule = rule or rules.get((answer.drug, answer.form or ""))
        if rule is None or answer.product_class not in ("opioid", "gabapentinoid"):
            return
        brand = any(name.kind == "brand" for _at, name in reading.names)
        mg = answer.mg_per_unit
        if rule.out_of_scope_reason == "dependence_or_pain_not_told" and brand and answer.form != "oral liquid":
            return
        if (rule.min_mg_per_unit is not None and (mg is None or mg < rule.min_mg_per_unit)) or (
            rule.max_mg_per_unit is not None and (mg is None or mg > rule.max_mg_per_unit)
        ):
            return
        answer.product_class = rule.product_class
        answer.out_of_scope_reason = rule.out_of_scope_reason or None
        answer.ome_status = "out_of_scope"
        answer.reason = "there is no code, and the description alone does not make this a counted product"

    def _convert(self, answer: Resolution, drug: Drug, reading: Reading) -> None:
        """Scope, then the factor: the only place where an OME is made."""
        if answer.product_class != "opioid":
            answer.ome_status = "out_of_scope"
            return
        if drug.scope not in self._scopes:
            answer.out_of_scope_reason = "scope_extended_only"
            answer.reason = "counted in the extended scope only"
            answer.ome_status = "out_of_scope"
            return
        answer.in_scope = True
        self._cautions(answer)
        if answer.ome_status not in ("", "out_of_scope"):
            return
        factor = None
        if answer.route is not None and not (answer.route == "parenteral" and reading.is_modified_release):
            factor = self._reference.factor_of(self._factor_set, drug.drug, answer.route, answer.form)
        if factor is None:
            fail(
                answer,
                "factor_missing",
                f"factor set {self._factor_set} has no factor for {drug.drug} {answer.route or ''}".strip(),
            )
            return
        if factor.factor is None:
            fail(
                answer,
                "excluded_by_factor_set",
                f"factor set {self._factor_set} leaves {drug.drug} out ({factor.where})",
            )
            return
        assert answer.mg_per_unit is not None
        if answer.wear_hours is not None:
            ome = answer.mg_per_unit * _MICROGRAMS_PER_MG / _HOURS_PER_DAY * factor.factor
        else:
            ome = answer.mg_per_unit * factor.factor
        answer.ome_mg_per_unit = ome
        answer.ome_status = "converted"
        answer.resolved_from = f"{answer.resolved_from}; {factor.where}"

    def _cautions(self, answer: Resolution) -> None:
        for rule in self._reference.cautions.get(answer.drug or "", ()):
            if rule.form and rule.form != answer.form:
                continue
            mg = answer.mg_per_unit
            if rule.min_mg_per_unit is not None and (mg is None or mg < rule.min_mg_per_unit):
                continue
            answer.caution_list.append(rule.caution)

    def _finish(self, answer: Resolution) -> Resolution:
        """Round to the micro-milligram; a dose that rounds away is a strength nobody makes."""
        mark_immediate_release_fentanyl(answer)
        if answer.product_class == "gabapentinoid":
            answer.ddd_mg = self._reference.ddd_mg.get(answer.drug or "")
        answer.cautions = "; ".join(dict.fromkeys(answer.caution_list))
        answer.strength_value = _rounded(answer.strength_value)
        answer.mg_per_unit = _rounded(answer.mg_per_unit)
        answer.ome_mg_per_unit = _rounded(answer.ome_mg_per_unit)
        if answer.ome_mg_per_unit == 0 or answer.mg_per_unit == 0:
            answer.mg_per_unit = answer.ome_mg_per_unit = None
            if answer.in_scope:
                fail(answer, "strength_unknown", "the strength is smaller than that of any known product")
        return answer


def _says_the_same(amount: Amount, row: Presentation) -> bool:
    """True where the description is complete and as good as the row: then the description is the source."""
    if amount.status or amount.mg_per_unit is None or row.mg_per_unit is None:
        return False
    return abs(amount.mg_per_unit - row.mg_per_unit) <= row.mg_per_unit * SAME_STRENGTH


def _rounded(number: Decimal | None) -> Decimal | None:
    """To six places, as the DECIMAL(18,6) of the table holds it."""
    return None if number is None else number.quantize(_PLACES)
