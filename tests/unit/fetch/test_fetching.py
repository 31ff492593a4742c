"""What `opioids fetch` says and keeps: new, republished, unchanged; one month after the other; addresses not set."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from filelock import FileLock
from open_data_server import User, a_user, epd_csv, plain, resource, well_behaved, zipped
from typer.testing import CliRunner

from pipelines.cli.main import app

JANUARY, FEBRUARY = epd_csv("202501"), epd_csv("202502")
SIZES = b"CODE,SEX,AGE,NUMBER_OF_PATIENTS,EXTRACT_DATE\nZ00001,ALL,ALL,100,01JAN2025\n"


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[User]:
    with a_user(tmp_path, monkeypatch) as user:
        user.server.lists(resource("202501"), resource("202502"))
        user.server.on("/files/r202501.zip", well_behaved(zipped(JANUARY)))
        user.server.on("/files/r202502.zip", well_behaved(zipped(FEBRUARY)))
        yield user


def downloads(user: User) -> list[str]:
    return [seen.path for seen in user.server.seen if seen.path.startswith("/files/")]


def test_new_months_are_downloaded_taken_in_and_named(user: User) -> None:
    result = user.fetches("epd", "--from", "2025-01", "--to", "latest")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        "2025-01: EPD_SNOMED_202501, new",
        "  EPD_SNOMED_202501.zip: epd, 0.0 MB",
        "2025-02: EPD_SNOMED_202502, new",
        "  EPD_SNOMED_202502.zip: epd, 0.0 MB",
    ]
    assert result.stderr == "Compute and publish with: opioids refresh\n"
    assert user.taken_in() == {"EPD_SNOMED_202501.zip": JANUARY, "EPD_SNOMED_202502.zip": FEBRUARY}
    assert user.finished() == []


def test_the_range_is_what_was_asked_for(user: User) -> None:
    assert user.fetches("epd", "--from", "2025-02", "--to", "2025-02").exit_code == 0
    assert set(user.taken_in()) == {"EPD_SNOMED_202502.zip"}


def test_what_was_fetched_is_not_downloaded_again(user: User) -> None:
    user.fetches("epd", "--from", "2025-01")
    user.server.seen.clear()
    result = user.fetches("epd", "--from", "2025-01")
    assert result.stdout.count("unchanged") == 2
    assert result.stderr == "Nothing new.\n"
    assert downloads(user) == []


def test_a_republished_month_is_downloaded_again_and_said(user: User) -> None:
    user.fetches("epd", "--from", "2025-01")
    user.server.lists(resource("202501", modified="2026-01-05T08:00:00"), resource("202502"))
    again = epd_csv("202501", rows=170)
    user.server.on("/files/r202501.zip", well_behaved(zipped(again), etag='"two"'))
    result = user.fetches("epd", "--from", "2025-01")
    assert "2025-01: EPD_SNOMED_202501, republished\n  EPD_SNOMED_202501.zip: epd" in result.stdout
    assert "2025-02: EPD_SNOMED_202502, unchanged" in result.stdout
    kept = [file.read_bytes() for file in user.data.raw.iterdir() if file.is_file()]
    assert sorted(kept) == sorted([JANUARY, FEBRUARY, again])


def test_a_month_republished_with_the_same_content_is_said_and_not_taken_in_twice(user: User) -> None:
    user.fetches("epd", "--from", "2025-01")
    user.server.lists(resource("202501", modified="2026-01-05T08:00:00"), resource("202502"))
    result = user.fetches("epd", "--from", "2025-01")
    assert "2025-01: EPD_SNOMED_202501, republished, with the same content as before" in result.stdout
    assert len(user.taken_in()) == 2
    assert user.finished() == []
    assert user.fetches("epd", "--from", "2025-01").stdout.count("unchanged") == 2


def test_a_republication_that_fails_leaves_the_earlier_one_in_place(user: User) -> None:
    user.fetches("epd", "--from", "2025-01")
    user.server.lists(resource("202501", modified="2026-01-05T08:00:00"), resource("202502"))
    user.server.on("/files/r202501.zip", plain(503))
    user.is_told(user.fetches("epd", "--from", "2025-01"), "503", "stays as it is")
    assert user.taken_in() == {"EPD_SNOMED_202501.zip": JANUARY, "EPD_SNOMED_202502.zip": FEBRUARY}


def test_months_before_a_failure_are_taken_in(user: User) -> None:
    user.server.on("/files/r202502.zip", plain(503))
    result = user.fetches("epd", "--from", "2025-01")
    user.is_told(result, "503")
    assert "2025-01: EPD_SNOMED_202501, new" in result.stdout
    assert user.taken_in() == {"EPD_SNOMED_202501.zip": JANUARY}


def test_a_month_that_could_not_be_taken_in_waits_and_is_not_downloaded_again(user: User) -> None:
    odd = JANUARY.replace(b"PRACTICE_CODE", b"SURGERY_CODE")
    user.server.on("/files/r202501.zip", well_behaved(zipped(odd)))
    result = user.fetches("epd", "--from", "2025-01", "--to", "2025-01")
    user.is_told(result, "matches no known layout", "PRACTICE_CODE", code=5)
    assert user.finished() == ["EPD_SNOMED_202501.zip"]
    layout = Path("configs/sources/epd.toml")
    shipped = (Path(__file__).parents[3] / layout).read_text()
    (user.config / "sources").mkdir()
    (user.config / "sources/epd.toml").write_text(shipped.replace('"PRACTICE_CODE"', '"SURGERY_CODE"'))
    user.server.seen.clear()
    result = user.fetches("epd", "--from", "2025-01", "--to", "2025-01")
    assert "fetched before, not taken in yet" in result.stdout
    assert downloads(user) == []
    assert user.taken_in() == {"EPD_SNOMED_202501.zip": odd}
    assert user.finished() == []


def test_a_waiting_file_that_was_cut_short_is_downloaded_again(user: User) -> None:
    user.server.on("/files/r202501.zip", well_behaved(zipped(JANUARY.replace(b"PRACTICE_CODE", b"SURGERY_CODE"))))
    user.fetches("epd", "--from", "2025-01", "--to", "2025-01")
    (user.data.raw / "fetched/epd/EPD_SNOMED_202501.zip").write_bytes(b"PK\x03\x04")
    user.server.on("/files/r202501.zip", well_behaved(zipped(JANUARY)))
    assert user.fetches("epd", "--from", "2025-01", "--to", "2025-01").exit_code == 0
    assert user.taken_in() == {"EPD_SNOMED_202501.zip": JANUARY}


def test_a_damaged_note_costs_a_download_and_no_more(user: User) -> None:
    user.fetches("epd", "--from", "2025-01")
    (user.data.raw / "fetched/epd/2025-01.json").write_text("{")
    result = user.fetches("epd", "--from", "2025-01")
    assert result.exit_code == 0
    assert "The note about 2025-01 is damaged" in result.stderr
    assert "registered before: nothing to do" in result.stdout


def test_an_archive_without_a_table_is_an_error(user: User) -> None:
    user.server.on("/files/r202501.zip", well_behaved(zipped(b"hello\n", name="readme.txt")))
    user.is_told(user.fetches("epd", "--from", "2025-01"), "no file of data", "EPD_SNOMED_202501.zip", code=6)
    assert user.taken_in() == {}


def test_too_little_room_to_unpack_is_said_and_costs_no_second_download(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as full:
        full.setattr("pipelines.fetch.checks.shutil", SimpleNamespace(disk_usage=lambda _: SimpleNamespace(free=10)))
        user.is_told(user.fetches("epd", "--from", "2025-01"), "not enough space to unpack", code=17)
    user.server.seen.clear()
    assert user.fetches("epd", "--from", "2025-01", "--to", "2025-01").exit_code == 0
    assert downloads(user) == []


def test_two_fetches_at_once_are_refused(user: User) -> None:
    user.fetches("epd", "--from", "2025-01")
    with FileLock(user.data.raw / "fetched/epd/.lock"):
        user.is_told(user.fetches("epd", "--from", "2025-01"), "Another fetch", "Wait")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--from", "January"), "'January' is not a month"),
        (("--from", "2025-01", "--to", "newest"), "'newest' is not a month"),
        (("--from", "2025-02", "--to", "2025-01"), "last month is before the first"),
    ],
)
def test_months_that_make_no_sense_are_refused_before_the_network_is_used(
    user: User, options: tuple[str, ...], words: str
) -> None:
    user.is_told(user.fetches("epd", *options), words, code=2)
    assert user.server.seen == []


def test_list_sizes_come_from_the_address_of_the_settings(user: User) -> None:
    user.server.on("/files/sizes.csv", well_behaved(SIZES))
    first = user.fetches("list-sizes")
    assert first.stdout.startswith("gp-reg-pat-prac-all.csv: new\n  gp-reg-pat-prac-all.csv: list_sizes")
    assert user.fetches("list-sizes").stdout == "gp-reg-pat-prac-all.csv: unchanged\n"
    assert user.server.asked("/files/sizes.csv")[1].headers["If-None-Match"] == '"one"'
    later = SIZES.replace(b"JAN", b"FEB")
    user.server.on("/files/sizes.csv", well_behaved(later, etag='"two"'))
    assert user.fetches("list-sizes").stdout.startswith("gp-reg-pat-prac-all.csv: changed\n")
    assert len([file for file in user.data.raw.iterdir() if file.is_file()]) == 2


def test_a_server_without_validators_is_judged_by_the_content(user: User) -> None:
    user.server.on("/files/sizes.csv", plain(200, SIZES))
    user.fetches("list-sizes")
    assert user.fetches("list-sizes").stdout == "gp-reg-pat-prac-all.csv: unchanged\n"
    assert len(downloads(user)) == 2


def test_an_address_that_is_not_set_is_said_in_words(user: User) -> None:
    result = user.fetches("organisations")
    user.is_told(result, "No address is set", "configs/fetch.toml, section [organisations]", "opioids add", code=3)
    assert user.server.seen == []


def test_a_file_about_patients_is_not_fetched(user: User, tmp_path: Path) -> None:
    from pipelines import assets
    from pipelines.synthetic import write_extract

    files = write_extract(tmp_path / "made-up", patients=5, months=1, seed=1, reference_dir=assets.REFERENCE_DIR)
    patients = next(file for file in files if "prescri" in file.name or "item" in file.name or "epact" in file.name)
    user.server.on("/files/sizes.csv", well_behaved(patients.read_bytes()))
    user.is_told(user.fetches("list-sizes"), "about patients", "removed again", code=2)
    assert user.taken_in() == {}
    assert user.finished() == []


def test_downloads_are_closed_to_others(user: User) -> None:
    user.fetches("epd", "--from", "2025-01")
    assert all(not path.stat().st_mode & 0o077 for path in (user.data.raw / "fetched").rglob("*"))


def test_the_tool_names_itself_to_the_server(user: User) -> None:
    user.fetches("epd", "--from", "2025-01")
    assert all(seen.headers["User-Agent"].startswith("opioid-stewardship/") for seen in user.server.seen)


def test_what_was_fetched_is_what_a_refresh_publishes(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPIOIDS_KEY_FILE", str(user.config / "pseudonym.key"))
    user.fetches("epd", "--from", "2025-01")
    answer = CliRunner().invoke(app, ["refresh", "--no-report", "--data-dir", str(user.data.root)])
    assert answer.exit_code == 0, answer.output
    sql = "SELECT count(*) AS n, count(ome_mg) AS dosed FROM marts.item_ome"
    answer = CliRunner().invoke(app, ["query", sql, "--format", "csv", "--data-dir", str(user.data.root)])
    assert answer.stdout.split() == ["n,dosed", "300,300"]
