"""Where a list or an export may lie, and that what is written there is closed to others."""

from pathlib import Path

from pipelines.errors import UsageError
from pipelines.folders import DataFolder, said_in_words, write_whole

# Folders below the data folder that the pipeline reads, empties or ships: no place for what people ask for.
_OURS = (
    "incoming",
    "raw",
    "landed",
    "warehouse",
    "identifiable",
    "state",
    "tmp",
    "reference",
    "sample",
)
_SEALED = (".xlsx",)
_CLEAR = (".csv", ".parquet")


def place_for(out: Path, data: DataFolder, *, may_be_clear: bool) -> Path:
    """Where the list will truly lie, links followed. Raises UsageError for any place or form not for lists.

    An encrypted workbook may lie anywhere but among the pipeline's own files; a file in clear, with pseudonyms
    alone, stays below the data folder.
    """
    target, root = out.resolve(), data.root.resolve()
    forms = (*_SEALED, *_CLEAR) if may_be_clear else _SEALED
    if target.suffix.lower() not in forms or target.is_dir():
        raise UsageError(
            "A list is an encrypted .xlsx workbook" + (", a .csv or a .parquet file." if may_be_clear else "."),
            f"{out} is not named so.",
            f"Write it to a name that ends in {' or '.join(forms)}."
            + ("" if may_be_clear else " NHS numbers leave only encrypted."),
        )
    if is_clear(target) and not target.is_relative_to(root):
        raise UsageError(
            "A list in clear stays below the data folder.",
            f"{out} lies outside {data.root}.",
            f"Write it as .xlsx, which is encrypted, or below {data.root / 'lists'}.",
        )
    refuse_own_folders(out, data, data.root / "lists")
    return target


def refuse_own_folders(out: Path, data: DataFolder, instead: Path) -> None:
    """Raise UsageError for a place, links followed, among the pipeline's own files."""
    target, root = out.resolve(), data.root.resolve()
    inside = target.relative_to(root).parts if target.is_relative_to(root) else ()
    if inside and inside[0] in _OURS:
        raise UsageError(
            f"The folder {data.root / inside[0]} is not for lists and exports: the pipeline keeps its files there.",
            f"Asked for {out}.",
            f"Write it below {instead}.",
        )


def is_clear(target: Path) -> bool:
    """Whether a list of this name is written without encryption."""
    return target.suffix.lower() in _CLEAR


def make_folder(folder: Path) -> None:
    """The folder and those above it that are missing, closed to others."""
    with said_in_words(folder):
        for missing in reversed([each for each in (folder, *folder.parents) if not each.exists()]):
            missing.mkdir(mode=0o700)


def write_closed(file: Path, content: bytes) -> None:
    """Write whole, readable by its owner alone (DataFolder.prepare has closed new files to others)."""
    # A part left by somebody else would keep its own mode.
    file.with_name(f"{file.name}.part").unlink(missing_ok=True)
    write_whole(file, content)
