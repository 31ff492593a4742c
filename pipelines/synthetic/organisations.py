"""Invented practices, networks and areas, their list sizes, and the cost centres that are not practices."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from pipelines.errors import UnreadableFile, UsageError
from pipelines.synthetic import mix
from pipelines.synthetic.draws import Draws, Ints, keys

GP_PRACTICE, OUT_OF_HOURS, SUBSTANCE_MISUSE, HOSPICE = "4", "2", "8", "13"
"""Prescribing settings of the national list."""
_SERVICES = (
    (OUT_OF_HOURS, "OUT OF HOURS SERVICE"),
    (HOSPICE, "HOSPICE"),
    (SUBSTANCE_MISUSE, "RECOVERY SERVICE"),
)
_SUB_ICB_LETTERS = "ZXUS"
_ICB_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ICBS_PER_REGION = 6


@dataclass(frozen=True)
class Organisations:
    """Cost centres by number: the GP practices, then a few services of each integrated care board (ICB).

    `frame` has one row for each cost centre, every column text. `list_size` (people registered at the first
    month) and the `…_of` arrays, which name the services near a practice, have one element for each practice.
    """

    frame: pl.DataFrame
    gp_practices: int
    list_size: Ints
    out_of_hours_of: Ints
    hospice_of: Ints
    substance_misuse_of: Ints
    unknown_prescriber: int


def practice_count(patients: int) -> int:
    """How many GP practices so many patients have."""
    return max(mix.LEAST_PRACTICES, round(patients / mix.PATIENTS_PER_PRACTICE))


def first_practices(seed: int, patients: int, practices: int | None = None) -> Ints:
    """The first practice of each patient, rising with the patient's number; practices differ in size."""
    practices = practices or practice_count(patients)
    weight = np.exp(0.35 * Draws(keys(seed, "practice", np.arange(practices))).normal("size"))
    edges = np.rint(np.cumsum(weight) / weight.sum() * patients)
    return np.searchsorted(edges, np.arange(patients), side="right").astype(np.int64)


def _area(icb: int, sub_icb: int, sub_icbs_before: int) -> dict[str, str]:
    """Names and codes of an ICB, its region and one of its places."""
    number = sub_icbs_before + sub_icb
    sub_icb_code = f"{60 + number % 40}{_SUB_ICB_LETTERS[number // 40]}"
    region = icb // _ICBS_PER_REGION
    return {
        "region_code": f"Y9{region}",
        "region_name": f"SYNTHETIC REGION {region + 1}",
        "ons_region_code": f"E4099900{region}",
        "icb_code": f"QZ{_ICB_LETTERS[icb]}",
        "icb_name": f"NHS SYNTHETIC SHIRE {icb + 1} INTEGRATED CARE BOARD",
        "ons_icb_code": f"E549990{icb:02d}",
        "sub_icb_code": sub_icb_code,
        "sub_icb_name": f"NHS SYNTHETIC SHIRE {icb + 1} ICB - {sub_icb_code}",
        "ons_sub_icb_code": f"E38999{number:03d}",
    }


def _cost_centre(code: str, name: str, setting: str, number: int, pcn: int | None) -> dict[str, str]:
    """What a cost centre has of its own: code, name, address, setting, network."""
    return {
        "practice_code": code,
        "practice_name": name,
        "address_1": f"{number + 1} INVENTED STREET",
        "address_2": "NOWHERE",
        "address_3": "SYNTHETIC TOWN",
        "address_4": "TESTSHIRE",
        "postcode": f"ZZ{number // 26 % 90 + 10} {number % 9 + 1}A{_ICB_LETTERS[number % 26]}",
        "setting": setting,
        "pcn_code": "" if pcn is None else f"U{22510 + 2 * pcn}",
        "pcn_name": "" if pcn is None else f"SYNTHETIC PCN {pcn + 1}",
    }


def read_practices(file: Path) -> list[tuple[str, str]]:
    """Codes and names of practices from the columns PRACTICE_CODE and, where it has one, PRACTICE_NAME of a CSV."""
    try:
        frame = pl.read_csv(file, infer_schema=False, encoding="utf8-lossy")
    except (OSError, pl.exceptions.PolarsError):
        raise UnreadableFile("The list of practices cannot be read.", f"File {file}.", "Give a CSV.") from None
    frame = frame.rename({name: name.strip("\ufeff ").upper() for name in frame.columns})
    if "PRACTICE_CODE" not in frame.columns:
        raise UsageError(
            "The list of practices has no column PRACTICE_CODE.",
            f"File {file}: {', '.join(frame.columns)[:200]}.",
            "Name the column with the codes so.",
        )
    code = pl.col("PRACTICE_CODE").str.strip_chars()
    name = "PRACTICE_NAME" if "PRACTICE_NAME" in frame.columns else "PRACTICE_CODE"
    known = frame.filter(code.is_not_null() & (code != "")).unique("PRACTICE_CODE", maintain_order=True)
    if known.is_empty():
        raise UsageError("The list of practices is empty.", f"File {file}.", "Give at least one practice.")
    return list(known.select(code, pl.col(name).fill_null("").alias("name")).iter_rows())


def organisations(
    seed: int, practice_of_patient: Ints, practices: int, given: Sequence[tuple[str, str]] = ()
) -> Organisations:
    """The cost centres for patients whose first practices are given.

    `given`: codes and names of practices that are real; everything else about them stays invented.
    """
    icbs = max(1, round(practices / mix.PRACTICES_PER_ICB))
    sub_icbs = [2 + icb % 2 for icb in range(icbs)]
    pcns = max(3, round(practices / mix.PRACTICES_PER_PCN))
    rows: list[dict[str, str]] = []
    pcn_areas: list[dict[str, str]] = []
    for pcn in range(pcns):
        icb = pcn * icbs // pcns
        first_pcn, next_pcn = -(-icb * pcns // icbs), -(-(icb + 1) * pcns // icbs)
        place = (pcn - first_pcn) * sub_icbs[icb] // (next_pcn - first_pcn)
        pcn_areas.append(_area(icb, place, sum(sub_icbs[:icb])))
    icb_of = np.empty(practices, dtype=np.int64)
    for number in range(practices):
        pcn = number * pcns // practices
        icb_of[number] = pcn * icbs // pcns
        code, name = given[number] if given else (f"Z{number + 10001}", f"SYNTHETIC SURGERY {number + 1}")
        centre = _cost_centre(code, name, GP_PRACTICE, number, pcn)
        rows.append(centre | pcn_areas[pcn])
    for icb in range(icbs):
        for order, (setting, name) in enumerate(_SERVICES):
            number = len(rows)
            code = f"Z{80001 + icb * len(_SERVICES) + order}"
            centre = _cost_centre(code, f"SYNTHETIC {name} {icb + 1}", setting, number, None)
            rows.append(centre | _area(icb, 0, sum(sub_icbs[:icb])))
    rows.append({key: "UNIDENTIFIED" if key.endswith("_name") else "-" for key in rows[0]})
    services = practices + icb_of * len(_SERVICES)
    noise = 0.85 + 0.3 * Draws(keys(seed, "practice", np.arange(practices))).uniform("list size")
    patients = np.bincount(practice_of_patient, minlength=practices)
    list_size = np.rint(patients * mix.LIST_SIZE_PER_PATIENT * noise).astype(np.int64)
    return Organisations(
        pl.DataFrame(rows),
        practices,
        np.maximum(list_size, 1),
        services,
        services + 1,
        services + 2,
        len(rows) - 1,
    )
