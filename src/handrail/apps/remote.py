"""The same commands from a laptop: HANDRAIL_URL and HANDRAIL_TOKEN instead of --home, over REST."""

import io
import json
import os
import secrets
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from handrail.kernel import (
    Conflict,
    Invalid,
    LimitReached,
    NotAllowed,
    NotFound,
    NotReady,
    Refusal,
    Upstream,
)

KINDS: Mapping[str, type[Refusal]] = {
    kind.code: kind for kind in (NotFound, NotAllowed, NotReady, Conflict, Invalid, LimitReached, Upstream)
}
LONGEST_WAIT = 300  # seconds for one answer
UNKNOWN = 401  # how a server answers a token that it does not know
LOOK_AGAIN = 0.5  # seconds between two looks at a run


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: the token would go along to wherever it leads."""

    def redirect_request(self, *_: Any) -> None:
        """Never."""


OPENER = urllib.request.build_opener(_Stay)


@dataclass(frozen=True)
class Remote:
    """A Handrail server and who is asking."""

    url: str
    token: str

    @classmethod
    def from_environment(cls) -> "Remote | None":
        """The server that the environment names; refuses Invalid an address that would show the token."""
        url, token = os.environ.get("HANDRAIL_URL", ""), os.environ.get("HANDRAIL_TOKEN", "")
        if not url or not token:
            return None
        parts = urllib.parse.urlsplit(url)
        here = parts.hostname in ("127.0.0.1", "localhost", "::1")
        if parts.scheme != "https" and not (parts.scheme == "http" and here):
            raise Invalid(
                "HANDRAIL_URL must begin with https://.", next_step="A token must not travel openly."
            )
        return cls(url.rstrip("/"), token)

    def get(self, path: str) -> Any:
        """Ask for something."""
        return json.loads(self.fetch("GET", path))

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Do something."""
        return json.loads(self.fetch("POST", path, json.dumps(body).encode()))

    def push(self, files: Mapping[str, bytes], why: str, prompts: str) -> Any:
        """Send an app as a zip with its why and prompts."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for path, content in files.items():
                archive.writestr(path, content)
        edge = secrets.token_hex(16)
        fields = {"why": why, "prompts": prompts}
        parts = [f'--{edge}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
                 for name, value in fields.items()]  # fmt: skip
        head = f'--{edge}\r\nContent-Disposition: form-data; name="app"; filename="app.zip"\r\n\r\n'
        body = b"".join([*parts, head.encode(), packed.getvalue(), f"\r\n--{edge}--\r\n".encode()])
        return json.loads(self.fetch("POST", "/apps", body, f"multipart/form-data; boundary={edge}"))

    def wait(self, run_id: str) -> Any:
        """The run, once it is over."""
        while True:
            run = self.get(f"/runs/{run_id}")
            if run["finished"] is not None:
                return run
            time.sleep(LOOK_AGAIN)

    def fetch(
        self, method: str, path: str, body: bytes | None = None, kind: str = "application/json"
    ) -> bytes:
        """The bytes of an answer; raises the refusal that the server gave."""
        request = urllib.request.Request(  # noqa: S310 - the scheme was checked above
            f"{self.url}/api/v1{path}",
            body,
            {"Authorization": f"Bearer {self.token}", "Content-Type": kind},
            method=method,
        )
        try:
            with OPENER.open(request, timeout=LONGEST_WAIT) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            raise _refusal(error.code, error.read()) from None
        except OSError as error:
            raise Upstream(
                f"{self.url} does not answer.", next_step="Check HANDRAIL_URL and your network."
            ) from error


def _refusal(status: int, content: bytes) -> Refusal:
    if status == UNKNOWN:
        return NotAllowed(
            "The server does not know the token in HANDRAIL_TOKEN; it may have ended or been taken back.",
            next_step="Make a new one on your own page there (your name, below the menu).",
        )
    try:
        told = json.loads(content)
        kind = KINDS.get(told["code"], NotAllowed)
        return kind(told["detail"], next_step=told["next_step"])
    except (ValueError, KeyError, TypeError):
        return Upstream(f"The server answered with status {status}.", next_step="Check HANDRAIL_URL.")
