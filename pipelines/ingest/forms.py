"""The forms that a data folder has had: the tables of the register, and the way from each form to the next.

The form of a folder is the `user_version` of its register, the one number that says which code can read it. A change
of any table of data/state/ or data/identifiable/ raises it and adds a step below; a step is never changed again.
"""

import sqlite3
from collections.abc import Callable

FORM = 4

TABLES = """
CREATE TABLE deliveries (
    delivery INTEGER PRIMARY KEY AUTOINCREMENT, added_at TEXT NOT NULL, withdrawn_at TEXT, withdrawn_by TEXT
);
CREATE TABLE files (
    sha256 TEXT PRIMARY KEY, delivery INTEGER NOT NULL REFERENCES deliveries, file_name TEXT NOT NULL,
    layout TEXT NOT NULL, source TEXT NOT NULL, month_given TEXT, size_bytes INTEGER NOT NULL, kept_as TEXT NOT NULL,
    original_removed TEXT, withdrawn_at TEXT
);
CREATE TABLE landings (
    sha256 TEXT PRIMARY KEY REFERENCES files, landing_rules TEXT NOT NULL, landed_at TEXT NOT NULL,
    extra_columns TEXT NOT NULL, replaced_by TEXT
);
CREATE TABLE file_months (
    sha256 TEXT NOT NULL REFERENCES files, month TEXT, rows_read INTEGER NOT NULL, rows_loaded INTEGER NOT NULL,
    rows_out_of_scope INTEGER NOT NULL, rows_quarantined INTEGER NOT NULL, rows_duplicate INTEGER NOT NULL,
    total_quantity TEXT, quantity_loaded TEXT, values_blanked INTEGER NOT NULL,
    rows_opted_out INTEGER NOT NULL DEFAULT 0, part TEXT NOT NULL DEFAULT ''
);
CREATE TABLE runs (
    run_id TEXT PRIMARY KEY, started_at TEXT NOT NULL, finished_at TEXT, outcome TEXT NOT NULL, message TEXT,
    snapshot_id TEXT, cohort_version TEXT, factor_set TEXT, scope TEXT, as_at_month TEXT, allow_unconverted TEXT,
    process_id INTEGER
);
"""


def _to_2(register: sqlite3.Connection) -> None:
    """Deliveries can be withdrawn, originals removed, people opted out; a run names its process."""
    for table, column in (
        ("deliveries", "withdrawn_at TEXT"),
        ("deliveries", "withdrawn_by TEXT"),
        ("files", "original_removed TEXT"),
        ("landings", "replaced_by TEXT"),
        ("file_months", "rows_opted_out INTEGER NOT NULL DEFAULT 0"),
        ("runs", "process_id INTEGER"),
    ):
        register.execute(f"ALTER TABLE {table} ADD COLUMN {column}")


def _to_3(register: sqlite3.Connection) -> None:
    """A file may be one part of its month."""
    register.execute("ALTER TABLE file_months ADD COLUMN part TEXT NOT NULL DEFAULT ''")


def _to_4(register: sqlite3.Connection) -> None:
    """One file of a delivery can be withdrawn."""
    register.execute("ALTER TABLE files ADD COLUMN withdrawn_at TEXT")


# The step that leaves a form.
STEPS: dict[int, Callable[[sqlite3.Connection], None]] = {1: _to_2, 2: _to_3, 3: _to_4}
