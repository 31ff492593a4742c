"""Which months patients' data hold: those of a current file with a row that was not quarantined."""

from datetime import date
from pathlib import Path

import pyarrow as pa
from patient_tables import FILE_MONTHS
from support import build_from

REGISTER = """
source        | month   | current | read | quarantined
patient_items | 2023-12 | yes     | 10   | 0
patient_items | 2024-01 | yes     | 10   | 9
patient_items | 2024-02 | yes     | 10   | 10
patient_items | 2024-03 | yes     | 10   | 0
patient_items | 2024-03 | yes     | 5    | 0
patient_items | 2024-04 |         | 10   | 0
patient_items |         | yes     | 10   | 0
epd           | 2024-05 | yes     | 10   | 0
"""


def test_months_are_loaded_numbered_and_the_newest_is_provisional(tmp_path: Path) -> None:
    rows = [[cell.strip() for cell in line.split("|")] for line in REGISTER.strip().splitlines()[1:]]
    register = [
        (source, date.fromisoformat(f"{month}-01") if month else None, current == "yes", int(read), int(bad))
        for source, month, current, read, bad in rows
    ]
    table = pa.table(
        {
            field.name: pa.array(column, field.type)
            for field, column in zip(FILE_MONTHS, zip(*register, strict=True), strict=True)
        }
    )
    engine = build_from({"staging.stg_register__file_months": table}, "intermediate.int_months__patient", tmp_path)
    columns = ("month", "is_loaded", "data_month_number", "loaded_days_1m", "loaded_days_3m", "is_provisional")
    found = engine.fetch(
        f"SELECT {', '.join(columns)} FROM intermediate.int_months__patient ORDER BY month"
    ).to_pylist()
    engine.close()
    # February was quarantined whole: it has no days. Three months to March: 31 + 0 + 31 = 62 days.
    assert [tuple(row.values()) for row in found] == [
        (date(2023, 12, 1), True, 1, 31, 31, False),
        (date(2024, 1, 1), True, 2, 31, 62, False),
        (date(2024, 2, 1), False, 2, 0, 62, False),
        (date(2024, 3, 1), True, 3, 31, 62, True),
    ]
