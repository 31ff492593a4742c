"""Published results, read from the folder that OPIOIDS_CONFORMANCE_DIR names; skipped without it."""

import csv
import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from .tables import REFERENCE, answers

FOLDER = os.environ.get("OPIOIDS_CONFORMANCE_DIR")
pytestmark = pytest.mark.skipif(not FOLDER, reason="OPIOIDS_CONFORMANCE_DIR is not set")

SAME = Decimal("0.001")


def read(name: str) -> list[dict[str, str]]:
    with (Path(FOLDER or "") / name).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def presentations(counted: bool) -> Iterator[dict[str, str]]:
    opioids = {
        row["bnf_chemical_substance"]
        for row in read("vectors/nhsbsa_dfm_bnf_substances.csv")
        if row["category"] == "OPIOIDS"
    }
    for row in read("reference/opioid_presentations.csv"):
        if (row["bnf_code"][:9] in opioids) == counted:
            yield row


# What each vector stands for: (description, quantity) dispensed, and the factor set it is reckoned with.
CASES: dict[str, tuple[str, list[tuple[str, str]]]] = {
    "A01": ("uk_2026", [("Codeine 50mg tablets", "2")]),
    "A03": ("uk_2026", [("Hydromorphone 2mg capsules", "1")]),
    "A04": ("uk_2026", [("Morphine 10mg tablets", "1")]),
    "A06": ("uk_2026", [("Tramadol 50mg capsules", "2")]),
    "A07": ("uk_2026", [("Oxycodone 6.6mg capsules", "1")]),
    "A09": ("uk_2026", [("Diamorphine 3mg powder for solution for injection ampoules", "1")]),
    "B01": ("uk_2026", [("Buprenorphine 5micrograms/hour transdermal patches", "1")]),
    "B03": ("uk_2026", [("Buprenorphine 20micrograms/hour transdermal patches", "1")]),
    "B04": ("uk_2026", [("Buprenorphine 15micrograms/hour transdermal patches", "1")]),
    "B06": ("uk_2026", [("Buprenorphine 52.5micrograms/hour transdermal patches", "1")]),
    "B07": ("uk_2026", [("Buprenorphine 70micrograms/hour transdermal patches", "1")]),
    "B09": ("uk_2026", [("Fentanyl 25micrograms/hour transdermal patches", "1")]),
    "B10": ("uk_2026", [("Fentanyl 50micrograms/hour transdermal patches", "1")]),
    "B12": ("uk_2026", [("Fentanyl 100micrograms/hour transdermal patches", "1")]),
    "B13": ("uk_2026", [("Fentanyl 37.5microgram/hour transdermal patches", "1")]),
    "B15": ("uk_2026", [("Hapoctasin 35micrograms/hour transdermal patches", "1")]),
    "B16": ("uk_2026", [("Buprenorphine 35micrograms/hour transdermal patches", "8")]),
    "C02": ("uk_2026", [("MST Continus 30mg tablets", "56")]),
    "C03": ("uk_2026", [("Longtec 30mg modified-release tablets", "56")]),
    "C05": ("uk_2026", [("MXL 90mg capsules", "28")]),
    "C06": ("uk_2026", [("Tapentadol 250mg modified-release tablets", "56")]),
    "C08": ("uk_2026", [("Morphine sulfate 60mg/2ml solution for injection ampoules", "1")]),
    "C09": (
        "uk_2026_diamorphine_parenteral_3",
        [("Diamorphine 10mg powder for solution for injection ampoules", "4")],
    ),
    "C11": ("cdc_2022", [("Oxycodone 10mg modified-release tablets", "2")]),
    "C12": ("uk_2026", [("Oxycodone 10mg capsules", "4")]),
    "C14": ("uk_2026", [("Tramadol 100mg modified-release tablets", "4")]),
    "C15": ("cdc_2022", [("Tramadol 100mg modified-release tablets", "4")]),
    "C17": ("uk_2026_dihydrocodeine_0_25", [("Dihydrocodeine 30mg tablets", "8")]),
    "C18": (
        "uk_2026_buprenorphine_patch_1_8",
        [("Buprenorphine 5micrograms/hour transdermal patches", "4")],
    ),
    "D01": ("uk_2026", [("Co-codamol 30mg/500mg tablets", "100")]),
    "D02": ("uk_2026", [("Co-codamol 8mg/500mg tablets", "100")]),
    "D04": ("uk_2026", [("Co-dydramol 10mg/500mg tablets", "100")]),
    "D05": ("uk_2026", [("Eroset 500mg/10mg tablets", "100")]),
    "D07": ("uk_2026", [("Codeine 30mg tablets", "28")]),
    "D08": ("uk_2026", [("Dihydrocodeine 30mg tablets", "100")]),
    "D10": ("uk_2026", [("Tramadol 37.5mg / Paracetamol 325mg tablets", "60")]),
    "D11": ("uk_2026", [("Morphine sulfate 10mg/5ml oral solution", "300")]),
    "D13": ("uk_2026", [("Codeine 25mg/5ml oral solution", "500")]),
    "D14": ("uk_2026", [("Tramadol 100mg/ml oral drops", "10")]),
    "D16": ("uk_2026", [("Morphine sulfate 10mg/1ml solution for injection ampoules", "10")]),
    "D17": ("uk_2026", [("Morphine sulfate 60mg/2ml solution for injection ampoules", "5")]),
    "D19": ("uk_2026", [("Fentanyl 200microgram lozenges", "30")]),
    "D20": ("uk_2026", [("Fentanyl 100microgram sublingual tablets", "30")]),
    "D22": ("uk_2026", [("Temgesic 400microgram sublingual tablets", "50")]),
    "D23": ("uk_2026", [("Butec 5micrograms/hour transdermal patches", "16")]),
    "D25": ("uk_2026", [("Fentanyl 50micrograms/hour transdermal patches", "10")]),
    "D26": ("uk_2026", [("Meptazinol 200mg tablets", "112")]),
    "D28": ("uk_2026", [("Pentazocine 50mg capsules", "28")]),
    "D29": ("uk_2026", [("Dipipanone 10mg / Cyclizine 30mg tablets", "50")]),
    "D31": ("uk_2026", [("Hydromorphone 1.3mg capsules", "56")]),
    "D32": ("uk_2026", [("Alfentanil 1mg/2ml solution for injection ampoules", "10")]),
    "D34": ("uk_2026", [("Nurofen Plus tablets", "32")]),
    "D35": ("uk_2026", [("Oxycodone 10mg / Naloxone 5mg modified-release tablets", "56")]),
    "D37": ("uk_2026", [("Diamorphine 10mg powder for solution for injection ampoules", "10")]),
    "D38": ("uk_2026", [("Oxycodone 5mg/5ml oral solution", "250")]),
    "D40": ("uk_2026", [("Paramol tablets", "32")]),
    "D41": ("uk_2026", [("Fentanyl 200microgram buccal films sugar free", "10")]),
    "E01": (
        "uk_2026",
        [("Oxycodone 30mg modified-release tablets", "60"), ("Oxycodone 5mg capsules", "14")],
    ),
    "F11": ("uk_2026", [("Fentanyl 50micrograms/hour transdermal patches", "30")]),
    "F12": (
        "uk_2026",
        [
            ("Fentanyl 12micrograms/hour transdermal patches", "10"),
            ("Co-codamol 30mg/500mg tablets", "224"),
        ],
    ),
    "F14": ("uk_2026", [("Tramadol 50mg capsules", "100")]),
}


def test_published_doses_are_reproduced() -> None:
    wanted = {row["case"]: row for row in read("vectors/ome_vectors.csv")}
    for case, (factor_set, dispensed) in CASES.items():
        code = wanted[case]["bnf_code"] or None
        found = answers([(code, words) for words, _quantity in dispensed], factor_set, "extended")
        ome = sum(
            Decimal(quantity) * row["ome_mg_per_unit"] for row, (_words, quantity) in zip(found, dispensed, strict=True)
        )
        assert ome == Decimal(wanted[case]["expected_ome_total"]), case


def test_no_vector_of_a_product_is_left_out() -> None:
    """E02 to E05 and F02 to F09 are about days and windows, on products of cases above."""
    days_only = {"E02", "E04", "E05", "F02", "F03", "F05", "F06", "F08", "F09"}
    assert {row["case"] for row in read("vectors/ome_vectors.csv")} - days_only == set(CASES)


def test_presentations_in_scope_have_the_reference_value() -> None:
    expected = [row for row in presentations(counted=True) if row["ome_mg_per_quantity_unit_default"]]
    found = answers([(row["bnf_code"], row["bnf_description"]) for row in expected])
    wrong = [
        (row["bnf_code"], row["bnf_description"])
        for row, answer in zip(expected, found, strict=True)
        if not _same(row["ome_mg_per_quantity_unit_default"], answer["ome_mg_per_unit"])
    ]
    assert not wrong


def test_descriptions_alone_have_the_reference_value_in_97_of_100() -> None:
    expected = [row for row in presentations(counted=True) if row["ome_mg_per_quantity_unit_default"]]
    found = answers([(None, row["bnf_description"]) for row in expected])
    right = sum(
        _same(row["ome_mg_per_quantity_unit_default"], answer["ome_mg_per_unit"])
        for row, answer in zip(expected, found, strict=True)
    )
    assert right >= 0.97 * len(expected)


def test_quarantined_rows_stay_unconverted_with_a_reason() -> None:
    expected = [row for row in presentations(counted=True) if "QUARANTINE" in row["note"]]
    for answer in answers([(row["bnf_code"], row["bnf_description"]) for row in expected]):
        assert answer["ome_status"] in ("unit_ambiguous", "wear_time_unknown")
        assert answer["reason"]


def test_products_out_of_scope_never_get_a_dose() -> None:
    expected = list(presentations(counted=False))
    for answer in answers([(row["bnf_code"], row["bnf_description"]) for row in expected]):
        assert answer["ome_mg_per_unit"] is None
        assert not answer["in_scope"]


def test_the_substances_are_those_nhsbsa_publishes() -> None:
    classes = {"OPIOIDS": "opioid", "GABAPENTINOIDS": "gabapentinoid", "BENZODIAZEPINES": "benzodiazepine"}
    classes["Z-DRUGS"] = "z_drug"
    published = {
        (row["bnf_chemical_substance"], classes[row["category"]])
        for row in read("vectors/nhsbsa_dfm_bnf_substances.csv")
        if row["category"] in classes
    }
    ours = {
        (drug.bnf_prefix, drug.product_class)
        for drug in REFERENCE.drugs.values()
        if drug.product_class in classes.values() and drug.scope != "extended"
    }
    assert ours == published


def test_one_month_of_one_area_is_all_resolved() -> None:
    words = {row["BNF_CODE"]: row["BNF_DESCRIPTION"] for row in read("realdata/bolton_epd_extract_drugs.csv")}
    month = read("realdata/bolton_epd_extract_prescriptions.csv")
    found = answers([(row["BNF_CODE"], words.get(row["BNF_CODE"])) for row in month])
    counted = [(row, answer) for row, answer in zip(month, found, strict=True) if answer["in_scope"]]
    assert len(counted) == 6_044
    assert sum(int(row["ITEMS"]) for row, _answer in counted) == 22_572
    assert {answer["ome_status"] for _row, answer in counted} == {"converted"}


def _same(expected: str, found: Decimal | None) -> bool:
    return found is not None and abs(found - Decimal(expected)) <= Decimal(expected) * SAME
