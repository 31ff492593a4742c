"""What the sides of bench/patients.py read and count."""

COUNTED = ("high_dose", "long_term", "opioid_gabapentinoid")
OF_PRODUCT = ["ome_mg_per_unit", "ome_status", "route", "form", "wear_hours"]
OTHER_CLASSES = (
    "gabapentinoid",
    "benzodiazepine",
    "z_drug",
    "sedative_not_counted",
    "dependence_treatment",
    "just_in_case",
)
