"""Settings are checked whole, and a user's file replaces the shipped one of its name."""

from pathlib import Path

import pytest

from pipelines import assets
from pipelines.config import load_settings
from pipelines.errors import ConfigError


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
