"""Differences between texts lose no line and invent none."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import Markup

from handrail import kit
from tests.cases import cases

LINES = st.lists(
    st.text(st.characters(codec="utf-8", exclude_characters="\r\n\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029\0")),
    max_size=12,
)


def plain(markup: Markup | None) -> str:
    return Markup(re.sub(r"</?(span|mark)[^>]*>", "", str(markup))).unescape()


@settings(max_examples=cases(150), deadline=None)
@given(LINES, LINES)
def test_every_shown_line_is_the_line_of_its_number(old: list[str], new: list[str]) -> None:
    change = kit.diff("\n".join(old), "\n".join(new), "app.py")
    before, after = "\n".join(old).splitlines(), "\n".join(new).splitlines()
    for line in (line for hunk in change.hunks for line in hunk.lines):
        if line.old_number is not None:
            assert plain(line.old) == before[line.old_number - 1]
        if line.new_number is not None:
            assert plain(line.new) == after[line.new_number - 1]
        if line.kind == "same":
            assert plain(line.old) == plain(line.new)


@settings(max_examples=cases(150), deadline=None)
@given(LINES, LINES)
def test_taking_away_the_removed_and_putting_in_the_added_gives_the_new_text(
    old: list[str], new: list[str]
) -> None:
    change = kit.diff("\n".join(old), "\n".join(new), "notes.txt")
    before, after = "\n".join(old).splitlines(), "\n".join(new).splitlines()
    assert len(before) - change.removed + change.added == len(after)
    gone = {n.old_number for h in change.hunks for n in h.lines if n.kind in ("removed", "changed")}
    come = {n.new_number for h in change.hunks for n in h.lines if n.kind in ("added", "changed")}
    assert [x for i, x in enumerate(before, 1) if i not in gone] == [
        x for i, x in enumerate(after, 1) if i not in come
    ]


def test_code_in_a_diff_is_text_and_not_markup() -> None:
    change = kit.diff("x = 1\n", "x = '<script>alert(1)</script>'\n", "app.py")
    shown = "".join(str(line.new) for hunk in change.hunks for line in hunk.lines)
    assert "<script" not in shown and "&lt;script&gt;" in shown


def test_the_changed_words_of_a_line_are_marked_and_the_others_are_not() -> None:
    (line,) = kit.diff("total = price\n", "total = price * count\n", "app.py").hunks[0].lines
    assert re.findall(r"<mark>(.*?)</mark>", str(line.new)) and "total" not in "".join(
        re.findall(r"<mark>(.*?)</mark>", str(line.new))
    )


def test_a_binary_file_is_named_and_not_shown() -> None:
    assert kit.diff(b"\x89PNG\0old", b"\x89PNG\0new", "chart.png").status == "binary"
    assert kit.diff(None, b"\xff\xfe\0", "chart.png").hunks == ()


def test_a_new_and_a_deleted_file_are_told_apart() -> None:
    assert kit.diff(None, "a\nb\n", "app.py").status == "added"
    assert kit.diff("a\nb\n", None, "app.py").status == "removed"
    assert kit.diff("a\n", "a\n", "app.py").status == "same"


def test_a_very_long_file_is_cut_and_says_so() -> None:
    change = kit.diff("", "x\n" * 10_000, "big.csv")
    assert change.cut and sum(len(hunk.lines) for hunk in change.hunks) <= 4000


def test_line_numbers_do_not_shift_when_a_file_begins_with_blank_lines() -> None:
    assert [str(line) for line in kit.highlight("\n\nx\n", "app.py")][:2] == ["", ""]
