"""What changed in the definitions since the last publication, in words: settings by value, clinical tables by row."""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import pyarrow as pa

from pipelines import assets
from pipelines.build import text_table
from pipelines.config import Settings
from pipelines.content import settings_values
from pipelines.engine.published import fetch_published, published_table
from pipelines.labels import Label

_MOST_VALUES_SAID = 12
# By itself these say nothing that is not said elsewhere in a plan.
_SAID_ELSEWHERE = ("data", "reviews", "opt-outs")


def changed_definitions(
    label: Label | None, content: Mapping[str, str], settings: Settings, published: Path | None, spill_folder: Path
) -> Iterator[str]:
    """A sentence for each definition that is another one than at the last publication."""
    if published is None:
        return
    if label is None or not label.content:
        yield "What decided the last publication is not known: an earlier version made it."
        return
    then = label.content
    changed = [name for name in sorted({*then, *content}) if then.get(name) != content.get(name)]
    values = settings_values(settings.contents)
    for name in changed:
        kind, _, file = name.partition("/")
        if kind == "settings":
            yield from _changed_settings(file, label.settings.get(file, {}), values.get(file, {}))
        elif kind == "reference":
            yield _changed_table(file, published, spill_folder)
        elif kind == "returns":
            yield "local returns were added, corrected or withdrawn"
        elif not file and kind not in _SAID_ELSEWHERE:
            yield f"{kind}: {then.get(name, 'none')} → {content.get(name, 'none')}"
    code = sum(name.startswith("code/") for name in changed)
    sql = sum(name.startswith("sql/") for name in changed)
    if code or sql:
        yield f"another version of the tool: {code} file(s) of code and {sql} of SQL differ"


def _changed_settings(file: str, then: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    if not then or not now:
        yield f"{file} is {'new' if now else 'gone'}"
        return
    changed = [key for key in sorted({*then, *now}) if then.get(key) != now.get(key)]
    for key in changed[:_MOST_VALUES_SAID]:
        yield f"{file}: {key} {then.get(key, '(not there)')} → {now.get(key, '(not there)')}"
    if len(changed) > _MOST_VALUES_SAID:
        yield f"{file}: {len(changed) - _MOST_VALUES_SAID} further value(s)"
    if not changed:
        yield f"{file}: comments or order only"


def _changed_table(name: str, published: Path, spill_folder: Path) -> str:
    file = assets.REFERENCE_DIR / name
    if not file.exists():
        return f"data/reference/{name} is gone"
    tables = fetch_published(published, spill_folder, assets.query("plan_reference_tables"))
    if file.stem not in tables["table_name"].to_pylist():
        return f"data/reference/{name} is new, or was not published"
    then = published_table(published, spill_folder, f"reference.{file.stem}")
    now = text_table(file)
    before, after = _rows(then, now.column_names), _rows(now, now.column_names)
    columns = {*then.column_names} ^ {*now.column_names}
    said = f"; columns that came or went: {', '.join(sorted(columns))}" if columns else ""
    return (
        f"data/reference/{name}: {(after - before).total()} row(s) added or changed, "
        f"{(before - after).total()} removed or changed{said}"
    )


def _rows(table: pa.Table, columns: list[str]) -> Counter[tuple[str | None, ...]]:
    return Counter(tuple(row.get(column) for column in columns) for row in table.to_pylist())
