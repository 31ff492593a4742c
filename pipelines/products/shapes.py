"""What each reference table must look like: its columns, the check of each cell, the key of a row."""

from pipelines.products.model import DOSE_RULES, PRODUCT_CLASSES, ROUTES, SCOPES
from pipelines.products.tables import (
    Table,
    anything,
    bnf,
    one_of,
    or_blank,
    positive,
    strength_unit,
    text,
    whole,
)

FACTOR_UNITS = ("mg OME per mg", "mg OME/day per microgram/hour")

DRUGS = Table(
    "drugs.csv",
    {
        "bnf_prefix": bnf,
        "drug": anything,
        "product_class": one_of(*PRODUCT_CLASSES),
        "scope": or_blank(one_of(*SCOPES)),
        "is_strong_opioid": or_blank(one_of("yes", "no")),
        "compound_rule": or_blank(one_of("first", "smaller")),
        "only_if_named": anything,
        "out_of_scope_reason": anything,
    },
    ("bnf_prefix",),
)
NAMES = Table(
    "names.csv",
    {
        "name": text,
        "drug": anything,
        "bnf_prefix": or_blank(bnf),
        "kind": one_of("substance", "combination", "brand", "partner"),
        "release": or_blank(one_of("modified", "immediate")),
    },
    ("name",),
)
FORMS = Table(
    "forms.csv",
    {
        "word": text,
        "form": text,
        "route": or_blank(one_of(*ROUTES)),
        "quantity_unit": text,
        "dose_rule": one_of(*DOSE_RULES),
        "priority": whole,
    },
    ("word",),
)
SETS = Table(
    "factor_sets.csv",
    {"factor_set": text, "base_set": anything, "is_default": one_of("yes", "no"), "title": text},
    ("factor_set",),
)
FACTORS = Table(
    "ome_factors.csv",
    {
        "factor_set": text,
        "drug": text,
        "route": one_of(*ROUTES),
        "form": anything,
        "factor": or_blank(positive),
        "unit": one_of(*FACTOR_UNITS),
        "basis": one_of("value", "fallback", "excluded_by_factor_set"),
    },
    ("factor_set", "drug", "route", "form"),
)
WEAR = Table(
    "patch_wear.csv",
    {
        "drug": text,
        "brand": anything,
        "bnf_prefix": bnf,
        "strength_value": positive,
        "strength_unit": one_of("microgram/hour", "mg/72h"),
        "nominal_microgram_per_hour": positive,
        "wear_hours": whole,
        "caution": anything,
    },
    ("drug", "brand", "strength_value", "strength_unit"),
)
_PRESENTATION_COLUMNS = {
    "bnf_code": or_blank(bnf),
    "product_name": anything,
    "drug": text,
    "form": text,
    "strength_value": positive,
    "strength_unit": strength_unit,
    "quantity_unit": text,
    "mg_per_unit": or_blank(positive),
}
PRESENTATIONS = Table("presentations.csv", _PRESENTATION_COLUMNS, ("bnf_code", "product_name"))
GENERICS = Table("generic_products.csv", _PRESENTATION_COLUMNS, ("bnf_code",))
CHANGES = Table("bnf_code_changes.csv", {"old_code": bnf, "new_code": bnf}, ("old_code",))
DDD = Table("ddd.csv", {"drug": text, "ddd_mg": positive}, ("drug",))
RULES = Table(
    "description_only_rules.csv",
    {
        "drug": text,
        "form": text,
        "min_mg_per_unit": or_blank(positive),
        "max_mg_per_unit": or_blank(positive),
        "product_class": one_of(*PRODUCT_CLASSES),
        "out_of_scope_reason": anything,
    },
    ("drug", "form"),
)
CAUTIONS = Table(
    "cautions.csv",
    {"drug": text, "form": anything, "min_mg_per_unit": or_blank(positive), "caution": text},
    ("drug", "form", "caution"),
)
LIMITS = Table(
    "plausible_limits.csv",
    {"drug": text, "dose_rule": one_of(*DOSE_RULES), "max_mg_per_unit": positive},
    ("drug", "dose_rule"),
)
