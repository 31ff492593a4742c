"""Where no reference tells a GP practice from a hospital service, a cost centre may stand for a practice."""

from pathlib import Path

from support import build_from
from text_patients import tables_of

from pipelines.engine.base import Engine

# In March Anne has 30 x 30 = 900 mg from A81001 and 28 x 60 = 1,680 mg from A81002.
ITEMS = """
    patient | months  | product | quantity | practice
    anne    | 2024-01 | MST 10  | 56       | A81001
    anne    | 2024-02 | MST 10  | 56       | A81002
    anne    | 2024-03 | MST 30  | 30       | A81001
    anne    | 2024-03 | MST 60  | 28       | A81002
    ben     | 2024-01 | MST 10  | 56       | A81001
    ben     | 2024-02 | gabapentin | 84    | A81002
"""


def practices_of(engine: Engine) -> dict[tuple[str, int], str | None]:
    rows = engine.fetch("SELECT patient_key, month, practice_code FROM marts.patient_month").to_pylist()
    return {(row["patient_key"], row["month"].month): row["practice_code"] for row in rows}


def test_without_a_reference_the_newest_cost_centre_of_an_opioid_is_the_practice(tmp_path: Path) -> None:
    given = tables_of(ITEMS, "2024-01..2024-03")
    organisations = "intermediate.int_organisations__practices"
    engine = build_from({**given, organisations: given[organisations].slice(0, 0)}, "marts.patient_month", tmp_path)
    assert practices_of(engine) == {
        ("anne", 1): "A81001",
        ("anne", 2): "A81002",
        ("anne", 3): "A81002",
        ("ben", 1): "A81001",
        ("ben", 2): "A81001",
        ("ben", 3): "A81001",
    }
    engine.close()
