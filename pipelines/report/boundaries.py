"""Boundaries from a GeoJSON file of the user's, as rings of pixels: small enough for a page, and no wrong way round."""

import json
import math
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from pipelines.errors import ConfigError
from pipelines.report_settings import MapSettings

WIDTH, HEIGHT = 720.0, 620.0
_LARGEST_BYTES = 60_000_000
Ring = list[list[float]]


def boundaries(settings: MapSettings) -> dict[str, list[list[Ring]]]:
    """Code → polygons, each its rings of [x, y] pixels, y down; several features of one code are put together.

    Raises ConfigError with what is wrong with the file.
    """
    areas: dict[str, list[list[Ring]]] = {}
    for number, feature in enumerate(_features(settings), 1):
        code = (feature.get("properties") or {}).get(settings.code_property)
        if code is None:
            continue
        areas.setdefault(str(code).strip().upper(), []).extend(_polygons(feature, number, settings.path))
    if not areas:
        raise _unusable(
            settings.path, f"No feature has the property '{settings.code_property}'.", _names_of(_features(settings))
        )
    return _in_pixels(areas)


def _features(settings: MapSettings) -> list[dict[str, Any]]:
    path = settings.path
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise _unusable(path, "It is larger than 60 MB.", "Simplify the boundaries first.")
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise _unusable(path, f"It cannot be read: {error.strerror}.", "Mend the path in report.toml.") from None
    except ValueError:
        raise _unusable(path, "It is not JSON.", "Save the boundaries as GeoJSON.") from None
    features = content.get("features") if isinstance(content, dict) else None
    if not isinstance(features, list) or not all(isinstance(one, dict) for one in features):
        raise _unusable(path, "It holds no list of features.", "Save the boundaries as GeoJSON.")
    return features


def _unusable(path: Path, why: str, remedy: str) -> ConfigError:
    return ConfigError("The boundaries for the map cannot be used.", f"{path}: {why}", remedy)


def _names_of(features: list[dict[str, Any]]) -> str:
    names = sorted({str(name) for one in features[:50] for name in (one.get("properties") or {})})
    return (
        f"Set code_property in report.toml to one of: {', '.join(names[:12])}." if names else "Give each area a code."
    )


def _polygons(feature: dict[str, Any], number: int, path: Path) -> list[list[Ring]]:
    shape = feature.get("geometry") or {}
    kinds = {"Polygon": [shape.get("coordinates")], "MultiPolygon": shape.get("coordinates")}
    polygons: Any = kinds.get(str(shape.get("type")))
    try:
        assert polygons is not None
        return [[[[float(point[0]), float(point[1])] for point in ring] for ring in polygon] for polygon in polygons]
    except (AssertionError, TypeError, ValueError, IndexError):
        raise _unusable(path, f"Feature {number} is no polygon.", "Save areas, not points or lines.") from None


def _in_pixels(areas: dict[str, list[list[Ring]]]) -> dict[str, list[list[Ring]]]:
    """Flat, in proportion at their latitude, and without points closer than a tenth of a pixel."""
    every = [point for polygons in areas.values() for point in _points(polygons)]
    west, east = min(point[0] for point in every), max(point[0] for point in every)
    south, north = min(point[1] for point in every), max(point[1] for point in every)
    in_degrees = max(abs(west), abs(east)) <= 180 and max(abs(south), abs(north)) <= 90
    squeeze = math.cos(math.radians((south + north) / 2)) if in_degrees else 1.0
    scale = min(WIDTH / max((east - west) * squeeze, 1e-9), HEIGHT / max(north - south, 1e-9))

    def placed(ring: Ring) -> Ring:
        found: Ring = []
        for x, y in ring:
            point = [round((x - west) * squeeze * scale, 1), round((north - y) * scale, 1)]
            if not found or found[-1] != point:
                found.append(point)
        return found if found[0] == found[-1] else [*found, found[0]]

    return {code: [[placed(ring) for ring in polygon] for polygon in polygons] for code, polygons in areas.items()}


def _points(polygons: list[list[Ring]]) -> Iterator[list[float]]:
    for polygon in polygons:
        for ring in polygon:
            yield from ring


def middle(polygons: list[list[Ring]]) -> tuple[float, float]:
    """A point within the largest outer ring as a rule: its centre of area."""
    largest = max((polygon[0] for polygon in polygons), key=lambda ring: abs(_area(ring)))
    area = _area(largest)
    if not area:
        return largest[0][0], largest[0][1]
    pairs = list(pairwise(largest))
    crossed = [(a, b, a[0] * b[1] - b[0] * a[1]) for a, b in pairs]
    x = sum((a[0] + b[0]) * cross for a, b, cross in crossed) / (6 * area)
    y = sum((a[1] + b[1]) * cross for a, b, cross in crossed) / (6 * area)
    return x, y


def _area(ring: Ring) -> float:
    return sum(a[0] * b[1] - b[0] * a[1] for a, b in pairwise(ring)) / 2
