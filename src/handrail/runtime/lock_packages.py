"""Lock what an app asks for beside its layer: exact versions with hashes, from the approved index alone.

The lock becomes a file of the version, `handrail.lock`, written by us at the push. So the commit that a
reviewer approves holds it, a diff shows what changed in it, and production runs exactly these files. What
requirements came to is kept, and only a lock that is kept is ever built: one that somebody wrote into an app
by hand is none.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence

import structlog
from packaging.requirements import Requirement

from handrail.kernel import Context, Invalid, NotReady, Upstream, storage
from handrail.runtime import layer, package_store
from handrail.runtime.approved import Approved, approved, unapproved
from handrail.runtime.layer_build import first_of, modules
from handrail.runtime.layer_tool import uv_program, workshop
from handrail.runtime.models import PackageLock
from handrail.runtime.requirements import requirements

LOCK = "handrail.lock"
_COMPILE = (
    *("pip", "compile", "-", "--generate-hashes", "--only-binary", ":all:", "--no-header"),
    *("--no-emit-index-url", "--no-emit-find-links"),
)
_logger = structlog.get_logger(__name__)


def locked(files: Mapping[str, bytes]) -> str:
    """The lock among the files of a version; "" when it runs on its layer alone."""
    return files.get(LOCK, b"").decode("utf-8", "replace")


def with_lock(files: Mapping[str, bytes], lock: PackageLock | None) -> dict[str, bytes]:
    """The files with this lock in place of one that came with them."""
    rest = {path: content for path, content in files.items() if path != LOCK}
    return {**rest, LOCK: lock.text.encode()} if lock else rest


def lock_packages(ctx: Context, name: str, files: Mapping[str, bytes]) -> PackageLock | None:
    """What these files ask for beside the layer `name`, resolved, locked, built; None when they add nothing.

    Asks the index at most once for the same requirements, layer, Python and list of approved packages. For
    other verbs, before they write: it may take minutes. Refuses Invalid for what is no list of packages, does
    not fit the layer or would stand in the place of what is there, NotAllowed for a package or a version
    that is not approved, needed by another or not, and Upstream when the index does not answer.
    """
    wanted = requirements(files)
    if not wanted:
        return None
    python = layer.python_of(ctx.settings).version
    there, allowed = layer.packages(name, python), approved(ctx)
    allowed.check(wanted, there)
    more = tuple(one for one in wanted if not _there(one, name, there))
    if not more:
        return None
    asked = _digest([python, layer.lock_of(name), sorted(map(str, more)), allowed.digest])
    if found := package_store.find_lock(ctx, asked=asked):
        return found
    text = _resolved(ctx, name, more, there, allowed)
    layer.build(ctx.settings, name, text)
    place = layer.own_place(ctx.settings, text)
    assert place is not None
    lock = PackageLock(
        asked, _digest(text), name, text, modules(place), ctx.caller.person.id, ctx.clock.now()
    )
    package_store.add_lock(ctx, lock)
    ctx.audit.note(
        "packages.locked", f"layer:{name}", lock=lock.digest, packages=dict(layer.pins(text, python))
    )
    return lock


def of_lock(ctx: Context, text: str) -> PackageLock | None:
    """What is known of the lock of a version; None for no lock. Refuses NotReady for one that is not ours."""
    if not text:
        return None
    found = package_store.find_lock(ctx, digest=_digest(text))
    if found is None:
        raise NotReady(
            f"{LOCK} in this version was not made by Handrail.",
            next_step="Name the packages in requirements.txt and push again: Handrail writes the lock.",
        )
    return found


def no_longer_approved(ctx: Context, text: str) -> tuple[str, ...]:
    """The packages of a lock, `name version`, that are not on the list any more. Asks no rule."""
    if not text:
        return ()
    allowed, pins = approved(ctx), layer.pins(text).items()
    return tuple(f"{name} {version}" for name, version in pins if not allowed.holds(name, version))


def _there(one: Requirement, name: str, there: Mapping[str, str]) -> bool:
    """Whether the layer has it already; refuses when in another version than the one that is asked for."""
    if one.name not in there:
        return False
    if not one.specifier.contains(there[one.name], prereleases=True):
        raise Invalid(
            f"The layer {name} has {one.name} {there[one.name]}, and the app asks for {one.specifier}.",
            next_step=f"Write {one.name} without a version, and mend what does not fit {there[one.name]}.",
            subject=f"package:{one.name}",
        )
    return True


def _resolved(
    ctx: Context, name: str, more: Sequence[Requirement], there: Mapping[str, str], allowed: Approved
) -> str:
    """The lock of what these come to beside the layer, none of it unapproved."""
    assert not storage.is_writing(ctx.db), "others would wait for the index"
    settings, python = ctx.settings, layer.python_of(ctx.settings)
    bounds = {package: f"=={version}" for package, version in there.items()}
    bounds = {**{p: str(v[0]) for p, v in allowed.versions.items() if len(v) == 1 and str(v[0])}, **bounds}
    root = layer.root_of(settings)
    root.mkdir(parents=True, exist_ok=True)
    with workshop(settings, root / f".resolve-{storage.new_id('lock')}") as bench:
        limits = bench.root / "limits.txt"
        limits.write_text("".join(f"{package}{versions}\n" for package, versions in bounds.items()))
        words = (*_COMPILE, "--python", str(python.host), "--constraint", str(limits))
        ran = bench.run(settings, uv_program(), words, "".join(f"{one}\n" for one in more))
    if ran.code != 0:
        raise _unresolved(ran.said, name, more)
    return _lock(ran.printed, name, python.version, there, allowed)


def _lock(printed: str, name: str, python: str, there: Mapping[str, str], allowed: Approved) -> str:
    """Of what was resolved, all that the layer does not have, once every bit of it is approved."""
    head = f"# What the app has beside the layer {name}, on Python {python}. Handrail writes this file.\n"
    lines = [head]
    for block in re.split(r"\n(?=\S)", printed.strip()):
        pin = re.match(r"([a-z0-9][a-z0-9.-]*)==(\S+)", block)
        if pin is None or pin[1] in there:
            continue
        package, version = pin[1], pin[2]
        if not allowed.holds(package, version):
            whose = ", ".join(re.findall(r"# +(?:via )?([a-z0-9][a-z0-9.-]*)$", block, re.MULTILINE))
            because = f" in version {version}" if package in allowed.versions else ""
            because += f", and {whose} needs it" if whose else ""
            raise unapproved(package, {*allowed.versions, *there} - {package}, because)
        hashes = re.findall(r"--hash=(sha256:[0-9a-f]{64})", block)
        lines.append(" \\\n    ".join([f"{package}=={version}", *(f"--hash={one}" for one in hashes)]) + "\n")
    return "".join(lines)


def _unresolved(said: str, name: str, more: Sequence[Requirement]) -> Invalid | Upstream:
    names = ", ".join(one.name for one in more)
    if "No solution found" in said:
        return Invalid(
            f"There is no set of packages that fits {names} and the layer {name}: {first_of(said)}",
            next_step=f"Ask for other versions, or none; `handrail layers list {name}` tells what is there. "
            "Only packages that come as a wheel for this machine are taken.",
        )
    _logger.warning("packages.index", said=said[-2000:])
    return Upstream(
        f"The index of packages could not be asked about {names}.",
        next_step="Try again later, or take them out of requirements.txt: the layers report, data and "
        "dashboard need no index. An admin looks at packages.index in handrail.toml.",
    )


def _digest(of: object) -> str:
    said = of if isinstance(of, str) else json.dumps(of)
    return "sha256:" + hashlib.sha256(said.encode()).hexdigest()
