"""The hazard log as a page, from docs/hazards.toml."""

import ast
import tomllib
from collections.abc import Iterable
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

from docs.site.reference import table

ROOT = Path(__file__).parents[2]
LOG = ROOT / "docs" / "hazards.toml"
SEVERITIES = ("minor", "significant", "considerable", "major", "catastrophic")
HEAD = """# Hazard log

!!! warning "{status}"

    Clinical Safety Officer: {officer}. Signed on: {signed_on}.

In the manner of DCB0129: what could harm somebody, why, what holds against it, what is left, and the tests that show
that the control is there. A test that is named here and does not exist fails `make test`. Where a test is left out
somewhere, the reason stands behind it: it needs minutes or hours, another system, or the published figures that are no
part of the project (`OPIOIDS_CONFORMANCE_DIR`). Every hazard has one that runs everywhere.

What this log is not: a safety case, or a statement that the software is safe to use. Severity is a proposal. How likely
each harm is depends on who uses it, how and on what data, so it is not filled in; the deploying organisation (DCB0160)
and its Clinical Safety Officer judge that, add hazards of their own, and sign. `docs/hazards.toml` is the log itself.

The controls are those of the software. Those of people (training, the look into the record, two people for a change of
settings) belong beside them and are not described here.
"""


def read() -> dict[str, Any]:
    """The log: its status, and the hazards in their order."""
    return tomllib.loads(LOG.read_text(encoding="utf-8"))


def page() -> str:
    """Status, an overview, each hazard, and which incident stands where."""
    log = read()
    hazards: list[dict[str, Any]] = log["hazards"]
    rows = [
        (f"[{one['id']}](#{one['id'].lower()})", one["area"], one["title"], one["severity"], len(one["tests"]))
        for one in hazards
    ]
    parts = [
        HEAD.format(status=log["status"], officer=log["officer"] or "none", signed_on=log["signed_on"] or "not signed"),
        "## Overview",
        table(("hazard", "area", "what", "severity, proposed", "tests"), rows),
    ]
    for area, those in groupby(hazards, key=lambda one: one["area"]):
        parts += [f"## {area}", *(_hazard(one) for one in those)]
    return "\n\n".join([*parts, "## Incidents and where they stand", _incidents(log["faults"], hazards)]) + "\n"


def _hazard(hazard: dict[str, Any]) -> str:
    said = [
        ("Cause", hazard["cause"]),
        ("Harm", f"{hazard['harm']} Severity, proposed: **{hazard['severity']}**."),
        ("Control", hazard["control"]),
        ("What is left", hazard["residual"]),
        ("Incidents", ", ".join(hazard["faults"]) or "none of those listed"),
    ]
    tests = "\n".join(f"    * `{test.split('::')[0]}`: {_sentence(test)}{_condition(test)}" for test in hazard["tests"])
    return "\n".join(
        [
            f"### {hazard['id']}. {hazard['title']} {{: #{hazard['id'].lower()} }}",
            "",
            *(f"* **{what}**: {words}" for what, words in said),
            f"* **Shown by** {len(hazard['tests'])} tests:",
            "",
            tests,
        ]
    )


def _sentence(test: str) -> str:
    """A test is named as a sentence."""
    return test.split("::")[1].removeprefix("test_").replace("_", " ")


def _condition(test: str) -> str:
    reasons = left_out_where(test)
    return f" (left out somewhere: {'; '.join(reasons)})" if reasons else ""


def left_out_where(test: str) -> list[str]:
    """The reasons a test gives for being skipped, by a mark of its own or of its file."""
    file, name = test.split("::")
    marks: list[ast.expr] = []
    for node in _parsed(file).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark":
            marks.append(node.value)
        elif isinstance(node, ast.FunctionDef) and node.name == name:
            marks += node.decorator_list
    return [
        str(keyword.value.value)
        for mark in marks
        if isinstance(mark, ast.Call) and ast.unparse(mark.func).endswith("skipif")
        for keyword in mark.keywords
        if keyword.arg == "reason" and isinstance(keyword.value, ast.Constant)
    ]


@cache
def _parsed(file: str) -> ast.Module:
    return ast.parse((ROOT / file).read_text(encoding="utf-8"))


def _incidents(faults: dict[str, str], hazards: Iterable[dict[str, Any]]) -> str:
    where = {
        fault: ", ".join(f"[{one['id']}](#{one['id'].lower()})" for one in hazards if fault in one["faults"])
        for fault in faults
    }
    return table(("incident", "what happened", "hazard"), [(fault, faults[fault], where[fault]) for fault in faults])
