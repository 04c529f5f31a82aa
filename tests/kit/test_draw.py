"""Pictures say in words what they draw, and draw what they are given."""

import re

from handrail import kit


def test_bars_read_as_labels_and_values_and_the_longest_fills_the_width() -> None:
    made = str(kit.bars({"EMEA": 50, "<APAC>": 100}, "Orders"))
    assert 'aria-label="Orders"' in made and "&lt;APAC&gt;" in made
    assert re.findall(r'bar-fill" width="([\d.]+)"', made) == ["50.00", "100.00"]


def test_pictures_of_nothing_are_drawn_without_failing() -> None:
    assert "<svg" in kit.sparkline([], "Nothing yet")
    assert "<svg" in kit.histogram([], [], "Nothing yet")
    assert "<ul" in kit.bars({}, "Nothing yet")


def test_two_distributions_are_compared_as_shares_so_that_their_sizes_do_not_matter() -> None:
    made = str(kit.histogram_pair([1, 3], [100, 300], [0, 1, 2], "Amounts", ("real", "twin")))
    heights = re.findall(r'column-(.)" x="[\d.]+" y="[\d.]+" width="[\d.]+" height="([\d.]+)"', made)
    assert {h for tone, h in heights if tone == "a"} == {h for tone, h in heights if tone == "b"}


def test_a_heat_map_has_a_square_for_each_cell_and_says_what_it_is() -> None:
    cells = [kit.Cell(1, 0, 0.9, "a and b: 0.90"), kit.Cell(0, 1, 0.2, "<b>", "b")]
    drawn = str(kit.heat_map(["a", "b<"], cells, "How strongly"))
    assert drawn.count("<title>") == 2
    assert "a and b: 0.90" in drawn
    assert "&lt;b&gt;" in drawn
    assert "b&lt;" in drawn
    assert 'aria-label="How strongly"' in drawn


def test_a_scale_marks_each_value_and_shades_what_lies_beyond_its_limits() -> None:
    drawn = str(kit.scale([("in", 0.05, "5 %"), ("out", 9.0, "much")], "Off", -0.3, 0.3, 0.1, -0.1))
    assert drawn.count("scale-beyond") == 4
    assert drawn.count("scale-mark") == 2
    assert 'x="98.60"' in drawn, "what is beyond the end stands at the end"
