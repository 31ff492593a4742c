"""The case-finding list: who is on it, in which order, and whether each sentence is true.

Data are 2023-01 to 2024-12 unless said otherwise, so the list is that of 2024-11: the newest month is provisional.
September to November have 91 days; June to November 183.
"""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from support import build_from
from text_patients import tables_of

from pipelines import assets
from pipelines.build import reviews_table
from pipelines.reviews import Review

CaseListOf = Callable[..., dict[str, dict]]

# 120 tablets of 60 mg a month are 7,200 mg: 237 mg a day over 91 days. 75 are 148, 60 are 118, 45 are 89.
PEOPLE = """
patient              | months                    | product            | quantity | age
high                 | 2023-01..2024-12          | MST 60             | 75       |
high_gabapentin      | 2023-01..2024-12          | MST 60             | 75       |
high_gabapentin      | 2024-09                   | gabapentin         | 100      |
high_at_75           | 2023-01..2024-12          | MST 60             | 75       | 75
high_at_74           | 2023-01..2024-12          | MST 60             | 75       | 74
high_in_treatment    | 2023-01..2024-12          | MST 60             | 75       |
high_in_treatment    | 2024-06                   | Subutex            | 28       |
very_high            | 2023-01..2024-12          | MST 60             | 120      |
possible             | 2023-01..2024-08          | MST 60             | 50       |
possible             | 2024-09..2024-12          | MST 60             | 68       |
recent               | 2023-01..2024-08          | MST 60             | 90       |
recent               | 2024-09..2024-12          | MST 60             | 45       |
new                  | 2024-10..2024-12          | MST 60             | 75       |
rising_to_89         | 2023-01..2024-06          | MST 60             | 15       |
rising_to_89         | 2024-07..2024-12          | MST 60             | 45       |
rising_to_118        | 2023-01..2024-06          | MST 60             | 30       |
rising_to_118        | 2024-07..2024-12          | MST 60             | 60       |
methadone            | 2024-09                   | methadone 5        | 28       |
methadone_in_august  | 2024-08                   | methadone 5        | 28       |
unknown_dose         | 2024-11                   | morphine of no strength | 300 |
in_treatment         | 2024-11                   | co-codamol         | 56       |
in_treatment         | 2024-06                   | Subutex            | 28       |
fentanyl_buccal      | 2024-11                   | Effentora          | 10       |
long_with_z_drug     | 2023-01..2024-12          | co-codamol         | 56       |
long_with_z_drug     | 2024-10                   | zopiclone          | 28       |
long_z_drug_in_aug   | 2023-01..2024-12          | co-codamol         | 56       |
long_z_drug_in_aug   | 2024-08                   | zopiclone          | 28       |
long_clonazepam      | 2023-01..2024-12          | co-codamol         | 56       |
long_clonazepam      | 2024-11                   | clonazepam         | 28       |
four_months_diazepam | 2024-08..2024-12          | co-codamol         | 56       |
four_months_diazepam | 2024-11                   | diazepam           | 28       |
three_months         | 2024-09..2024-12          | co-codamol         | 56       |
four_months          | 2024-08..2024-12          | co-codamol         | 56       |
seven_months         | 2024-05..2024-12          | co-codamol         | 56       |
three_with_diazepam  | 2024-09..2024-12          | co-codamol         | 56       |
three_with_diazepam  | 2024-11                   | diazepam           | 28       |
child                | 2023-01..2024-12          | MST 60             | 120      | 17
grown_up             | 2023-01..2024-12          | MST 60             | 75       | 18
age_unknown          | 2023-01..2024-12          | MST 60             | 75       | unknown
dying                | 2023-01..2024-12          | MST 60             | 120      |
dying                | 2024-10                   | midazolam          | 5        |
dying                | 2024-10                   | levomepromazine    | 5        |
dying                | 2024-10                   | morphine injection | 10       |
"""
PRIORITIES = {
    "high": 2,
    "high_gabapentin": 1,
    "high_at_75": 1,
    "high_at_74": 2,
    "high_in_treatment": 1,
    "very_high": 1,
    "possible": 2,
    "recent": 2,
    "new": 2,
    "rising_to_89": 2,
    "rising_to_118": 1,
    "methadone": 2,
    "unknown_dose": 2,
    "in_treatment": 2,
    "fentanyl_buccal": 2,
    "long_with_z_drug": 3,
    "long_z_drug_in_aug": 4,
    "long_clonazepam": 4,
    "four_months_diazepam": 3,
    "four_months": 4,
    "seven_months": 4,
    "grown_up": 2,
    "age_unknown": 2,
    "dying": 1,
}


@pytest.fixture
def people(case_list_of: CaseListOf) -> dict[str, dict]:
    return case_list_of(PEOPLE)


def test_each_rule_alone_puts_an_adult_on_the_list_with_its_priority(people: dict[str, dict]) -> None:
    assert {key: row["priority"] for key, row in people.items()} == PRIORITIES


def test_the_reason_says_the_rule_with_the_patients_own_numbers(people: dict[str, dict]) -> None:
    why = {key: row["why_listed"] for key, row in people.items()}
    assert why["high"] == "High dose: 148 mg a day over 3 months, 147 over 6. Opioids for at least 23 months."
    assert why["high_gabapentin"].endswith("With gabapentin in the last 3 months.")
    assert why["high_at_75"].endswith("Aged 75.")
    assert "Aged" not in why["high_at_74"]
    assert why["high_in_treatment"].endswith("Dependence treatment beside opioids (buprenorphine, last in Jun 2024).")
    assert "Dose of 200 mg a day or more." in why["very_high"]
    assert why["possible"].startswith("Possibly high dose: 134 mg a day over 3 months but 116 over 6.")
    assert why["recent"].startswith("High dose over 6 months (132 mg a day), now 89 over 3 months:")
    assert why["new"] == "New and high: 147 mg a day in the 2 months since opioids began."
    assert why["rising_to_89"].startswith("Rising fast: 89 mg a day, from 29 six months before.")
    assert why["methadone"] == "Methadone in the last 3 months."
    assert why["unknown_dose"] == "Dose not known: 1 item could not be converted."
    assert why["in_treatment"] == "Dependence treatment beside opioids (buprenorphine, last in Jun 2024)."
    assert why["fentanyl_buccal"] == "Immediate-release fentanyl in the last 3 months."
    assert why["long_with_z_drug"] == "Opioids for at least 23 months. With zopiclone in the last 3 months."
    assert why["four_months"] == "Opioids for 4 months: not yet long term, the time to act."
    assert why["seven_months"] == "Opioids for 7 months."


def test_likely_end_of_life_keeps_its_number_but_asks_for_the_record_first(people: dict[str, dict]) -> None:
    dying = people["dying"]
    assert (dying["priority"], dying["palliative_proxy"]) == (1, "strong")
    assert dying["priority_text"] == "likely end of life (1): check the record first, do not invite"
    assert dying["cautions"].startswith("likely end of life")
    assert "injected opioids are not counted in the dose" in dying["cautions"]
    assert people["high"]["priority_text"] == "2 – review soon"


def test_an_unknown_age_stays_on_the_list_with_a_caution(people: dict[str, dict]) -> None:
    assert "age not known: may be under 18" in people["age_unknown"]["cautions"]


def test_a_change_is_against_the_dose_six_months_before(people: dict[str, dict]) -> None:
    # March to May have 92 days: 3 x 15 x 60 / 92 = 29.3478; September to November 3 x 45 x 60 / 91 = 89.0110.
    assert people["rising_to_89"]["change_vs_6_months_before"] == Decimal("59.6632")
    assert people["new"]["change_vs_6_months_before"] is None


@pytest.mark.parametrize(
    ("tablets", "band"),
    [
        # 4,550 mg over 91 days are 50 a day; 8,190 are 90; 10,920 are 120; 18,200 are 200. Tablets of 10 mg.
        (454, "under 50"),
        (455, "50 to under 90"),
        (818, "50 to under 90"),
        (819, "90 to 120"),
        (1092, "90 to 120"),
        (1093, "over 120 to under 200"),
        (1819, "over 120 to under 200"),
        (1820, "200 and over"),
    ],
)
def test_a_band_has_no_gap_and_exactly_120_is_not_over_it(case_list_of: CaseListOf, tablets: int, band: str) -> None:
    rows = case_list_of(
        f"""
        patient | months           | product | quantity
        a       | 2024-01..2024-08 | MST 10  | 300
        a       | 2024-09,2024-10  | MST 10  | 100
        a       | 2024-11          | MST 10  | {tablets - 200}
        """
    )
    assert rows["a"]["band"] == band


def test_a_dose_just_above_the_line_is_not_called_the_line(case_list_of: CaseListOf) -> None:
    rows = case_list_of(
        """
        patient | months           | product | quantity
        over    | 2024-01..2024-10 | MST 10  | 364
        over    | 2024-11          | MST 10  | 365
        """
    )
    assert rows["over"]["why_listed"].startswith("Possibly high dose: just over 120 mg a day over 3 months")


def test_a_lower_bound_says_at_least(case_list_of: CaseListOf) -> None:
    rows = case_list_of(
        """
        patient | months           | product                 | quantity
        a       | 2024-01..2024-12 | MST 60                  | 75
        a       | 2024-10          | morphine of no strength | 300
        """
    )
    assert "High dose: at least 148 mg a day over 3 months" in rows["a"]["why_listed"]
    assert "Dose is at least 148 mg a day: 1 item could not be converted." in rows["a"]["why_listed"]
    assert "Morphine oral solution: 300 ml in Oct 2024 (immediate-release, dose not known)" in rows["a"]["opioids"]


def test_opioids_are_given_with_their_monthly_quantity_and_kind(case_list_of: CaseListOf) -> None:
    rows = case_list_of(
        """
        patient  | months            | product            | quantity
        mixed    | 2024-01..2024-12  | MST 60             | 56
        mixed    | 2024-01..2024-12  | Oramorph           | 300
        mixed    | 2024-10           | morphine injection | 10
        switched | 2024-01..2024-09  | MST 60             | 56
        switched | 2024-10..2024-12  | fentanyl 25 patch  | 10
        both     | 2024-01..2024-12  | MST 60             | 56
        both     | 2024-09,2024-11   | fentanyl 25 patch  | 10
        uneven   | 2024-01..2024-10  | co-codamol         | 56
        uneven   | 2024-11           | co-codamol         | 100
        returned | 2024-01..2024-12  | MST 60             | 56
        returned | 2024-11           | MST 30             | 56
        returned | 2024-11           | MST 30             | -56
        long     | 2024-01,2024-03,2024-05,2024-07,2024-09 | MST 60 | 112
        """
    )
    opioids = {key: row["opioids"] for key, row in rows.items()}
    assert opioids["mixed"] == (
        "Morphine 60mg modified-release tablets: 56 a month (modified-release); "
        "Oramorph 10mg/5ml oral solution: 300 ml a month (immediate-release); "
        "Morphine sulfate 10mg/1ml solution for injection ampoules: 10 in Oct 2024 (injection)"
    )
    assert opioids["switched"] == (
        "Fentanyl 25micrograms/hour transdermal patches: 20 in all, in 2 of 3 months (patch); "
        "Morphine 60mg modified-release tablets: 56 in Sep 2024 (modified-release)"
    )
    assert opioids["both"].endswith(
        "; two or more long-acting opioids in one month: fentanyl and morphine (in 2 of 3 months)"
    )
    assert opioids["uneven"] == "Co-codamol 30mg/500mg tablets: about 71 a month (immediate-release)"
    assert "Morphine 30mg modified-release tablets: nothing left after returns" in opioids["returned"]
    assert opioids["long"] == "Morphine 60mg modified-release tablets: 112 in Sep 2024 (modified-release)"


def test_other_medicines_are_those_of_the_last_three_months(case_list_of: CaseListOf) -> None:
    rows = case_list_of(
        """
        patient | months           | product    | quantity
        a       | 2023-01..2024-12 | co-codamol | 56
        # 3 x 84 x 300 mg over 91 days
        a       | 2023-01..2024-12 | gabapentin | 84
        # began in November: 60 x 75 mg over its 30 days
        a       | 2024-11          | pregabalin | 60
        a       | 2024-10          | clonazepam | 28
        a       | 2024-09          | diazepam   | 28
        a       | 2024-08          | zopiclone  | 28
        """
    )
    assert rows["a"]["gabapentinoids"] == (
        "gabapentin about 831 mg a day, last in Nov 2024; pregabalin about 150 mg a day, last in Nov 2024"
    )
    assert rows["a"]["other_sedatives"] == (
        "clonazepam, last in Oct 2024 (not counted in the measure); diazepam, last in Sep 2024"
    )
    assert "With diazepam, gabapentin, pregabalin in the last 3 months." in rows["a"]["why_listed"]


def test_cautions_are_said_in_words(case_list_of: CaseListOf) -> None:
    rows = case_list_of(
        """
        patient   | months           | product    | quantity | practice
        elsewhere | 2024-01..2024-12 | co-codamol | 56       |
        elsewhere | 2024-10          | diazepam   | 28       | Y00001
        newcomer  | 2024-10..2024-12 | MST 60     | 75       |
        away      | 2024-01..2024-10 | co-codamol | 56       |
        patch     | 2024-01..2024-12 | Transtec 35 | 8       |
        keyed     | 2024-01..2024-12 | co-codamol | 56       |
        keyed     | 2024-11          | co-codamol | 5600     |
        plain     | 2023-01..2024-12 | co-codamol | 56       |
        """
    )
    cautions = {key: row["cautions"] for key, row in rows.items()}
    assert cautions["elsewhere"] == "also prescribed by NIGHT SERVICE (Y00001)"
    assert cautions["newcomer"].startswith("first seen in the data in Oct 2024: may have moved here")
    assert cautions["away"].startswith("no item this month: check that the patient is alive and registered")
    assert "if the patch is changed twice a week, the true dose is about an eighth less" in cautions["patch"]
    assert cautions["keyed"].startswith("unusual quantity recorded")
    assert "5656 in" not in rows["keyed"]["opioids"]
    assert "unusual quantity" in rows["keyed"]["opioids"]
    assert cautions["plain"] is None


def test_the_list_says_what_changed_since_the_month_before(case_list_of: CaseListOf) -> None:
    rows = case_list_of(
        """
        patient | months           | product    | quantity
        joined  | 2024-08..2024-12 | co-codamol | 56
        stayed  | 2024-07..2024-12 | co-codamol | 56
        rose    | 2024-01..2024-10 | MST 60     | 45
        rose    | 2024-11          | MST 60     | 60
        left    | 2024-04..2024-08 | co-codamol | 56
        """
    )
    assert {key: row["change_since_last_month"] for key, row in rows.items()} == {
        "joined": "joined",
        "stayed": "stayed",
        "rose": "band changed: was 50 to under 90",
    }


def test_a_month_in_which_a_rule_first_exists_does_not_claim_that_people_joined(case_list_of: CaseListOf) -> None:
    table = """
        patient | months           | product    | quantity
        long    | 2024-01..2024-08 | co-codamol | 56
        """
    # The list is that of the seventh month of data: nobody could be long term before it.
    rows = case_list_of(table, loaded="2024-01..2024-08")
    assert rows["long"]["as_at_month"] == date(2024, 7, 1)
    assert rows["long"]["change_since_last_month"] == "not known: too little history"


def test_a_month_missing_from_the_data_is_said(case_list_of: CaseListOf) -> None:
    table = """
        patient | months                              | product    | quantity
        long    | 2023-01..2024-09, 2024-11..2024-12  | co-codamol | 56
        """
    rows = case_list_of(table, loaded="2023-01..2024-09, 2024-11..2024-12")
    assert rows["long"]["change_since_last_month"] == "stayed (since Sep 2024)"
    assert "a month is missing from the data: the dose leaves it out" in rows["long"]["cautions"]
    assert rows["long"]["opioids"] == "Co-codamol 30mg/500mg tablets: 56 a month (immediate-release)"


def test_the_month_of_the_list_can_be_asked_for(case_list_of: CaseListOf) -> None:
    table = """
        patient | months           | product    | quantity
        long    | 2023-01..2024-12 | co-codamol | 56
        """
    assert case_list_of(table, as_at="2024-06-01")["long"]["as_at_month"] == date(2024, 6, 1)
    assert case_list_of(table, as_at="2024-12-01")["long"]["as_at_month"] == date(2024, 12, 1)
    assert case_list_of(table, as_at="2025-06-01") == {}


def test_one_month_of_data_is_provisional_and_still_makes_a_list(case_list_of: CaseListOf) -> None:
    table = """
        patient | months  | product     | quantity
        a       | 2024-01 | methadone 5 | 56
        """
    row = case_list_of(table, loaded="2024-01")["a"]
    assert (row["as_at_month"], row["change_since_last_month"]) == (date(2024, 1, 1), "not known: too little history")


def test_the_order_of_the_rows_does_not_change_the_list(tmp_path: Path) -> None:
    def listed(seed: int | None, threads: int) -> list[dict]:
        engine = build_from(tables_of(PEOPLE, "2023-01..2024-12", seed), "marts.case_list", tmp_path, threads)
        rows = engine.fetch("SELECT * FROM marts.case_list ORDER BY ALL").to_pylist()
        engine.close()
        return rows

    assert listed(None, 1) == listed(1, 4) == listed(2, 8)


Tamper = Callable[[pa.Table], pa.Table]
REVIEWS = reviews_table([Review("high_at_74", date(2024, 11, 5), "excluded: cancer", "AB")])


def as_it_is(table: pa.Table) -> pa.Table:
    return table


def offences(
    tmp_path: Path, tamper: Tamper, dose_unknown: int = 1, listed_in_trends: int = 23, excluded: Tamper = as_it_is
) -> set[str]:
    """Rules that the check finds broken once somebody has tampered with the list; one person is excluded by review."""
    tables = {**tables_of(PEOPLE, "2023-01..2024-12"), "raw.reviews": REVIEWS}
    engine = build_from(tables, "marts.case_list", tmp_path)
    listed = tamper(engine.fetch("SELECT * FROM marts.case_list"))
    left_out = (assets.SQL_DIR / "marts" / "case_list_excluded.sql").read_text(encoding="utf-8")
    left_out_table = excluded(engine.fetch(left_out))
    engine.close()
    measures = ["dose_unknown", "high_dose", "listed"]
    trends = pa.table(
        {
            "org_level": ["all"] * 3,
            "month": pa.array([date(2024, 11, 1)] * 3, pa.date32()),
            "measure": measures,
            "numerator": [float(dose_unknown), 10.0, float(listed_in_trends)],
        }
    )
    given = {"marts.case_list": listed, "marts.case_list_excluded": left_out_table, "marts.trends": trends}
    engine = build_from({**tables, **given}, "marts.patient_month", tmp_path)
    list_month = (assets.SQL_DIR / "intermediate" / "int_case_list__month.sql").read_text(encoding="utf-8")
    engine.create("intermediate.int_case_list__month", list_month, {"as_at_month": None})
    rules = (assets.SQL_DIR / "marts" / "case_list_rules.sql").read_text(encoding="utf-8")
    engine.create("marts.case_list_rules", rules, {})
    check = (assets.SQL_DIR / "checks" / "assert_case_list_agrees_with_cohorts.sql").read_text(encoding="utf-8")
    found = {row["rule"] for row in engine.fetch(check).to_pylist()}
    engine.close()
    return found


def test_the_check_agrees_when_list_and_cohorts_do(tmp_path: Path) -> None:
    assert offences(tmp_path, lambda listed: listed) == set()


def test_the_check_notices_a_patient_who_is_lost(tmp_path: Path) -> None:
    found = offences(tmp_path, lambda listed: listed.filter(pa.compute.field("patient_key") != "methadone"))
    assert found == {"methadone_3m", "listed"}


def test_the_check_notices_a_patient_without_a_rule_or_under_18(tmp_path: Path) -> None:
    def with_child(listed: pa.Table) -> pa.Table:
        rows = listed.to_pylist()
        return pa.Table.from_pylist([*rows, {**rows[0], "patient_key": "child"}], schema=listed.schema)

    assert offences(tmp_path, with_child) == {"on the list without a rule, under 18 or excluded", "listed"}


def test_the_check_notices_a_count_that_the_trends_do_not_share(tmp_path: Path) -> None:
    assert offences(tmp_path, lambda listed: listed, dose_unknown=2) == {"dose_unknown"}


def test_the_check_notices_somebody_excluded_who_is_not_named_so(tmp_path: Path) -> None:
    found = offences(tmp_path, as_it_is, excluded=lambda table: table.slice(0, 0))
    assert found == {"excluded by review, not named so or named so without a rule"}


def test_the_check_notices_a_list_of_another_length_than_the_trends_say(tmp_path: Path) -> None:
    assert offences(tmp_path, as_it_is, listed_in_trends=24) == {"listed"}
