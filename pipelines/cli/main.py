"""The commands, one after the other as a user meets them. Heavy modules are imported where they are used."""

import typer

from pipelines.cli import cases, factors, fetching, layouts, loading, products, warehouse

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
app.command("query")(warehouse.query)
app.command("ome")(products.ome)
app.command("case-list")(cases.case_list)
app.command("products")(factors.products)
app.add_typer(fetching.app, name="fetch")
app.add_typer(layouts.app, name="layouts")
app.add_typer(factors.app, name="factors")
app.add_typer(warehouse.app, name="warehouse")


def main() -> None:
    """Entry point of the console script."""
    app()
