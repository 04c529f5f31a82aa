"""What an app asks for beside its layer: `requirements.txt` or `pyproject.toml`, names and versions alone.

Pure: bytes in, requirements out. Whatever says more than a name and which versions will do is refused, for
what is not read cannot be reviewed: addresses, paths, options, markers and extras bring packages that nobody
listed.
"""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NoReturn

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from handrail.kernel import Invalid

LISTED, PROJECT = "requirements.txt", "pyproject.toml"
OURS = frozenset({"handrail-sdk"})  # every app has it, in the version that fits
LARGEST = 64 * 1024  # bytes
MOST = 200  # packages


def requirements(files: Mapping[str, bytes]) -> tuple[Requirement, ...]:
    """What the files of an app ask for, by name; nothing when they ask for nothing.

    Refuses Invalid with file, line and way out for whatever is not a package's name with version specifiers,
    for a package that is named twice, and for two files that both name packages.
    """
    found = {
        file: tuple(found)
        for file, read in ((LISTED, _listed), (PROJECT, _project))
        if file in files and (found := list(read(_text(file, files[file]))))
    }
    if len(found) > 1:
        raise Invalid(
            f"Both {LISTED} and {PROJECT} name packages.",
            next_step=f"Name them all in {LISTED}, or all there.",
        )
    return _unrepeated(*next(iter(found.items()))) if found else ()


def _text(file: str, content: bytes) -> str:
    if len(content) > LARGEST:
        raise Invalid(
            f"{file} has {len(content):,} bytes; {LARGEST:,} are the most.", next_step="Shorten it."
        )
    try:
        text = content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise Invalid(f"{file} is not UTF-8 text.", next_step="Save it as UTF-8.") from error
    return text.replace("\r\n", "\n")


def _listed(text: str) -> Iterator[Requirement]:
    for number, line in enumerate(text.split("\n"), 1):
        said = line.strip()
        if said.startswith("#"):
            continue
        said = said.partition(" #")[0].strip()
        if said:
            yield _one(said, f"{LISTED} line {number}")


def _project(text: str) -> Iterator[Requirement]:
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise Invalid(f"{PROJECT} is not TOML: {error}", next_step="Correct it, or take it away.") from error
    project = _table(document, "project")
    if "dependencies" in project.get("dynamic", ()):
        _refuse(PROJECT, "says that its dependencies are dynamic, which only code could tell")
    tool = _table(document, "tool")
    if _table(_table(tool, "uv"), "sources") or _table(_table(tool, "poetry"), "dependencies"):
        _refuse(PROJECT, "names packages or where they come from in a [tool] table")
    named = project.get("dependencies", [])
    if not isinstance(named, list) or not all(isinstance(one, str) for one in named):
        _refuse(PROJECT, "has dependencies that are no list of texts")
    for one in named:
        yield _one(one.strip(), f"{PROJECT}: dependencies")


def _table(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = document.get(name, {})
    return found if isinstance(found, dict) else {}


def _one(said: str, where: str) -> Requirement:
    try:
        found = Requirement(said)
    except InvalidRequirement:
        found = None
    # What pip's files can say and a name cannot: options, editable and local installs, addresses, hashes.
    if found is None or said.startswith("-"):
        _refuse(where, f"'{said[:80]}' is not a package's name with versions")
    if found.url:
        _refuse(where, f"'{said[:80]}' names an address, and packages come from the approved index alone")
    if found.marker:
        _refuse(where, f"'{said[:80]}' holds a condition after ';', under which it would be another list")
    if found.extras:
        _refuse(where, f"'{said[:80]}' asks for extras, which bring packages that are not named")
    if any(one.operator == "===" or "+" in one.version for one in found.specifier):
        _refuse(where, f"'{said[:80]}' asks for a version that only one builder has")
    found.name = canonicalize_name(found.name)
    return found


def _unrepeated(file: str, found: Iterable[Requirement]) -> tuple[Requirement, ...]:
    by_name: dict[str, Requirement] = {}
    for one in found:
        if one.name in by_name:
            raise Invalid(f"{file} names {one.name} twice.", next_step="Name each package once.")
        by_name[one.name] = one
    if len(by_name) > MOST:
        raise Invalid(f"{file} names {len(by_name)} packages; {MOST} are the most.", next_step="Name fewer.")
    return tuple(by_name[name] for name in sorted(by_name) if name not in OURS)


def _refuse(where: str, what: str) -> NoReturn:
    raise Invalid(
        f"{where}: {what}.",
        next_step=f"Write one package a line into {LISTED}, with versions if you must: seaborn>=0.13,<1",
    )
