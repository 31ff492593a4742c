"""Take in a list of people who opted out: NHS numbers in, pseudonyms kept. They leave with the next refresh."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from pipelines.audit import AuditTrail
from pipelines.errors import UnreadableFile
from pipelines.folders import DataFolder
from pipelines.identity import digits_of, kind_of, open_door
from pipelines.identity.opt_outs import OptOutStore
from pipelines.ingest.register import Register, original_of
from pipelines.spreadsheets import sheets_of

_MOST_ROWS_SAID = 15


@dataclass(frozen=True)
class OptedOut:
    """What a list changed: people, and the files whose rows of those who came back are landed anew, or are lost."""

    new: int
    known: int
    lifted: int
    files_to_land_anew: tuple[str, ...]
    files_without_original: tuple[str, ...]


def take_in_opt_outs(file: Path, data: DataFolder, user: str | None, *, is_whole_list: bool = False) -> OptedOut:
    """Keep the people of a list, all or none. Raises UnreadableFile with the rows that hold no NHS number."""
    if not file.is_file():
        raise UnreadableFile("There is no such file.", f"{file}.", "Name the list of NHS numbers.")
    content = file.read_bytes()
    door = open_door(data)
    people = {door.patient_key_of(number) for number in nhs_numbers_of(content, file.name)}
    changed = OptOutStore(data).take_in(people, "opted_out", is_whole_list=is_whole_list)
    anew, lost = _land_anew(data) if changed.lifted else ((), ())
    AuditTrail(data).append(
        "opt-out import",
        user,
        file=file.name,
        sha256=hashlib.sha256(content).hexdigest(),
        whole_list=is_whole_list,
        people=len(people),
        new=changed.new,
        lifted=changed.lifted,
    )
    return OptedOut(changed.new, changed.known, changed.lifted, anew, lost)


def nhs_numbers_of(content: bytes, file_name: str) -> list[str]:
    """The NHS numbers of a small csv or xlsx, one a row, a heading or none above them. Raises UnreadableFile.

    What is wrong is named by its row; no value is repeated.
    """
    numbers: list[str] = []
    wrong: list[int] = []
    for sheet in sheets_of(content, file_name)[:1]:
        filled = [(number, [cell for cell in cells if cell.strip()]) for number, cells in sheet.rows]
        for position, (row, cells) in enumerate((row, cells) for row, cells in filled if cells):
            found = [digits_of(cell) for cell in cells if kind_of(cell) == "nhs_number"]
            if len(found) == 1:
                numbers += found
            elif position or found or any(character.isdigit() for cell in cells for character in cell):
                wrong.append(row)
    if wrong or not numbers:
        rows = ", ".join(map(str, wrong[:_MOST_ROWS_SAID]))
        raise UnreadableFile(
            f"{len(wrong)} row(s) hold no valid NHS number, or several, so none was taken in."
            if wrong
            else "The file holds no NHS number.",
            f"File {file_name}" + (f", row(s) {rows}{' …' if len(wrong) > _MOST_ROWS_SAID else ''}." if wrong else "."),
            "Give one NHS number a row, as text, with a heading or without.",
        )
    return numbers


def _land_anew(data: DataFolder) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Have the files land anew that people were taken out of, where their originals are kept."""
    register = Register(data)
    shortened = {month.file.sha256: month.file for month in register.loaded_months() if month.counts.rows_opted_out}
    kept = [file for file in shortened.values() if original_of(file, data).exists()]
    register.land_anew(file.sha256 for file in kept)
    lost = [file.file_name for file in shortened.values() if file not in kept]
    return tuple(sorted(file.file_name for file in kept)), tuple(sorted(lost))
