"""Which packages makers may add to a layer: those of the curated layers, and what `packages.toml` allows.

The file is a definition that IT edits, by pull request or by granting a request:

    curated = true              # what one layer holds may be added to another; so unless it says false

    [packages]
    seaborn = ">=0.13,<1"       # these versions
    humanize = ""               # any version
"""

import hashlib
import json
import sys
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from packaging.requirements import Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from handrail.kernel import Context, Invalid, NotAllowed, definitions
from handrail.kernel.manifest import LAYERS
from handrail.runtime.layer import IMPORTED_AS, packages

FILE = "packages.toml"
# What assistants write for what is installed under another name.
_CALLED = {module.lower(): package for package, modules in IMPORTED_AS.items() for module in modules} | {
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python-headless",
    "dotenv": "python-dotenv",
    "skimage": "scikit-image",
}


@dataclass(frozen=True)
class Approved:
    """The packages that may be added, each with the sets of versions of which one must hold the version."""

    versions: Mapping[str, tuple[SpecifierSet, ...]]

    @property
    def digest(self) -> str:
        """Changes when other packages or versions are approved."""
        said = {name: sorted(map(str, allowed)) for name, allowed in self.versions.items()}
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()

    def holds(self, name: str, version: str) -> bool:
        """Whether exactly this version of a package is approved."""
        try:
            found = Version(version)
        except InvalidVersion:
            return False
        return any(one.contains(found, prereleases=True) for one in self.versions.get(name, ()))

    def check(self, wanted: Iterable[Requirement], there: Iterable[str]) -> None:
        """Refuse the first package that is neither approved nor `there` already, with the nearest that is."""
        there = frozenset(there)
        for one in wanted:
            if one.name not in self.versions and one.name not in there:
                raise unapproved(one.name, {*self.versions, *there})


def approved(ctx: Context) -> Approved:
    """What is approved now; refuses Invalid when packages.toml cannot be read as such. Asks no rule."""
    return parse(definitions.read(ctx, FILE))


def parse(content: bytes | None) -> Approved:
    """What a packages.toml approves, or its absence; refuses Invalid with what is wrong in it."""
    document = document_of(content)
    found: dict[str, tuple[SpecifierSet, ...]] = {}
    if document["curated"]:
        for layer in LAYERS:
            for name, version in packages(layer).items():
                allowed = SpecifierSet(f"=={version}")
                found[name] = (*(one for one in found.get(name, ()) if one != allowed), allowed)
    found.update({name: (SpecifierSet(said),) for name, said in document["packages"].items()})
    return Approved(found)


def document_of(content: bytes | None) -> dict[str, Any]:
    """`curated` and the `packages` of a packages.toml, names in their one spelling; refuses Invalid."""
    try:
        document = tomllib.loads((content or b"").decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _wrong(f"it is not TOML: {error}") from error
    if unknown := sorted(document.keys() - {"curated", "packages"}):
        raise _wrong(f"unknown key '{unknown[0]}'")
    curated, listed = document.get("curated", True), document.get("packages", {})
    if not isinstance(curated, bool) or not isinstance(listed, dict):
        raise _wrong("curated is true or false, and [packages] a table")
    for name, said in listed.items():
        try:
            SpecifierSet(said)
        except (InvalidSpecifier, TypeError, AttributeError) as error:
            raise _wrong(f"the versions of {name} are not a text such as '>=1,<2'") from error
    return {"curated": curated, "packages": {canonicalize_name(name): said for name, said in listed.items()}}


def unapproved(name: str, known: Iterable[str], because: str = "") -> NotAllowed:
    """The refusal for a package that nobody approved, with the nearest one that somebody did."""
    ask = f"Or ask for it: handrail layers request {name} --why '…'"
    if name.replace("-", "_") in sys.stdlib_module_names:
        ask = "It comes with Python: take the line away, and import it."
    near = _CALLED.get(name.replace("-", "_"))
    close = [near] if near in set(known) else get_close_matches(name, sorted(known), n=1, cutoff=0.75)
    step = f"Did you mean '{close[0]}'? {ask}" if close else ask.replace("Or ask", "Ask")
    return NotAllowed(
        f"The package {name} is not approved for apps{because}.",
        next_step=step,
        subject=f"package:{name}",
        nearest=close[0] if close else None,
    )


def _wrong(what: str) -> Invalid:
    return Invalid(
        f"definitions/{FILE}: {what}.",
        next_step="An admin corrects that file; docs/operate/layers.md shows a whole one.",
        subject="definitions",
    )
