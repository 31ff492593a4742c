"""A data folder of form 1, as the first version wrote it: its tables are repeated here and never changed again."""

import sqlite3
from contextlib import closing

from pipelines.folders import DataFolder

TABLES = """
CREATE TABLE deliveries (delivery INTEGER PRIMARY KEY AUTOINCREMENT, added_at TEXT NOT NULL);
CREATE TABLE files (
    sha256 TEXT PRIMARY KEY, delivery INTEGER NOT NULL REFERENCES deliveries, file_name TEXT NOT NULL,
    layout TEXT NOT NULL, source TEXT NOT NULL, month_given TEXT, size_bytes INTEGER NOT NULL, kept_as TEXT NOT NULL
);
CREATE TABLE landings (
    sha256 TEXT PRIMARY KEY REFERENCES files, landing_rules TEXT NOT NULL, landed_at TEXT NOT NULL,
    extra_columns TEXT NOT NULL
);
CREATE TABLE file_months (
    sha256 TEXT NOT NULL REFERENCES files, month TEXT, rows_read INTEGER NOT NULL, rows_loaded INTEGER NOT NULL,
    rows_out_of_scope INTEGER NOT NULL, rows_quarantined INTEGER NOT NULL, rows_duplicate INTEGER NOT NULL,
    total_quantity TEXT, quantity_loaded TEXT, values_blanked INTEGER NOT NULL
);
CREATE TABLE runs (
    run_id TEXT PRIMARY KEY, started_at TEXT NOT NULL, finished_at TEXT, outcome TEXT NOT NULL, message TEXT,
    snapshot_id TEXT, cohort_version TEXT, factor_set TEXT, scope TEXT, as_at_month TEXT, allow_unconverted TEXT
);
PRAGMA user_version = 1;
"""


def rewrite_as_form_1(data: DataFolder) -> None:
    """Make the register of a folder what the first version would have written of the same files and runs."""
    register, new = data.state / "register.sqlite", data.state / "form-1.sqlite"
    with closing(sqlite3.connect(new)) as old_form:
        old_form.executescript(TABLES)
        tables = [row[0] for row in old_form.execute("SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'")]
        old_form.execute("ATTACH ? AS present", (str(register),))
        with old_form:
            for table in tables:
                columns = ", ".join(row[1] for row in old_form.execute(f"PRAGMA main.table_info({table})"))
                old_form.execute(f"INSERT INTO main.{table} SELECT {columns} FROM present.{table}")
    new.replace(register)
