"""Facts of a higher room on a lower room's page: the one registers a panel, the other shows what there is."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from markupsafe import Markup

from handrail.kernel import Context
from handrail.kit.render import fragment

Filler = Callable[[Context, Any], tuple[str, Mapping[str, Any]] | None]


@dataclass(frozen=True)
class Panel:
    """A panel ready to be put on a page by the macro `ui.panels(panels)`."""

    title: str
    html: Markup
    slot: str = "main"
    empty: bool = False


@dataclass(frozen=True)
class _Registered:
    title: str
    order: int
    roles: frozenset[str]
    slot: str
    fill: Filler


_registered: dict[str, dict[str, _Registered]] = {}


def panel(
    page: str, title: str, *, order: int = 50, roles: Iterable[str] = (), slot: str = "main"
) -> Callable[[Filler], Filler]:
    """Register `fill(ctx, subject) -> (template, values) | None` for a page ("dataset", "app", "home", ...).

    None means nothing to show. With `roles` only callers who have one of them see it; this is layout, not
    access: what the function reads is decided by the verbs it calls. `slot` is "main", "side" or "top"; a
    true value named "empty" says that there is nothing yet, so that home explains how to begin.
    """

    def register(fill: Filler) -> Filler:
        name = f"{fill.__module__}.{fill.__qualname__}"
        _registered.setdefault(page, {})[name] = _Registered(title, order, frozenset(roles), slot, fill)
        return fill

    return register


def panels(ctx: Context, request: Request, page: str, subject: Any = None) -> tuple[Panel, ...]:
    """The panels of this page for this caller and subject, rendered, in order."""
    mine = ctx.caller.person.roles
    shown: list[Panel] = []
    for entry in sorted(_registered.get(page, {}).values(), key=lambda entry: (entry.order, entry.title)):
        if entry.roles and not entry.roles & mine:
            continue
        filled = entry.fill(ctx, subject)
        if filled is not None:
            template, values = filled
            html = fragment(request, template, **values)
            shown.append(Panel(entry.title, html, entry.slot, bool(values.get("empty"))))
    return tuple(shown)
