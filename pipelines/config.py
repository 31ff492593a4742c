"""configs/*.toml → frozen, validated settings. Every problem of a file is reported at once.

Without a config folder the shipped files are used; with one, its files replace the shipped ones by name.
"""

import difflib
import hashlib
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, Field, ValidationError

from pipelines import assets
from pipelines.action_settings import ActionSettings
from pipelines.errors import ConfigError
from pipelines.layout_settings import Layout, LayoutColumn, problems_of
from pipelines.measure_settings import (
    Aim,
    AimSettings,
    Frozen,
    Instrument,
    LocalMeasure,
    LocalMeasureSettings,
    Measure,
    MeasureSettings,
    SupersededDefinition,
    check_names,
)
from pipelines.report_settings import ReportSettings

__all__ = [
    "Aim",
    "AimSettings",
    "Instrument",
    "Layout",
    "LayoutColumn",
    "LocalMeasure",
    "LocalMeasureSettings",
    "Measure",
    "MeasureSettings",
]


def bytes_of(limit: str) -> int:
    """A limit of pipeline.toml, such as `4GB` or `512MiB`, as a number: what DuckDB takes it for."""
    number, unit = int(limit.rstrip("GMBi")), limit.lstrip("0123456789")
    sizes = {"MB": 1000**2, "GB": 1000**3, "MiB": 1024**2, "GiB": 1024**3}
    return number * sizes[unit]


class PipelineSettings(Frozen):
    """pipeline.toml: how the main job runs."""

    scope: Literal["nhsbsa_dfm", "extended"]
    factor_set: str
    unconverted_share_limit: Decimal = Field(ge=0, le=1)
    unconverted_items_limit: int = Field(ge=0)
    quarantined_share_limit: Decimal = Field(ge=0, le=1)
    keep_snapshots: int = Field(ge=1)
    keep_patient_files_months: int = Field(ge=0)
    data_docs: bool
    site: bool
    engine: Literal["duckdb", "spark"] = "duckdb"
    spark_master: str = Field(default="local[*]", min_length=1)
    memory_limit: str = Field(pattern=r"^\d+(MB|GB|MiB|GiB)$")
    spill_limit: str = Field(default="100GB", pattern=r"^\d+(MB|GB|MiB|GiB)$")
    threads: int = Field(ge=0)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"


class CohortSettings(Frozen):
    """cohorts.toml: the thresholds of the cohorts, a section for each idea. Each value binds in SQL as section_key."""

    version: str
    checked_by: str
    high_dose: dict[str, Decimal | int]
    long_term: dict[str, int]
    escalation: dict[str, Decimal | int]
    balancing: dict[str, Decimal | int]
    first_month_of_data: dict[str, int]
    people: dict[str, int]
    case_list: dict[str, int]
    implausible_quantity: dict[str, int]
    superseded: tuple[SupersededDefinition, ...] = ()

    def sql_parameters(self) -> dict[str, Decimal | int | str]:
        """`{"high_dose_ome_mg_per_day": 120, …}`: what `$name` means in a model."""
        sections = self.model_dump(exclude={"version", "checked_by", "superseded"})
        named = {f"{section}_{key}": value for section, keys in sections.items() for key, value in keys.items()}
        return {**named, "cohort_version": self.version}


class PortalDataset(Frozen):
    """A dataset of a CKAN portal: where the portal answers, and what it calls the dataset."""

    portal: str = Field(pattern=r"^https?://[^\s?#]+$")
    dataset: str = Field(pattern=r"^[A-Za-z0-9_-]+$")
    stale_after_months: int = Field(ge=1)


class Patience(Frozen):
    """How often and how long a download waits for a server before it gives up."""

    attempts: int = Field(ge=1, le=50)
    longest_wait_seconds: int = Field(ge=0, le=3600)
    connect_timeout_seconds: int = Field(ge=1)
    read_timeout_seconds: int = Field(ge=1)


_FileAddresses = dict[
    Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*\.(csv|zip|xlsx)$")],
    Annotated[str, Field(pattern=r"^https?://\S+$")],
]


class FetchSettings(Frozen):
    """fetch.toml: where open data is downloaded from, and how patiently."""

    patience: Patience
    epd: PortalDataset
    list_sizes: _FileAddresses = Field(default_factory=dict)
    organisations: _FileAddresses = Field(default_factory=dict)


class ReferenceLimit(Frozen):
    """How old a reference may be beside the newest month of data, and what it means when it is older or missing."""

    title: str
    dated_by: Literal["month", "extract_date", "newest_event", "edition"]
    max_age_months: int = Field(ge=0)
    edition: str | None = Field(default=None, pattern=r"^\d{4}-(0[1-9]|1[0-2])$")
    instead: str | None = None
    if_missing: str | None = None
    if_stale: str


class ReferenceSettings(Frozen):
    """references.toml: the references by source, and from how many items on a code that vanishes is told."""

    vanished_code_least_items: int = Field(ge=1)
    references: dict[str, ReferenceLimit]


class EmailSettings(Frozen):
    """notify.toml [email]: the mail server and who is written to; the password is in the environment."""

    host: str
    port: int = Field(ge=1, le=65535)
    security: Literal["starttls", "tls", "none"]
    sender: str
    recipients: tuple[str, ...] = Field(min_length=1)
    username: str | None = None


class WebhookSettings(Frozen):
    """notify.toml [webhook]: what kind of channel listens; its address, a secret, is in the environment."""

    kind: Literal["teams", "slack"]


class NotifySettings(Frozen):
    """notify.toml: whom to tell how an unattended run ended."""

    on: tuple[Literal["failed", "published"], ...] = ()
    email: EmailSettings | None = None
    webhook: WebhookSettings | None = None

    @property
    def names_nobody(self) -> bool:
        return not self.on or (self.email is None and self.webhook is None)


class Settings(Frozen):
    """Everything a run is told by its config folder."""

    pipeline: PipelineSettings
    cohorts: CohortSettings
    aims: AimSettings
    measures: MeasureSettings
    actions: ActionSettings
    local: LocalMeasureSettings
    fetch: FetchSettings
    notify: NotifySettings
    references: ReferenceSettings
    report: ReportSettings
    layouts: tuple[Layout, ...]
    disclosure_file: Path
    expectation_files: tuple[Path, ...]
    # The text, by file name, of every setting that can change a figure: where a file came from and who is told cannot.
    contents: dict[str, str]
    # What stands in place of a shipped file or beside them, by name: a folder of one's own was given or lies there.
    own: tuple[Path, ...] = ()

    def on_engine(self, engine: Literal["duckdb", "spark"]) -> "Settings":
        """The same settings for another engine, which changes no figure."""
        return self.model_copy(update={"pipeline": self.pipeline.model_copy(update={"engine": engine})})

    @property
    def content_hash(self) -> str:
        """Hash of every setting that can change a figure."""
        return hashlib.sha256("\0".join(f"{name}\0{text}" for name, text in self.contents.items()).encode()).hexdigest()

    def layout(self, name: str) -> Layout:
        for layout in self.layouts:
            if layout.name == name:
                return layout
        known = ", ".join(layout.name for layout in self.layouts)
        raise ConfigError(
            f"No layout is called '{name}'.",
            f"Known layouts: {known}.",
            "Name one of them. Your own lie in settings/sources/ of the data folder, or in sources/ of --config-dir.",
        )


# Where files of any name are read: layouts, and suites of bounds.
_OPEN_FOLDERS = ("sources", "expectations")
_Model = TypeVar("_Model", bound=BaseModel)


def load_settings(config_dir: Path | None = None) -> Settings:
    """Read, override by file name and validate all settings. Raises ConfigError."""
    files = _effective_files(config_dir)
    layouts = [_layout(path) for name, path in sorted(files.items()) if name.startswith("sources/")]
    _check_own_layouts(layouts, files)
    cohorts = _validated(CohortSettings, files["cohorts.toml"])
    aims = _validated(AimSettings, files["aims.toml"])
    measures = _validated(MeasureSettings, files["measures.toml"])
    local = _validated(LocalMeasureSettings, files["local_measures.toml"])
    check_names(cohorts.superseded, cohorts.first_month_of_data, aims, measures, local)
    return Settings(
        pipeline=_validated(PipelineSettings, files["pipeline.toml"]),
        cohorts=cohorts,
        aims=aims,
        measures=measures,
        actions=_validated(ActionSettings, files["actions.toml"]),
        local=local,
        fetch=_validated(FetchSettings, files["fetch.toml"]),
        notify=_validated(NotifySettings, files["notify.toml"]),
        references=_validated(ReferenceSettings, files["references.toml"]),
        report=_report(files["report.toml"]),
        layouts=tuple(layouts),
        disclosure_file=files["disclosure.toml"],
        expectation_files=tuple(path for name, path in sorted(files.items()) if name.startswith("expectations/")),
        contents={
            name: path.read_text(encoding="utf-8")
            for name, path in sorted(files.items())
            if name not in ("fetch.toml", "notify.toml", "report.toml")
        },
        own=tuple(path for _, path in sorted(files.items()) if not path.is_relative_to(assets.CONFIG_DIR)),
    )


def _layout(path: Path) -> Layout:
    return _validated(Layout, path, extra={"name": path.stem})


def _check_own_layouts(layouts: Sequence[Layout], files: Mapping[str, Path]) -> None:
    """A layout that brings rows to the table of a shipped one brings what that table reads. Raises ConfigError."""
    own = [each for each in layouts if not files[f"sources/{each.name}.toml"].is_relative_to(assets.CONFIG_DIR)]
    # One's own may stand in place of a shipped one: that one counts all the same.
    shipped = [_layout(path) for path in sorted((assets.CONFIG_DIR / "sources").glob("*.toml"))] if own else []
    for layout in own:
        known = [each for each in shipped if each.source == layout.source]
        if known and (problems := list(problems_of(layout, known))):
            raise ConfigError(
                f"The layout {layout.name} does not fit the table '{layout.source}' that its rows join.",
                f"{files[f'sources/{layout.name}.toml']}: {'; '.join(problems)}.",
                f"Begin with a copy of {known[0].name}.toml and change what stands in its names alone.",
            )


def _report(path: Path) -> ReportSettings:
    """report.toml, with the boundaries looked for beside it."""
    found = _validated(ReportSettings, path)
    if found.map is None:
        return found
    return found.model_copy(update={"map": found.map.model_copy(update={"path": path.parent / found.map.path})})


def _effective_files(config_dir: Path | None) -> dict[str, Path]:
    """Settings files by their name below the folder: the shipped ones, replaced by the user's of the same name."""
    folders = [assets.CONFIG_DIR]
    if config_dir is not None:
        if not config_dir.is_dir():
            raise ConfigError(
                f"The config folder {config_dir} does not exist.", "", "Create it, or leave --config-dir out."
            )
        folders.append(config_dir)
    files: dict[str, Path] = {}
    for folder in folders:
        for path in folder.rglob("*.toml"):
            name = path.relative_to(folder).as_posix()
            if folder is config_dir and name not in files:
                _refuse_unread(name, path, files)
            files[name] = path
    return files


def _refuse_unread(name: str, path: Path, shipped: Iterable[str]) -> None:
    """A file of one's own that nothing would read leaves the shipped settings in force unseen. Raises ConfigError."""
    if name.rpartition("/")[0] in _OPEN_FOLDERS:
        return
    near = difflib.get_close_matches(name, shipped, n=1, cutoff=0.9)
    raise ConfigError(
        f"No setting is called {name}, so it would change nothing.",
        f"{path}.",
        (f"Did you mean {near[0]}? " if near else "") + "A layout of your own lies in sources/; other files bear the "
        "names of those in configs/.",
    )


def _validated(model: type[_Model], path: Path, extra: dict[str, Any] | None = None) -> _Model:
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path.name} is not valid TOML.", f"{path}: {error}", "Mend that line.") from None
    try:
        return model.model_validate({**raw, **(extra or {})})
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}" for problem in error.errors()
        )
        raise ConfigError(
            f"{path.name} holds {error.error_count()} setting(s) that cannot be used.",
            f"{path}: {problems}",
            "Mend them; the shipped file of the same name shows the form.",
        ) from None


def normalise_header(name: str) -> str:
    """Header text as it is compared: case, spaces, underscores and line breaks do not count."""
    return re.sub(r"[\s_]+", " ", name.strip().strip("﻿")).strip().casefold()
