"""People who are left out: their rows leave what is landed, and are counted as read and out of scope."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from pipelines.engine.landing_withheld import Withheld, has_patients, write_without
from pipelines.folders import DataFolder, flush_to_disk, said_in_words
from pipelines.identity import open_door
from pipelines.identity.opt_outs import OptOutStore
from pipelines.ingest.register import Register
from pipelines.products import FollowedPrefix

_STAGED = ".withheld"


def take_out(landed: Path, data: DataFolder, followed: Sequence[FollowedPrefix]) -> list[Withheld]:
    """Take whoever is left out from a file that is being landed and not yet recorded. Returns what left."""
    people = OptOutStore(data).people()
    left = _staged_without(landed, people, data, followed) if people else []
    if left:
        landed.with_suffix(_STAGED).replace(landed)
    return left


def leave_out_waiting(data: DataFolder, followed: Sequence[FollowedPrefix]) -> int:
    """Take those who opted out since the last refresh out of everything landed. Returns how many rows left."""
    finish_leaving(data)
    store = OptOutStore(data)
    waiting = store.waiting()
    if not waiting:
        return 0
    rows = leave_out(data, waiting, followed)
    open_door(data).forget(waiting)
    store.mark_applied(waiting)
    return rows


def leave_out(data: DataFolder, people: Iterable[str], followed: Sequence[FollowedPrefix]) -> int:
    """Take people out of every landed file, whichever delivery it came with. Returns how many rows left."""
    register, rows = Register(data), 0
    for landed in sorted(data.landed.glob("*.parquet")):
        if not has_patients(landed):
            continue
        left = _staged_without(landed, people, data, followed)
        if left:
            staged = landed.with_suffix(_STAGED)
            register.record_withheld(landed.stem, left, staged.name)
            staged.replace(landed)
            register.landing_replaced(landed.stem)
        rows += sum(month.rows_loaded + month.rows_noted for month in left)
    return rows


def finish_leaving(data: DataFolder) -> None:
    """End what was stopped: a file that is counted takes its place, one that is not yet counted is begun again."""
    register = Register(data)
    for sha256, name in register.replaced_landings().items():
        staged = data.landed / name
        if staged.exists():
            staged.replace(data.landed / f"{sha256}.parquet")
        register.landing_replaced(sha256)
    for staged in data.landed.glob(f"*{_STAGED}"):
        staged.unlink()


def _staged_without(
    landed: Path, people: Iterable[str], data: DataFolder, followed: Sequence[FollowedPrefix]
) -> list[Withheld]:
    staged = landed.with_suffix(_STAGED)
    prefixes = [(prefix.bnf_prefix, prefix.counted) for prefix in followed]
    with said_in_words(landed):
        left = write_without(landed, staged, people, prefixes, data.tmp)
        if left:
            flush_to_disk(staged)
    return left
