"""The commands, one after the other as a user meets them. Heavy modules are imported where they are used."""

import typer

from pipelines.cli import (
    analyst,
    auditing,
    cases,
    explaining,
    exporting,
    factors,
    fetching,
    keys,
    layouts,
    loading,
    operating,
    people,
    products,
    reporting,
    returns,
    reviews,
    upkeep,
    warehouse,
)

app = typer.Typer(
    name="opioids",
    help="From NHS prescribing extracts to doses, cohorts, trends and case-finding lists.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

app.command("add")(loading.add)
app.command("refresh")(loading.refresh)
app.command("synth")(loading.synth)
app.command("report")(reporting.report)
app.command("plan")(upkeep.plan)
app.command("status")(operating.status)
app.command("runs")(operating.runs)
app.command("snapshots")(operating.snapshots)
app.command("withdraw")(upkeep.withdraw)
app.command("rollback")(upkeep.rollback)
app.command("backup")(upkeep.backup)
app.command("restore")(upkeep.restore)
app.command("doctor")(operating.doctor)
app.command("serve")(operating.serve)
app.command("query")(warehouse.query)
app.command("lineage")(analyst.lineage)
app.command("ome")(products.ome)
app.command("case-list")(cases.case_list)
app.command("referral-list")(cases.referral_list)
app.command("match-list")(cases.match_list)
app.command("explain")(explaining.explain)
app.command("products")(factors.products)
app.add_typer(fetching.app, name="fetch")
app.add_typer(exporting.app, name="export")
app.add_typer(layouts.app, name="layouts")
app.add_typer(factors.app, name="factors")
app.add_typer(reviews.app, name="reviews")
app.add_typer(returns.app, name="returns")
app.add_typer(people.app, name="opt-out")
app.command("erase")(people.erase)
app.add_typer(keys.app, name="keys")
app.add_typer(auditing.app, name="audit")
app.add_typer(warehouse.app, name="warehouse")
warehouse.app.command("dictionary")(analyst.dictionary)
exporting.app.command("warehouse")(analyst.export_warehouse)


def main() -> None:
    """Entry point of the console script."""
    app()
