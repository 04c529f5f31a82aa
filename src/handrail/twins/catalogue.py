"""The catalogue of awkward values: each has a stable id, what it is, what it breaks, and how it is made.

All of them keep the contract: types, required and unique columns, keys that resolve. What comes first is put
into each column first, where a table has too few rows for everything. Not a number, infinities and the ends
of a type's range are left to the `drill`: one of them makes every total useless, which reality does not.
"""

from __future__ import annotations

from datetime import date

from handrail.twins.cases import (
    DAYS,
    FLOATS,
    HALF_PAST_TWO,
    MOMENTS,
    NUMBERS,
    TIMES,
    Case,
    dated,
    day,
    future,
    large,
    leap,
    negative,
    of_text,
    other_week,
    row,
    sunday,
    text,
)
from handrail.twins.values import DAY_US

CATALOGUE: tuple[Case, ...] = (
    Case(
        "null",
        "no value, where the contract allows it",
        "casts to whole numbers, text methods, sums and groups that leave it out, joins that lose the row",
        None,
        lambda _column, _now: None,
    ),
    Case(
        "number.zero",
        "zero: an empty price, nothing sold",
        "division, logarithms, growth in per cent",
        NUMBERS,
        lambda _column, _now: 0,
    ),
    Case(
        "number.negative",
        "just below zero: a correction, a return",
        "square roots, bands from zero, stacked charts, shares",
        NUMBERS,
        negative,
    ),
    Case(
        "number.large",
        "two to ten times the highest usual value",
        "axes, averages, fixed bands, widths of columns",
        NUMBERS,
        lambda column, _now: large(column),
    ),
    Case(
        "number.minus_zero",
        "zero with a sign, as rounding leaves it",
        "texts that say -0.0",
        FLOATS,
        lambda _column, _now: -0.0,
    ),
    Case(
        "number.noise",
        "0.1 + 0.2, which is not 0.3",
        "comparisons for equality, texts of 17 digits",
        FLOATS,
        lambda _column, _now: 0.1 + 0.2,
    ),
    day(
        "date.sentinel",
        "31 December 9999, the date that means never",
        "durations, adding a day, ranges of dates that a chart fills",
        2_932_896,
    ),
    day(
        "date.ancient",
        "1 January 1900, the date that means unknown",
        "ages, ranges of dates, the first period of a growth",
        -25_567,
    ),
    dated("date.leap", "29 February", "the same day a year later", leap),
    dated(
        "time.gap",
        "02:30 on the night the clocks go forward in Europe",
        "local times without a zone: there is no such moment in Berlin",
        lambda year: sunday(year, 3, -1),
        HALF_PAST_TWO,
        MOMENTS,
    ),
    dated(
        "time.overlap",
        "02:30 on the night the clocks go back in Europe",
        "local times without a zone: it happens twice",
        lambda year: sunday(year, 10, -1),
        HALF_PAST_TWO,
        MOMENTS,
    ),
    day("date.epoch", "1 January 1970, a field that was never set", "the first period, durations", 0),
    Case(
        "date.future",
        "three years after the last usual date",
        "whatever ends today: rates, running totals, the newest row",
        DAYS,
        future,
    ),
    dated(
        "date.week",
        "a day at the turn of the year whose week belongs to the other year",
        "year and week taken apart",
        other_week,
    ),
    dated("date.month_end", "31 January", "the same day a month later", lambda year: date(year, 1, 31)),
    dated(
        "time.last",
        "one microsecond before midnight",
        "BETWEEN with the day's end at 23:59:59",
        lambda year: date(year, 6, 30),
        DAY_US - 1,
        MOMENTS,
    ),
    dated(
        "time.gap_us",
        "02:30 on the night the clocks go forward in America",
        "local times without a zone: there is no such moment in New York",
        lambda year: sunday(year, 3, 1),
        HALF_PAST_TWO,
        MOMENTS,
    ),
    dated(
        "time.overlap_us",
        "01:30 on the night the clocks go back in America",
        "local times without a zone: it happens twice",
        lambda year: sunday(year, 11, 0),
        HALF_PAST_TWO - 3_600_000_000,
        MOMENTS,
    ),
    Case(
        "time.midnight", "midnight exactly", "night shifts, before and after", TIMES, lambda _column, _now: 0
    ),
    Case(
        "time.end",
        "one microsecond before midnight",
        "the end of the last shift",
        TIMES,
        lambda _column, _now: DAY_US - 1,
    ),
    text("text.empty", "present but empty", "first letters, splitting, checks for null alone", ""),
    text(
        "category.unseen",
        "a category that nobody has seen before, in one row",
        "dictionaries of labels and colours, lists of cases, deviations of groups of one",
        "Unseen category",
    ),
    text(
        "text.formula", "a spreadsheet formula", "CSV and Excel exports: the spreadsheet computes it", "=1+1"
    ),
    of_text(
        "text.case",
        "the usual value in capitals or small letters",
        "groups and joins: the same thing twice",
        lambda now: now.lower() if now != now.lower() else now.upper(),
    ),
    of_text(
        "text.padded",
        "the usual value with spaces around it",
        "groups, joins and look-ups: the same thing twice",
        lambda now: f" {now}  ",
    ),
    text(
        "text.quotes",
        "both kinds of quotes and a comma",
        "CSV, SQL and HTML put together by hand",
        'O\'Brien, "Bob"',
    ),
    text(
        "text.lines",
        "a line break and a tab",
        "files with a row a line, tables of text",
        "first line\nsecond\tline",
    ),
    text(
        "text.number",
        "a number with a decimal comma",
        "casts to numbers, sums of what could be read",
        "1.234,56",
    ),
    text("text.missing", "a word for nothing", "casts, categories, counts of what is missing", "n/a"),
    text(
        "text.unicode",
        "letters outside ASCII, an emoji, a combining accent",
        "encodings, lengths, capitals",
        "Zoë Łódź 北京 🧗 é",
    ),
    text(
        "text.markup",
        "markup that a page must escape",
        "HTML put together by hand: the page runs it",
        "<b onmouseover=alert(1)>bold</b>",
    ),
    text("text.blank", "only spaces", "first words, checks for empty text", "   "),
    text("text.list", "a list with an empty part and spaces", "splitting at a sign", "one;;two, three; "),
    text("text.date", "a date as people write it", "parsing dates by one format", "31.12.2024"),
    text("text.zeros", "digits with zeros before them", "casts that lose the zeros", "00042"),
    text(
        "text.regex",
        "signs that mean something in a pattern",
        "searching by a pattern made from data",
        "C++ (50% [new)*",
    ),
    text("text.sql", "a quote that ends a careless SQL string", "SQL put together by hand", "'; --"),
    text("text.path", "slashes and a colon", "files named after a value", "AC/DC: ../live"),
    text("text.none", "the word null", "files that are read again", "NULL"),
    text("text.percent", "a percent sign and braces that formatting eats", "templates, LIKE", "100% {0} %s"),
    text("text.rtl", "right-to-left letters", "columns of text, cutting at a width", "שלום مرحبا"),
    text(
        "text.invisible",
        "a zero-width and an unbreakable space",
        "comparisons of what looks the same",
        "Zero​width no breaking",
    ),
    text("text.formula_at", "a formula that begins with @", "CSV exports that look for = alone", "@SUM(1+1)"),
    text(
        "text.formula_minus",
        "a formula that begins with a minus",
        "CSV exports that look for = alone",
        "-1+1",
    ),
    text("text.dash", "a dash for nothing", "casts, categories", "-"),
    text(
        "text.scientific",
        "letters and digits that Excel takes for a number",
        "codes that go through Excel",
        "1E5",
    ),
    text("text.pipe", "signs that end a cell in Markdown", "tables written as Markdown", "a | b [c](d)"),
    text(
        "text.backslash",
        "a backslash before letters",
        "JSON and paths put together by hand",
        "C:\\new\\table",
    ),
    text(
        "text.long",
        "longer than any screen is wide",
        "layouts, columns of limited width",
        "long " * 200 + "end",
    ),
    row(
        "row.twice",
        "a row entered twice, under another key where there is one",
        "counts and sums, joins that take a name for a key",
    ),
    row("row.similar", "a row entered twice, once in other letters", "removing duplicates by equality"),
    row(
        "row.late",
        "a row with an old date far behind newer ones",
        "the last row taken for the newest, differences between rows",
    ),
    row("row.tie", "two rows share the highest value", "the one best, ranks without ties"),
    row("link.many", "one parent with very many children", "charts that one value fills, pages of one group"),
    row(
        "link.none",
        "a parent that has no children",
        "the first row of an empty result, inner joins that lose it, division by a count",
    ),
    row("link.one", "a parent that has one child", "deviations, trends and medians of one"),
    row("date.hole", "a stretch of days without rows", "growth by the row before, charts that join the ends"),
)
BY_ID = {case.id: case for case in CATALOGUE}
CELLS = tuple(case for case in CATALOGUE if case.kinds != ())
