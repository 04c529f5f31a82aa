"""Read a credential from where it is kept, for the moment in which it is sent; it is kept nowhere else."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from urllib.parse import quote, quote_plus

from handrail.connectors.models import Connector, Credential
from handrail.kernel import Context, NotReady

PLUGINS = "handrail.secrets"  # entry points; each is called with a key and gives the credential as text
_LONGEST = 8192
_SHORTEST = 8  # characters; what is shorter is no secret, and could not be told from other text in an answer


def read_credential(ctx: Context, connector: Connector) -> str:
    """The credential; "" for a connector without one.

    Refuses NotReady one that cannot be read, without a word of what it is or of what went wrong inside.
    """
    if connector.credential is None:
        return ""
    found = _found(ctx, connector.credential).strip("\r\n")
    if problem := _unusable(connector.credential, found):
        raise NotReady(
            f"The credential of {connector.name}, kept at {connector.credential.kept}, {problem}.",
            next_step=f"Ask {connector.owner}, who answers for it, or an admin to put it right.",
            subject=f"connector:{connector.name}",
        )
    return found


def attached(
    credential: Credential | None, secret: str
) -> tuple[dict[str, str], tuple[tuple[str, str], ...]]:
    """The headers and the query parameters by which it is sent."""
    if credential is None:
        return {}, ()
    if credential.send == "query":
        return {}, ((credential.name, secret),)
    if credential.send == "header":
        return {credential.name: secret}, ()
    if credential.send == "basic":
        return {"Authorization": f"Basic {base64.b64encode(secret.encode()).decode()}"}, ()
    return {"Authorization": f"Bearer {secret}"}, ()


def gives_away(content: bytes, secret: str) -> bool:
    """Whether an answer repeats the credential, as it is or as it is usually written."""
    if not secret:
        return False
    parts = {secret, secret.partition(":")[2]}
    forms = {
        form
        for part in parts
        if len(part) >= _SHORTEST
        for form in (
            part,
            quote(part, safe=""),
            quote_plus(part),
            json.dumps(part)[1:-1],
            part.encode().hex(),
            base64.b64encode(part.encode()).decode().rstrip("="),
            base64.urlsafe_b64encode(part.encode()).decode().rstrip("="),
        )
    }
    lowered = content.lower()
    return any(form.encode().lower() in lowered for form in forms)


def _found(ctx: Context, credential: Credential) -> str:
    where, _, key = credential.kept.partition(":")
    told = ctx.settings.connectors
    if where == "env":
        return os.environ.get(key, "") if key.startswith(told.env_prefix) else ""
    if where == "file":
        return _in_file(ctx.settings.home / told.secrets_folder, key)
    return _of_plugin(where, key)


def _in_file(folder: Path, key: str) -> str:
    """What a file of the folder holds; "" for one outside of it, whatever links lead there."""
    try:
        file = (folder / key).resolve(strict=True)
        return file.read_text("utf-8") if file.is_relative_to(folder.resolve(strict=True)) else ""
    except (OSError, UnicodeDecodeError):
        return ""


def _of_plugin(name: str, key: str) -> str:
    for point in entry_points(group=PLUGINS, name=name):
        try:
            ask: Callable[[str], object] = point.load()
            given = ask(key)
        except Exception:  # noqa: BLE001 - whatever a secrets manager raises may quote what it keeps
            return ""
        return given if isinstance(given, str) else ""
    return ""


def _unusable(credential: Credential, found: str) -> str:
    if not found:
        return "cannot be read"
    if len(found) > _LONGEST or not found.isascii() or not found.isprintable():
        return "is not a line of plain characters"
    if len(found) < _SHORTEST:
        return f"has fewer than {_SHORTEST} characters"
    if credential.send == "basic" and ":" not in found:
        return "is not a name and a password with a colon between them"
    return ""
