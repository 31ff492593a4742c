"""factors, products: the clinical tables, as a pharmacist asks about them."""

import csv
from typing import Annotated

import typer

from pipelines import assets
from pipelines.cli.common import (
    DEFAULT_DATA_DIR,
    DEFAULT_REPORTS_DIR,
    ConfigDir,
    DataDir,
    ReportsDir,
    data_folder,
    errors_in_words,
    say,
    settings_of,
    table,
)

app = typer.Typer(
    help="Factor sets: mg of oral morphine that one mg of a drug is worth.", no_args_is_help=True, rich_markup_mode=None
)


@app.command("list")
def list_sets(
    data_dir: DataDir = DEFAULT_DATA_DIR,
    reports_dir: ReportsDir = DEFAULT_REPORTS_DIR,
    config_dir: ConfigDir = None,
) -> None:
    """The factor sets, and which one is in use."""
    with errors_in_words():
        from pipelines import assets

        in_use = settings_of(config_dir, data_dir).pipeline.factor_set
        with (assets.REFERENCE_DIR / "factor_sets.csv").open(encoding="utf-8", newline="") as handle:
            rows = list(csv.DictReader(handle))
        table(
            ("factor set", "in use", "title", "source"),
            [(r["factor_set"], "in use" if r["factor_set"] == in_use else "", r["title"], r["source"]) for r in rows],
        )


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(help="A factor set, such as uk_2026.")],
    data_dir: DataDir = DEFAULT_DATA_DIR,
    reports_dir: ReportsDir = DEFAULT_REPORTS_DIR,
    config_dir: ConfigDir = None,
) -> None:
    """Every factor of a set; basis says whether it is the set's own or a fallback."""
    with errors_in_words():
        from pipelines import assets
        from pipelines.factor_sets import rows_of
        from pipelines.products import ProductReference

        rows = rows_of(name, ProductReference.load(assets.REFERENCE_DIR))
        table(("drug", "route", "form", "factor", "unit", "basis"), rows)


@app.command("diff")
def diff(
    before: Annotated[str, typer.Argument(help="The set to compare from.")],
    after: Annotated[str, typer.Argument(help="The set to compare with.")],
    data_dir: DataDir = DEFAULT_DATA_DIR,
    reports_dir: ReportsDir = DEFAULT_REPORTS_DIR,
    config_dir: ConfigDir = None,
) -> None:
    """What changes between two sets: factors, products of the loaded data, and people in each cohort."""
    with errors_in_words():
        from pipelines.factor_sets import diff_factor_sets

        found = diff_factor_sets(data_folder(data_dir), settings_of(config_dir, data_dir), before, after)
        say(f"Factors that differ between {before} and {after}: {len(found.factors)}")
        table(
            ("drug", "route", "form", before, after),
            [(f.drug, f.route, f.form, _factor(f.before), _factor(f.after)) for f in found.factors],
        )
        if not found.products:
            say("No loaded product changes.")
            return
        say(f"\nLoaded products whose mg of OME per unit differs: {len(found.products)}")
        table(
            ("BNF code", "description", before, after, "items"),
            [(p.bnf_code, p.bnf_description, p.before, p.after, f"{p.items:,}") for p in found.products],
        )
        if found.month is not None:
            say(f"\nPeople in each cohort, {found.month:%B %Y} (not protected: for the secure side)")
            table(
                ("cohort", before, after, "enter", "leave"),
                [(c.cohort, str(c.before), str(c.after), str(c.enter), str(c.leave)) for c in found.cohorts],
            )


def _factor(factor: object) -> str:
    return "left out" if factor is None else f"{factor:f}"


def products(
    unconverted: Annotated[bool, typer.Option("--unconverted", help="Only products whose items have no dose.")] = False,
    changes: Annotated[
        bool, typer.Option("--changes", help="Codes that appeared or vanished in the newest month and in January.")
    ] = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    reports_dir: ReportsDir = DEFAULT_REPORTS_DIR,
    config_dir: ConfigDir = None,
) -> None:
    """Opioid products of the published warehouse; those without a dose and the remedy; codes that came and went."""
    with errors_in_words():
        from pipelines.engine.published import fetch_published
        from pipelines.products import remedy_for
        from pipelines.snapshots import current_snapshot

        data = data_folder(data_dir)
        snapshot = current_snapshot(data)
        if unconverted:
            rows = fetch_published(
                snapshot.file,
                data.tmp,
                assets.query("products_without_dose"),
            ).to_pylist()
            table(
                ("BNF code", "description", "status", "items", "last month", "why", "remedy"),
                [
                    (
                        r["bnf_code"],
                        r["bnf_description"],
                        r["ome_status"],
                        f"{r['items']:,}",
                        f"{r['last_month']:%Y-%m}",
                        r["reason"] or "",
                        remedy_for(r["ome_status"]),
                    )
                    for r in rows
                ],
            )
            say(f"{len(rows)} product(s) and status(es) without a dose, snapshot {snapshot.snapshot_id}")
            return
        if changes:
            rows = fetch_published(snapshot.file, data.tmp, assets.query("products_changed")).to_pylist()
            table(
                (
                    "source",
                    "month",
                    "change",
                    "BNF code",
                    "description",
                    "class",
                    "before",
                    "after",
                    "why",
                    "other code",
                ),
                [
                    (f"{row.pop('source')}", f"{row.pop('month'):%Y-%m}", *(str(cell or "") for cell in row.values()))
                    for row in rows
                ],
            )
            say(f"{len(rows)} change(s); all months: marts.code_changes; snapshot {snapshot.snapshot_id}")
            return
        rows = fetch_published(
            snapshot.file,
            data.tmp,
            assets.query("products_opioid"),
        ).to_pylist()
        table(
            ("BNF code", "description", "drug", "route", "form", "OME mg/unit", "status", "by", "from"),
            [tuple("" if cell is None else str(cell) for cell in row.values()) for row in rows],
        )
