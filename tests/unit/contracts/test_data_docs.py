"""Data Docs open from a folder without a network, and hold no count of patients."""

import re
import shutil
import subprocess
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipelines import assets
from pipelines.config import load_settings
from pipelines.contracts import ContractReport, check_contracts, write_data_docs
from pipelines.contracts.data_docs import offline
from pipelines.engine.duckdb import DuckDBEngine

FILES = {file.stem: file for file in load_settings().expectation_files}
CHROMIUM = shutil.which("chromium")
LISTS = [
    # 40 practices of 1,000: a median far below the bound of 2,000.
    {"practice_code": f"A{number}", "list_month": date(2024, 1, 1), "registered_patients": 1000}
    for number in range(40)
]


def checked(tmp_path: Path) -> ContractReport:
    """Lists that break a bound, and patients' items of which 137 in 1,000 are not identified."""
    engine = DuckDBEngine(None, tmp_path)
    lists = pa.schema(
        [("practice_code", pa.string()), ("list_month", pa.date32()), ("registered_patients", pa.int32())]
    )
    engine.load("intermediate.int_list_sizes__monthly", pa.Table.from_pylist(LISTS, schema=lists))
    engine.load("intermediate.int_items__described", _items())
    engine.load("intermediate.int_register__file_months", _file_months())
    report = check_contracts(engine, [FILES["list_sizes"], FILES["patient_items"]], assets.SQL_DIR, with_pages=True)
    engine.close()
    return report


def _items() -> pa.Table:
    rows: list[dict[str, Any]] = [
        {"source": "patient", "item_id": f"abcdefabcdef:{line}", "month": date(2024, 1, 1), "practice_code": "A1",
         "patient_key": None if line < 137 else "p", "bnf_code": "0407020Q0AAAAAA", "items": 1, "total_quantity": 56}
        for line in range(1000)
    ]  # fmt: skip
    return pa.Table.from_pylist(rows)


def _file_months() -> pa.Table:
    return pa.Table.from_pylist(
        [
            {"sha256": "abcdefabcdef0", "file_name": "items.csv", "month": date(2024, 1, 1), "source": "patient_items",
             "is_current": True, "rows_read": 1000, "rows_quarantined": 0}
        ]
    )  # fmt: skip


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs")
    return write_data_docs(checked(folder), "0123456789abcdef", folder / "reports").parent


def test_there_is_a_page_a_suite_and_an_index_that_leads_to_each(pages: Path) -> None:
    index = (pages / "index.html").read_text(encoding="utf-8")
    assert {file.name for file in pages.iterdir()} == {"index.html", "list_sizes.html", "patient_items.html"}
    assert all(f'href="{name}.html"' in index for name in ("list_sizes", "patient_items"))
    assert "Registered patients (list sizes): median list of a practice in 2024-01, beyond at least 2,000" in index


def test_nothing_is_asked_of_another_server(pages: Path) -> None:
    for file in pages.iterdir():
        page = file.read_text(encoding="utf-8")
        assert not re.search(r"<(script|link|img|iframe)\b", page, re.IGNORECASE), file.name
        assert not re.search(r"https?://|@import|url\(", page), file.name


def test_every_link_leads_somewhere(pages: Path) -> None:
    for file in pages.iterdir():
        page = file.read_text(encoding="utf-8")
        for target in re.findall(r'href="([^"]+)"', page):
            if target.startswith("#"):
                assert f'id="{target[1:]}"' in page, f"{file.name}: {target}"
            else:
                assert (pages / target).exists(), f"{file.name}: {target}"


def test_a_page_says_what_is_met_and_what_is_not_in_words_and_why(pages: Path) -> None:
    page = (pages / "list_sizes.html").read_text(encoding="utf-8")
    assert page.count('<strong class="not-met">not met</strong>') == 2  # the failed check, and the whole
    assert "7,930 in England, January 2021" in page
    assert "said at the head of outputs" in page


def test_figures_of_patients_are_not_on_any_page(pages: Path) -> None:
    text = (pages / "patient_items.html").read_text(encoding="utf-8") + (pages / "index.html").read_text("utf-8")
    assert "share of rows whose patient is not identified" in text
    assert not re.search(r"0\.137|13\.7|\b137\b", text)


def test_the_same_result_gives_the_same_bytes(pages: Path, tmp_path: Path) -> None:
    again = write_data_docs(checked(tmp_path), "0123456789abcdef", tmp_path / "reports").parent
    for file in pages.iterdir():
        assert (again / file.name).read_bytes() == file.read_bytes(), file.name


@pytest.mark.parametrize(
    "asking",
    [
        '<script src="https://x.org/a.js"></script>',
        "<link rel='stylesheet' href='//x.org/a.css'>",
        '<img src="http://x.org/a.png">',
        "<style>@import url(https://x.org/a.css)</style>",
        '<a href="https://x.org/">x</a>',
        "<form action='https://x.org/'></form>",
    ],
)
def test_whatever_asks_another_server_is_taken_out(asking: str) -> None:
    assert "x.org" not in offline(f"<html><head></head><body>{asking}</body></html>")


@pytest.mark.skipif(CHROMIUM is None, reason="no browser is installed")
def test_a_browser_without_a_network_shows_the_page(pages: Path, tmp_path: Path) -> None:
    command = [
        str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
        "--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={tmp_path}", "--dump-dom",
        (pages / "list_sizes.html").as_uri(),
    ]  # fmt: skip
    shown = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    assert "not met" in shown
    assert "bounds and their reasons" in shown
