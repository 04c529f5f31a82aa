"""Drawings of what flows into what: every box and line is in them, nothing overlaps, and they read without eyes."""

import re
from collections.abc import Iterator
from itertools import combinations
from operator import mul
from xml.etree import ElementTree

from hypothesis import given, settings
from hypothesis import strategies as st

from handrail import kit
from handrail.kit import Box, Line
from tests.cases import cases

BOXES = (
    Box("a", "orders", 0, "source", "shop"),
    Box(
        "b", "orders", 1, "dataset", rows=("id", "amount"), more="and 3 more columns", href="/datasets/orders"
    ),
    Box("c", "revenue", 2, "metric", focus=True),
    Box("d", "board", 3, "app", href="/apps/board"),
)
LINES = (Line("a", "b"), Line("b", "c", "amount"), Line("b", "d", "id", tone="dashed"), Line("c", "d"))
SVG = "{http://www.w3.org/2000/svg}"


def drawings(boxes: tuple[Box, ...], lines: tuple[Line, ...]) -> list[ElementTree.Element]:
    made = str(kit.flow(boxes, lines, "Lineage of orders", "1 source")).replace(
        "<svg ", '<svg xmlns="http://www.w3.org/2000/svg" '
    )
    return list(ElementTree.fromstring(made))


def points(svg: ElementTree.Element) -> Iterator[tuple[float, float]]:
    """Places on the lines: ends, and some along each curve."""
    for path in svg.iter(f"{SVG}path"):
        if "flow-line" in (path.get("class") or ""):
            x = y = 0.0
            for kind, numbers in re.findall(r"([MCH])([^MCH]*)", path.get("d") or ""):
                given = [float(number) for number in numbers.split()]
                if kind == "C":
                    for t in (0.25, 0.5, 0.75):
                        weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
                        xs, ys = (x, *given[0::2]), (y, *given[1::2])
                        yield sum(map(mul, weights, xs)), sum(map(mul, weights, ys))
                x, y = (given[0], y) if kind == "H" else (given[-2], given[-1])
                yield x, y


def rectangles(svg: ElementTree.Element) -> list[tuple[float, float, float, float]]:
    return [
        (float(r.get("x", 0)), float(r.get("y", 0)), float(r.get("width", 0)), float(r.get("height", 0)))
        for r in svg.iter(f"{SVG}rect")
    ]


def test_both_drawings_hold_every_box_and_say_in_words_what_they_are() -> None:
    for svg in drawings(BOXES, LINES):
        names = [text.text for text in svg.iter(f"{SVG}text") if text.get("class") == "flow-name"]
        assert sorted(filter(None, names)) == ["board", "orders", "orders", "revenue"]
        assert [link.get("href") for link in svg.iter(f"{SVG}a")] == ["/datasets/orders", "/apps/board"]
        labels = (svg.get("aria-labelledby") or "").split()
        said = [next(e.text for e in svg.iter() if e.get("id") == label) for label in labels]
        assert said == ["Lineage of orders", "1 source"]


def test_ids_are_not_given_twice_on_a_page_with_two_drawings() -> None:
    page = str(kit.flow(BOXES, LINES, "One", "")) + str(kit.flow(BOXES, LINES, "Another", ""))
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_a_line_leaves_at_its_row_and_one_without_its_box_is_left_out() -> None:
    wide, _ = drawings(BOXES, (*LINES, Line("b", "nowhere")))
    amount = next(text for text in wide.iter(f"{SVG}text") if text.text == "amount")
    starts = [
        float(re.split(r"[ C]", path.get("d", ""))[1])
        for path in wide.iter(f"{SVG}path")
        if "flow-line" in path.get("class", "")
    ]
    assert len(starts) == 4
    assert any(abs(start - float(amount.get("y", 0))) < 6 for start in starts)


def test_names_are_shown_as_text_and_cut_where_they_do_not_fit() -> None:
    made = str(kit.flow((Box("x", "<b>" + "long " * 20, 0),), (), "<T>", "<D>"))
    assert "<b>" not in made
    assert "&lt;T&gt;" in made
    assert "…</text>" in made


def test_nothing_at_all_is_drawn_without_failing() -> None:
    assert "<svg" in str(kit.flow((), (), "Nothing", ""))


@settings(max_examples=cases(60), deadline=None)
@given(st.data())
def test_no_two_boxes_overlap_and_every_line_stays_inside(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 14))
    boxes = tuple(
        Box(str(n), f"box {n}", data.draw(st.integers(0, 3)), rows=("r",) * data.draw(st.integers(0, 1)))
        for n in range(count)
    )
    ends = st.integers(0, count - 1).map(str)
    pairs = data.draw(st.lists(st.tuples(ends, ends), max_size=25))
    layers = {box.id: box.layer for box in boxes}
    lines = tuple(Line(a, b) for a, b in pairs if layers[a] <= layers[b] and a != b)
    for svg in drawings(boxes, lines):
        placed = rectangles(svg)
        assert len(placed) == count
        for (x1, y1, w1, h1), (x2, y2, w2, h2) in combinations(placed, 2):
            assert x1 + w1 <= x2 or x2 + w2 <= x1 or y1 + h1 <= y2 or y2 + h2 <= y1
        _, _, width, height = map(float, (svg.get("viewBox") or "").split())
        assert all(x >= 0 and x + w <= width and y >= 0 and y + h <= height for x, y, w, h in placed)
        assert all(0 <= x <= width and 0 <= y <= height for x, y in points(svg))
