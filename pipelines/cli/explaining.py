"""explain: how the figures of one person came about."""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.cli.common import (
    DEFAULT_DATA_DIR,
    DEFAULT_REPORTS_DIR,
    ConfigDir,
    DataDir,
    ReportsDir,
    data_folder,
    errors_in_words,
    month_of,
    secret_asked,
)
from pipelines.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from pipelines.explain import DeliveredRow, Explanation, Item, OtherItem, Window
    from pipelines.folders import DataFolder

# A page that is read, not parsed: as wide as paper, also in a pipe. --json is for programs.
_WIDTH = 100
_MONTHS_OF_ROWS = 3
_SAFETY = (
    "Dispensed, not taken. OME finds people to review: never use it to convert or switch medicines. Check the record "
    "first, and do not stop or cut opioids abruptly."
)


def explain(
    patient: Annotated[
        str | None, typer.Option(help="The person's pseudonym, as a list without NHS numbers writes it.")
    ] = None,
    ask: Annotated[
        bool,
        typer.Option("--ask", help="Ask for the NHS number instead; not shown. Needs --purpose and --role; audited."),
    ] = False,
    purpose: Annotated[str, typer.Option(help="With --ask: what it is for; kept in the audit.")] = "",
    role: Annotated[str, typer.Option(help="With --ask: yours, 'direct care' or 'commissioned review'.")] = "",
    user: Annotated[str | None, typer.Option(help="Who asks, where it is not the account that runs this.")] = None,
    month: Annotated[str | None, typer.Option(help="YYYY-MM; without it, the month the lists are made for.")] = None,
    cohort: Annotated[
        list[str] | None, typer.Option(help="Explain this cohort, in it or not; may be given more than once.")
    ] = None,
    rows: Annotated[
        bool, typer.Option("--rows", help="Also the rows of the last three months as they were delivered.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Everything, as JSON.")] = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    reports_dir: ReportsDir = DEFAULT_REPORTS_DIR,
    config_dir: ConfigDir = None,
) -> None:
    """Print how a person's doses and cohorts came about: items, products, factors, days, rules."""
    with errors_in_words():
        from pipelines.explain import delivered_rows, explain_person
        from pipelines.snapshots import current_snapshot

        data = data_folder(data_dir)
        snapshot = current_snapshot(data)
        key = _person_asked_for(patient, ask, purpose, role, user, data)
        explained = explain_person(snapshot.file, snapshot.snapshot_id, data.tmp, key, month_of(month, "--month"))
        known = [flag.cohort for flag in explained.flags]
        for name in cohort or ():
            if name not in known:
                raise UsageError(f"There is no cohort '{name}'.", "Option --cohort.", f"One of: {', '.join(known)}.")
        if json:
            _print_json(explained)
        else:
            months = next(window.counted for window in explained.windows if window.length == _MONTHS_OF_ROWS)
            recent: list[Item | OtherItem] = [item for item in explained.items if item.month in months]
            recent += [item for item in explained.other_items if item.month in months]
            _print_page(explained, cohort or [], delivered_rows(data.landed, recent) if rows else [])


def _person_asked_for(
    patient: str | None, ask: bool, purpose: str, role: str, user: str | None, data: "DataFolder"
) -> str:
    """The pseudonym that was given, or that of the NHS number that is asked for."""
    if (patient is None) == (not ask):
        raise UsageError(
            "Say whom to explain, once.",
            "An NHS number is never an argument: other users of this machine can see those.",
            "Give --patient PSEUDONYM, or --ask with --purpose and --role.",
        )
    if patient is not None:
        return patient.strip()
    from pipelines.release.identifying import pseudonym_asked_for

    return pseudonym_asked_for(secret_asked("NHS number: "), purpose, role, user, data)


def _print_json(explained: "Explanation") -> None:
    import json

    typer.echo(json.dumps(asdict(explained), default=_json_value, ensure_ascii=False, indent=1))


def _json_value(cell: Any) -> Any:
    """Decimals as text: a dose is not to be rounded by whoever reads it."""
    return format(cell, "f") if isinstance(cell, Decimal) else str(cell)


def _print_page(explained: "Explanation", asked: Sequence[str], delivered: Sequence["DeliveredRow"]) -> None:
    from rich.console import Console

    console = Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else _WIDTH)
    if console.width > _WIDTH:
        console.width = _WIDTH
    _person(explained, console)
    _cohorts(explained, asked, console)
    _windows(explained, console)
    _opioids(explained, console)
    _other_medicines(explained, console)
    _delivered(delivered, console)
    console.print()
    console.print(_SAFETY)


def _person(explained: "Explanation", console: "Console") -> None:
    person, made = explained.person, explained.definitions
    as_at = ", the month the lists are made for" if explained.is_as_at else ""
    console.print(f"Person {explained.patient_key}, {_month(explained.month)}{as_at}", style="bold")
    shown = {
        "practice": person["practice_code"] or "none",
        "age": "unknown" if person["age"] is None else str(person["age"]),
        "sex": person["sex"] or "unknown",
        "deprivation decile": str(person["imd_decile"] or "unknown"),
        "end-of-life signs": person["palliative_proxy"] or "cannot be seen",
        "last dispensed": _month(person["last_dispensed_month"]),
    }
    console.print("; ".join(f"{name} {text}" for name, text in shown.items()))
    if person["excluded"]:
        console.print("excluded from the lists")
    console.print(f"cautions: {person['cautions'] or 'none'}")
    if explained.listed:
        console.print(f"on the list: {explained.listed['priority_text']}. {explained.listed['why_listed']}")
    elif explained.is_as_at:
        console.print("not on the list")
    definitions = "; ".join(f"{name.replace('_', ' ')} {made[name]}" for name in made)
    console.print(f"snapshot {explained.snapshot_id}; {definitions}")


def _cohorts(explained: "Explanation", asked: Sequence[str], console: "Console") -> None:
    _heading("Cohorts", console)
    words = {True: "yes", False: "no", None: "not to be judged yet"}
    told = [flag for flag in explained.flags if flag.cohort in asked or (flag.is_member and not asked)]
    for flag in told:
        console.print(f"{flag.cohort}: {words[flag.is_member]} – {flag.title}", style="bold")
        for line in flag.because:
            console.print(_indented(line))
    if not told:
        console.print("in none")
    if asked:
        return
    unjudged = [flag for flag in explained.flags if flag.is_member is None]
    for flag in unjudged:
        console.print(f"{flag.cohort}: {words[None]} – {'; '.join(flag.because)}")
    console.print(f"not in: {', '.join(flag.cohort for flag in explained.flags if flag.is_member is False) or '–'}")


def _windows(explained: "Explanation", console: "Console") -> None:
    _heading("Dose windows (OME in mg; parenteral opioids stand beside the dose)", console)
    rows = [
        (
            f"{held.length} months" if held.length > 1 else "1 month",
            f"{_month(held.counted[0])} – {_month(held.last)}" if held.counted else "–",
            str(held.days),
            f"{held.items}" + (f" ({held.unconverted_items} without dose)" if held.unconverted_items else ""),
            f"{held.ome_mg:,.4f}",
            f"{held.ome_mg_parenteral:,.4f}",
            f"{held.ome_mg_per_day:,.4f}" if held.ome_mg_per_day is not None else "–",
            _left_out(held),
        )
        for held in explained.windows
    ]
    columns = ("Window", "Months", ">Days", ">Item rows", ">OME", ">Parenteral", ">OME a day", "Left out")
    _table(columns, rows, console)


def _left_out(held: "Window") -> str:
    parts = {
        "before the data": held.before_data,
        "before the episode": held.before_episode,
        "missing from the data": held.missing,
    }
    return "; ".join(f"{len(months)} {why}" for why, months in parts.items() if months) or "–"


def _opioids(explained: "Explanation", console: "Console") -> None:
    """The products with their factors, then the items of the last twelve months under the products' numbers."""
    months = {month for held in explained.windows for month in held.counted}
    items = [item for item in explained.items if item.month in months]
    _heading("Opioid products of the last 12 months", console)
    products = {(item.product, item.ome_mg_per_unit): item for item in items}
    numbers = {product: str(number) for number, product in enumerate(products, 1)}
    rows = [
        (
            numbers[key],
            item.product,
            _worth(item),
            "–" if item.ome_mg_per_unit is None else f"{_plain(item.ome_mg_per_unit)} mg",
            item.factor_row or item.reason or "–",
        )
        for key, item in products.items()
    ]
    _table(("#", "Product", "One unit × factor", ">OME/unit", "Factor"), rows, console)
    for source in sorted({_factor_source(item) for item in products.values() if item.factor_row}):
        console.print(_indented(source))
    _heading("Opioid items", console)
    item_rows = [
        (
            _month(item.month),
            numbers[item.product, item.ome_mg_per_unit],
            _quantity(item),
            "–" if item.ome_mg is None else f"{item.ome_mg:,.4f}",
            "; ".join(
                part
                for part in (item.ome_status, item.reason, "parenteral" if item.is_parenteral else "", item.cautions)
                if part
            ),
            _row_of(item.file_name, item.file_key, item.source_row),
        )
        for item in items
    ]
    _table(("Month", "#", ">Quantity", ">OME mg", "Status, reason, cautions", "Row"), item_rows, console)
    earlier = len(explained.items) - len(items)
    if earlier:
        console.print(f"{earlier} item row(s) of earlier months, or before the episode, are in the --json answer.")


def _worth(item: "Item") -> str:
    """`60 mg × 1`, or for a patch `25 microgram/hour, worn 72 h × 2.4`."""
    if item.strength_value is None:
        return "strength unknown"
    worn = f", worn {item.wear_hours} h" if item.wear_hours is not None else ""
    per_unit = "" if item.mg_per_unit in (item.strength_value, None) or worn else f" = {_plain(item.mg_per_unit)} mg"
    factor = "left out" if item.factor is None else f"× {_plain(item.factor)}"
    return f"{_plain(item.strength_value)} {item.strength_unit or ''}{worn}{per_unit} {factor}"


def _factor_source(item: "Item") -> str:
    """`ome_factors.csv:28, factor set uk_2026: Faculty of Pain Medicine …`."""
    own = "" if item.factor_row_set == item.factor_set else f", as {item.factor_row_set} says"
    return f"{item.factor_row}: factor set {item.factor_set}{own}; {item.factor_source}"


def _quantity(item: "Item") -> str:
    if item.total_quantity is None:
        return "missing"
    net = "" if item.net_quantity in (item.total_quantity, None) else f" (net {_plain(item.net_quantity)})"
    return f"{_plain(item.total_quantity)} {item.quantity_unit or ''}{net}".strip()


def _other_medicines(explained: "Explanation", console: "Console") -> None:
    first = min(month for held in explained.windows for month in (*held.counted, held.last))
    items = [item for item in explained.other_items if item.month >= first]
    if not items:
        return
    _heading("Other followed medicines of the same months (no dose is reckoned)", console)
    rows = [
        (
            _month(item.month),
            item.product_class.replace("_", " "),
            item.product + ("" if item.is_counted else " (not counted: quantity not positive)"),
            "missing" if item.total_quantity is None else _plain(item.total_quantity),
            _row_of(item.file_name, item.file_key, item.source_row),
        )
        for item in items
    ]
    _table(("Month", "Class", "Product", ">Quantity", "Row"), rows, console)


def _delivered(rows: Sequence["DeliveredRow"], console: "Console") -> None:
    if not rows:
        return
    _heading("Rows of these three months as they were delivered (who it is left out)", console)
    for row in rows:
        said = "no longer kept"
        if row.cells is not None:
            said = "; ".join(f"{name} {cell}" for name, cell in row.cells.items())
        console.print(f"{row.file}:{row.line}")
        console.print(_indented(said))


def _heading(text: str, console: "Console") -> None:
    console.print()
    console.print(text, style="bold underline")


def _indented(line: str) -> Any:
    from rich.padding import Padding

    return Padding(line, (0, 0, 0, 2))


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]], console: "Console") -> None:
    """Columns whose heading begins with > are numbers, set to the right and never broken."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    shown = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for column in columns:
        is_number = column.startswith(">")
        shown.add_column(
            column.lstrip(">"), justify="right" if is_number else "left", no_wrap=is_number, overflow="fold"
        )
    for row in rows:
        shown.add_row(*row)
    console.print(shown)


def _row_of(file_name: str | None, file_key: str, source_row: int) -> str:
    return f"{file_name or file_key}:{source_row}"


def _month(month: Any) -> str:
    return f"{month:%Y-%m}"


def _plain(number: Decimal | None) -> str:
    """A number without an exponent or needless zeros."""
    shown = format(number or Decimal(0), "f")
    return shown.rstrip("0").rstrip(".") if "." in shown else shown
