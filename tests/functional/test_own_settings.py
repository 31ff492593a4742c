"""A report of one's own as a user brings it, with lines above its header and a total; settings beside the data."""

import json
from pathlib import Path

import pytest
from commands import Opioids

from pipelines import assets

ITEM = "01/{month}/2024,A81001,9990000018,040702040AAAAAA,Tramadol 50mg capsules,112,1,{quantity}"
REPORT = """\ufeffOpioid report
"Run by A Lead, 14/01/2026"
Period: 2024
Month of dispensing,GP ODS,NHS No,BNF 15,Product,Qty each,No of items,Qty total
{items}
Grand total,,,,,,,"{total}"
"""
OWN_NAMES = {
    '"Year Month"': '"Month of dispensing"',
    '"Practice Code"': '"GP ODS"',
    '"Patient ID"': '"NHS No"',
    '"BNF Code"': '"BNF 15"',
    '"BNF Description"': '"Product"',
    '"Items"': '"No of items"',
    '"Total Quantity"': '"Qty total"',
    "(Report )?[Tt]otal": "(Grand |Report )?[Tt]otal",
}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder in which a layout of one's own lies."""
    text = (assets.CONFIG_DIR / "sources" / "epact2_items.toml").read_text(encoding="utf-8")
    for shipped, own in OWN_NAMES.items():
        assert shipped in text
        text = text.replace(shipped, own, 1)
    sources = tmp_path / "data" / "settings" / "sources"
    sources.mkdir(parents=True)
    (sources / "my_report.toml").write_text(text, encoding="utf-8")
    return tmp_path / "data"


@pytest.fixture
def report(tmp_path: Path) -> Path:
    items = "\n".join(ITEM.format(month=f"{month:02}", quantity='"1,120"') for month in (1, 2, 3))
    file = tmp_path / "opioids 2024.csv"
    file.write_text(REPORT.format(items=items, total="3,360"), encoding="utf-8")
    return file


def test_without_a_layout_the_way_to_one_is_shown(opioids: Opioids, tmp_path: Path, report: Path) -> None:
    refused = opioids("layouts", "test", report, "--data-dir", tmp_path / "none")
    assert refused.code == 5
    assert "--layout epact2_items" in refused.err
    shown = opioids("layouts", "test", report, "--layout", "epact2_items", "--data-dir", tmp_path / "none")
    assert shown.code == 5
    assert "Columns of the file that no field names: 'Month of dispensing', 'GP ODS', 'NHS No'" in shown.out


def test_settings_beside_the_data_hold_for_every_command(opioids: Opioids, data: Path, report: Path) -> None:
    tried = opioids("layouts", "test", report, "--data-dir", data)
    assert tried.code == 0, tried.err
    assert "Data begin at line 5." in tried.out
    assert opioids("add", report, "--data-dir", data).out == "opioids 2024.csv: my_report\n"
    planned = json.loads(opioids("plan", "--json", "--data-dir", data).out)
    # The line of the total is a footer: three rows, one a month.
    assert [(change["month"], change["rows_then"]) for change in planned["months"]] == [
        (f"2024-0{month}-01", 1) for month in (1, 2, 3)
    ]
    assert "1 file(s) of your own" in opioids("doctor", "--data-dir", data).out
    # Another folder that is given goes before them; what came under a layout that is gone is a fault before it is one.
    elsewhere = opioids("doctor", "--data-dir", data, "--config-dir", data.parent)
    assert elsewhere.code != 0
    assert (data / "settings").rename(data.parent / "elsewhere")
    gone = opioids("doctor", "--data-dir", data)
    assert "FAULT  settings: files came under a layout that is not there any more: my_report" in gone.out
    assert gone.code == 1


def test_a_report_without_a_quantity_is_told_before_it_comes(opioids: Opioids, data: Path, report: Path) -> None:
    own = data / "settings" / "sources" / "my_report.toml"
    own.write_text(own.read_text(encoding="utf-8").replace('"Qty total"', '"Qty paid"'), encoding="utf-8")
    assert "NO QUANTITY" in opioids("layouts", "test", report, "--data-dir", data).out


def test_a_file_is_taken_back_by_its_name_and_comes_again_when_it_is_asked_for(
    opioids: Opioids, data: Path, report: Path
) -> None:
    empty = report.with_name("empty.csv")
    empty.write_text(REPORT.format(items="", total="0"), encoding="utf-8")
    opioids("add", empty, "--data-dir", data)
    assert "it has a header and no rows" in opioids("plan", "--data-dir", data).out
    opioids("withdraw", "empty.csv", "--data-dir", data)
    opioids("add", report, "--data-dir", data)
    taken = opioids("withdraw", report.name, "--data-dir", data)
    assert (taken.code, taken.out.splitlines()) == (
        0,
        ["Withdrawn: no refresh takes these in again", "  opioids 2024.csv"],
    )
    assert "0 registered and not landed" in opioids("status", "--data-dir", data).out
    assert opioids("withdraw", report.name, "--data-dir", data).code == 2
    assert opioids("add", report, "--data-dir", data).out == "opioids 2024.csv: my_report (withdrawn: it stays out)\n"
    assert opioids("add", "--again", report, "--data-dir", data).out == "opioids 2024.csv: my_report\n"
    assert "1 registered and not landed" in opioids("status", "--data-dir", data).out


def test_notify_that_would_tell_nobody_says_so(opioids: Opioids, tmp_path: Path) -> None:
    answer = opioids("refresh", "--notify", "--data-dir", tmp_path / "data", "--reports-dir", tmp_path / "reports")
    assert answer.code == 10
    assert "--notify tells nobody" in answer.err
    assert str(tmp_path / "data") in answer.err
