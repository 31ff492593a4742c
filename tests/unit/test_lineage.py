"""Where a column comes from: small SELECTs by hand, three columns read from their files by hand, and all others."""

from collections.abc import Iterator, Sequence

import pytest

from pipelines import assets, models
from pipelines.config import load_settings
from pipelines.engine.duckdb import select_parser, tables_in
from pipelines.engine.select_tree import Origins, columns_of_select, origins_in_select
from pipelines.errors import ModelError, UsageError
from pipelines.lineage import Lineage, Step, as_lines

PARSE = select_parser()
COLUMNS = {"s.a": ["k", "x", "y"], "s.b": ["k", "z"], "s.made": None}
MODELS = models.discover(assets.SQL_DIR)


@pytest.fixture(scope="module")
def lineage() -> Lineage:
    return Lineage(load_settings())


def traced(select: str, column: str) -> Origins:
    return origins_in_select(PARSE(select), column, COLUMNS.get)


@pytest.mark.parametrize(
    ("select", "column", "made_of"),
    [
        ("SELECT x + y AS sum_of_both FROM s.a", "sum_of_both", ["s.a.x", "s.a.y"]),
        ("SELECT a.x, b.z FROM s.a AS a INNER JOIN s.b AS b USING (k)", "z", ["s.b.z"]),
        ("SELECT z FROM s.a LEFT JOIN s.b USING (k)", "z", ["s.b.z"]),
        # Of one value in both: that of the first table.
        ("SELECT k FROM s.a LEFT JOIN s.b USING (k)", "k", ["s.a.k"]),
        ("SELECT k FROM s.a FULL JOIN s.b USING (k)", "k", ["s.a.k", "s.b.k"]),
        ("SELECT * FROM s.a", "y", ["s.a.y"]),
        ("SELECT b.*, x FROM s.a AS a INNER JOIN s.b AS b ON a.k = b.k", "z", ["s.b.z"]),
        ("WITH c AS (SELECT x AS w FROM s.a), d AS (SELECT *, w + 1 AS v FROM c) SELECT v FROM d", "v", ["s.a.x"]),
        ("SELECT q.w FROM (SELECT y AS w FROM s.a) AS q", "w", ["s.a.y"]),
        # UNION goes by place, not by name.
        ("SELECT x AS w, y AS v FROM s.a UNION ALL SELECT k AS v, z AS w FROM s.b", "w", ["s.a.x", "s.b.k"]),
        ("SELECT CASE WHEN x > 0 THEN y ELSE 0 END AS w FROM s.a", "w", ["s.a.x", "s.a.y"]),
        ("SELECT sum(x) FILTER (y > 0) AS w FROM s.a", "w", ["s.a.x", "s.a.y"]),
        ("SELECT lag(x) OVER (PARTITION BY k ORDER BY y) AS w FROM s.a", "w", ["s.a.k", "s.a.x", "s.a.y"]),
        ("SELECT (SELECT max(z) FROM s.b AS b WHERE b.k = a.k) AS w FROM s.a AS a", "w", ["s.a.k", "s.b.k", "s.b.z"]),
        ("SELECT rule, told FROM s.a UNPIVOT (told FOR rule IN (x, y))", "told", ["s.a.x", "s.a.y"]),
        ("SELECT k FROM s.a UNPIVOT (told FOR rule IN (x, y))", "k", ["s.a.k"]),
        ("SELECT x AS w, w + 1 AS v FROM s.a", "v", ["s.a.x"]),
        ("SELECT v.p FROM s.a CROSS JOIN (VALUES (1), (2)) AS v (p)", "p", []),
        # What only decides which rows there are is no part of the value.
        ("SELECT x FROM s.a WHERE y > 0", "x", ["s.a.x"]),
        # A table whose columns are not known is the only one that can have it.
        ("SELECT n FROM s.made INNER JOIN s.b USING (k)", "n", ["s.made.n"]),
        (
            "WITH RECURSIVE up AS (SELECT k, x FROM s.a UNION ALL SELECT b.k, up.x + b.z FROM up, s.b AS b) "
            "SELECT x FROM up",
            "x",
            ["s.a.x", "s.b.z"],
        ),
    ],
)
def test_a_column_is_traced_to_what_its_value_is_made_of(select: str, column: str, made_of: list[str]) -> None:
    found = traced(select, column)
    assert sorted(f"{table}.{name}" for table, name in found.columns) == made_of
    assert found.unclear == ()


def test_counted_rows_lead_to_their_tables() -> None:
    found = traced("SELECT count(*) FILTER (x > 0) AS n FROM s.a INNER JOIN s.b USING (k)", "n")
    assert found.rows_of == ("s.a", "s.b")
    assert found.columns == (("s.a", "x"),)


def test_settings_are_told_apart() -> None:
    assert traced("SELECT x > $line AS w FROM s.a", "w").settings == ("line",)


@pytest.mark.parametrize(
    ("select", "column"),
    [
        ("SELECT n FROM range(3) AS r (n)", "n"),
        ("SELECT missing FROM s.a", "missing"),
        ("SELECT n FROM s.made INNER JOIN s.other USING (k)", "n"),
    ],
)
def test_what_cannot_be_followed_is_said(select: str, column: str) -> None:
    found = traced(select, column)
    assert found.unclear
    assert found.columns == ()


def test_what_is_no_select_is_refused() -> None:
    with pytest.raises(ModelError):
        PARSE("SELECT FROM WHERE")


def below(step: Step, name: str) -> Step:
    [found] = {one for one in every(step) if one.name == name}
    return found


def every(step: Step) -> Iterator[Step]:
    yield step
    for part in step.made_of:
        yield from every(part)


def names(steps: Sequence[Step]) -> set[str]:
    return {step.name for step in steps}


def test_the_dose_of_an_item(lineage: Lineage) -> None:
    """By hand from sql/intermediate/int_items__ome.sql.

    ome_mg = CASE WHEN ome_status = 'converted' THEN net_quantity * ome_mg_per_unit END; net_quantity is the item's
    total_quantity, or the netted one where item_id is netted; ome_status looks at total_quantity and the product.
    """
    dose = lineage.of("marts.item_ome.ome_mg")
    assert dose.made_by == "sql/marts/item_ome.sql"
    assert dose.rows_by == ("reference.products",)
    [item] = dose.made_of
    assert (item.name, item.made_by) == ("intermediate.int_items__ome.ome_mg", "sql/intermediate/int_items__ome.sql")
    assert names(item.made_of) == {
        "intermediate.int_items__classified.total_quantity",
        "intermediate.int_items__netted.item_id",
        "intermediate.int_items__netted.net_quantity",
        "reference.products.ome_status",
        "reference.products.ome_mg_per_unit",
    }
    quantity = below(dose, "intermediate.int_items__classified.total_quantity")
    assert names([one for one in every(quantity) if one.name.startswith("raw.")]) == {
        f"raw.{source}.{column}"
        for source in ("patient_items", "epd")
        for column in ("total_quantity", "quantity", "items")
    }
    # configs/sources/epact2_items.toml and nhse_dispensed_medicines.toml, whose rows are one item each.
    assert below(dose, "raw.patient_items.items").made_by == (
        "epact2_items: 'Items' or 'Total Items'; nhse_dispensed_medicines: always '1'"
    )
    factor = below(dose, "reference.products.ome_mg_per_unit")
    assert factor.made_by.startswith("made in Python: resolve (pipelines/products/arrow.py)")
    assert names(factor.made_of) == {"intermediate.int_products__distinct (whole)"}
    assert factor.ends
    assert lineage.raw_sources(dose) == ["raw.bnf_presentations", "raw.epd", "raw.patient_items"]


def test_a_rate_ends_at_the_function_that_makes_it(lineage: Lineage) -> None:
    """pipelines/statistics/tables.py: four tables and a query, trend_table of trends.py."""
    rate = lineage.of("marts.trends.rate_per_1000")
    assert "trend_table (pipelines/statistics/trends.py)" in rate.made_by
    assert names(rate.made_of) == {
        "intermediate.int_trends__counts (whole)",
        "intermediate.int_organisations__attributes (whole)",
        "intermediate.int_measures__baseline (whole)",
        "intermediate.int_trends__overlap (whole)",
        "query statistics_whole_counts",
    }
    assert rate.ends is not None
    assert "by tables" in rate.ends
    # The list sizes are the denominator, reviews take people out of the twin.
    assert {"raw.patient_items", "raw.epd", "raw.list_sizes", "raw.reviews"} <= set(lineage.raw_sources(rate))
    of_view = lineage.of("marts.icb_trends.rate_per_1000")
    assert names(of_view.made_of) == {"marts.trends.rate_per_1000"}


def test_a_high_dose_leads_to_its_windows_and_its_line(lineage: Lineage) -> None:
    """By hand from int_patient_months__cohorts.sql and int_patient_months__thresholds.sql.

    high_dose = can_judge_high_dose AND status 'confirmed'; the status looks at is_too_early, above_3m_gt120,
    above_6m_gt120, is_covered and left_censored.
    """
    high = lineage.of("patient_month.high_dose")
    cohort = below(high, "intermediate.int_patient_months__cohorts.high_dose")
    assert names(cohort.made_of) == {
        f"intermediate.int_patient_months__thresholds.{column}"
        for column in (
            "data_month_number", "is_too_early", "above_3m_gt120", "above_6m_gt120", "is_covered", "left_censored",
        )
    }  # fmt: skip
    assert cohort.settings == ("first_month_of_data_high_dose",)
    line = below(high, "intermediate.int_patient_months__thresholds.above_3m_gt120")
    assert names(line.made_of) == {
        "intermediate.int_patient_months__windows.ome_mg_3m",
        "intermediate.int_patient_months__windows.days_3m",
    }
    assert line.settings == ("high_dose_ome_mg_per_day",)
    # It rests on the doses of items, and so on their quantities.
    assert {"intermediate.int_items__ome.ome_mg", "raw.patient_items.total_quantity"} <= names(list(every(high)))


@pytest.mark.parametrize("table", MODELS)
def test_every_column_of_every_model_is_traced_to_columns_that_are_there(lineage: Lineage, table: str) -> None:
    columns = lineage.columns(table)
    if columns is None:
        # A star over a table made in Python.
        assert MODELS[table].columns_of
        return
    reads = tables_in(PARSE(MODELS[table].select))
    for column in columns:
        step = lineage.of(f"{table}.{column}")
        assert step.ends is None or step.ends.startswith("a constant"), f"{table}.{column}: {step.ends}"
        for part in step.made_of:
            source, _, name = part.name.rpartition(".")
            if part.name.endswith(" (its rows)"):
                source, name = part.name.removesuffix(" (its rows)"), ""
            assert source in reads
            assert not name or name in (lineage.columns(source) or [name])


def test_every_column_of_landed_rows_is_one_of_a_file_or_added_by_name(lineage: Lineage) -> None:
    for table in MODELS:
        if table.startswith("staging."):
            for column in lineage.columns(table) or ():
                raw = [part for part in lineage.of(f"{table}.{column}").made_of if part.name.startswith("raw.")]
                assert all(part.made_by and "added when a file is landed" not in part.made_by for part in raw), raw


def test_the_tree_is_cut_where_asked_and_says_so(lineage: Lineage) -> None:
    dose = lineage.of("marts.item_ome.ome_mg")
    whole, cut = as_lines(dose), as_lines(dose, 1)
    assert len(cut) < len(whole)
    assert any("larger --depth" in line for line in cut)
    assert not any("larger --depth" in line for line in whole)
    assert cut[0].split()[0] == "marts.item_ome.ome_mg"


@pytest.mark.parametrize("asked", ["ome_mg", "marts.nothing.month", "marts.item_ome.dose"])
def test_what_is_not_there_is_refused(lineage: Lineage, asked: str) -> None:
    with pytest.raises(UsageError):
        lineage.of(asked)


def test_names_of_a_star_are_known_from_below() -> None:
    assert columns_of_select(PARSE("SELECT a.*, z FROM s.a AS a INNER JOIN s.b USING (k)"), COLUMNS.get) == [
        "k",
        "x",
        "y",
        "z",
    ]
