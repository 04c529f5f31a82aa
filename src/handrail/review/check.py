"""Look at an app's files and say what a person should act on before they reach production."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from handrail.kernel import Manifest
from handrail.review.models import RANK, SHOWN_GROUPS, Finding, Group, KnownData, Observed
from handrail.review.rules.access import UNDECLARED, access
from handrail.review.rules.around import GROUP as AROUND
from handrail.review.rules.around import around
from handrail.review.rules.coerced import coerced
from handrail.review.rules.credentials import MOST_TEXT, credentials, unsearched
from handrail.review.rules.dynamic import dynamic
from handrail.review.rules.failures import GROUP as FAILURES
from handrail.review.rules.failures import failures
from handrail.review.rules.imports import imports
from handrail.review.rules.leaves import leaves
from handrail.review.rules.outside import outside
from handrail.review.rules.pasted import pasted
from handrail.review.rules.unseen import unseen
from handrail.review.seen import Seen, seen
from handrail.review.source import MOST, Program, Source, is_python, not_reviewed, read

# Groups of the same severity in the order in which a reviewer wants to hear of them.
FIRST = (
    "Make every file readable",
    "Take credentials out of the code",
    UNDECLARED,
    AROUND,
    FAILURES,
)


def check(
    files: Mapping[str, bytes], manifest: Manifest, observed: Observed | None, known: KnownData
) -> tuple[Finding, ...]:
    """Every finding in these files, the blocking ones first; a function of its arguments, with no I/O.

    `observed` maps a dataset to the columns that a run in the sandbox really read; None when there was none.
    Never raises on any content of `files`: what cannot be read is a finding ("not reviewed").
    """
    known = replace(known, declared=manifest.datasets)
    program, unread = parsed(files)
    beyond = unsearched(files, program)
    files = {file: content for file, content in files.items() if file not in beyond}
    rules: list[Callable[[Program], Iterable[Finding]]] = [
        lambda one: credentials(
            {file: files[file] for file in files if file in one or not is_python(file)}, one
        ),
        lambda one: around(files, one),
        lambda _: outside(files),
        lambda _: leaves(files, manifest.kind),
        lambda _: unseen(files),
        lambda one: imports(files, one, known.packages),
        failures,
        coerced,
        dynamic,
    ]
    found = list(unread)
    found += [not_reviewed(file, 1, f"{MOST_TEXT:,} bytes of text are the most") for file in sorted(beyond)]
    found += credentials({one.file: files[one.file] for one in unread if one.file in files}, {})
    for rule in rules:
        found += _guarded(rule, program)
    found += _guarded(lambda one: _access(one, manifest, observed, known), program)
    return ordered(found)


def parsed(files: Mapping[str, bytes]) -> tuple[Program, tuple[Finding, ...]]:
    """The Python files as syntax trees, and a blocking finding for each that cannot be read."""
    program: dict[str, Source] = {}
    unread: list[Finding] = []
    room = MOST
    for file, content in files.items():
        if is_python(file):
            room -= len(content)
            one = read(file, content) if room >= 0 else not_reviewed(file, 1, f"{MOST:,} bytes are the most")
            if isinstance(one, Source):
                program[file] = one
            else:
                unread.append(one)
    return program, tuple(unread)


def reads(program: Program, known: KnownData) -> Seen:
    """What the code is seen to read; nothing, and said so by check(), when it is too deep to follow."""
    try:
        return seen(program, known)
    except RecursionError:
        return Seen()


def grouped(findings: Iterable[Finding]) -> tuple[tuple[Group, ...], int]:
    """At most SHOWN_GROUPS groups by cure, the gravest first, and how many groups are left out."""
    groups: dict[str, list[Finding]] = {}
    for finding in ordered(findings):
        groups.setdefault(finding.group, []).append(finding)
    made = [Group(name, found[0].severity, tuple(found)) for name, found in groups.items()]
    made.sort(
        key=lambda one: (RANK[one.severity], FIRST.index(one.name) if one.name in FIRST else len(FIRST))
    )
    return tuple(made[:SHOWN_GROUPS]), max(0, len(made) - SHOWN_GROUPS)


def summary(findings: Iterable[Finding]) -> str:
    """The verdict in one sentence."""
    findings = tuple(findings)
    blocks = sum(finding.severity == "blocks" for finding in findings)
    warns = sum(finding.severity == "warns" for finding in findings)
    if blocks:
        return f"Not ready for production: {_count(blocks, 'thing blocks', 'things block')} it" + (
            f", {_count(warns, 'more is', 'more are')} worth mending." if warns else "."
        )
    if warns:
        return f"Nothing blocks it; {_count(warns, 'thing is', 'things are')} worth mending."
    return "Nothing found."


def ordered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Each finding once, the gravest first, then by place."""
    return tuple(
        sorted(dict.fromkeys(findings), key=lambda one: (RANK[one.severity], one.file, one.line, one.rule))
    )


def _access(
    program: Program, manifest: Manifest, observed: Observed | None, known: KnownData
) -> Iterator[Finding]:
    found = seen(program, known)
    yield from access(manifest, found, observed, known)
    yield from pasted(found, observed)


def _guarded(rule: Callable[[Program], Iterable[Finding]], program: Program) -> list[Finding]:
    """The findings of one rule; a tree too deep to walk is "not reviewed", for the file that is the cause."""
    try:
        return list(rule(program))
    except RecursionError:
        return [finding for file in program for finding in _alone(rule, program, file)]


def _alone(rule: Callable[[Program], Iterable[Finding]], program: Program, file: str) -> list[Finding]:
    try:
        return list(rule({file: program[file]}))
    except RecursionError:
        return [not_reviewed(file, 1, "it is nested too deeply to be read")]


def _count(n: int, one: str, many: str) -> str:
    return f"{n} {one if n == 1 else many}"
