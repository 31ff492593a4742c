"""A backup is sealed, whole and of use to nobody without key and password; a restored folder is the folder it was."""

import base64
import io
import os
import sqlite3
import stat
import subprocess
import sys
import tarfile
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest
from canary_scan import files_that_hold
from faults.conftest import desk
from faults.desk import Desk, epd
from ingest.test_opting_out import ANN, BEN, CAT, EXTRACT

from pipelines.audit import AuditTrail
from pipelines.build import present_inputs
from pipelines.content import content_of, snapshot_id
from pipelines.errors import KeyProblem, RefreshInProgress, StorageError, UnreadableFile, UsageError
from pipelines.folders import DataFolder
from pipelines.identity import open_door
from pipelines.identity.opt_outs import OptOutStore
from pipelines.locking import only_refresh
from pipelines.reviews import Review, ReviewStore
from pipelines.upkeep import age_format, backup
from pipelines.upkeep.age_format import OpeningReader, SealingWriter
from pipelines.upkeep.backup import back_up, restore

__all__ = ["desk"]

PASSWORD = "three random words"
# The guess of a password is made cheap here; what it costs in use is in age_format.WORK_FACTOR.
QUICK = 10


@pytest.fixture
def full(desk: Desk) -> Desk:
    """Everything a backup is made of, one file of it not landed yet."""
    desk.take("items.csv", EXTRACT)
    desk.take("epd.csv", epd("202401,A,A81001,0407020Q0AAALAL,Morphine 30mg MR tablets,56,1,56,5.00,4.90"))
    desk.add(desk.file("waits.csv", EXTRACT.replace("2024", "2023")))
    key = open_door(desk.data).patient_key_of(BEN)
    ReviewStore(desk.data).add([Review(key, date(2024, 3, 1), "declined", "AB")], "somebody")
    OptOutStore(desk.data).take_in([open_door(desk.data).patient_key_of(CAT)], "opted_out")
    AuditTrail(desk.data).append("case-list", None, people=3)
    return desk


def backed_up(desk: Desk, name: str = "b.age", **options: bool) -> Path:
    out = desk.folder / name
    back_up(desk.data, out, PASSWORD, work_factor=QUICK, **options)
    return out


def dumped(data: DataFolder) -> dict[str, list[str]]:
    databases = [*data.state.glob("*.sqlite"), data.identifiable / "identities.sqlite"]
    found = {}
    for file in databases:
        with closing(sqlite3.connect(file)) as database:
            found[file.name] = list(database.iterdump())
    return found


def test_a_restored_folder_knows_what_the_folder_knew_and_builds_the_same_snapshot(full: Desk, tmp_path: Path) -> None:
    file = backed_up(full)
    new = DataFolder(tmp_path / "new")
    restore(file, new, PASSWORD)
    assert dumped(new) == dumped(full.data)
    assert set(dumped(new)) == {"register.sqlite", "reviews.sqlite", "opt_outs.sqlite", "identities.sqlite"}
    landed = {each.name: each.read_bytes() for each in full.data.landed.iterdir()}
    assert {each.name: each.read_bytes() for each in new.landed.iterdir()} == landed
    assert len(landed) == 3
    ids = {snapshot_id(content_of(present_inputs(data, full.settings, None))) for data in (full.data, new)}
    assert len(ids) == 1
    actions = [entry["action"] for entry in AuditTrail(new).entries()]
    assert actions == ["case-list", "backup", "restore"]
    AuditTrail(new).verify()
    # What was not landed yet comes with its original, and lands; what was landed does without.
    assert sorted(each.name for each in new.originals.iterdir()) == [full.registered("waits.csv").sha256]
    restored = Desk(full.folder, new, full.settings, full.log)
    assert restored.land() == 1
    assert full.land() == 1
    assert restored.counts("waits.csv") == full.counts("waits.csv")


def test_nothing_of_it_can_be_read_and_nothing_is_left_in_clear(full: Desk, tmp_path: Path) -> None:
    before = set(full.data.root.rglob("*"))
    file = backed_up(full)
    assert files_that_hold([ANN, BEN, CAT], tmp_path) <= {
        full.data.identifiable / "identities.sqlite",
        *full.data.originals.iterdir(),
        *tmp_path.glob("*.csv"),
    }
    assert b"A81001" not in file.read_bytes()
    assert set(full.data.root.rglob("*")) - before <= {
        full.data.state / name for name in ("refresh.holder", "refresh.lock")
    }
    if os.name == "posix":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    # The key is not in it.
    secret = Path(os.environ["OPIOIDS_KEY_FILE"]).read_bytes().strip()
    with file.open("rb") as sealed:
        assert secret not in io.BufferedReader(OpeningReader(sealed, PASSWORD, "b")).read()


def test_another_key_or_none_is_refused_and_nothing_is_written(
    full: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, new = backed_up(full), DataFolder(tmp_path / "new")
    monkeypatch.setenv("OPIOIDS_KEY_FILE", str(tmp_path / "other"))
    for text in (None, "ab" * 32):
        if text:
            (tmp_path / "other").write_text(f"{text}\n")
            (tmp_path / "other").chmod(0o600)
        with pytest.raises(KeyProblem, match="no backup holds"):
            restore(file, new, PASSWORD)
        assert list(new.landed.iterdir()) == list(new.identifiable.glob("*.sqlite")) == []
        assert not (new.state / "register.sqlite").exists()


@pytest.mark.parametrize("place", [0.1, 0.5, 0.9, "end", "cut", "piece"])
def test_a_backup_that_was_changed_or_cut_anywhere_is_refused_and_nothing_is_written(
    full: Desk, tmp_path: Path, place: float | str
) -> None:
    file, new = backed_up(full), DataFolder(tmp_path / "new")
    content = bytearray(file.read_bytes())
    if place == "cut":
        del content[-40:]
    elif place == "piece":
        # The last sealed piece less; there are several of 64 KiB and a tag of 16 bytes.
        assert len(content) > 65_552
        header = content.index(b"\n--- ") + 49 + 16
        pieces = (len(content) - header - 1) // 65552
        del content[header + pieces * 65552 :]
    else:
        at = len(content) - 1 if place == "end" else int(len(content) * float(place))
        content[at] ^= 1
    file.write_bytes(content)
    with pytest.raises(UnreadableFile):
        restore(file, new, PASSWORD)
    assert not (new.state / "register.sqlite").exists()
    assert list(new.landed.iterdir()) == []


def test_another_password_is_refused(full: Desk, tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="does not open with this password"):
        restore(backed_up(full), DataFolder(tmp_path / "new"), "another password")


def test_a_folder_in_use_is_not_restored_into_nor_a_file_written_over(full: Desk) -> None:
    file = backed_up(full)
    before = dumped(full.data)
    with pytest.raises(UsageError, match="empty data folder"):
        restore(file, full.data, PASSWORD)
    assert dumped(full.data) == before
    with pytest.raises(UsageError, match="never written over"):
        back_up(full.data, file, PASSWORD, work_factor=QUICK)


def test_a_restore_that_is_killed_can_be_done_again(
    full: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, new = backed_up(full), DataFolder(tmp_path / "new")
    moved = 0
    real = Path.replace

    def stops(self: Path, target: Path) -> Path:
        nonlocal moved
        if backup._PASSING in str(self):
            moved += 1
            if moved == 3:
                raise KeyboardInterrupt
        return real(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", stops)
        with pytest.raises(KeyboardInterrupt):
            restore(file, new, PASSWORD)
    assert not (new.state / "register.sqlite").exists()
    restore(file, new, PASSWORD)
    assert dumped(new) == dumped(full.data)


def test_a_backup_waits_for_nobody_and_a_newer_one_is_refused(
    full: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with only_refresh(full.data), pytest.raises(RefreshInProgress):
        backed_up(full)
    assert list(tmp_path.glob("b.age*")) == []
    file = backed_up(full)
    monkeypatch.setattr(backup, "FORM", backup.FORM - 1)
    with pytest.raises(StorageError, match="newer version"):
        restore(file, DataFolder(tmp_path / "new"), PASSWORD)


@pytest.mark.parametrize("name", ["../outside", "/tmp/outside", "state/../../outside", "lists/x.csv", "state/.hidden"])
def test_a_name_that_leads_elsewhere_is_refused(desk: Desk, tmp_path: Path, name: str) -> None:
    """Whoever knows the password could have made it, and still must not write where they like."""
    desk.take("items.csv", EXTRACT)
    told = backup.Contents("2026-01-01", backup.FORM, None, None, {name: (1, "0" * 64)})
    out = io.BytesIO()
    sealing = SealingWriter(out, PASSWORD, QUICK)
    with tarfile.open(fileobj=sealing, mode="w|") as archive:  # type: ignore[call-overload]
        content = backup.json.dumps(backup.asdict(told)).encode()
        archive.addfile(backup._entry("backup.json", len(content)), io.BytesIO(content))
        archive.addfile(backup._entry(name, 1), io.BytesIO(b"x"))
    sealing.close()
    (tmp_path / "evil.age").write_bytes(out.getvalue())
    with pytest.raises(UnreadableFile) as raised:
        restore(tmp_path / "evil.age", DataFolder(tmp_path / "new"), PASSWORD)
    assert "a file that has no place" in raised.value.where
    assert not list(tmp_path.rglob("outside"))


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 131_072, 200_000])
def test_what_is_sealed_comes_back_at_every_size_around_a_piece(size: int) -> None:
    content = bytes(n % 251 for n in range(size))
    out = io.BytesIO()
    sealing = SealingWriter(out, PASSWORD, QUICK)
    for start in range(0, size, 7_000):
        sealing.write(content[start : start + 7_000])
    sealing.close()
    opened = io.BufferedReader(OpeningReader(io.BytesIO(out.getvalue()), PASSWORD, "x"))  # type: ignore[arg-type]
    assert opened.read() == content


def test_a_file_that_another_implementation_of_age_sealed_is_opened() -> None:
    """Made with rage (pyrage 1.4.0), five zero bytes under the password 'other'."""
    sealed = base64.b64decode(OTHER)
    assert io.BufferedReader(OpeningReader(io.BytesIO(sealed), "other", "x")).read() == bytes(5)  # type: ignore[arg-type]


OTHER = (
    "YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IHNjcnlwdCA1UXZSSjNLSmN0NkloNDZldWhkRDNBIDIwCkRWTHhIZ2hDM0YzVllmYTFl"
    "TDNNRXFBb3dneXpxa3h1WHdBSkJQd3VDbG8KLS0tIDVMd3gzUnhzZGNKOWhUVm1lWmNOY0tHWWNmNkJTVEtWN0lITzRqclo5elUK"
    "27EQAwl42k2XEjMu0b+Jx1LHjTPfyYeydnj87AAg3Svp6m5gmg=="
)


def test_the_work_of_guessing_a_password_is_that_of_age() -> None:
    assert age_format.WORK_FACTOR >= 18


@pytest.mark.skipif(os.name != "posix", reason="peak memory of children is POSIX")
def test_a_large_folder_is_streamed(desk: Desk) -> None:
    """200 MB landed, backed up and restored in far less memory than that."""
    desk.take("items.csv", EXTRACT)
    large = desk.data.landed / f"{'0' * 64}.parquet"
    large.write_bytes(os.urandom(200 * 1024**2))
    code = (
        "import sys\nfrom pathlib import Path\nfrom pipelines.upkeep.backup import back_up, restore\n"
        "from pipelines.folders import DataFolder\nimport resource\n"
        "root = Path(sys.argv[1])\n"
        "back_up(DataFolder(root / 'data'), root / 'b', 'three random words', work_factor=10)\n"
        "restore(root / 'b', DataFolder(root / 'new'), 'three random words')\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(desk.folder)], capture_output=True, text=True, check=True)
    idle = subprocess.run(
        [sys.executable, "-c", "import pipelines.upkeep.backup, resource; print(resource.getrusage(0).ru_maxrss)"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert (int(done.stdout) - int(idle.stdout)) / 1024 < 60, "MiB beyond what the imports take"
    assert (desk.folder / "new" / "landed" / large.name).stat().st_size == large.stat().st_size


def test_settings_that_lie_with_the_data_are_in_the_backup(full: Desk, tmp_path: Path) -> None:
    sources = full.data.settings / "sources"
    sources.mkdir(parents=True)
    (sources / "my_report.toml").write_text("title = 'ours'", encoding="utf-8")
    back = DataFolder(tmp_path / "back")
    restore(backed_up(full), back, PASSWORD)
    assert (back.settings / "sources" / "my_report.toml").read_text(encoding="utf-8") == "title = 'ours'"
    (sources / "my report (1).toml").touch()
    with pytest.raises(UsageError, match="a name that a backup cannot hold"):
        backed_up(full, "c.age")
