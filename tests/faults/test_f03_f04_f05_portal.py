"""F3, F4, F5: a dataset that is retired, names that no longer match, names with endings, and answers that mislead."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from open_data_server import DATASET, User, a_user, answers, epd_csv, plain, resource, well_behaved, zipped

EARLIER, MONTH = epd_csv("202501"), epd_csv("202502")


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[User]:
    """January is taken in already; the portal then changes its ways."""
    with a_user(tmp_path, monkeypatch) as user:
        user.server.lists(resource("202501"))
        user.server.on("/files/r202501.zip", well_behaved(zipped(EARLIER)))
        user.server.on("/files/r202502.zip", well_behaved(zipped(MONTH)))
        assert user.fetches("epd", "--from", "2025-01").exit_code == 0
        yield user


def refused(user: User, *words: str) -> None:
    """Three lines with these words; what was there before is still there, and nothing else."""
    user.is_told(user.fetches("epd", "--from", "2025-01"), *words, "stays as it is")
    assert user.finished() == []
    assert user.taken_in() == {"EPD_SNOMED_202501.zip": EARLIER}


def test_f3_a_retired_dataset_is_named_and_the_last_good_data_stays(user: User) -> None:
    gone = {"success": False, "error": {"__type": "Not Found Error", "message": "Not found"}}
    user.server.on("/api/package_show", answers(gone, 404))
    refused(user, f"no dataset '{DATASET}' any more", "retired", "answers 404", "successor", "configs/fetch.toml")


def test_f3_a_dataset_that_is_closed_to_the_public_is_named(user: User) -> None:
    closed = {"success": False, "error": {"__type": "Authorization Error", "message": "Access denied"}}
    user.server.on("/api/package_show", answers(closed, 403))
    refused(user, f"no dataset '{DATASET}' any more")


def test_f3_a_dataset_marked_as_deleted_is_named(user: User) -> None:
    user.server.lists(resource("202501"), state="deleted")
    refused(user, "retired")


def test_f3_a_file_that_vanishes_after_it_was_listed_is_named(user: User) -> None:
    user.server.lists(resource("202501"), resource("202502"))
    user.server.on("/api/resource_show", answers({"success": False, "error": {}}, 404))
    refused(user, "no file 'r202502' any more")


def test_f4_no_name_that_matches_is_an_error_and_never_nothing_new(user: User) -> None:
    user.server.lists({**resource("202501"), "name": "English Prescribing 2025/01"})
    refused(user, "EPD_SNOMED_YYYYMM", "English Prescribing 2025/01", "opioids add")


def test_f4_an_empty_dataset_is_an_error(user: User) -> None:
    user.server.lists()
    refused(user, "it lists nothing")


def test_f4_a_month_that_is_missing_in_between_is_an_error_before_anything_is_downloaded(user: User) -> None:
    user.server.lists(resource("202501"), resource("202502"), resource("202504"))
    refused(user, "no file for 2025-03", "2025-01 to 2025-04")


def test_f4_a_month_that_is_not_out_yet_is_an_error(user: User) -> None:
    result = user.fetches("epd", "--from", "2025-02", "--to", "2025-03")
    user.is_told(result, "no file for 2025-02, 2025-03", "1 month(s), 2025-01 to 2025-01")
    user.is_told(user.fetches("epd", "--from", "2025-02"), "no file for 2025-02 and later")


def test_f4_a_dataset_that_stopped_growing_is_said(user: User) -> None:
    settings = user.config / "fetch.toml"
    settings.write_text(settings.read_text().replace("stale_after_months = 9999", "stale_after_months = 4"))
    result = user.fetches("epd", "--from", "2025-01")
    assert result.exit_code == 0
    assert "newest month the portal lists is 2025-01" in result.stderr


def test_f4_a_name_that_half_matches_is_said_and_the_others_taken(user: User) -> None:
    user.server.lists(resource("202501"), resource("202502"), {**resource("202503"), "name": "EPD-SNOMED-MAR25"})
    result = user.fetches("epd", "--from", "2025-01")
    assert result.exit_code == 0
    assert "left out: EPD-SNOMED-MAR25" in result.stderr
    assert set(user.taken_in()) == {"EPD_SNOMED_202501.zip", "EPD_SNOMED_202502.zip"}


@pytest.mark.parametrize("suffix", ["_V2", "_FINAL", "_final_v2", ".csv", ".ZIP", " V2"])
def test_f5_a_name_with_an_ending_is_the_month_all_the_same(user: User, suffix: str) -> None:
    user.server.lists(resource("202501"), {**resource("202502"), "name": f"EPD_SNOMED_202502{suffix}"})
    result = user.fetches("epd", "--from", "2025-01")
    assert result.exit_code == 0, result.output
    assert list(user.taken_in().values()) == [EARLIER, MONTH]


def test_f5_of_several_files_of_a_month_the_newest_is_taken_and_named(user: User) -> None:
    old = resource("202502", modified="2025-05-01T00:00:00")
    new = resource("202502", suffix="_V2", modified=None, created="2025-05-03T00:00:00")
    user.server.lists(resource("202501"), new, old)
    user.server.on("/files/r202502.zip", well_behaved(zipped(epd_csv("202502", rows=3))))
    user.server.on("/files/r202502_V2.zip", well_behaved(zipped(MONTH)))
    result = user.fetches("epd", "--from", "2025-01")
    assert "2025-02: EPD_SNOMED_202502_V2, new; newest of 2, not taken: EPD_SNOMED_202502" in result.stdout
    assert user.taken_in()["EPD_SNOMED_202502_V2.zip"] == MONTH


def test_f5_a_csv_instead_of_a_zip_is_taken_too(user: User) -> None:
    user.server.lists(resource("202501"), resource("202502"))
    address = f"{user.server.address}/files/EPD_SNOMED_202502.CSV"
    user.server.on("/api/resource_show", answers({"success": True, "result": {"zip_url": None, "url": address}}))
    user.server.on("/files/EPD_SNOMED_202502.CSV", well_behaved(MONTH))
    assert user.fetches("epd", "--from", "2025-01").exit_code == 0
    assert user.taken_in()["EPD_SNOMED_202502.csv"] == MONTH


def test_a_csv_whose_last_line_is_cut_off_is_refused(user: User) -> None:
    user.server.lists(resource("202501"), resource("202502"))
    address = f"{user.server.address}/files/EPD_SNOMED_202502.csv"
    user.server.on("/api/resource_show", answers({"success": True, "result": {"url": address}}))
    user.server.on("/files/EPD_SNOMED_202502.csv", well_behaved(MONTH[:-20]))
    refused(user, "last line of the file is cut off")


def test_a_file_without_an_address_is_an_error(user: User) -> None:
    user.server.lists(resource("202501"), resource("202502"))
    user.server.on("/api/resource_show", answers({"success": True, "result": {"zip_url": ""}}))
    refused(user, "names no address", "EPD_SNOMED_202502")


def test_an_answer_that_is_200_but_no_success_is_an_error(user: User) -> None:
    failed = {
        "success": False,
        "error": {"message": "the database\nis away", "__type": "Internal"},
        "result": {"resources": []},
    }
    user.server.on("/api/package_show", answers(failed))
    refused(user, "The portal reports an error: the database is away (status 200)", "package_show")


@pytest.mark.parametrize(
    "result",
    [
        {"records_truncated": "true", "gc_urls": [{"url": "https://…"}]},
        {"records_truncated": True, "records": [{"ITEMS": 1}]},
        {"gc_urls": [{"url": "https://…"}]},
        {"result": {"records_truncated": "true"}},
    ],
)
def test_an_answer_that_leaves_rows_out_is_an_error_and_never_empty(user: User, result: object) -> None:
    user.server.on("/api/package_show", answers({"success": True, "result": result}))
    refused(user, "leaves rows out", "truncated")


@pytest.mark.parametrize("body", [b"<html>Sign in</html>", b"", b'{"success": true, "resu', b'["a list"]'])
def test_an_answer_that_is_no_json_of_the_portal_is_an_error(user: User, body: bytes) -> None:
    user.server.on("/api/package_show", plain(200, body, Content_Type="text/html"))
    refused(user, "no answer of its API", "configs/fetch.toml")


def test_a_portal_that_is_busy_for_a_while_is_waited_for(user: User) -> None:
    listing = answers({"success": True, "result": {"resources": [resource("202501")]}})
    user.server.on("/api/package_show", plain(503, Retry_After="7"), plain(502), listing)
    assert user.fetches("epd", "--from", "2025-01").exit_code == 0
    assert user.waits[0] == 7


def test_a_portal_that_is_not_there_is_an_error(user: User) -> None:
    result = user.fetches("epd", "--from", "2025-01", "--portal", "http://127.0.0.1:9/api")
    user.is_told(result, "No connection", "http://127.0.0.1:9/api/package_show, tried 4 times")


@pytest.mark.parametrize("address", ["http://portal.example/api", "ftp://127.0.0.1/api", "portal"])
def test_an_address_without_encryption_is_refused(user: User, address: str) -> None:
    result = user.fetches("epd", "--from", "2025-01", "--portal", address)
    user.is_told(result, "https://", address, code=2)
