"""Grant or refuse a package that a maker asked for: a grant is a line in `packages.toml`, committed."""

from dataclasses import replace

import tomlkit
from packaging.utils import canonicalize_name

from handrail.kernel import Conflict, Context, NotFound, Resource, access, definitions
from handrail.runtime import package_store
from handrail.runtime.approved import FILE, document_of
from handrail.runtime.models import PackageRequest, RequestState
from handrail.runtime.request_package import named, said


def grant_package(ctx: Context, name: str, versions: str | None = None, reason: str = "") -> PackageRequest:
    """Let apps use a package that somebody asked for, in these versions (None: those that were asked for).

    Refuses all but admins, and whoever asked; NotFound when nobody asks for it; Invalid when packages.toml
    cannot be read; Conflict when somebody else decided meanwhile.
    """
    request = _asked(ctx, name)
    _, allowed = named(request.name, request.versions if versions is None else versions)
    written = _with(definitions.read(ctx, FILE), request.name, allowed)
    decided = _decide(ctx, replace(request, versions=allowed, reason=" ".join(reason.split())), "granted")
    definitions.write(ctx, FILE, written, f"Allow apps to use {request.name}.")
    ctx.audit.note(
        "package.granted",
        f"package:{request.name}",
        versions=allowed,
        asked_by=request.by,
        reason=decided.reason,
    )
    return decided


def refuse_package(ctx: Context, name: str, reason: str) -> PackageRequest:
    """Say no to a package that somebody asked for, with a reason that its maker can act on.

    Refuses as `grant_package`, and Invalid without a reason.
    """
    request = _asked(ctx, name)
    because = said(reason, "Nobody will know why not.", 'Say what to use instead: --reason "…".')
    decided = _decide(ctx, replace(request, reason=because), "refused")
    ctx.audit.note("package.refused", f"package:{request.name}", asked_by=request.by, reason=because)
    return decided


def package_requests(ctx: Context, limit: int = 200) -> tuple[PackageRequest, ...]:
    """What was asked for, those that wait first: one's own requests, for admins everybody's."""
    everything = Resource("Package", "all", {"requested_by": ""})
    access.require(ctx, "see-packages", everything)
    all_ = access.decide(ctx, "decide-package", everything).allowed
    return package_store.find_requests(ctx, None if all_ else ctx.caller.person.id, limit)


def _asked(ctx: Context, name: str) -> PackageRequest:
    name = canonicalize_name(name.strip())
    request = package_store.find_waiting(ctx, name)
    resource = request.resource if request else Resource("Package", name[:80], {"requested_by": ""})
    access.require(ctx, "decide-package", resource)
    if request is None:
        raise NotFound(
            f"Nobody waits for a package {name[:80]!r}.",
            next_step=f"`handrail layers requests` lists what waits; or edit definitions/{FILE} itself.",
            subject=f"package:{name[:80]}",
        )
    return request


def _decide(ctx: Context, request: PackageRequest, state: RequestState) -> PackageRequest:
    decided = replace(request, state=state, decided_by=ctx.caller.person.id, decided_at=ctx.clock.now())
    if not package_store.decide(ctx, decided):
        raise Conflict(
            f"Somebody decided about {request.name} meanwhile.", next_step="Look at the list again."
        )
    return decided


def _with(content: bytes | None, name: str, versions: str) -> bytes:
    """The file with one line more, or another; everything else in it stays as it was written."""
    document_of(content)
    document = tomlkit.parse((content or b"").decode())
    if "packages" not in document:
        document["packages"] = tomlkit.table()
    table = document["packages"]
    for spelled in [one for one in table if canonicalize_name(one) == name]:
        del table[spelled]
    table[name] = versions
    return tomlkit.dumps(document).encode()
