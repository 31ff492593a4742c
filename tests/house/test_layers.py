"""Imports go down the house, never up or sideways; heavy libraries are imported in one room each."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines import assets

# A room may import from the layers below its own, and from itself.
LAYERS = (
    ("__main__",),
    ("cli",),
    ("flows",),
    (
        "refresh",
        "downloads",
        "factor_sets",
        "upkeep",
        "export",
        "lineage",
    ),
    (
        "fetch",
        "ingest",
        "build",
        "contracts",
        "content",
        "publish",
        "release",
        "report",
        "synthetic",
        "ome_table",
        "explain",
    ),
    ("reviews", "returns", "dictionary"),
    ("identity", "products", "disclosure", "models", "caveats"),
    ("engine", "statistics"),
    ("housekeeping",),
    ("audit", "snapshots", "labels", "notify", "locking", "logs"),
    ("archives", "config", "folders", "spreadsheets"),
    ("action_settings", "layout_settings", "report_settings"),
    ("measure_settings",),
    ("assets", "errors"),
)
# build and publish read what ingest registered and build made; refresh puts them together.
ALLOWED_SIDEWAYS = {("build", "ingest"), ("content", "build"), ("publish", "build"), ("publish", "content")}
ONLY_IN = {
    "prefect": {"flows.py"},
    "great_expectations": {"contracts/judging.py", "contracts/data_docs.py"},
    "requests": {"fetch/http.py", "notify.py"},
    "duckdb": {"engine/duckdb.py", "engine/landing.py", "engine/landing_preview.py", "engine/published.py"},
    "pyspark": {"engine/spark.py"},
    "py4j": {"engine/spark.py"},
    "sqlglot": {"engine/dialect.py"},
    "typer": {
        f"cli/{room}.py"
        for room in (
            "analyst",
            "common",
            "main",
            "loading",
            "warehouse",
            "products",
            "cases",
            "factors",
            "fetching",
            "layouts",
            "explaining",
            "exporting",
            "auditing",
            "operating",
            "keys",
            "people",
            "reviews",
            "upkeep",
            "reporting",
            "returns",
        )
    },
}
FILES = sorted(assets.CODE_DIR.rglob("*.py"))


def layer_of(room: str) -> int:
    return next(number for number, rooms in enumerate(LAYERS) if room in rooms)


def room_of(file: Path) -> str:
    return file.relative_to(assets.CODE_DIR).parts[0].removesuffix(".py")


def imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            if node.module == "pipelines":
                yield from (f"pipelines.{alias.name}" for alias in node.names)
            else:
                yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(assets.CODE_DIR).as_posix())
def test_imports_go_down_the_house(file: Path) -> None:
    room = room_of(file)
    if room == "__init__":
        return
    for module in imported(file):
        parts = module.split(".")
        if parts[0] != "pipelines" or len(parts) < 2 or parts[1] == room:
            continue
        assert layer_of(parts[1]) > layer_of(room) or (room, parts[1]) in ALLOWED_SIDEWAYS, f"{room} imports {module}"


@pytest.mark.parametrize("library", ONLY_IN)
def test_a_heavy_library_is_imported_in_its_own_room_alone(library: str) -> None:
    users = {
        file.relative_to(assets.CODE_DIR).as_posix()
        for file in FILES
        if any(module.split(".")[0] == library for module in imported(file))
    }
    assert users <= ONLY_IN[library]


def test_every_room_has_a_layer() -> None:
    rooms = {room_of(file) for file in FILES} - {"__init__"}
    assert rooms <= {room for layer in LAYERS for room in layer}
