"""Static apps: the files of a version, at their addresses, held to their origin by a strict policy.

Inline scripts run when they are in the reviewed file, by their hash (CSP Level 3); what data brings into a
page does not. React and other assistants' bundles work as they are built; a script from another host does not
load.
"""

import base64
import hashlib
import mimetypes
from collections import OrderedDict
from functools import lru_cache
from html.parser import HTMLParser
from importlib import resources
from pathlib import PurePosixPath
from threading import Lock

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Scope

from handrail import apps
from handrail.apps import Version
from handrail.faces.origins import answers
from handrail.faces.origins.headers import policed
from handrail.kernel import SYSTEM, Instance

_CLIENT = "/.handrail/handrail.js"
_TYPES = mimetypes.MimeTypes()  # Python's own, whatever the machine knows besides
for _media, _ending in (
    ("text/javascript", ".js"), ("text/javascript", ".mjs"), ("text/markdown", ".md"),
    ("image/webp", ".webp"), ("font/woff", ".woff"), ("font/woff2", ".woff2"),
    ("font/ttf", ".ttf"), ("font/otf", ".otf"),
):  # fmt: skip
    _TYPES.add_type(_media, _ending)
_MOST_KEPT = 16  # versions whose files are in memory
_POLICY = (
    "default-src 'none'; script-src 'self'{hashes}; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; media-src 'self' data: blob:; "
    "connect-src 'self'; worker-src 'self' blob:; manifest-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)


class Bundles:
    """The files of static apps."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._kept: OrderedDict[tuple[str, str], dict[str, bytes]] = OrderedDict()
        self._lock = Lock()

    def answer(self, version: Version, scope: Scope) -> ASGIApp:
        """The file at an address, the first page for a folder and for a route that the page itself makes."""
        secure = scope["scheme"] == "https"
        if scope["method"] not in ("GET", "HEAD"):
            return answers.nothing(secure)
        if scope["path"] == _CLIENT:
            return _file(_client(), "handrail.js", secure, scope)
        root = PurePosixPath(version.manifest.entrypoint).parent
        files, first = self._files(version), version.manifest.entrypoint
        name = str(root / scope["path"].strip("/")) if scope["path"].strip("/") else first
        found = next((one for one in (name, f"{name}/index.html") if _open(one, root) and one in files), None)
        if found is None:
            asked = Headers(scope=scope).get("accept", "")
            if "text/html" not in asked or PurePosixPath(name).suffix:
                return answers.nothing(secure)
            found = first
        return _file(files[found], found, secure, scope)

    def _files(self, version: Version) -> dict[str, bytes]:
        key = version.app, version.commit
        with self._lock:
            if key not in self._kept:
                with self._instance.context(SYSTEM) as ctx:
                    self._kept[key] = apps.bundle(ctx, version)
            self._kept.move_to_end(key)
            if len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
            return self._kept[key]


def _open(name: str, root: PurePosixPath) -> bool:
    """Whether a file is for those who visit: below the first page's folder, and no hidden or Handrail's
    own.
    """
    parts = PurePosixPath(name).parts
    inside = PurePosixPath(name).is_relative_to(root) and ".." not in parts
    return inside and not any(part.startswith(".") for part in parts) and name != "handrail.toml"


def _file(content: bytes, name: str, secure: bool, scope: Scope) -> Response:
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    media = media_of(name)
    hashes = inline(content) if media == "text/html" else ""
    said = {key.decode(): value.decode() for key, value in policed(_POLICY.format(hashes=hashes), secure)}
    said |= {"ETag": tag, "Cache-Control": "private, no-cache"}
    if Headers(scope=scope).get("if-none-match") == tag:
        return Response(status_code=304, headers=said)
    return Response(content, headers=said, media_type=media)


def media_of(name: str) -> str:
    """What a browser is told that a file is. The same on every machine, whatever types it knows; and of one
    that is packed by its name nobody is told what would be in it: as a script or a page it would be one that
    the review takes for neither.
    """
    media, packed = _TYPES.guess_type(name)
    return "application/octet-stream" if packed or not media else media


@lru_cache(maxsize=256)
def inline(page: bytes) -> str:
    """The hashes by which a policy allows what a page has inline: its scripts, and its event handlers."""
    reader = _Inline()
    reader.feed(page.decode(errors="replace"))
    reader.close()
    hashes = "".join(
        f" 'sha256-{_hash(text)}'" for text in dict.fromkeys([*reader.scripts, *reader.handlers])
    )
    return (" 'unsafe-hashes'" if reader.handlers else "") + hashes


class _Inline(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.scripts: list[str] = []
        self.handlers: list[str] = []
        self._inside: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handlers += [value for name, value in attrs if name.startswith("on") and value]
        if tag == "script" and "src" not in dict(attrs):
            self._inside = []

    def handle_endtag(self, tag: str) -> None:
        if tag == "script" and self._inside is not None:
            self.scripts.append("".join(self._inside))
            self._inside = None

    def handle_data(self, data: str) -> None:
        if self._inside is not None:
            self._inside.append(data)


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@lru_cache(maxsize=1)
def _client() -> bytes:
    return resources.files("handrail.faces.origins").joinpath("handrail.js").read_bytes()
