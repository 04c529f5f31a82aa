"""Ask IT for a package that apps may not use yet."""

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from handrail.kernel import Conflict, Context, Invalid, Resource, access, storage
from handrail.runtime import package_store
from handrail.runtime.approved import approved
from handrail.runtime.models import PackageRequest

LONGEST = 2000  # characters


def request_package(ctx: Context, name: str, why: str, versions: str = "") -> PackageRequest:
    """Ask that apps may use this package, in these versions (such as `>=1,<2`; any without).

    Refuses all but makers; Invalid for what is no package's name, no versions or no reason; Conflict when it
    is approved already or somebody asked for it.
    """
    name, versions = named(name, versions)
    access.require(ctx, "request-package", Resource("Package", name, {"requested_by": ctx.caller.person.id}))
    reason = said(why, "Nobody will know what it is needed for.", 'Say it in a sentence: --why "…".')
    if name in approved(ctx).versions and not versions:
        raise Conflict(
            f"The package {name} is approved already.",
            next_step=f"Write {name} into requirements.txt and push.",
            subject=f"package:{name}",
        )
    now = ctx.clock.now()
    request = PackageRequest(storage.new_id("request"), name, versions, reason, ctx.caller.person.id, now)
    if not package_store.add_request(ctx, request):
        raise Conflict(
            f"Somebody has asked for {name}, and no admin has answered yet.",
            next_step="Wait for the answer: handrail layers requests",
            subject=f"package:{name}",
        )
    ctx.audit.note("package.requested", f"package:{name}", versions=versions, why=reason)
    return request


def named(name: str, versions: str) -> tuple[str, str]:
    """A package's name and versions in their one spelling; refuses Invalid."""
    try:
        found = Requirement(f"{name.strip()}{versions.strip()}")
    except InvalidRequirement:
        found = None
    if found is None or found.url or found.extras or found.marker or versions[:1].isalnum():
        raise Invalid(
            f"{name[:80]!r} with the versions {versions[:80]!r} is no package.",
            next_step="Give the name as the index has it, and versions such as '>=1,<2' or none.",
        )
    return canonicalize_name(found.name), str(found.specifier)


def said(text: str, missing: str, next_step: str) -> str:
    """A sentence that somebody gave, as it may be shown; refuses Invalid for none or a book."""
    plain = " ".join(text.split())
    if not plain:
        raise Invalid(missing, next_step=next_step)
    if len(plain) > LONGEST:
        raise Invalid(f"That is {len(plain):,} characters long.", next_step=f"Keep it below {LONGEST:,}.")
    return plain
