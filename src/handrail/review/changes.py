"""What a version changes, in files and in what it can newly do."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping

from handrail.kernel import Invalid, Manifest
from handrail.review.check import parsed
from handrail.review.models import Change, KnownData
from handrail.review.rules.access import MANIFEST
from handrail.review.rules.around import imported
from handrail.review.rules.credentials import Found, masked, secrets_in, unsearched
from handrail.review.seen import SDK
from handrail.review.source import Program, module_name

LONGEST = 200_000  # characters of one file that are kept for the diff
CUT = "\n… (the rest is not shown)"


def changes(before: Mapping[str, bytes] | None, after: Mapping[str, bytes]) -> tuple[Change, ...]:
    """Each file that differs, as text without credentials; binary files by name only, the same text twice."""
    before = before or {}
    shown = _shown(before), _shown(after)
    return tuple(
        Change(file, shown[0](file), shown[1](file))
        for file in sorted({*before, *after})
        if before.get(file) != after.get(file)
    )


def newly(
    before: Mapping[str, bytes] | None, after: Mapping[str, bytes], manifest: Manifest, known: KnownData
) -> tuple[str, ...]:
    """Sentences about what this version can do that the one in production cannot."""
    old = _manifest(before)
    sentences = [*_reads(old, manifest, known)]
    had = old.metrics if old else ()
    sentences += [f"Asks for the metric {metric}." for metric in manifest.metrics if metric not in had]
    sentences += _calls(old, manifest)
    if manifest.schedule and (old is None or old.schedule != manifest.schedule):
        sentences.append(f"Runs by itself: {manifest.schedule.cron} ({manifest.schedule.timezone}).")
    if old is None:
        sentences.append(f"Is new: nothing of it is in production yet. It is a {manifest.kind}.")
    elif old.kind != manifest.kind:
        sentences.append(f"Is a {manifest.kind} now, and was a {old.kind}.")
    if old is not None and old.purpose != manifest.purpose:
        sentences.append(f"Serves {manifest.purpose} now, and served {old.purpose}.")
    fresh = sorted(_packages(after) - _packages(before or {}))
    if fresh:
        sentences.append(f"Uses {', '.join(fresh)}.")
    return tuple(sentences)


def _reads(old: Manifest | None, new: Manifest, known: KnownData) -> Iterator[str]:
    for dataset, columns in new.datasets.items():
        had = old.datasets.get(dataset) if old else None
        if had == () or had == columns:
            continue
        fresh = [column for column in columns if column not in (had or ())]
        if columns and not fresh:
            continue
        grave = [
            f"{column}: {known.classified[f'{dataset}.{column}']}"
            for column in fresh or known.datasets.get(dataset, ())
            if f"{dataset}.{column}" in known.classified
        ]
        what = ", ".join(fresh) if columns else "every column"
        yield f"Reads {what} of {dataset}" + (f" ({'; '.join(grave)})." if grave else ".")


def _calls(old: Manifest | None, new: Manifest) -> Iterator[str]:
    for name, calls in new.connectors.items():
        had = old.connectors.get(name) if old else None
        reads = [one for one in calls.reads if had is None or one not in had.reads]
        writes = [one for one in calls.writes if had is None or one not in had.writes]
        if reads:
            yield f"Calls {name}: {', '.join(reads)}."
        if writes:
            yield f"Changes something in {name}: {', '.join(writes)}."


def _manifest(files: Mapping[str, bytes] | None) -> Manifest | None:
    try:
        return Manifest.parse(files[MANIFEST].decode()) if files and MANIFEST in files else None
    except (Invalid, UnicodeDecodeError):
        return None


def _packages(files: Mapping[str, bytes]) -> frozenset[str]:
    program, _ = parsed(files)
    names = {module.partition(".")[0] for one in program.values() for _, module in imported(one)}
    own = {module_name(file).partition(".")[0] for file in program}
    return frozenset(names - own - sys.stdlib_module_names - {SDK})


def _shown(files: Mapping[str, bytes]) -> Callable[[str], str | None]:
    """How each file is shown: without the credentials of all, as a secret of one may be quoted in another."""
    program, _ = parsed(files)
    beyond = unsearched(files, program)
    searched = {file: content for file, content in files.items() if file not in beyond}
    blot = tuple(found for file, content in searched.items() for found in _in_one(file, content, program))

    def shown(file: str) -> str | None:
        content = files.get(file)
        if content is None:
            return None
        if b"\0" in content[:8192]:
            return f"(binary, {len(content):,} bytes)"
        if file in beyond:
            return f"(not searched for credentials and so not shown, {len(content):,} bytes)"
        text = content.decode("utf-8", "replace")
        return masked(text if len(text) <= LONGEST else text[:LONGEST] + CUT, blot)

    return shown


def _in_one(file: str, content: bytes, program: Program) -> tuple[Found, ...]:
    try:
        return secrets_in({file: content}, program)
    except RecursionError:  # a tree too deep to walk is still a text
        return secrets_in({file: content}, {})
