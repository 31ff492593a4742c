"""zip and gz: what is in them is what counts, so that the same content packed again is still the same content."""

import gzip
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pipelines.archives import HARMED, is_of_the_disk
from pipelines.errors import UnreadableFile
from pipelines.folders import DataFolder, said_in_words
from pipelines.ingest.opening import kind_of_file

# Beside the data in archives as they are published; never data themselves.
_NOT_DATA = {".pdf", ".txt", ".md", ".doc", ".docx", ".htm", ".html", ".rtf"}
# With the number of the process, so that what a killed one left can be told from what another still works on.
_PREFIX = ".unpacked-{}-"


@dataclass(frozen=True)
class Arrived:
    """One file of a delivery: where its bytes are, and what it is called."""

    path: Path
    file_name: str
    is_copy: bool = False


@contextmanager
def unpacked(files: Sequence[Path], data: DataFolder) -> Iterator[list[Arrived]]:
    """The files themselves, and in place of each zip or gz what is in it. Copies lie in the identifiable store.

    Every member of a zip is a file of the same delivery; documents beside the data are left out. Raises
    UnreadableFile for a damaged or locked archive, and for an archive within an archive.
    """
    with said_in_words(data.identifiable):
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX.format(os.getpid()), dir=data.identifiable))
    try:
        yield [arrived for number, file in enumerate(files) for arrived in _members(file, folder / str(number))]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _members(file: Path, folder: Path) -> list[Arrived]:
    if not file.is_file():
        raise UnreadableFile("The file does not exist.", f"File {file}.", "Check the path.")
    kind = kind_of_file(file)
    if kind not in ("zip", "gzip"):
        return [Arrived(file, file.name)]
    folder.mkdir(mode=0o700)
    try:
        with said_in_words(folder):
            members = _unzip(file, folder) if kind == "zip" else _gunzip(file, folder)
    except HARMED as error:
        if is_of_the_disk(error):
            raise
        raise UnreadableFile(
            "The archive is damaged: its content does not match its checksum, or its end is missing.",
            f"File {file.name}.",
            "Fetch or export it again.",
        ) from None
    for member in members:
        if member.path.stat().st_size and kind_of_file(member.path) in ("zip", "gzip"):
            raise UnreadableFile(
                "There is an archive within an archive.",
                f"File {member.file_name}.",
                "Unpack the outer one and add what is in it.",
            )
    return members


def _gunzip(file: Path, folder: Path) -> list[Arrived]:
    content = folder / file.stem
    with gzip.open(file) as packed, content.open("wb") as out:
        shutil.copyfileobj(packed, out, 1 << 20)
    return [Arrived(content, file.name, is_copy=True)]


def _unzip(file: Path, folder: Path) -> list[Arrived]:
    with zipfile.ZipFile(file) as archive:
        members = [member for member in archive.infolist() if is_data(member)]
        if any(member.flag_bits & 1 for member in members):
            raise UnreadableFile(
                "The archive has a password.", f"File {file.name}.", "Unpack it into data/incoming/ or a closed folder."
            )
        if not members:
            raise UnreadableFile("The archive holds no file of data.", f"File {file.name}.", "Look into it.")
        arrived = []
        for number, member in enumerate(members):
            name = PurePosixPath(member.filename).name
            (folder / str(number)).mkdir(mode=0o700)
            content = folder / str(number) / name
            try:
                with archive.open(member) as packed, content.open("wb") as out:
                    shutil.copyfileobj(packed, out, 1 << 20)
            except NotImplementedError:
                raise UnreadableFile(
                    "The archive is packed in a way that cannot be read here.", f"File {file.name}.", "Unpack it first."
                ) from None
            arrived.append(Arrived(content, file.name if len(members) == 1 else f"{file.name}/{name}", is_copy=True))
        return arrived


def is_data(member: zipfile.ZipInfo) -> bool:
    """Whether a member of an archive is data, rather than a folder or a document beside it."""
    path = PurePosixPath(member.filename)
    hidden = path.name.startswith(".") or "__MACOSX" in path.parts
    return not (member.is_dir() or hidden or path.suffix.lower() in _NOT_DATA)
