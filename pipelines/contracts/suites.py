"""The files of configs/expectations/, validated: what is judged, within which bounds, since when and why."""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipelines.errors import ConfigError

Severity = Literal["stop", "warn"]


class Check(BaseModel):
    """One expectation. Whatever it says beyond these keys is an argument of that expectation."""

    model_config = ConfigDict(frozen=True, extra="allow")

    type: str = Field(pattern=r"^expect_[a-z_]+$")
    severity: Severity
    what: str
    """What is counted, in words: 'share of rows without a quantity'."""
    why: str = Field(min_length=10)
    since: str = Field(pattern=r"^\d{4}-\d{2}$")
    where: str | None = None
    """Rows of metrics that are judged at all, as a condition of pandas; all of them when left out."""

    @property
    def arguments(self) -> dict[str, Any]:
        """What Great Expectations is told: column, bounds."""
        return dict(self.__pydantic_extra__ or {})

    @property
    def column(self) -> str:
        return str(self.arguments.get("column", ""))


class Suite(BaseModel):
    """One file: a metrics query and the checks of its answer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    suite: str = Field(pattern=r"^[a-z_]+$")
    title: str
    metrics: str = Field(pattern=r"^metrics_[a-z_]+$")
    rows: str | None = Field(default=None, pattern=r"^rows_[a-z_]+$")
    """The query that says where offending rows stand; `$metric` is the column of the check."""
    parameters: dict[str, str] = {}
    may_be_empty: str | None = None
    """Why it is no fault when there is nothing to judge; left out, nothing to judge stops publication."""
    counts_patients: bool = False
    """Whether metrics count patients' items: what is found then stays on the secure side."""
    expectations: tuple[Check, ...] = Field(min_length=1)


def read_suites(files: Sequence[Path]) -> list[Suite]:
    """The suites, in the order of their files. Raises ConfigError with every problem of a file."""
    return [_read(file) for file in files]


def _read(file: Path) -> Suite:
    try:
        return Suite.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file.name} is not valid TOML.", f"{file}: {error}", "Mend that line.") from None
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}" for problem in error.errors()
        )
        raise ConfigError(
            f"{file.name} holds {error.error_count()} setting(s) that cannot be used.",
            f"{file}: {problems}",
            "Mend them; the shipped file of the same name shows the form.",
        ) from None
