"""The products of the generator and how they are taken, read from `data/reference/synthetic_*.csv`."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from pipelines.errors import ReferenceDataError
from pipelines.synthetic.draws import Bools, Floats, Ints

NONE = -1
COMPONENTS = 2


def _read(path: Path) -> pl.DataFrame:
    """A reference table, every column as text."""
    if not path.is_file():
        raise ReferenceDataError(
            "A table of the synthetic generator is missing.", str(path), "Reinstall, or restore it from git."
        )
    return pl.read_csv(path, infer_schema=False)


@dataclass(frozen=True)
class Products:
    """Products by number (row of the file); `nic_pence_per_unit` may have fractions of a penny."""

    frame: pl.DataFrame
    ome_mg_per_unit: Floats
    pack_units: Ints
    nic_pence_per_unit: Floats

    @property
    def is_opioid(self) -> Bools:
        """Which products count towards the dose or the time on opioids, by number."""
        return self.ome_mg_per_unit > 0

    @property
    def is_gabapentinoid(self) -> Bools:
        """Which products are gabapentin or pregabalin, by number."""
        return (self.frame["kind"] == "gabapentinoid").to_numpy()

    @property
    def is_parenteral(self) -> Bools:
        """Which products are injections, by number."""
        return (self.frame["form"] == "injection").to_numpy()

    @classmethod
    def read(cls, reference_dir: Path) -> "Products":
        """Read `synthetic_products.csv`."""
        frame = _read(reference_dir / "synthetic_products.csv")
        ome_mg_per_unit = frame["ome_mg_per_unit"].cast(pl.Float64).fill_null(0.0).to_numpy()
        return cls(
            frame,
            ome_mg_per_unit,
            frame["pack_units"].cast(pl.Int64).to_numpy(),
            frame["nic_gbp_per_unit"].cast(pl.Float64).to_numpy() * 100.0,
        )

    def numbers(self, bnf_codes: Iterable[str]) -> Ints:
        """The numbers of products, by BNF code."""
        order = {code: number for number, code in enumerate(self.frame["bnf_code"])}
        return np.array([order[code] for code in bnf_codes], dtype=np.int64)

    def of_kind(self, kind: str) -> Ints:
        """The numbers of every product of a kind, such as `"no_strength"`."""
        return np.flatnonzero((self.frame["kind"] == kind).to_numpy()).astype(np.int64)

    def nic_pence(self, product: Ints, quantity: Ints) -> Ints:
        """Net ingredient cost of a quantity, in whole pence, at least one."""
        return np.maximum(1, np.rint(quantity * self.nic_pence_per_unit[product])).astype(np.int64)


@dataclass(frozen=True)
class ShortCourses:
    """Courses of one fixed quantity: product, quantity, days it lasts, share (see each use)."""

    product: Ints
    quantity: Ints
    days: Ints
    share: Floats

    @classmethod
    def read(cls, reference_dir: Path, products: Products) -> "dict[str, ShortCourses]":
        """Read `synthetic_short_courses.csv`: the courses by name."""
        frame = _read(reference_dir / "synthetic_short_courses.csv")
        courses = {}
        for (name,), rows in frame.group_by("course", maintain_order=True):
            courses[str(name)] = cls(
                products.numbers(rows["bnf_code"]),
                rows["quantity"].cast(pl.Int64).to_numpy(),
                rows["days"].cast(pl.Int64).to_numpy(),
                rows["share"].cast(pl.Float64).to_numpy(),
            )
        return courses


@dataclass(frozen=True)
class Regimens:
    """Ways of taking a medicine every day, in ladders (`family`) of rising dose (`step`).

    A regimen has up to two products (number -1: none); `ome_mg_per_day` is its sum. `up` and `down` name
    the neighbouring regimen, the same one at an end of the ladder.
    """

    family: list[str]
    share: Floats
    product: Ints
    units_per_day: Floats
    ome_mg_per_day: Floats
    up: Ints
    down: Ints

    @classmethod
    def read(cls, reference_dir: Path, products: Products) -> "Regimens":
        """Read `synthetic_regimens.csv`."""
        rows = _read(reference_dir / "synthetic_regimens.csv").with_columns(
            pl.col("units", "per_days", "share").cast(pl.Float64)
        )
        groups = list(rows.group_by("family", "step", maintain_order=True))
        family = [str(name) for (name, _step), _rows in groups]
        product = np.full((len(groups), COMPONENTS), NONE, dtype=np.int64)
        units_per_day = np.zeros((len(groups), COMPONENTS))
        for number, (_, parts) in enumerate(groups):
            product[number, : parts.height] = products.numbers(parts["bnf_code"])
            units_per_day[number, : parts.height] = (parts["units"] / parts["per_days"]).to_numpy()
        ome_mg_per_day = np.where(product == NONE, 0.0, products.ome_mg_per_unit[product] * units_per_day)
        numbers = np.arange(len(groups))
        same_above = np.array([a == b for a, b in zip(family, [*family[1:], ""], strict=True)])
        same_below = np.array([a == b for a, b in zip(family, ["", *family[:-1]], strict=True)])
        return cls(
            family,
            np.array([parts["share"][0] for _, parts in groups]),
            product,
            units_per_day,
            ome_mg_per_day.sum(axis=1),
            numbers + same_above,
            numbers - same_below,
        )

    def starting_shares(
        self, families: dict[str, float], from_ome_mg_per_day: float = 0.0, to_ome_mg_per_day: float = 1e9
    ) -> Floats:
        """How often a line of these families begins with each regimen within a band of daily dose."""
        family = np.array(self.family)
        in_band = (self.ome_mg_per_day >= from_ome_mg_per_day) & (self.ome_mg_per_day <= to_ome_mg_per_day)
        shares = np.zeros(len(family))
        for name, weight in families.items():
            chosen = (family == name) & in_band
            if chosen.any():
                shares[chosen] = weight * self.share[chosen] / self.share[chosen].sum()
        return shares

    def nearest_dose(self, families: dict[str, float]) -> Ints:
        """For each regimen and each family (columns): the regimen of that family with the nearest dose."""
        family = np.array(self.family)
        nearest = np.empty((len(family), len(families)), dtype=np.int64)
        for column, name in enumerate(families):
            candidates = np.flatnonzero(family == name)
            gap = np.abs(self.ome_mg_per_day[:, None] - self.ome_mg_per_day[None, candidates])
            nearest[:, column] = candidates[np.argmin(gap, axis=1)]
        return nearest
