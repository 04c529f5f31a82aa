"""The only code with which rooms talk to people: pages, forms and pictures on the web, words in a terminal.
A room gives it values; how they look, and how a refusal reads, is decided here once.
"""

from typing import TYPE_CHECKING

from handrail.front_doors import open_when_asked

if TYPE_CHECKING:
    from handrail.kit import cli, remote
    from handrail.kit.diff import Diff, DiffLine, Hunk, diff, highlight
    from handrail.kit.draw import Bar, Cell, bars, heat_map, histogram, histogram_pair, scale, sparkline
    from handrail.kit.flow import Box, Line, flow
    from handrail.kit.icons import icon
    from handrail.kit.jsonable import jsonable
    from handrail.kit.navigation import NavItem, nav
    from handrail.kit.panels import Panel, panel, panels
    from handrail.kit.refusals import headline, refusal_page
    from handrail.kit.remote import Remote
    from handrail.kit.render import fragment, render, static_url, templates_from
    from handrail.kit.routers import pages, rest
    from handrail.kit.streamed import Streamed
    from handrail.kit.toasts import back, is_local
    from handrail.kit.web import Ctx, Instance_, NotSignedIn, answers, number, page_number

__all__ = [
    "Bar",
    "Cell",
    "Box",
    "Ctx",
    "Diff",
    "DiffLine",
    "Hunk",
    "Instance_",
    "Line",
    "NavItem",
    "NotSignedIn",
    "Panel",
    "Remote",
    "Streamed",
    "answers",
    "back",
    "bars",
    "cli",
    "diff",
    "flow",
    "fragment",
    "headline",
    "highlight",
    "histogram",
    "heat_map",
    "histogram_pair",
    "scale",
    "icon",
    "is_local",
    "jsonable",
    "nav",
    "number",
    "page_number",
    "pages",
    "panel",
    "panels",
    "refusal_page",
    "remote",
    "render",
    "rest",
    "sparkline",
    "static_url",
    "templates_from",
]

open_when_asked(__name__)
