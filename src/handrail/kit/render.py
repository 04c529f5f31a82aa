"""Jinja templates turned into pages: strict about missing values, escaped, the same words everywhere."""

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from handrail.kit import words
from handrail.kit.diff import diff, highlight
from handrail.kit.draw import bars, heat_map, histogram, histogram_pair, scale, sparkline
from handrail.kit.icons import icon
from handrail.kit.navigation import menu
from handrail.kit.toasts import COOKIE, waiting

STATIC = Path(__file__).parent / "static"
THEMES = ("system", "light", "dark")


@lru_cache(maxsize=256)
def static_url(name: str) -> str:
    """The address of a file in `static/`, with a hash of its content so that browsers may keep it."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={digest}"


_loader = ChoiceLoader([PackageLoader("handrail.kit")])
_packages = {"handrail.kit"}


def templates_from(package: str) -> None:
    """Let templates of `package` (its `templates/` folder) be named in `render`; at import in `pages.py`."""
    if package not in _packages:
        _packages.add(package)
        _loader.loaders = [*_loader.loaders, PackageLoader(package)]


def _environment() -> Environment:
    environment = Environment(
        loader=_loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.do"],
    )
    environment.globals |= {
        "icon": icon,
        "static": static_url,
        "link": link,
        "diff": diff,
        "highlight": highlight,
        "bars": bars,
        "sparkline": sparkline,
        "histogram": histogram,
        "histogram_pair": histogram_pair,
        "heat_map": heat_map,
        "scale": scale,
        "look": words.look,
    }
    environment.filters |= words.FILTERS
    return environment


def link(path: str, *parts: str, **query: object) -> str:
    """An address: `link("/datasets", name, page=2)`; parts are escaped, a query value of None is left out."""
    whole = path.rstrip("/") + "".join("/" + quote(str(part), safe="") for part in parts) if parts else path
    asked = urlencode({key: str(value) for key, value in query.items() if value not in (None, "")})
    return f"{whole}?{asked}" if asked else whole


_jinja = _environment()


def fragment(request: Request, template: str, **values: Any) -> Markup:
    """A piece of a page (for panels and htmx answers): the same names as in a page, without the shell."""
    return Markup(_jinja.get_template(template).render(**_shell(request), **values))  # noqa: S704  (autoescaped)


def render(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """A whole page. A toast that waited is shown by it and forgotten."""
    toasts = waiting(request)
    html = _jinja.get_template(template).render(**_shell(request), toasts=toasts, **values)
    response = HTMLResponse(html, status_code=status)
    response.headers["Cache-Control"] = "no-store"
    if COOKIE in request.cookies:
        response.delete_cookie(COOKIE)
    return response


def _shell(request: Request) -> dict[str, Any]:
    caller = getattr(request.state, "caller", None)
    theme = request.cookies.get("theme", "system")
    return {
        "request": request,
        "path": request.url.path,
        "caller": caller,
        "me": caller.person
        if caller
        else None,  # for use inside call blocks, where Jinja takes `caller` for itself
        "nav": menu(caller),
        "theme": theme if theme in THEMES else "system",
    }
