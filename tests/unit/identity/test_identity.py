"""NHS numbers, the key and the pseudonyms."""

import csv
import os
import sqlite3
import stat
from pathlib import Path

import pytest

from pipelines.errors import InsecureFolder, KeyProblem
from pipelines.folders import DataFolder
from pipelines.identity import open_door
from pipelines.identity.numbers import kind_of

CONFORMANCE = os.environ.get("OPIOIDS_CONFORMANCE_DIR")


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataFolder:
    monkeypatch.setenv("OPIOIDS_KEY_FILE", str(tmp_path / "key"))
    folder = DataFolder(tmp_path / "data")
    folder.prepare()
    return folder


@pytest.mark.parametrize(
    ("identifier", "kind"),
    [
        ("9434765919", "nhs_number"),
        ("943 476 5919", "nhs_number"),
        ("9434765918", "invalid_nhs_number"),
        ("943476591X", "invalid_nhs_number"),
        ("0000000000", "invalid_nhs_number"),
        ("4444444444", "invalid_nhs_number"),
        ("９４３４７６５９１９", "invalid_nhs_number"),
        ("4.85E+09", "spoilt_by_spreadsheet"),
        ("4E9", "spoilt_by_spreadsheet"),
        ("a3f19c77e02b", "upstream_pseudonym"),
    ],
)
def test_an_identifier_is_what_it_looks_like(identifier: str, kind: str) -> None:
    assert kind_of(identifier) == kind


@pytest.mark.skipif(CONFORMANCE is None, reason="no conformance folder")
def test_the_published_check_digit_cases() -> None:
    assert CONFORMANCE
    with (Path(CONFORMANCE) / "vectors" / "nhs_number_mod11.csv").open(encoding="utf-8", newline="") as handle:
        cases = list(csv.DictReader(handle))
    assert len(cases) > 20
    for case in cases:
        is_placeholder = "placeholder" in case["note"]
        passes = case["passes_mod11"] == "1" and not is_placeholder
        is_spaced = "strip first" in case["note"]
        assert (kind_of(case["value"]) == "nhs_number") == (passes or is_spaced), case


def test_a_pseudonym_is_stable_keyed_and_apart_from_the_number(data: DataFolder) -> None:
    first = open_door(data).pass_through(["9434765919", "943 476 5919", "some-upstream-id"], "x.csv")
    again = open_door(data).pass_through(["9434765919"], "y.csv")
    assert first[0].patient_key == first[1].patient_key == again[0].patient_key
    assert first[2].patient_key not in (None, "some-upstream-id", first[0].patient_key)
    with sqlite3.connect(data.identifiable / "identities.sqlite") as store:
        rows = store.execute("SELECT patient_key, nhs_number FROM identities").fetchall()
    assert rows == [(first[0].patient_key, "9434765919")]


def test_another_key_gives_another_pseudonym(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = []
    for name in ("one", "two"):
        monkeypatch.setenv("OPIOIDS_KEY_FILE", str(tmp_path / f"key-{name}"))
        folder = DataFolder(tmp_path / name)
        folder.prepare()
        keys.append(open_door(folder).pass_through(["9434765919"], "x.csv")[0].patient_key)
    assert keys[0] != keys[1]


def test_a_data_folder_refuses_another_key_and_a_lost_one(data: DataFolder, tmp_path: Path) -> None:
    open_door(data)
    key = tmp_path / "key"
    kept = key.read_bytes()
    key.unlink()
    with pytest.raises(KeyProblem, match="missing"):
        open_door(data)
    assert not key.exists()
    key.write_text("0" * 64 + "\n")
    key.chmod(0o600)
    with pytest.raises(KeyProblem, match="not the key"):
        open_door(data)
    key.write_bytes(kept)
    open_door(data)


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
def test_a_key_that_others_can_read_is_refused(data: DataFolder, tmp_path: Path) -> None:
    open_door(data)
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    (tmp_path / "key").chmod(0o644)
    with pytest.raises(KeyProblem, match="other users"):
        open_door(data)


def test_the_number_of_a_pseudonym_is_known_to_the_store_alone(data: DataFolder) -> None:
    known, upstream = open_door(data).pass_through(["943 476 5919", "an-upstream-id"], "x.csv")
    keys = [str(known.patient_key), str(upstream.patient_key), "0" * 32]
    assert open_door(data).nhs_numbers_of(keys) == {known.patient_key: "9434765919"}
    assert open_door(data).patient_key_of("9434765919") == known.patient_key


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
def test_the_folder_of_the_key_that_the_tool_made_is_refused_when_open(
    data: DataFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPIOIDS_KEY_FILE")
    monkeypatch.setattr("platformdirs.user_config_dir", lambda *_: str(tmp_path / "config"))
    open_door(data)
    assert stat.S_IMODE((tmp_path / "config").stat().st_mode) == 0o700
    (tmp_path / "config").chmod(0o755)
    with pytest.raises(InsecureFolder):
        open_door(data)


@pytest.mark.parametrize("pseudonym", ["12345678e01234567890", "0" * 15 + "1e" + "2" * 15])
def test_a_hexadecimal_pseudonym_with_one_letter_is_no_rounded_number(pseudonym: str) -> None:
    assert kind_of(pseudonym) == "upstream_pseudonym"


@pytest.mark.parametrize("rounded", ["4.85E+09", "4.85e9", "4E+09", "4E9", "9.99000001812E+09"])
def test_a_number_that_a_spreadsheet_has_rounded_is_known_in_every_form(rounded: str) -> None:
    assert kind_of(rounded) == "spoilt_by_spreadsheet"
