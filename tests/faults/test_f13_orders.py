"""Fault F13: monthly deliveries in any order, again, renamed, packed anew: the marts are one content.

OPIOIDS_ORDERS=30 for more orders than every run needs: `make test-orders`.
"""

import csv
import gzip
import hashlib
import os
import random
import zipfile
from datetime import date
from pathlib import Path

import pytest

from pipelines import assets
from pipelines.build import BuildInputs, build
from pipelines.config import load_settings
from pipelines.engine.duckdb import DuckDBEngine
from pipelines.folders import DataFolder
from pipelines.ingest.delivery import add_files
from pipelines.ingest.landing import land_new_files
from pipelines.ingest.register import Register
from pipelines.products import ProductReference, followed_prefixes
from pipelines.synthetic import write_extract

MONTHS, PATIENTS, AGAIN = 24, 60, 6
# What a file was called when it first came, and when: the only things the order may change.
OF_THE_ORDER = {"marts.load_manifest": {"file_name", "landed_at", "added_at"}, "marts.runs": None}


@pytest.fixture(scope="module")
def deliveries(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Path], list[Path]]:
    """A file a month of patients' items, and the files that come once."""
    folder = tmp_path_factory.mktemp("extract")
    write_extract(
        folder, patients=PATIENTS, months=MONTHS, seed=7, start=date(2023, 1, 1), reference_dir=assets.REFERENCE_DIR
    )
    once = [file for file in sorted(folder.iterdir()) if file.name not in ("patient_items.csv", "epd.csv")]
    with (folder / "patient_items.csv").open(newline="", encoding="utf-8") as handle:
        header, *rows = csv.reader(handle)
    by_month: dict[str, list[list[str]]] = {}
    for row in rows:
        by_month.setdefault(row[0], []).append(row)
    monthly = folder / "monthly"
    monthly.mkdir()
    for month, of_month in by_month.items():
        with (monthly / f"{month}.csv").open("w", newline="", encoding="utf-8") as handle:
            csv.writer(handle, lineterminator="\n").writerows([header, *of_month])
    assert len(by_month) == MONTHS
    return sorted(monthly.iterdir()), once


def dressed(file: Path, folder: Path, draw: random.Random, number: int) -> Path:
    """The same content under another name, as it is, in a zip or in a gz."""
    name, content = f"{draw.randrange(10**6)}-{number}", file.read_bytes()
    dress = draw.choice(["csv", "zip", "gz"])
    path = folder / f"{name}.{dress}"
    if dress == "zip":
        with zipfile.ZipFile(path, "w", draw.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])) as archive:
            archive.writestr(f"{name}.csv", content)
    else:
        path.write_bytes(gzip.compress(content, draw.randrange(1, 10)) if dress == "gz" else content)
    return path


def content_of_marts(data: DataFolder, folder: Path, threads: int = 0) -> dict[str, str]:
    """A hash of the rows of every mart."""
    settings = load_settings()
    engine = DuckDBEngine(None, folder, threads=threads)
    try:
        inputs = BuildInputs(
            data, settings, tuple(Register(data).loaded_months()), assets.SQL_DIR, assets.REFERENCE_DIR, None
        )
        marts = sorted(name for name in build(inputs, engine) if name.startswith("marts."))
        hashes = {}
        for name in marts:
            left_out = OF_THE_ORDER.get(name, set())
            if left_out is None:
                continue
            table = engine.fetch(f"SELECT * FROM {name} ORDER BY ALL")
            kept = [column for column in table.column_names if column not in left_out]
            rows = sorted(map(repr, zip(*(table[column].to_pylist() for column in kept), strict=True)))
            hashes[name] = hashlib.sha256("\n".join([*kept, *rows]).encode()).hexdigest()
        assert engine.count("marts.patient_month") > PATIENTS
        return hashes
    finally:
        engine.close()


def test_f13_monthly_deliveries_in_any_order_again_renamed_and_packed_anew_give_the_same_marts(
    deliveries: tuple[list[Path], list[Path]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPIOIDS_KEY_FILE", str(tmp_path / "key"))
    monthly, once = deliveries
    followed = followed_prefixes(ProductReference.load(assets.REFERENCE_DIR))
    found = []
    for seed in range(int(os.environ.get("OPIOIDS_ORDERS", "2"))):
        draw = random.Random(seed)
        folder = tmp_path / f"order{seed}"
        folder.mkdir()
        data = DataFolder(folder / "data")
        data.prepare()
        settings = load_settings()
        orders = [*([file] for file in [*monthly, *draw.sample(monthly, AGAIN)]), once]
        draw.shuffle(orders)
        for number, files in enumerate(orders):
            sent = files if files is once else [dressed(file, folder, draw, number) for file in files]
            add_files(sent, data, settings)
            if draw.random() < 0.3:
                land_new_files(data, settings, followed)
        land_new_files(data, settings, followed)
        # Nor does the number of threads make a difference to any mart.
        found.append(content_of_marts(data, folder, threads=1 + seed % 2))
    assert len(found[0]) > 10
    assert all(content == found[0] for content in found)
