"""Lucide icons as inline SVG, so that they take the text's colour and need no request."""

from functools import lru_cache
from pathlib import Path

from markupsafe import Markup

VENDOR = Path(__file__).parent / "static" / "vendor"


@lru_cache(maxsize=1)
def _sprite() -> str:
    file = VENDOR / "lucide.svg"
    if not file.is_file():
        raise LookupError(f"{file} is missing: run `make assets`.")
    return file.read_text(encoding="utf-8")


@lru_cache(maxsize=512)
def _paths(name: str) -> str | None:
    sprite = _sprite()
    start = sprite.find(f'<symbol id="{name}"')
    if start < 0:
        return None
    inner = sprite[sprite.index(">", start) + 1 : sprite.index("</symbol>", start)]
    return " ".join(inner.split())


def known(name: str) -> bool:
    """Whether there is an icon of this name (lucide.dev/icons; its names change from release to release)."""
    return _paths(name) is not None


def icon(name: str, size: int = 18, label: str = "") -> Markup:
    """The icon as an SVG of `size` CSS pixels; hidden from screen readers unless it has a `label`.

    An unknown name draws a dot: a page is worth more than its ornament. A test finds such names in templates.
    """
    reading = Markup('role="img" aria-label="{}"').format(label) if label else Markup('aria-hidden="true"')
    return Markup(
        '<svg class="icon icon-{name}" width="{size}" height="{size}" viewBox="0 0 24 24" fill="none" '
        'stroke="currentColor" stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round" {reading}>'
        "{paths}</svg>"
    ).format(name=name, size=size, reading=reading, paths=Markup(_paths(name) or _DOT))  # noqa: S704


_DOT = '<circle cx="12" cy="12" r="3"/>'
