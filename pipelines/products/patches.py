"""How long a patch is worn. Wear time belongs to the product: to its brand and strength, not to its drug."""

from decimal import Decimal

from pipelines.products import codes
from pipelines.products.model import Name, PatchWear, Reading
from pipelines.products.reference import ProductReference


def wear_of(
    reference: ProductReference,
    drug: str,
    rate: tuple[Decimal, str],
    reading: Reading,
    current_code: str,
    named: list[Name],
) -> PatchWear | str:
    """The row of patch_wear.csv for a patch, or why there is none.

    The brand is told by the code and by the name, and the two must agree. A brand that is not in the
    table has no wear time, even where its generic equivalent has one.
    """
    brand = _brand(reference, drug, reading, current_code, named)
    if brand is None:
        return f"{_label(drug, rate)}: the wear time of this brand has not been verified"
    if len(brand) > 1:
        return f"{_label(drug, rate)}: code and description name different brands ({', '.join(sorted(brand))})"
    name = next(iter(brand))
    wear = reference.wear_by_brand.get((drug, name, *rate))
    if wear is None:
        return f"{_label(drug, rate)}, {name or 'generic'}: the wear time of this strength has not been verified"
    stated = reading.stated_wear_hours
    if stated is not None and stated != wear.wear_hours:
        return f"{_label(drug, rate)}: the description says {stated} hours, {wear.where} says {wear.wear_hours}"
    return wear


def _label(drug: str, rate: tuple[Decimal, str]) -> str:
    return f"{drug} patch {rate[0].normalize():f} {rate[1]}"


def _brand(
    reference: ProductReference, drug: str, reading: Reading, current_code: str, named: list[Name]
) -> set[str] | None:
    """The brands a code and a description stand for ('' = generic); None where the brand is not known."""
    brands = {name.name for name in named if name.kind == "brand" and name.drug == drug}
    if codes.is_branded(current_code):
        by_code = reference.brand_of_prefix.get(current_code[: codes.PRODUCT])
        return (brands | {by_code} if by_code else brands) or None
    if brands:
        return brands
    names_the_substance = any(name.kind == "substance" and name.drug == drug for name in named)
    return {""} if names_the_substance or not reading.words else None
