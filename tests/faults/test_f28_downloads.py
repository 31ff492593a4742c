"""F28: downloads that are cut off, resumed wrongly, changed on the way, refused for a while, or something else."""

import gzip
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import Result
from open_data_server import (
    Reply,
    User,
    a_user,
    cut_off,
    epd_csv,
    partial,
    plain,
    reset,
    resource,
    send,
    well_behaved,
    zipped,
)

from pipelines.errors import StorageError

EARLIER, MONTH = epd_csv("202501"), epd_csv("202502")
ARCHIVE = zipped(MONTH)
FILE = "/files/r202502.zip"
HALF = len(ARCHIVE) // 2
EVERYTHING = {"EPD_SNOMED_202501.zip": EARLIER, "EPD_SNOMED_202502.zip": MONTH}


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[User]:
    """January is taken in already; February is about to be fetched."""
    with a_user(tmp_path, monkeypatch) as user:
        user.server.lists(resource("202501"), resource("202502"))
        user.server.on("/files/r202501.zip", well_behaved(zipped(EARLIER)))
        assert user.fetches("epd", "--from", "2025-01", "--to", "2025-01").exit_code == 0
        user.server.seen.clear()
        yield user


def fetch_february(user: User, *replies: Reply) -> Result:
    user.server.on(FILE, *replies)
    return user.fetches("epd", "--from", "2025-01")


def all_is_well(user: User, *replies: Reply) -> None:
    result = fetch_february(user, *replies)
    assert result.exit_code == 0, result.output
    assert user.taken_in() == EVERYTHING
    assert user.finished() == []
    assert not list(user.data.raw.rglob("*.part*"))


def refused(user: User, *replies: Reply, words: tuple[str, ...]) -> None:
    """Three lines with these words; nothing new looks finished; what was there before is."""
    result = fetch_february(user, *replies)
    user.is_told(result, *words)
    assert user.finished() == []
    assert user.taken_in() == {"EPD_SNOMED_202501.zip": EARLIER}


def ranges_asked(user: User) -> list[str | None]:
    return [seen.headers.get("Range") for seen in user.server.asked(FILE)]


def test_a_truncated_body_is_continued_where_it_ended(user: User) -> None:
    all_is_well(user, cut_off(ARCHIVE, HALF), well_behaved(ARCHIVE))
    first, second = ranges_asked(user)
    assert first is None
    assert 0 < int(second.removeprefix("bytes=").removesuffix("-")) <= HALF
    assert user.server.asked(FILE)[1].headers["If-Range"] == '"one"'


def test_a_body_that_is_always_truncated_is_given_up_and_continued_by_the_next_command(user: User) -> None:
    refused(user, cut_off(ARCHIVE, HALF), cut_off(ARCHIVE[:-1], 0), words=("broke off", "tried 4 times", "again later"))
    user.server.seen.clear()
    all_is_well(user, cut_off(ARCHIVE, HALF), reset(ARCHIVE, HALF), well_behaved(ARCHIVE))
    assert ranges_asked(user)[-1] is not None


def test_an_interrupted_download_goes_on_in_the_next_command(user: User) -> None:
    refused(user, cut_off(ARCHIVE, HALF), plain(503), words=("503",))
    user.server.seen.clear()
    all_is_well(user, well_behaved(ARCHIVE))
    assert ranges_asked(user)[0] is not None


def test_a_connection_that_is_reset_is_tried_again(user: User) -> None:
    all_is_well(user, reset(ARCHIVE, HALF), well_behaved(ARCHIVE))


def test_a_connection_that_is_always_reset_is_given_up(user: User) -> None:
    refused(user, reset(ARCHIVE, 100), words=("broke off", "tried 4 times"))


def goes_on_from(body: bytes, shift: int, etag: str) -> Reply:
    """Sends as many bytes as were asked for, from a place that is `shift` bytes too early, and says so."""

    def reply(to: BaseHTTPRequestHandler) -> None:
        asked = int(to.headers["Range"].removeprefix("bytes=").removesuffix("-"))
        start, end = asked - shift, len(body) - shift
        send(to, 206, {"ETag": etag, "Content-Range": f"bytes {start}-{end - 1}/{len(body)}"}, body[start:end])

    return reply


def test_a_rest_from_the_wrong_offset_is_refused_and_the_download_begun_anew(user: User) -> None:
    all_is_well(
        user, cut_off(ARCHIVE, HALF), goes_on_from(ARCHIVE, 100, '"one"'), cut_off(ARCHIVE, HALF), well_behaved(ARCHIVE)
    )
    # A server that cannot do it is not trusted to do it the next time.
    assert ranges_asked(user)[2:] == [None, None]


@pytest.mark.parametrize("stated", ["", "bytes */5", "nonsense"])
def test_a_rest_that_does_not_say_where_it_begins_is_refused(user: User, stated: str) -> None:
    all_is_well(user, cut_off(ARCHIVE, HALF), partial(ARCHIVE[HALF:], stated), well_behaved(ARCHIVE))


def test_a_part_nobody_asked_for_is_given_up(user: User) -> None:
    rest = partial(ARCHIVE[HALF:], f"bytes {HALF}-{len(ARCHIVE) - 1}/{len(ARCHIVE)}")
    refused(user, rest, words=("does not send the part", "tried 4 times"))


def test_a_range_that_is_answered_with_200_starts_anew(user: User) -> None:
    all_is_well(user, cut_off(ARCHIVE, HALF), plain(200, ARCHIVE, ETag='"one"'))


def test_a_range_that_is_answered_with_416_starts_anew(user: User) -> None:
    all_is_well(user, cut_off(ARCHIVE, HALF), plain(416), well_behaved(ARCHIVE))


def test_a_file_that_changes_midway_is_fetched_anew(user: User) -> None:
    other = zipped(epd_csv("202502", rows=160))
    all_is_well(user, cut_off(other, HALF, etag='"old"'), well_behaved(ARCHIVE, etag='"new"'))


def test_a_server_that_ignores_if_range_does_not_mix_two_files_of_one_length(user: User) -> None:
    other = zipped(MONTH.replace(b"SURGERY", b"HOSPICE"))
    assert len(other) == len(ARCHIVE)
    regardless = goes_on_from(ARCHIVE, 0, '"new"')
    all_is_well(user, cut_off(other, HALF, etag='"old"'), regardless, well_behaved(ARCHIVE, etag='"new"'))
    assert ranges_asked(user)[2] is None


@pytest.mark.parametrize("etag", ["", 'W/"weak"'])
def test_without_a_strong_etag_nothing_is_resumed(user: User, etag: str) -> None:
    all_is_well(user, cut_off(ARCHIVE, HALF, etag=etag), well_behaved(ARCHIVE))
    assert ranges_asked(user) == [None, None]


def test_a_part_that_was_whole_already_costs_one_byte(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def is_interrupted(*_arguments: object) -> None:
        raise StorageError("Pulled the plug.", "here", "Plug it in.")

    with monkeypatch.context() as plug:
        plug.setattr("pipelines.fetch.kept.refuse_damaged", is_interrupted)
        user.is_told(fetch_february(user, well_behaved(ARCHIVE)), "Pulled the plug", code=17)
    user.server.seen.clear()
    all_is_well(user, well_behaved(ARCHIVE))
    assert ranges_asked(user) == [f"bytes={len(ARCHIVE) - 1}-"]


def test_a_part_of_an_earlier_publication_is_not_continued(user: User) -> None:
    refused(user, cut_off(ARCHIVE, HALF), plain(503), words=("503",))
    user.server.lists(resource("202501"), resource("202502", modified="2025-07-01T10:00:00"))
    user.server.seen.clear()
    all_is_well(user, well_behaved(ARCHIVE))
    assert ranges_asked(user) == [None]


def test_a_429_is_waited_out_as_long_as_the_server_asks(user: User) -> None:
    all_is_well(user, plain(429, Retry_After="37"), well_behaved(ARCHIVE))
    assert user.waits == [37]


def test_a_429_that_asks_for_an_hour_is_not_waited_out(user: User) -> None:
    refused(user, plain(429, Retry_After="3600"), words=("429", "tried once", "60 minute(s)"))
    assert user.waits == []


def test_a_503_that_passes_is_not_noticed(user: User) -> None:
    all_is_well(user, plain(503), plain(503), well_behaved(ARCHIVE))
    assert len(user.waits) == 2


def test_an_endless_503_is_given_up_after_so_many_attempts(user: User) -> None:
    refused(user, plain(503), words=("503 Service Unavailable", "127.0.0.1", "tried 4 times", "stays as it is"))
    assert len(user.server.asked(FILE)) == 4
    assert len(user.waits) == 3
    assert max(user.waits) <= 60


def test_an_archive_with_a_bad_sum_is_refused_and_fetched_anew_next_time(user: User) -> None:
    bad = bytearray(ARCHIVE)
    bad[HALF] ^= 1
    refused(user, well_behaved(bytes(bad)), words=("archive is damaged", "EPD_SNOMED_202502.zip", "again"))
    assert not list(user.data.raw.rglob("*.part*"))
    all_is_well(user, well_behaved(ARCHIVE))


def test_a_last_line_without_its_end_is_refused(user: User) -> None:
    refused(user, well_behaved(zipped(MONTH[:-1])), words=("last line", "EPD_SNOMED_202502.zip, in it EPD.csv"))


def test_a_file_of_another_month_than_its_name_is_refused(user: User) -> None:
    refused(user, well_behaved(zipped(EARLIER)), words=("month 202501, its name says 202502",))


def test_an_expired_link_is_asked_for_anew(user: User) -> None:
    all_is_well(user, plain(403), well_behaved(ARCHIVE))
    signatures = [seen.query["signature"] for seen in user.server.asked(FILE)]
    assert signatures[0] != signatures[1]


def test_a_link_that_expires_midway_is_replaced_and_the_download_continued(user: User) -> None:
    all_is_well(user, cut_off(ARCHIVE, HALF), plain(410), well_behaved(ARCHIVE))
    assert ranges_asked(user)[2] is not None


def test_a_new_link_that_is_refused_too_is_an_error(user: User) -> None:
    refused(user, plain(403), words=("refuses the download with 403, with a new link too", FILE))
    assert len(user.server.asked(FILE)) == 2


def test_redirects_are_followed(user: User) -> None:
    user.server.on("/moved.zip", well_behaved(ARCHIVE))
    all_is_well(user, plain(302, Location="/moved.zip"))


def test_a_redirect_in_a_circle_is_an_error(user: User) -> None:
    refused(user, plain(302, Location=FILE), words=("redirects more than",))


def test_a_web_page_instead_of_the_file_is_an_error(user: User) -> None:
    page = plain(200, b"<html>Please sign in</html>", Content_Type="text/html; charset=utf-8")
    refused(user, page, words=("web page instead of the file", FILE, "browser"))


def test_a_web_page_that_calls_itself_an_archive_is_an_error(user: User) -> None:
    page = plain(200, b"<html>Please sign in</html>\n", Content_Type="application/zip")
    refused(user, page, words=("no ZIP archive",))


@pytest.mark.parametrize("status", [401, 404, 451])
def test_a_file_that_is_not_there_is_an_error_at_once(user: User, status: int) -> None:
    refused(user, plain(status), words=(f"answers {status} instead of the file",))
    assert len(user.server.asked(FILE)) == 1


def test_fewer_bytes_than_announced_are_never_whole(user: User) -> None:
    refused(user, cut_off(ARCHIVE, len(ARCHIVE) - 1, etag=""), words=("broke off",))


def test_more_bytes_than_announced_are_never_whole(user: User) -> None:
    def too_short_a_length(to: BaseHTTPRequestHandler) -> None:
        send(to, 200, {"ETag": '"one"'}, ARCHIVE, length=len(ARCHIVE) - 30)
        to.close_connection = True

    refused(user, too_short_a_length, words=("archive is damaged",))


def test_a_body_that_comes_compressed_is_decompressed_and_never_resumed(user: User) -> None:
    packed = gzip.compress(ARCHIVE)

    def compressed(to: BaseHTTPRequestHandler) -> None:
        send(to, 200, {"ETag": '"one"', "Content-Encoding": "gzip"}, packed[: len(packed) // 2], length=len(packed))
        to.close_connection = True

    all_is_well(user, compressed, plain(200, packed, ETag='"one"', Content_Encoding="gzip"))
    assert ranges_asked(user) == [None, None]
    assert user.server.asked(FILE)[0].headers["Accept-Encoding"] == "identity"


def test_a_csv_whose_length_nobody_states_is_refused(user: User) -> None:
    def until_the_end(to: BaseHTTPRequestHandler) -> None:
        send(to, 200, {"Connection": "close"}, MONTH, length=-1)
        to.close_connection = True

    refused(user, until_the_end, words=("does not say how long the file is", "by hand"))


def test_an_archive_without_a_stated_length_is_judged_by_its_own_sums(user: User) -> None:
    def until_the_end(to: BaseHTTPRequestHandler) -> None:
        send(to, 200, {"Connection": "close"}, ARCHIVE, length=-1)
        to.close_connection = True

    all_is_well(user, until_the_end)


def test_a_chunked_body_that_breaks_off_is_tried_again(user: User) -> None:
    def breaks_off(to: BaseHTTPRequestHandler) -> None:
        send(to, 200, {"Transfer-Encoding": "chunked"}, b"1000\r\n" + ARCHIVE[:4096] + b"\r\n", length=-1)
        to.close_connection = True

    all_is_well(user, breaks_off, well_behaved(ARCHIVE))


def test_a_full_disk_is_said_before_the_download(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    full = SimpleNamespace(disk_usage=lambda _path: SimpleNamespace(free=1000))
    monkeypatch.setattr("pipelines.fetch.download.shutil", full)
    result = fetch_february(user, well_behaved(ARCHIVE))
    user.is_told(result, "not enough space", "Free space", code=17)
    assert user.taken_in() == {"EPD_SNOMED_202501.zip": EARLIER}


def test_a_download_that_is_killed_midway_goes_on_in_the_next_command(user: User) -> None:
    was_killed = threading.Event()
    big = epd_csv("202502", rows=4000)
    archive = zipped(big)

    def most_and_then_silence(to: BaseHTTPRequestHandler) -> None:
        send(to, 200, {"ETag": '"one"'}, archive[:-100], length=len(archive))
        was_killed.wait(10)
        to.close_connection = True

    user.server.on(FILE, most_and_then_silence, well_behaved(archive))
    folders = ("--data-dir", str(user.data.root), "--config-dir", str(user.config))
    part = user.data.raw / "fetched/epd/EPD_SNOMED_202502.zip.part"
    process = subprocess.Popen([sys.executable, "-m", "pipelines", "fetch", "epd", "--from", "2025-02", *folders])
    for _ in range(400):
        if part.exists() and part.stat().st_size > 1 << 16:
            break
        time.sleep(0.025)
    process.kill()
    process.wait()
    was_killed.set()
    assert user.finished() == []
    assert user.taken_in() == {"EPD_SNOMED_202501.zip": EARLIER}
    assert user.fetches("epd", "--from", "2025-01").exit_code == 0
    assert user.taken_in()["EPD_SNOMED_202502.zip"] == big
    assert ranges_asked(user)[1] is not None
