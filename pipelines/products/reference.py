"""The clinical reference tables, loaded, checked against each other and indexed.

Facts live in `data/reference/*.csv`; this module holds what a table must look like, never a fact.
"""

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from pipelines.errors import ReferenceDataError
from pipelines.products import shapes, tables
from pipelines.products.model import (
    NOTED_ONLY,
    CautionRule,
    DescriptionRule,
    Drug,
    Factor,
    FollowedPrefix,
    Form,
    Name,
    PatchWear,
    Presentation,
)
from pipelines.products.tables import Row

FactorKey = tuple[str, str, str]
WearKey = tuple[str, str, Decimal, str]


@dataclass(frozen=True, slots=True)
class ProductReference:
    """Everything that is known about products, indexed for looking up."""

    drugs: dict[str, Drug]
    drug_rows: dict[str, str]
    prefix_lengths: tuple[int, ...]
    names: dict[str, Name]
    forms: dict[str, Form]
    factor_sets: tuple[str, ...]
    factors: dict[str, dict[FactorKey, Factor]]
    wear_by_brand: dict[WearKey, PatchWear]
    brand_of_prefix: dict[str, str]
    presentations: dict[str, Presentation]
    named_presentations: tuple[Presentation, ...]
    generics: dict[str, Presentation]
    code_changes: dict[str, tuple[str, str]]
    ddd_mg: dict[str, Decimal]
    description_rules: dict[tuple[str, str], DescriptionRule]
    cautions: dict[str, tuple[CautionRule, ...]]
    limits: dict[tuple[str, str], Decimal]

    @staticmethod
    def load(reference_dir: Path) -> "ProductReference":
        """Read `data/reference`; raises ReferenceDataError naming file, line and value."""
        return _load(reference_dir)

    def factor_of(self, factor_set: str, drug: str, route: str, form: str | None) -> Factor | None:
        """The factor of a set for a drug and route: that of its form where there is one, else that of every form."""
        factors = self.factors[factor_set]
        return factors.get((drug, route, form or "")) or factors.get((drug, route, ""))

    def drug_of(self, code: str) -> Drug | None:
        """The row of drugs.csv with the longest prefix of `code`, or None for a code not followed."""
        for length in self.prefix_lengths:
            found = self.drugs.get(code[:length])
            if found is not None and len(code) >= length:
                return found
        return None


def followed_prefixes(reference: ProductReference) -> list[FollowedPrefix]:
    """Every prefix (or whole old code) whose rows are kept from a source file, sorted.

    `counted` is False for products that are only noted as out of scope: cough and bowel medicines,
    unknown codes of section 4.7.2, substances of which only some products hold an opioid. A row that
    matches several prefixes belongs to the longest.
    """
    followed = {
        prefix: FollowedPrefix(prefix, drug.product_class not in NOTED_ONLY and not drug.only_if_named)
        for prefix, drug in reference.drugs.items()
    }
    for old_code, (new_code, _where) in reference.code_changes.items():
        current = reference.drug_of(new_code)
        if current is not None and reference.drug_of(old_code) is None:
            followed[old_code] = FollowedPrefix(old_code, current.product_class not in NOTED_ONLY)
    return sorted(followed.values())


def _load(folder: Path) -> ProductReference:
    drug_rows = tables.read(folder, shapes.DRUGS)
    drugs = {row["bnf_prefix"]: _drug(row) for row in drug_rows}
    forms = {row["word"]: _form(row) for row in tables.read(folder, shapes.FORMS)}
    factor_sets, factors = _factors(folder)
    by_brand, brand_of_prefix = _wear(folder)
    presentation_rows = [_presentation(row) for row in tables.read(folder, shapes.PRESENTATIONS)]
    cautions: dict[str, list[CautionRule]] = defaultdict(list)
    for row in tables.read(folder, shapes.CAUTIONS):
        rule = CautionRule(row["drug"], row["form"], row.decimal("min_mg_per_unit"), row["caution"])
        cautions[rule.drug].append(rule)
    reference = ProductReference(
        drugs=drugs,
        drug_rows={row["bnf_prefix"]: row.where for row in drug_rows},
        prefix_lengths=tuple(sorted({len(prefix) for prefix in drugs}, reverse=True)),
        names={row["name"]: _name(row) for row in tables.read(folder, shapes.NAMES)},
        forms=forms,
        factor_sets=factor_sets,
        factors=factors,
        wear_by_brand=by_brand,
        brand_of_prefix=brand_of_prefix,
        presentations={row.bnf_code: row for row in presentation_rows if row.bnf_code},
        named_presentations=tuple(
            sorted(
                (row for row in presentation_rows if row.product_name),
                key=lambda row: (-len(row.product_name), row.product_name),
            )
        ),
        generics={row["bnf_code"]: _presentation(row) for row in tables.read(folder, shapes.GENERICS)},
        code_changes={row["old_code"]: (row["new_code"], row.where) for row in tables.read(folder, shapes.CHANGES)},
        ddd_mg={row["drug"]: Decimal(row["ddd_mg"]) for row in tables.read(folder, shapes.DDD)},
        description_rules={
            (row["drug"], row["form"]): _description_rule(row) for row in tables.read(folder, shapes.RULES)
        },
        cautions={drug: tuple(rules) for drug, rules in cautions.items()},
        limits={
            (row["drug"], row["dose_rule"]): Decimal(row["max_mg_per_unit"])
            for row in tables.read(folder, shapes.LIMITS)
        },
    )
    _check_together(folder, reference)
    return reference


def _check_together(folder: Path, reference: ProductReference) -> None:
    """Tables must agree: every drug named elsewhere is known, every opioid has a limit, no code circles."""
    known = {drug.drug for drug in reference.drugs.values()}
    tables.refuse(
        folder / "names.csv",
        [
            f"name '{name.name}': drug '{name.drug}' or prefix '{name.bnf_prefix}' is not in drugs.csv"
            for name in reference.names.values()
            if name.kind != "partner" and (name.drug not in known or reference.drug_of(name.bnf_prefix) is None)
        ],
    )
    opioids = {drug.drug for drug in reference.drugs.values() if drug.product_class == "opioid"}
    tables.refuse(
        folder / "plausible_limits.csv",
        [
            f"drug '{drug}': no limit for '{rule}'"
            for drug in sorted(opioids)
            for rule in ("each", "per_ml", "container")
            if (drug, rule) not in reference.limits
        ],
    )
    form_names = {form.form for form in reference.forms.values()}
    tables.refuse(
        folder / "presentations.csv",
        [
            f"{row.where}: form '{row.form}' is not in forms.csv or drug '{row.drug}' not in drugs.csv"
            for row in (*reference.presentations.values(), *reference.generics.values())
            if row.form not in form_names or row.drug not in known
        ],
    )
    tables.refuse(
        folder / "ome_factors.csv",
        [
            f"factor set '{name}': drug '{drug}' is not in drugs.csv"
            for name, factors in reference.factors.items()
            for drug in sorted({key[0] for key in factors} - known)
        ],
    )
    tables.refuse(
        folder / "bnf_code_changes.csv",
        [
            f"code '{code}' is replaced in a circle"
            for code in reference.code_changes
            if _circles(code, reference.code_changes)
        ],
    )


def _circles(code: str, changes: dict[str, tuple[str, str]]) -> bool:
    seen = {code}
    while code in changes:
        code = changes[code][0]
        if code in seen:
            return True
        seen.add(code)
    return False


def _factors(folder: Path) -> tuple[tuple[str, ...], dict[str, dict[FactorKey, Factor]]]:
    """Each factor set complete: the rows of its base set, then its own over them."""
    sets = tables.read(folder, shapes.SETS)
    bases = {row["factor_set"]: row["base_set"] for row in sets}
    order = [row["factor_set"] for row in sets]
    problems = [
        f"line {row.line}: base_set '{row['base_set']}' is not a factor set named above it"
        for row in sets
        if row["base_set"] and row["base_set"] not in order[: order.index(row["factor_set"])]
    ]
    if [row["is_default"] for row in sets].count("yes") != 1:
        problems.append("line 1: exactly one factor set is the default")
    tables.refuse(folder / shapes.SETS.file_name, problems)
    own: dict[str, dict[FactorKey, Factor]] = {name: {} for name in order}
    problems = []
    for row in tables.read(folder, shapes.FACTORS):
        if row["factor_set"] not in own:
            problems.append(f"line {row.line}: factor_set '{row['factor_set']}' is not in factor_sets.csv")
        elif bool(row["factor"]) == (row["basis"] == "excluded_by_factor_set"):
            problems.append(f"line {row.line}: factor '{row['factor']}' does not fit basis '{row['basis']}'")
        elif (row["route"] == "transdermal") != (row["unit"] == shapes.FACTOR_UNITS[1]):
            problems.append(f"line {row.line}: unit '{row['unit']}' does not fit route '{row['route']}'")
        else:
            own[row["factor_set"]][row["drug"], row["route"], row["form"]] = Factor(
                row.decimal("factor"), row["unit"], row["basis"], row.where, row["factor_set"], row["source"]
            )
    tables.refuse(folder / shapes.FACTORS.file_name, problems)
    complete: dict[str, dict[FactorKey, Factor]] = {}
    for name in order:
        complete[name] = {**complete.get(bases[name], {}), **own[name]}
    return tuple(order), complete


def _wear(folder: Path) -> tuple[dict[WearKey, PatchWear], dict[str, str]]:
    by_brand: dict[WearKey, PatchWear] = {}
    brand_of_prefix: dict[str, str] = {}
    problems = []
    for row in tables.read(folder, shapes.WEAR):
        wear = PatchWear(Decimal(row["nominal_microgram_per_hour"]), int(row["wear_hours"]), row["caution"], row.where)
        strength = (Decimal(row["strength_value"]), row["strength_unit"])
        by_brand[row["drug"], row["brand"], *strength] = wear
        if brand_of_prefix.setdefault(row["bnf_prefix"], row["brand"]) != row["brand"]:
            problems.append(f"line {row.line}: bnf_prefix '{row['bnf_prefix']}' stands for two brands")
    tables.refuse(folder / shapes.WEAR.file_name, problems)
    return by_brand, brand_of_prefix


def _drug(row: Row) -> Drug:
    return Drug(
        row["bnf_prefix"],
        row["drug"],
        row["product_class"],
        row["scope"],
        row["is_strong_opioid"] == "yes",
        row["compound_rule"],
        row["only_if_named"],
        row["out_of_scope_reason"],
    )


def _name(row: Row) -> Name:
    return Name(row["name"], row["drug"], row["bnf_prefix"], row["kind"], row["release"])


def _form(row: Row) -> Form:
    return Form(row["word"], row["form"], row["route"], row["quantity_unit"], row["dose_rule"], int(row["priority"]))


def _presentation(row: Row) -> Presentation:
    return Presentation(
        row["bnf_code"],
        row["product_name"],
        row["drug"],
        row["form"],
        Decimal(row["strength_value"]),
        row["strength_unit"],
        row["quantity_unit"],
        row.decimal("mg_per_unit"),
        row.where,
    )


def _description_rule(row: Row) -> DescriptionRule:
    return DescriptionRule(
        row["drug"],
        row["form"],
        row.decimal("min_mg_per_unit"),
        row.decimal("max_mg_per_unit"),
        row["product_class"],
        row["out_of_scope_reason"],
    )


def unknown_factor_set(reference: ProductReference, factor_set: str) -> ReferenceDataError:
    """The error for a factor set that no table names."""
    return ReferenceDataError(
        f"There is no factor set '{factor_set}'.",
        "factor_sets.csv",
        f"Choose one of: {', '.join(reference.factor_sets)}.",
    )
