"""The map: shapes of the user's own, figures that are protected, and errors for people."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipelines.config import Settings, load_settings
from pipelines.errors import ConfigError
from pipelines.report import map_page
from pipelines.report.boundaries import boundaries, middle
from pipelines.report.charts import with_drawings
from pipelines.report.frame import Frame
from pipelines.report.leaving import Leaving
from pipelines.report.read import read
from pipelines.report_settings import MapSettings
from tests.unit.report.made import SETTINGS, SNAPSHOT, Warehouse, one_icb
from tests.unit.report.reading import alternatives, charts, table, words

SQUARE = [[0.0, 51.0], [1.0, 51.0], [1.0, 52.0], [0.0, 52.0], [0.0, 51.0]]


def feature(code: str | None, ring: list[list[float]], kind: str = "Polygon") -> dict[str, Any]:
    return {"type": "Feature", "properties": {"code": code}, "geometry": {"type": kind, "coordinates": [ring]}}


def east(ring: list[list[float]], degrees: float) -> list[list[float]]:
    return [[x + degrees, y] for x, y in ring]


def settings_with(folder: Path, features: list[dict[str, Any]], level: str = "pcn") -> Settings:
    (folder / "areas.geojson").write_text(
        json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8"
    )
    (folder / "report.toml").write_text(
        f'[map]\npath = "areas.geojson"\nlevel = "{level}"\ncode_property = "code"\n', encoding="utf-8"
    )
    return load_settings(folder)


@pytest.fixture
def leaving(tmp_path: Path) -> Leaving:
    Warehouse(one_icb([[100.0] * 14, [20.0] * 14, [3.0] * 14])).write(tmp_path)
    return read(tmp_path / "warehouse.duckdb", SNAPSHOT, SETTINGS, tmp_path)


def test_a_map_shows_protected_rates_and_hatches_what_is_hidden(tmp_path: Path, leaving: Leaving) -> None:
    shapes = [feature("U1", SQUARE), feature("u3 ", east(SQUARE, 1)[::-1]), feature("X9", east(SQUARE, 2))]
    (page,) = map_page.pages(Frame(leaving, settings_with(tmp_path, shapes)))
    # 100 and 20 people of 50,000
    assert table(page.html, "People on more than 120 mg").rows[1:] == [
        ["First PCN", "100", "2.00", "shown"],
        ["Second PCN", "20", "0.40", "shown"],
        ["Third PCN", "[c]", "–", "hidden: few people"],
    ]
    text = words(page.html)
    assert "Not on the map, because the boundaries have no area for it: Second PCN." in text
    assert "1 area of the boundaries has no figures here" in text
    assert "Highest: First PCN, 2.00" in alternatives(page.html)[0]
    (svg,) = charts(with_drawings([page.html])[0])
    assert svg.count("url(#map-w-hatching)") == 1
    assert "[c]" in svg


def test_without_the_section_and_without_patients_there_is_no_map(tmp_path: Path, leaving: Leaving) -> None:
    assert SETTINGS.report.map is None
    assert map_page.pages(Frame(leaving, SETTINGS)) == []
    settings = settings_with(tmp_path, [feature("U1", SQUARE)])
    assert map_page.pages(Frame(replace(leaving, has_patients=False), settings)) == []


def test_degrees_keep_their_proportion_and_either_winding_gives_the_same_shape(tmp_path: Path) -> None:
    asked = settings_with(tmp_path, [feature("A", SQUARE), feature("B", east(SQUARE, 1)[::-1])]).report.map
    assert asked is not None
    found = boundaries(asked)
    xs, ys = ([point[axis] for point in found["A"][0][0]] for axis in (0, 1))
    # A degree of longitude at 51.5° north is cos 51.5° = 0.6225 of one of latitude.
    assert (max(xs) - min(xs)) / (max(ys) - min(ys)) == pytest.approx(0.6225, abs=0.001)
    assert middle(found["A"])[1] == pytest.approx(middle(found["B"])[1])
    assert middle(found["B"])[0] == pytest.approx(1.5 * (max(xs) - min(xs)), abs=0.2)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("no json", "not JSON"),
        ("[]", "no list of features"),
        ('{"features": [{"properties": {"name": "x"}}]}', "No feature has the property 'code'"),
        ('{"features": [{"properties": {"code": "U1"}, "geometry": {"type": "Point"}}]}', "Feature 1 is no polygon"),
    ],
)
def test_boundaries_that_cannot_be_used_say_so(tmp_path: Path, content: str, why: str) -> None:
    (tmp_path / "areas.geojson").write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match=why):
        boundaries(MapSettings(path=tmp_path / "areas.geojson", level="pcn", code_property="code"))


def test_a_missing_file_and_codes_of_another_kind_say_so(tmp_path: Path, leaving: Leaving) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        boundaries(MapSettings(path=tmp_path / "none.geojson", level="pcn", code_property="code"))
    with pytest.raises(ConfigError, match="codes such as E54000050; the figures have U1, U2, U3"):
        map_page.pages(Frame(leaving, settings_with(tmp_path, [feature("E54000050", SQUARE)])))
