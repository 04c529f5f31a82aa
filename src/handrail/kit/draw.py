"""Small pictures drawn on the server as SVG: bars, sparklines and histograms that need no script."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup


@dataclass(frozen=True)
class Bar:
    """One bar: its label, its value and, when it is not plain, how the value reads."""

    label: str
    value: float
    reading: str = ""


def bars(
    items: Mapping[str, float] | Sequence[Bar | tuple[str, float]], label: str, unit: str = ""
) -> Markup:
    """Horizontal bars, the longest filling the width; a screen reader reads a list of labels and values."""
    rows = _bars(items)
    longest = max((abs(row.value) for row in rows), default=0) or 1
    lines = Markup("").join(
        Markup(
            '<li><span class="bar-label">{label}</span>'
            '<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
            '<rect class="bar-track" width="100" height="10"/>'
            '<rect class="bar-fill" width="{width:.2f}" height="10"/></svg>'
            '<span class="bar-value">{reading}</span></li>'
        ).format(
            label=row.label,
            width=100 * abs(row.value) / longest,
            reading=row.reading or f"{row.value:,.6g}{unit}",
        )
        for row in rows
    )
    return Markup('<ul class="bars" aria-label="{}">{}</ul>').format(label, lines)


def _bars(items: Mapping[str, float] | Sequence[Bar | tuple[str, float]]) -> list[Bar]:
    pairs = items.items() if isinstance(items, Mapping) else items
    return [pair if isinstance(pair, Bar) else Bar(pair[0], float(pair[1])) for pair in pairs]


def sparkline(values: Sequence[float], label: str, width: int = 120, height: int = 28) -> Markup:
    """A line without axes for a trend beside a number; `label` says it in words."""
    points = _points(values, width, height)
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    x, y = points[-1] if points else (0.0, height / 2)
    first = points[0][0] if points else 0.0
    return Markup(
        '<svg class="sparkline" viewBox="0 0 {w} {h}" width="{w}" height="{h}" role="img" '
        'aria-label="{label}">'
        '<polygon class="spark-area" points="{first:.1f},{h} {path} {x:.1f},{h}"/>'
        '<polyline class="spark-line" points="{path}" fill="none"/>'
        '<circle class="spark-end" cx="{x:.1f}" cy="{y:.1f}" r="2.5"/></svg>'
    ).format(w=width, h=height, label=label, path=path, x=x, y=y, first=first)


def _points(values: Sequence[float], width: int, height: int) -> list[tuple[float, float]]:
    if not values:
        return []
    low, high = min(values), max(values)
    span = (high - low) or 1
    step = (width - 6) / max(len(values) - 1, 1)
    return [
        (3 + i * step, height - 4 - (value - low) / span * (height - 8)) for i, value in enumerate(values)
    ]


def histogram(counts: Sequence[float], edges: Sequence[object], label: str, tone: str = "a") -> Markup:
    """Columns for `counts` between `edges` (one more edge than counts, or one label each)."""
    highest = max(counts, default=0) or 1
    columns = _columns(counts, highest, 1, 0, tone)
    return _framed(columns, len(counts), edges, label)


def histogram_pair(
    left: Sequence[float], right: Sequence[float], edges: Sequence[object], label: str, names: tuple[str, str]
) -> Markup:
    """Two distributions over the same bins side by side, each as shares of its own total, with a key."""
    a, b = _shares(left), _shares(right)
    highest = max([*a, *b], default=0) or 1
    columns = _columns(a, highest, 2, 0, "a") + _columns(b, highest, 2, 1, "b")
    key = Markup(
        '<p class="chart-key"><span class="key-a">{}</span><span class="key-b">{}</span></p>'
    ).format(*names)
    return _framed(columns, len(a), edges, label) + key


@dataclass(frozen=True)
class Cell:
    """One square of a heat map: where it is, how dark from 0 to 1, and what it says when pointed at."""

    row: int
    column: int
    share: float
    reading: str
    tone: str = "a"


def heat_map(names: Sequence[str], cells: Sequence[Cell], label: str) -> Markup:
    """A square of `names` by `names`, each cell the darker the greater its share; the diagonal is empty.

    The names stand beside the rows; columns come in the same order.
    """
    size, count = 20, len(names)
    drawn = Markup("").join(
        Markup(
            '<rect class="column-{}" x="{}" y="{}" width="{s}" height="{s}" fill-opacity="{:.3f}">'
            "<title>{}</title></rect>"
        ).format(
            cell.tone, cell.column * size, cell.row * size, 0.04 + 0.96 * cell.share, cell.reading, s=size - 1
        )
        for cell in cells
    )
    diagonal = Markup("").join(
        Markup('<rect class="heat-self" x="{0}" y="{0}" width="{1}" height="{1}"/>').format(
            n * size, size - 1
        )
        for n in range(count)
    )
    listed = Markup("").join(Markup("<li>{}</li>").format(name) for name in names)
    return Markup(
        '<div class="heat-map"><ol class="heat-names">{listed}</ol>'
        '<svg viewBox="0 0 {w} {w}" role="img" aria-label="{label}">{diagonal}{drawn}</svg></div>'
    ).format(listed=listed, w=max(count, 1) * size, label=label, diagonal=diagonal, drawn=drawn)


def scale(
    marks: Sequence[tuple[str, float, str]],
    label: str,
    low: float,
    high: float,
    limit: float | None = None,
    floor: float | None = None,
) -> Markup:
    """Each (name, value, reading) on a track of its own; above `limit` and below `floor` that is shaded."""

    def at(value: float) -> float:
        return max(0.0, min(100.0, 100 * (value - low) / ((high - low) or 1)))

    shaded = [(at(limit), 100.0)] if limit is not None else []
    shaded += [(0.0, at(floor))] if floor is not None else []
    beyond = Markup("").join(
        Markup('<rect class="scale-beyond" x="{:.2f}" width="{:.2f}" height="10"/>').format(x, to - x)
        for x, to in shaded
    )
    rows = Markup("").join(
        Markup(
            '<li><span class="bar-label">{}</span>'
            '<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
            '<rect class="bar-track" width="100" height="10"/>{}'
            '<rect class="scale-mark" x="{:.2f}" width="1.4" height="10"/></svg>'
            '<span class="bar-value">{}</span></li>'
        ).format(name, beyond, min(98.6, at(value)), reading)
        for name, value, reading in marks
    )
    return Markup('<ul class="bars scale" aria-label="{}">{}</ul>').format(label, rows)


def _shares(counts: Sequence[float]) -> list[float]:
    total = sum(counts) or 1
    return [count / total for count in counts]


def _columns(counts: Sequence[float], highest: float, of: int, nth: int, tone: str) -> Markup:
    width = 8 / of
    return Markup("").join(
        Markup(
            '<rect class="column column-{}" x="{:.2f}" y="{:.2f}" width="{:.2f}" height="{:.2f}"/>'
        ).format(tone, 10 * i + 1 + nth * width, 60 - 58 * count / highest, width, 58 * count / highest)
        for i, count in enumerate(counts)
    )


def _framed(columns: Markup, count: int, edges: Sequence[object], label: str) -> Markup:
    ends = (
        Markup('<p class="chart-ends"><span>{}</span><span>{}</span></p>').format(edges[0], edges[-1])
        if edges
        else ""
    )
    return Markup(
        '<svg class="histogram" viewBox="0 0 {w} 60" preserveAspectRatio="none" role="img" '
        'aria-label="{label}">'
        '{columns}<line class="axis" x1="0" y1="60" x2="{w}" y2="60"/></svg>{ends}'
    ).format(w=max(count, 1) * 10, label=label, columns=columns, ends=ends)
