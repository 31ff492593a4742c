"""Settings are checked whole, and a user's file replaces the shipped one of its name."""

from datetime import date
from pathlib import Path

import pytest
from trend_inputs import count, inputs

from pipelines import assets
from pipelines.config import load_settings
from pipelines.errors import ConfigError
from pipelines.statistics.measures import counted_measures
from pipelines.statistics.tables import STATISTICS_TABLES


def test_a_users_file_replaces_the_shipped_one_of_its_name(tmp_path: Path) -> None:
    shipped = (assets.CONFIG_DIR / "pipeline.toml").read_text()
    (tmp_path / "pipeline.toml").write_text(shipped.replace('scope = "nhsbsa_dfm"', 'scope = "extended"'))
    assert load_settings(tmp_path).pipeline.scope == "extended"
    assert load_settings(tmp_path).cohorts == load_settings().cohorts
    assert load_settings(tmp_path).content_hash != load_settings().content_hash


def test_every_problem_of_a_file_is_reported_at_once(tmp_path: Path) -> None:
    shipped = (assets.CONFIG_DIR / "pipeline.toml").read_text()
    broken = shipped.replace('"4GB"', '"lots"').replace("keep_snapshots = 5", "keep_snapshots = 0\nspeling = 1")
    (tmp_path / "pipeline.toml").write_text(broken)
    with pytest.raises(ConfigError) as raised:
        load_settings(tmp_path)
    assert "3 setting(s)" in raised.value.what
    assert all(name in raised.value.where for name in ("memory_limit", "keep_snapshots", "speling"))


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        load_settings(tmp_path / "none")


def test_every_number_of_the_cohorts_says_whether_it_is_published_or_ours() -> None:
    lines = (assets.CONFIG_DIR / "cohorts.toml").read_text(encoding="utf-8").splitlines()
    rules, section = [], ""
    for line in lines:
        section = line if line.startswith("[") else section
        if "=" in line and section in ("[high_dose]", "[long_term]", "[escalation]"):
            rules.append(line)
    assert len(rules) > 15
    assert all("[pub]" in line or "[ours]" in line for line in rules)


def changed(tmp_path: Path, name: str, *changes: tuple[str, str]) -> Path:
    """A config folder whose file `name` is the shipped one with these changes."""
    text = (assets.CONFIG_DIR / name).read_text(encoding="utf-8")
    for before, after in changes:
        assert before in text
        text = text.replace(before, after, 1)
    (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_the_shipped_ambitions_have_their_own_comparator_baseline_and_end() -> None:
    aims = load_settings().aims
    assert aims.default == "halve_high_dose"
    shipped = {name: (aim.type, aim.baseline, aim.end) for name, aim in aims.further_aims.items()}
    assert shipped == {
        "medsip_2025": ("count", "2024-03", "2025-03"),
        "medsip_2024": ("share", "2021-03", "2024-03"),
        "medsip_2023": ("count", "2022-03", "2023-03"),
    }
    newest = aims.aims["medsip_2025"]
    assert {name: newest.change_of(name) for name in newest.measures} == {"high_dose": -4500, "long_term_3m": -25000}
    assert aims.aims["medsip_2023"].measures == ("long_term_3m", "high_dose_ge120")
    assert newest.month_from(date(2024, 3, 1)) == date(2025, 3, 1)
    assert aims.default_aim.month_from(date(2024, 6, 1)) == date(2027, 6, 1)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("months = 36", 'months = 36\nend = "2027-01"'), "either months"),
        (("months = 36", ""), "either months"),
        (("change = -0.50", "change = -50"), "share such as -0.50"),
        (("high_dose = -4500, long_term_3m = -25000", "high_dose = -4500"), "exactly the measures"),
        (("high_dose = -4500", "high_dose = -0.5"), "whole number"),
        (('baseline = "first_complete"', 'baseline = "soon"'), "baseline"),
        (('default = "halve_high_dose"', 'default = "nothing"'), "no aim is called 'nothing'"),
        (('also = ["medsip_2025"', 'also = ["medsip_1999"'), "no aim is called 'medsip_1999'"),
        (('measures = ["high_dose", "high_dose_ge120"', 'measures = ["height", "high_dose_ge120"'), "names 'height'"),
    ],
)
def test_an_aim_that_cannot_be_meant_is_refused(tmp_path: Path, change: tuple[str, str], problem: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load_settings(changed(tmp_path, "aims.toml", change))
    assert problem in raised.value.where


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (('id = "long_term"', 'id = "high_dose"'), "stand twice: high_dose"),
        (('denominator = "registered_patients"', ""), "denominator"),
        (('numerator = "Patients', 'number = "Patients'), "numerator"),
        (('next_review = "2027-11"', 'next_review = "soon"'), "next_review"),
        (('history = "long_term"', 'history = "long"'), "history 'long'"),
        (('id = "epd_ome_total"', 'id = "ome_of_epd"'), "begin with epd_"),
        (('unit = "items"', 'unit = "items"\nflows = true'), "only people join and leave"),
        (("steps = []", 'steps = [{ month = "2025-04", measures = ["height"], reason = "new" }]'), "names 'height'"),
    ],
)
def test_a_measure_that_cannot_be_counted_is_refused(tmp_path: Path, change: tuple[str, str], problem: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load_settings(changed(tmp_path, "measures.toml", change))
    assert problem in raised.value.where


def test_every_counted_measure_says_what_it_counts_and_has_a_name_of_its_own() -> None:
    counted = counted_measures(load_settings())
    assert len({one.measure for one in counted}) == len(counted) > 90
    for one in counted:
        assert all((one.title, one.why, one.numerator, one.denominator, one.checked_by, one.next_review))
    flows = [one.measure for one in counted if one.flow]
    headline = ("high_dose", "long_term", "opioid_gabapentinoid")
    assert flows == [f"{name}_{flow}" for name in headline for flow in ("joined", "left", "net_change")]


SUPERSEDED = """
[[superseded]]
version = "2025-11"
last_month = "2025-12"
measures = { high_dose_ge90 = "high_dose" }

[high_dose]"""


def test_f29_a_changed_threshold_is_named_and_the_old_definition_is_kept(tmp_path: Path) -> None:
    """The line fell from above 120 to 90 and more: the old series keeps its version, the new one says since when."""
    settings = load_settings(changed(tmp_path, "cohorts.toml", ("\n[high_dose]", SUPERSEDED)))
    june, december = date(2025, 6, 1), date(2025, 12, 1)
    counts = [
        count(month, people, measure=measure)
        for measure, numbers in (("high_dose", (100, 60)), ("high_dose_ge90", (200, 150)))
        for month, people in zip((june, december), numbers, strict=True)
    ]
    made = inputs(counts, (june, june))
    tables = {
        table.name: table.make(tuple(made), settings).to_pylist()
        for table in STATISTICS_TABLES
        if table.name in ("marts.trends", "marts.trend_variants")
    }
    now = {row["month"]: row for row in tables["marts.trends"] if row["measure"] == "high_dose_ge90"}
    old = {row["month"]: row for row in tables["marts.trend_variants"] if row["measure"] == "high_dose_ge90"}
    assert now[december]["definition_since"] == date(2026, 1, 1)
    assert now[december]["definition"].startswith(f"cohorts {settings.cohorts.version};")
    assert old[december]["definition"].startswith("cohorts 2025-11;")
    # Each against its own baseline: 150 of 200, and 60 of 100. Nothing spans the two.
    assert (now[december]["numerator"], round(now[december]["change_pct"])) == (150, -25)
    assert (old[december]["numerator"], round(old[december]["change_pct"])) == (60, -40)
    assert (now[december]["aim_target"], old[december]["aim_target"]) == (10, 5)


def test_a_superseded_definition_must_be_counted_by_a_cohort_of_today(tmp_path: Path) -> None:
    wrong = SUPERSEDED.replace('"high_dose"', '"high_dose_gt150"')
    with pytest.raises(ConfigError) as raised:
        load_settings(changed(tmp_path, "cohorts.toml", ("\n[high_dose]", wrong)))
    assert "names 'high_dose_gt150'" in raised.value.where


def test_a_file_that_nothing_reads_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cohort.toml").write_text("[high_dose]\n")
    with pytest.raises(ConfigError, match="No setting is called cohort") as raised:
        load_settings(tmp_path)
    assert raised.value.remedy.startswith("Did you mean cohorts.toml?")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("patient_id = ", "patientid = ", "there is no field 'patientid' (nearest: patient_id)"),
        ('kind = "patient"', 'kind = "text"', "'patient_id' is of kind patient, not text"),
        ('kind = "patient"', 'kind = "patient", required = false', "the field 'patient_id' may not be absent"),
        ('content = "patient_items"', 'content = "reference"', "its content is patient_items, not reference"),
    ],
)
def test_a_layout_of_ones_own_brings_what_its_table_reads(tmp_path: Path, old: str, new: str, said: str) -> None:
    shipped = (assets.CONFIG_DIR / "sources" / "epact2_items.toml").read_text(encoding="utf-8")
    (tmp_path / "sources").mkdir()
    own = tmp_path / "sources" / "my_report.toml"
    own.write_text(shipped, encoding="utf-8")
    assert load_settings(tmp_path).layout("my_report").columns
    own.write_text(shipped.replace(old, new), encoding="utf-8")
    with pytest.raises(ConfigError, match="does not fit the table 'patient_items'") as raised:
        load_settings(tmp_path)
    assert said in raised.value.where
