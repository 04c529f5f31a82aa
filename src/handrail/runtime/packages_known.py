"""What apps may be built with: what may be added to a layer, and what a list of packages comes to."""

from collections.abc import Mapping
from dataclasses import dataclass

from handrail.kernel import Context, Resource, access
from handrail.kernel.manifest import REPORT
from handrail.runtime import layer
from handrail.runtime.approved import approved
from handrail.runtime.lock_packages import lock_packages

_ANY = Resource("Package", "all", {"requested_by": ""})


@dataclass(frozen=True)
class Resolved:
    """What a list of packages comes to beside a layer: versions by name, and the lock, or nothing."""

    layer: str
    packages: Mapping[str, str]
    lock: str


def approved_packages(ctx: Context) -> dict[str, str]:
    """The packages that may be added to a layer, and in which versions; refuses those who build none."""
    access.require(ctx, "see-packages", _ANY)
    found = approved(ctx).versions
    return {name: " or ".join(map(str, found[name])) for name in sorted(found)}


def resolve_packages(ctx: Context, files: Mapping[str, bytes], name: str = REPORT) -> Resolved:
    """What the requirements.txt or pyproject.toml among these files comes to, as a push would lock it.

    Refuses all but makers, and as `lock_packages`.
    """
    access.require(ctx, "resolve-packages", _ANY)
    layer.lock_of(name)
    found = lock_packages(ctx, name, files)
    text = found.text if found else ""
    return Resolved(name, layer.pins(text, layer.python_of(ctx.settings).version), text)
