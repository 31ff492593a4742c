import html
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.unit.report.made import Series, Warehouse, one_icb

FALL = [100.0 - 4 * month for month in range(14)]
FLAT = [100.0] * 14


def page(warehouse: Warehouse, folder: Path) -> str:
    return (warehouse.write(folder) / "index.html").read_text(encoding="utf-8")


def words(text: str) -> str:
    """The page as it is read: no styles, no tags, single spaces."""
    text = re.sub(r"<style>.*?</style>|<svg.*?</svg>", " ", text, flags=re.S)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", text)))


def mission(counts: list[float], pcns: int = 2) -> list[Series]:
    measures = ("high_dose", "long_term", "opioid_gabapentinoid")
    return [series for measure in measures for series in one_icb([counts] * pcns, measure)]


# --- the sentence of the aim ---------------------------------------------------------------------


def test_a_fall_ahead_of_the_line_is_on_course_with_its_interval(tmp_path: Path) -> None:
    text = words(page(Warehouse(mission(FALL)), tmp_path))
    assert (
        "About 105 people in June 2025 against about 200 in June 2024: the rate is 48% lower "
        "(95% interval 34% to 59% lower), on course for the aim of 50% lower by June 2027." in text
    )
    assert "The chance that the rate has already fallen by the whole 50% is about 34%." in text
    assert "the true uncertainty is smaller" in text


def test_no_change_is_called_no_clear_change_and_behind(tmp_path: Path) -> None:
    text = words(page(Warehouse(mission(FLAT)), tmp_path))
    assert "behind the straight line to the aim of 50% lower by June 2027" in text
    assert "People on opioids for more than 6 months: no clear change of the rate since June 2024" in text
    assert "read “behind” with care" in text


def test_a_far_fall_reaches_the_aim(tmp_path: Path) -> None:
    text = words(page(Warehouse(mission([400.0, *[100.0] * 13])), tmp_path))
    assert "; the aim of 50% lower is reached." in text


def test_small_counts_are_too_few_to_tell_and_get_no_chance(tmp_path: Path) -> None:
    text = words(page(Warehouse(mission([8.0] * 14, pcns=1)), tmp_path))
    assert "About 10 people in June 2025: too few to tell a change since June 2024" in text
    assert "too few to tell; see the ICB" in text
    assert "The chance" not in text
    assert "on course" not in text


def test_the_provisional_month_is_marked_and_used_for_no_sentence(tmp_path: Path) -> None:
    text = words(page(Warehouse(mission([*FLAT[:-1], 900.0])), tmp_path))
    assert "July 2025 is provisional" in text
    assert "figures to June 2025" in text
    assert "About 200 people in June 2025 against about 200 in June 2024" in text


@pytest.mark.parametrize(("identified_at_first", "is_said"), [(990, False), (700, True)])
def test_a_change_that_better_identification_could_cause_is_said(
    tmp_path: Path, identified_at_first: int, is_said: bool
) -> None:
    rise = [100.0] + [150.0] * 13
    text = words(page(Warehouse(mission(rise), identified_at_first=identified_at_first), tmp_path))
    assert ("no larger than the change in how many items could be linked" in text) == is_said


# --- what is not there ---------------------------------------------------------------------------


def test_a_single_provisional_month_says_that_nothing_is_settled(tmp_path: Path) -> None:
    text = words(page(Warehouse(mission([100.0])), tmp_path))
    assert "Every month loaded is provisional." in text
    assert "There is no settled month with a figure yet" in text


def test_without_list_sizes_counts_are_shown_and_no_rate(tmp_path: Path) -> None:
    series = [Series(s.level, s.code, s.measure, s.counts, None) for s in mission(FALL)]
    text = words(page(Warehouse(series), tmp_path))
    assert "About 105 people in June 2025. No list sizes are loaded" in text
    assert "Rates cannot be given: no list sizes are loaded." in text
    assert "lower (95%" not in text


def test_months_before_a_rule_can_be_judged_are_no_figures(tmp_path: Path) -> None:
    series = one_icb([FLAT])
    for one in series:
        one.counts = [None] * 14
    text = words(page(Warehouse(series), tmp_path))
    assert "Not enough months are loaded to judge a dose above 120 mg a day." in text


def test_only_open_data_shows_volumes_by_practice_and_says_people_are_not_seen(tmp_path: Path) -> None:
    items = [20.0 + month for month in range(14)]
    series = [
        Series(level, code, measure, items, 9_000)
        for level, code in (("practice", "A81001"), ("pcn", "U1"), ("icb", "QZA"), ("all", "all"))
        for measure in ("epd_ome_total", "epd_opioid_items")
    ]
    text = words(page(Warehouse(series, has_patients=False), tmp_path))
    assert "Only open practice data are loaded." in text
    assert "figures to July 2025" in text
    assert "The Surgery" in text
    assert "on course" not in text
    assert "aim of" not in text


def test_several_icbs_have_a_page_each_beside_the_overview_of_all(tmp_path: Path) -> None:
    series = []
    for number, code in enumerate(("QZA", "QZB")):
        series.append(Series("pcn", f"U{number}", "high_dose", FALL, icb=code, name=f"PCN OF {code}"))
        series.append(Series("icb", code, "high_dose", FALL, icb=code, name=f"ICB {code}"))
    series.append(Series("all", "all", "high_dose", [2 * count for count in FALL], 400_000))
    overview = page(Warehouse(series), tmp_path)
    assert "All loaded data: figures to June 2025" in words(overview)
    assert 'href="icb-QZA.html"' in overview
    of_b = (tmp_path / "reports" / "icb-QZB.html").read_text(encoding="utf-8")
    assert 'href="pcn-U1.html"' in of_b
    assert "pcn-U0.html" not in of_b.split("<main")[1]


def test_the_reason_of_a_publication_with_unconverted_items_stands_at_the_head_as_text(tmp_path: Path) -> None:
    text = page(Warehouse(mission(FALL), allowed_unconverted="<script>late file</script>"), tmp_path)
    assert "Published although more opioid items than allowed have no dose." in text
    assert "&lt;script&gt;late file" in text
    assert "<script>" not in text


def test_items_without_a_dose_are_counted_but_few_people_are_hidden(tmp_path: Path) -> None:
    few = words(page(Warehouse(mission(FALL), unconverted_people=3), tmp_path / "few"))
    many = words(page(Warehouse(mission(FALL), unconverted_people=30), tmp_path / "many"))
    assert "about [c] of about" not in few
    assert "Items without a dose: [c] of about 25,005 opioid items" in few
    assert "Items without a dose: about 60 of about 25,060 opioid items" in many
    assert "Rows set aside: [c] of about 1,000 rows" in few


# --- for every reader ----------------------------------------------------------------------------


class Outline(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.headings: list[int] = []
        self.ids: list[str] = []
        self.tables = self.captions = 0
        self.cells_without_scope = 0
        self.images: list[str] = []
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if found.get("id"):
            self.ids.append(str(found["id"]))
        self.tables += tag == "table"
        self.captions += tag == "caption"
        self.cells_without_scope += tag == "th" and "scope" not in found
        if found.get("role") == "img":
            self.images.append(found.get("aria-label") or "")
        if "src" in found or tag in ("link", "script", "iframe"):
            self.fetched.append(f"{tag} {found.get('src')}")


@pytest.fixture(scope="module")
def outline(tmp_path_factory: pytest.TempPathFactory) -> Outline:
    reader = Outline()
    reader.feed(page(Warehouse(mission(FALL)), tmp_path_factory.mktemp("page")))
    return reader


def test_headings_are_in_order(outline: Outline) -> None:
    assert outline.headings.count(1) == 1
    assert outline.headings[0] == 1
    assert all(later - earlier <= 1 for earlier, later in zip(outline.headings, outline.headings[1:], strict=False))


def test_every_table_has_a_caption_and_every_heading_cell_a_scope(outline: Outline) -> None:
    assert outline.tables == outline.captions > 3
    assert outline.cells_without_scope == 0


def test_every_chart_has_words_and_ids_are_used_once(outline: Outline) -> None:
    assert len(outline.images) == 3
    assert all("Run chart by month" in image and "June 2025" in image for image in outline.images)
    assert len(outline.ids) == len(set(outline.ids))


def test_the_page_fetches_nothing(outline: Outline, tmp_path: Path) -> None:
    assert outline.fetched == ["script site.js"]
    text = page(Warehouse(mission(FALL)), tmp_path)
    assert not re.search(r"@import|url\((?!#)", text)
    assert set(re.findall(r'https?://[^"\s<]+', text)) <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
