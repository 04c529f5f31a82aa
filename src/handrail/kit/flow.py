"""Draw what flows into what: boxes in columns and lines between them, as SVG made on the server.

Twice: side by side for wide screens, and under each other for narrow ones; the style sheet shows one of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from zlib import crc32

from markupsafe import Markup

_WIDTH, _GAP = 196, 68  # of a box, and between two columns of them
_HEAD, _ROW, _FOOT = 46, 19, 8  # heights: the box's name, each of its rows, and what is left below
_BETWEEN = 18  # two boxes under each other
_TALL, _GUTTER = 316, 46  # the narrow drawing's width, and the room for lines at its left
_LETTERS = 22  # of a name that fit into a box
_SWEEPS = 4
_FEW = 736  # below this width a wide drawing is never made larger than it is
_OUT = 40  # how far a line within a column swings out


@dataclass(frozen=True)
class Box:
    """One thing: `kind` and `note` in small print, `rows` that lines can begin at, and what is left out.

    `layer` is its column from the left. Boxes with `focus` are what the drawing is about; one with `rest`
    stands for others that are not drawn, and comes last.
    """

    id: str
    title: str
    layer: int
    kind: str = ""
    note: str = ""
    href: str = ""
    rows: tuple[str, ...] = ()
    more: str = ""
    focus: bool = False
    rest: bool = False


@dataclass(frozen=True)
class Line:
    """From one box to another; from a row of the first where it names one. `tone`: solid, dashed or faint."""

    origin: str
    target: str
    row: str = ""
    target_row: str = ""
    tone: str = "solid"


@dataclass(frozen=True)
class _Placed:
    box: Box
    x: float
    y: float
    width: float

    @property
    def height(self) -> float:
        return _height(self.box)

    def port(self, row: str) -> float:
        """How far down a line leaves or meets it: at a row, or beside its name."""
        if row in self.box.rows:
            return self.y + _HEAD + _ROW * (self.box.rows.index(row) + 0.5) - 4
        return self.y + _HEAD / 2


class _Bend(Box):
    """A place between the boxes of a column, where lines pass that go further."""


def flow(boxes: Sequence[Box], lines: Iterable[Line], title: str, description: str) -> Markup:
    """The drawing, which `title` and `description` say in words; a line that lacks a box is left out."""
    known = {box.id: box for box in boxes}
    kept = [line for line in dict.fromkeys(lines) if line.origin in known and line.target in known]
    ways = {pair: _way(*pair, known) for pair in dict.fromkeys((line.origin, line.target) for line in kept)}
    columns = _ordered([*boxes, *(bend for way in ways.values() for bend in way)], ways)
    wide = _side_by_side(columns, _neighbours(ways))
    tall = _under_each_other(columns)
    return Markup('<div class="flow">{}{}</div>').format(
        _svg("wide", wide, _curves(wide, kept, ways), title, description, _room(wide, kept)),
        _svg("tall", tall, _arcs(tall, kept), title, description),
    )


_Ways = Mapping[tuple[str, str], tuple[_Bend, ...]]


def _way(origin: str, target: str, boxes: Mapping[str, Box]) -> tuple[_Bend, ...]:
    """A bend in each column that lines from one box to another pass."""
    between = {box.layer for box in boxes.values()} & set(range(boxes[origin].layer + 1, boxes[target].layer))
    return tuple(_Bend(f"{origin} {target} {layer}", "", layer) for layer in sorted(between))


def _neighbours(ways: _Ways) -> dict[str, list[str]]:
    near: dict[str, list[str]] = {}
    for (origin, target), way in ways.items():
        stops = [origin, *(bend.id for bend in way), target]
        for one, other in pairwise(stops):
            near.setdefault(one, []).append(other)
            near.setdefault(other, []).append(one)
    return near


def _ordered(boxes: Sequence[Box], ways: _Ways) -> list[list[Box]]:
    """The boxes of each layer that has any, ordered by where their neighbours are: few lines cross."""
    layers = sorted({box.layer for box in boxes})
    columns = [[box for box in boxes if box.layer == layer] for layer in layers]
    near = _neighbours(ways)
    at = {box.id: (n + 0.5) / len(column) for column in columns for n, box in enumerate(column)}
    for sweep in range(_SWEEPS):
        for column in columns if sweep % 2 == 0 else reversed(columns):
            column.sort(
                key=lambda box: (box.rest, _mean([at[other] for other in near.get(box.id, ())], at[box.id]))
            )
            at.update({box.id: (n + 0.5) / len(column) for n, box in enumerate(column)})
    return columns


def _mean(values: list[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _height(box: Box) -> float:
    if isinstance(box, _Bend):
        return 0
    rows = len(box.rows) + bool(box.more)
    return _HEAD + _ROW * rows + (_FOOT if rows else 0)


def _side_by_side(columns: list[list[Box]], near: Mapping[str, list[str]]) -> dict[str, _Placed]:
    """A column a layer; each box at the height of what it is joined with, as far as the others let it."""
    top: dict[str, float] = {}
    for column in columns:
        y = 0.0
        for box in column:
            top[box.id], y = y, y + _height(box) + _BETWEEN
    tall = {box.id: _height(box) for column in columns for box in column}
    for sweep in range(_SWEEPS):
        for column in columns if sweep % 2 == 0 else reversed(columns):
            middles = {one: top[one] + tall[one] / 2 for one in top}
            wanted = [
                _mean([middles[other] for other in near.get(box.id, ())], middles[box.id]) - tall[box.id] / 2
                for box in column
            ]
            top.update(
                zip((box.id for box in column), _apart(wanted, [_height(b) for b in column]), strict=True)
            )
    first = min(top.values(), default=0)
    return {
        box.id: _Placed(box, 2 + n * (_WIDTH + _GAP), 2 + top[box.id] - first, _WIDTH)
        for n, column in enumerate(columns)
        for box in column
    }


def _apart(wanted: list[float], heights: list[float]) -> list[float]:
    """Tops near the wanted ones, in their order and apart: halfway between pushing down and pushing up."""
    down, up = list(wanted), list(wanted)
    for n in range(1, len(wanted)):
        down[n] = max(down[n], down[n - 1] + heights[n - 1] + _BETWEEN)
    for n in range(len(wanted) - 2, -1, -1):
        up[n] = min(up[n], up[n + 1] - heights[n] - _BETWEEN)
    return [(one + other) / 2 for one, other in zip(down, up, strict=True)]


def _under_each_other(columns: list[list[Box]]) -> dict[str, _Placed]:
    placed: dict[str, _Placed] = {}
    y = 2.0
    for box in (box for column in columns for box in column if not isinstance(box, _Bend)):
        placed[box.id] = _Placed(box, _GUTTER, y, _TALL - _GUTTER - 2)
        y += _height(box) + _BETWEEN
    return placed


def _curves(placed: Mapping[str, _Placed], lines: list[Line], ways: _Ways) -> list[tuple[str, str]]:
    """A path for each line, from the right edge of its origin to the left edge of its target."""
    paths = []
    for line in lines:
        one, other = placed[line.origin], placed[line.target]
        x, y = one.x + one.width, one.port(line.row)
        end = other.port(line.target_row)
        path = f"M{x:.0f} {y:.1f}"
        if other.x > one.x:
            for bend in (placed[bend.id] for bend in ways[line.origin, line.target]):
                path += f"{_curve(x, y, bend.x, bend.y)}H{bend.x + bend.width:.0f}"
                x, y = bend.x + bend.width, bend.y
            path += _curve(x, y, other.x - 5, end)
        else:  # of the same column: out at the right and back
            back, out = other.x + other.width + 5, x + _OUT
            path += f"C{out:.0f} {y:.1f} {out:.0f} {end:.1f} {back:.0f} {end:.1f}"
        paths.append((line.tone, path))
    return paths


def _room(placed: Mapping[str, _Placed], lines: list[Line]) -> float:
    """What lines within the last column need beside it."""
    last = max((one.x for one in placed.values()), default=0)
    return _OUT if any(placed[line.origin].x == placed[line.target].x == last for line in lines) else 0


def _curve(x: float, y: float, to_x: float, to_y: float) -> str:
    middle = (x + to_x) / 2
    return f"C{middle:.0f} {y:.1f} {middle:.0f} {to_y:.1f} {to_x:.0f} {to_y:.1f}"


def _arcs(placed: Mapping[str, _Placed], lines: list[Line]) -> list[tuple[str, str]]:
    """A path through the gutter for each pair of boxes, the further out the further it goes."""
    order = list(placed)
    pairs: dict[tuple[str, str], str] = {}
    for line in lines:
        tone = pairs.get((line.origin, line.target))
        pairs[line.origin, line.target] = "solid" if "solid" in (tone, line.tone) else line.tone
    paths = []
    for (origin, target), tone in pairs.items():
        span = abs(order.index(origin) - order.index(target))
        x = _GUTTER - min(_GUTTER + 8, 12 + 9 * span)
        y1, y2 = placed[origin].port("") + 7, placed[target].port("") - 4
        paths.append((tone, f"M{_GUTTER} {y1:.1f}C{x} {y1:.1f} {x} {y2:.1f} {_GUTTER - 5} {y2:.1f}"))
    return paths


def _svg(
    shape: str,
    placed: Mapping[str, _Placed],
    paths: list[tuple[str, str]],
    title: str,
    description: str,
    room: float = 0,
) -> Markup:
    width = max((one.x + one.width for one in placed.values()), default=0) + 2 + room
    height = max((one.y + one.height for one in placed.values()), default=0) + 2
    name = f"flow-{crc32(f'{shape} {title}'.encode()):x}"
    drawn = Markup("").join(
        Markup('<path class="flow-line flow-{}" d="{}" marker-end="url(#{}-{})"/>').format(
            tone, path, name, tone
        )
        for tone, path in sorted(paths)
    )
    return Markup(
        '<svg class="flow-{shape}{few}" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
        'height="{height:.0f}" role="group" aria-labelledby="{name}-t {name}-d">'
        '<title id="{name}-t">{title}</title><desc id="{name}-d">{description}</desc>'
        "{heads}{paths}{boxes}</svg>"
    ).format(
        shape=shape, few=" flow-few" if width < _FEW else "",
        width=width, height=height, name=name, title=title, description=description,
        heads=_heads(name, sorted({tone for tone, _ in paths})), paths=drawn,
        boxes=Markup("").join(_box(one) for one in placed.values() if not isinstance(one.box, _Bend)),
    )  # fmt: skip


def _heads(name: str, tones: Iterable[str]) -> Markup:
    heads = Markup("").join(
        Markup(
            '<marker id="{0}-{1}" viewBox="0 0 8 8" refX="2" refY="4" markerWidth="7" markerHeight="7" '
            'markerUnits="userSpaceOnUse" orient="auto">'
            '<path class="flow-head flow-{1}" d="M0 0L8 4L0 8Z"/></marker>'
        ).format(name, tone)
        for tone in tones
    )
    return Markup("<defs>{}</defs>").format(heads)


def _box(one: _Placed) -> Markup:
    box = one.box
    rows = [(row, "flow-row") for row in box.rows] + ([(box.more, "flow-more")] if box.more else [])
    letters = _LETTERS + int((one.width - _WIDTH) / 8)
    texts = Markup("").join(
        Markup('<text class="{}" x="{:.0f}" y="{:.1f}">{}</text>').format(
            kind, one.x + 12, one.y + _HEAD + _ROW * (n + 0.5), _short(text, letters + 2)
        )
        for n, (text, kind) in enumerate(rows)
    )
    drawn = Markup(
        '<g class="flow-box{focus}"><title>{full}</title>'
        '<rect x="{x:.0f}" y="{y:.1f}" width="{width:.0f}" height="{height:.0f}" rx="7"/>'
        '<text class="flow-kind" x="{inside:.0f}" y="{kind_y:.1f}">{kind}</text>'
        '<text class="flow-name" x="{inside:.0f}" y="{name_y:.1f}">{name}</text>{texts}</g>'
    ).format(
        focus=" flow-focus" if box.focus else " flow-rest" if box.rest else "",
        x=one.x, y=one.y, width=one.width, height=one.height,
        inside=one.x + 12, kind_y=one.y + 17, name_y=one.y + 34, full=f"{box.kind} {box.title}".strip(),
        kind=" · ".join(filter(None, (box.kind, box.note))), name=_short(box.title, letters), texts=texts,
    )  # fmt: skip
    return Markup('<a href="{}">{}</a>').format(box.href, drawn) if box.href else drawn


def _short(text: str, letters: int) -> str:
    return text if len(text) <= letters else f"{text[: letters - 1]}…"
