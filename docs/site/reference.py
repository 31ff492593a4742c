"""Pages that state what the code says: commands, exit codes, settings, sources, measures, factors, bounds."""

import csv
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import typer
from pydantic import BaseModel
from typer.main import get_command

from pipelines import assets, errors
from pipelines.action_settings import ActionSettings
from pipelines.cli.main import app
from pipelines.config import (
    AimSettings,
    CohortSettings,
    FetchSettings,
    Layout,
    LocalMeasureSettings,
    MeasureSettings,
    NotifySettings,
    PipelineSettings,
    ReferenceSettings,
    load_settings,
)
from pipelines.disclosure.policy import Policy
from pipelines.report_settings import ReportSettings

# Every file of settings, what reads it, and what the page says of it. Sources and bounds have pages of their own.
SETTINGS: dict[str, tuple[type, str]] = {
    "pipeline.toml": (PipelineSettings, "How the main job runs."),
    "cohorts.toml": (CohortSettings, "The thresholds of the cohorts; each value says whether it is published or ours."),
    "aims.toml": (AimSettings, "The aims that trends are judged by."),
    "measures.toml": (MeasureSettings, "The measures: [their page](measures.md) lists them."),
    "local_measures.toml": (
        LocalMeasureSettings,
        "What a local return may hold: [listed with the measures](measures.md).",
    ),
    "disclosure.toml": (Policy, "How aggregates are protected before they leave."),
    "references.toml": (ReferenceSettings, "How old each reference may be."),
    "actions.toml": (ActionSettings, "What the page of a practice suggests."),
    "fetch.toml": (FetchSettings, "Where open data is downloaded from."),
    "notify.toml": (NotifySettings, "Whom to tell how an unattended run ended."),
    "report.toml": (ReportSettings, "How the site is dressed for one place."),
}
# The folders that nearly every command works in are said once.
_FOLDERS = ("--data-dir", "--reports-dir", "--config-dir")
# Too long to be read as a file; their contents stand in a table elsewhere.
_TABLED = {"measures.toml", "local_measures.toml", "actions.toml"}
_MADE = "This page is made by `make docs` from {source}; it is never edited."


def table(heads: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A table as Markdown: one line a row."""
    heads = list(heads)
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    lines += ["| " + " | ".join(_cell(str(value)) for value in row) + " |" for row in rows]
    return "\n".join(lines)


def _cell(text: str) -> str:
    """On one line; what is code stays as it is, elsewhere no sign is taken for a mark."""
    parts = " ".join(text.split()).replace("|", "\\|").split("`")
    return "`".join(part if number % 2 else part.replace("<", "&lt;") for number, part in enumerate(parts))


def leaf_commands() -> Iterator[tuple[str, Any]]:
    """Every command that does something, with its name as it is typed after `opioids`."""
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        below = getattr(command, "commands", None)
        if below:
            yield from ((f"{name} {sub}", leaf) for sub, leaf in below.items())
        else:
            yield name, command


def commands_page() -> str:
    """What `--help` says of every command."""
    parts = [
        "# Commands",
        _MADE.format(source="the commands themselves")
        + " What a command ends with is in [exit codes](exit-codes.md). Beside the options below, commands take "
        "`--data-dir` (the folder of all data this tool keeps, `data`), `--reports-dir` (reports that may be shared, "
        "`reports/build`), `--config-dir` (your own settings) and `--help`.",
    ]
    for name, command in leaf_commands():
        context = typer.Context(command, info_name=f"opioids {name}")
        records = [record for record in (one.get_help_record(context) for one in command.params) if record]
        parts += [f"## opioids {name}", _sentences(command.help or ""), f"```text\n{command.get_usage(context)}\n```"]
        rows = [(f"`{what}`", *_said_of(says)) for what, says in records if not what.startswith(("--help", *_FOLDERS))]
        if rows:
            parts.append(table(("argument or option", "what it is", "needed or default"), rows))
    return "\n\n".join(parts) + "\n"


def _sentences(text: str) -> str:
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


def _said_of(says: str) -> tuple[str, str]:
    """`Folder.  [default: data]` → what it is, and what holds without it."""
    found = re.search(r"\s*\[([^\[\]]*)\]$", says)
    if found is None or not re.match(r"(required|default|x)", found[1]):
        return says, ""
    return says[: found.start()], found[1].removeprefix("default: ")


def exit_codes_page() -> str:
    """Every error a user can cause, with its code."""
    found = [
        error for error in vars(errors).values() if isinstance(error, type) and issubclass(error, errors.PipelineError)
    ]
    rows = [(error.exit_code, f"`{error.__name__}`", error.__doc__ or "") for error in found]
    return (
        "# Exit codes\n\n"
        + _MADE.format(source="`pipelines/errors.py`")
        + " A command that cannot do its work says what happened, where, and what to do, on standard error, and ends "
        "with one of these codes; 0 is success.\n\n" + table(("code", "name", "when"), sorted(rows)) + "\n"
    )


def settings_page() -> str:
    """Every file of settings: what it is for, its keys, and the shipped file."""
    parts = [
        "# Settings",
        _MADE.format(source="`configs/` and what reads it")
        + " Without `--config-dir` the shipped files hold; with it, your files replace the shipped ones **by name, "
        "whole**: copy the shipped file, then change it. An unknown key is refused, and every fault of a file is said "
        "at once. Columns of source files: [sources](sources.md). Bounds of the data: [bounds](bounds.md).",
    ]
    for name, (reader, says) in SETTINGS.items():
        parts += [f"## {name}", says]
        if issubclass(reader, BaseModel):
            parts.append(table(("key", "value", "needed or default"), _keys_of(reader.model_json_schema())))
        if name not in _TABLED:
            shipped = (assets.CONFIG_DIR / name).read_text(encoding="utf-8").rstrip()
            parts += [f"The shipped `configs/{name}`:", f"```toml\n{shipped}\n```"]
    return "\n\n".join(parts) + "\n"


def _keys_of(schema: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Key, what its value may be, and what holds without it, those of a section below it with a dot."""
    shared = schema.get("$defs", {})

    def rows(of: Mapping[str, Any], above: str) -> Iterator[tuple[str, str, str]]:
        for key, value in of.get("properties", {}).items():
            inner = _inner(value, shared)
            needed = "needed" if key in of.get("required", ()) else _default(value)
            if inner is None:
                yield f"`{above}{key}`", _values(value), needed
            else:
                below, path = inner
                yield (
                    f"`{above}{key}`",
                    {"": "a section", ".NAME.": "sections by name", "[].": "list of sections"}[path],
                    needed,
                )
                yield from rows(below, f"{above}{key}{path or '.'}")

    return list(rows(schema, ""))


def _inner(value: Mapping[str, Any], shared: Mapping[str, Any]) -> tuple[Mapping[str, Any], str] | None:
    """The section that a key holds, and how its keys are reached: one, one a name, or a list of them."""
    for found in (value, *value.get("anyOf", ())):
        if "$ref" in found:
            return shared[found["$ref"].rsplit("/", 1)[1]], ""
        if "$ref" in found.get("items", {}):
            return shared[found["items"]["$ref"].rsplit("/", 1)[1]], "[]."
        more = found.get("additionalProperties")
        if isinstance(more, Mapping) and "$ref" in more:
            return shared[more["$ref"].rsplit("/", 1)[1]], ".NAME."
    return None


def _values(value: Mapping[str, Any]) -> str:
    if "enum" in value:
        return " or ".join(f"`{one}`" for one in value["enum"])
    if "const" in value:
        return f"`{value['const']}`"
    options = [one for one in value.get("anyOf", ()) if one.get("type") != "null"]
    if options:
        # An exact number is also taken as text: that need not be said.
        numbers = [one for one in options if one.get("type") == "number"]
        return " or ".join(dict.fromkeys(map(_values, numbers or options)))
    if value.get("type") == "array":
        return f"list of {_values(value.get('items', {}))}"
    if value.get("type") == "object":
        return f"names with {_values(value.get('additionalProperties') or {})}"
    words = {"integer": "whole number", "number": "number", "string": "text", "boolean": "`true` or `false`"}
    bounds = [
        f"{word} {value[key]:g}"
        for key, word in (("minimum", "from"), ("exclusiveMinimum", "above"), ("maximum", "to"))
        if key in value
    ]
    form = f"of the form `{value['pattern']}`" if "pattern" in value else ""
    return " ".join([words.get(value.get("type", ""), "value"), *bounds, form]).strip()


def _default(value: Mapping[str, Any]) -> str:
    default = value.get("default")
    if default in (None, [], {}, ""):
        return "may be absent"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def sources_page() -> str:
    """Every layout: what it is called, how it is recognised, and its columns."""
    keys = table(("key", "value", "needed or default"), _keys_of(Layout.model_json_schema()))
    parts = [
        "# Sources and their columns",
        _MADE.format(source="`configs/sources/`") + " To describe a report of your own: [layouts](../layouts.md).",
    ]
    for layout in load_settings().layouts:
        rows = [
            (
                f"`{name}`",
                ", ".join(f"`{one}`" for one in column.names) or f"column {column.position}",
                column.kind,
                "yes" if column.required else "no",
                "row is quarantined" if column.critical else "left blank and counted",
            )
            for name, column in layout.columns.items()
        ]
        facts = (
            f"{layout.title}. Content: `{layout.content}`; rows join `{layout.source}`; "
            f"month from: `{layout.month_from}`."
        )
        heads = ("field", "names in the file", "kind", "needed", "a bad value")
        parts += [f"## {layout.name}", facts, table(heads, rows)]
    return "\n\n".join([*parts, "## Keys of a layout file", keys]) + "\n"


def measures_page() -> str:
    """Every measure, those of local returns included."""
    settings = load_settings()
    parts = [
        "# Measures",
        _MADE.format(source="`configs/measures.toml` and `configs/local_measures.toml`")
        + f" Measures were checked by: {settings.measures.checked_by}; next review {settings.measures.next_review}. A "
        "measure of people has a twin `<id>_adult_no_palliative`; one with flows adds `<id>_joined`, `<id>_left` and "
        "`<id>_net_change`. How they are judged: [statistics](../statistics.md).",
    ]
    titles = {"patient": "From items of patients", "epd": "From open data (EPD)"}
    for source, title in titles.items():
        rows = [
            (
                f"**{one.title}** `{one.id}`",
                one.numerator,
                ", ".join([one.kind, one.unit, *(["with flows"] if one.flows else [])]),
                one.why,
            )
            for one in settings.measures.measures
            if one.source == source
        ]
        parts += [f"## {title}", table(("measure", "what is counted", "kind and unit", "why"), rows)]
    local = [
        (f"**{one.title}** `{one.id}`", one.numerator, f"{one.kind}, {one.form}, {one.unit}; {one.sheet}", one.why)
        for one in settings.local.measures
    ]
    instruments = [
        (one.id, one.title, f"{one.lowest} to {one.highest}", one.direction, one.source)
        for one in settings.local.instruments
    ]
    parts += ["## From local returns", table(("measure", "what is counted", "kind, form, unit; sheet", "why"), local)]
    parts += ["## Questionnaires", table(("instrument", "title", "range", "better is", "source"), instruments)]
    return "\n\n".join(parts) + "\n"


def factors_page() -> str:
    """The factors of the shipped set and how long patches are worn, each with its source; and the other sets."""
    sets = _open_rows("factor_sets")
    default = next(row["factor_set"] for row in sets if row["is_default"] == "yes")
    used = [
        (row["drug"], row["route"], row["form"], row["factor"] or "none", row["unit"], row["source"])
        for row in _open_rows("ome_factors")
        if row["factor_set"] == default
    ]
    patches: dict[tuple[str, ...], list[str]] = {}
    for row in _open_rows("patch_wear"):
        worn = (row["drug"], row["brand"] or "generic", f"{row['wear_hours']} hours", row["source"])
        patches.setdefault(worn, []).append(f"{row['strength_value']} {row['strength_unit']}")
    others = [(f"`{row['factor_set']}`", row["title"], row["source"]) for row in sets if row["factor_set"] != default]
    worn_rows = [
        (drug, brand, ", ".join(found), wear, source) for (drug, brand, wear, source), found in patches.items()
    ]
    return (
        "\n\n".join(
            [
                "# Factors and their sources",
                _MADE.format(source="`data/reference/`")
                + " OME is for finding and counting people, never for converting or switching. Nobody has signed "
                "these rows while their `checked_by` says so. What another set would change: `opioids factors diff`.",
                f"## In use as shipped: {default}",
                table(("drug", "route", "form", "factor", "unit", "source"), used),
                "## How long patches are worn",
                "A patch whose brand and strength is not here has no dose (`wear_time_unknown`).",
                table(("drug", "brand", "strengths", "worn for", "source"), worn_rows),
                "## Other sets",
                "Each differs from its base in what its title says.",
                table(("factor set", "what", "source"), others),
            ]
        )
        + "\n"
    )


def _open_rows(name: str) -> list[dict[str, str]]:
    """The rows of a clinical table that hold now: those without an end."""
    with (assets.REFERENCE_DIR / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if not row["valid_to"]]


def bounds_page() -> str:
    """Every bound that data must keep, and why."""
    parts = [
        "# Bounds that data must keep",
        _MADE.format(source="`configs/expectations/`")
        + " They are judged in every refresh. A bound that **stops** keeps the last publication; one that **warns** "
        "stands at the head of every output.",
    ]
    for file in sorted((assets.CONFIG_DIR / "expectations").glob("*.toml")):
        suite = tomllib.loads(file.read_text(encoding="utf-8"))
        rows = [
            (one["what"], _bound(one), {"stop": "stops", "warn": "warns"}[one["severity"]], one["why"], one["since"])
            for one in suite["expectations"]
        ]
        parts += [f"## {suite['title']}", f"`configs/expectations/{file.name}`"]
        parts.append(table(("what is looked at", "bound", "it", "why", "since"), rows))
    return "\n\n".join(parts) + "\n"


def _bound(expectation: Mapping[str, Any]) -> str:
    """The numbers of a bound in words, and where it holds."""
    if expectation["type"] == "expect_column_values_to_not_be_null":
        words = "none"
    else:
        ends = [
            f"{word} {expectation[key]}"
            for key, word in (("min_value", "from"), ("max_value", "to"))
            if key in expectation
        ]
        words = " ".join(ends) or expectation["type"].removeprefix("expect_").replace("_", " ")
    return f"{words}, where `{expectation['where']}`" if "where" in expectation else words
