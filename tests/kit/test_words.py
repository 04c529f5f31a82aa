"""How values read."""

import datetime as dt

import pytest
from markupsafe import Markup

from handrail.kit import words
from handrail.kit.icons import known

NOW = dt.datetime(2026, 11, 27, 12, 0, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("back", "reading"),
    [
        (dt.timedelta(seconds=10), "just now"),
        (dt.timedelta(seconds=-10), "in a moment"),
        (dt.timedelta(minutes=1), "1 minute ago"),
        (dt.timedelta(minutes=59, seconds=40), "1 hour ago"),
        (dt.timedelta(hours=23), "23 hours ago"),
        (dt.timedelta(hours=23, minutes=45), "1 day ago"),
        (dt.timedelta(days=40), "1 month ago"),
        (dt.timedelta(days=800), "2 years ago"),
        (dt.timedelta(days=-9), "in 9 days"),
    ],
)
def test_a_moment_reads_in_its_largest_fitting_unit(back: dt.timedelta, reading: str) -> None:
    assert words.ago(NOW - back, NOW) == reading


def test_a_moment_carries_its_exact_time_for_machines_and_on_hover() -> None:
    made = words.when(NOW)
    assert isinstance(made, Markup)
    assert 'datetime="2026-11-27T12:00:00+00:00"' in made and "27 Nov 2026, 12:00 UTC" in made


def test_sizes_counts_and_spans_read_as_people_write_them() -> None:
    assert (
        words.size(0) == "0 bytes" and words.size(1536) == "1.5 KiB" and words.size(3 * 1024**4) == "3.0 TiB"
    )
    assert words.number(1234567) == "1,234,567" and words.number(0.5) == "0.5" and words.number(2.0) == "2"
    assert words.duration(0.34) == "340 ms" and words.duration(200) == "3 min 20 s"
    assert words.plural(1, "app") == "1 app" and words.plural([1, 2], "entry", "entries") == "2 entries"
    assert words.percent(0.9998, 2) == "99.98 %"
    assert words.short("sha256:0123456789abcdef") == "01234567"


def test_backticks_become_code_and_nothing_becomes_markup() -> None:
    assert words.coded("Run `handrail review`.") == "Run <code>handrail review</code>."
    assert words.coded("`<b>` and <i>") == "<code>&lt;b&gt;</code> and &lt;i&gt;"
    assert words.coded("a lonely ` stays") == "a lonely ` stays"
    assert words.coded(Markup("<b>ours</b>")) == "<b>ours</b>"


def test_every_state_has_a_tone_of_the_palette_and_an_icon_that_exists() -> None:
    for state, (tone, icon) in words.LOOKS.items():
        assert tone in words.TONES, state
        assert known(icon), (state, icon)
