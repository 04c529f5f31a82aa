"""Declared against seen against observed: what the app may read, what its code and a run really read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches

from handrail.kernel import Manifest
from handrail.review.models import AccessRow, Finding, Judgement, KnownData, Observed
from handrail.review.seen import Place, Seen
from handrail.review.sqlreads import WHOLE

MANIFEST = "handrail.toml"
UNDECLARED = "Read only what is declared"
SMALLER = "Declare only what is read"
SHOWN = 12  # names in one sentence


def access(manifest: Manifest, found: Seen, observed: Observed | None, known: KnownData) -> Iterator[Finding]:
    """Blocking: datasets, columns and metrics that are read but not declared, or that do not exist.

    A warning: declared but never read, with the smaller manifest to paste.
    """
    yield from _unknown(manifest, found, known)
    yield from _undeclared(manifest, found, observed, known)
    yield from _metrics(manifest, found, known)
    yield from _unused(manifest, found, observed, known)


def access_table(
    manifest: Manifest, found: Seen, observed: Observed | None, known: KnownData
) -> tuple[AccessRow, ...]:
    """Declared, statically seen and observed, column by column; what does not fit comes first."""
    seen_by, ran = observed or {}, observed is not None
    rows: list[AccessRow] = []
    for dataset in dict.fromkeys((*manifest.datasets, *found.datasets, *seen_by)):
        declared, everything = _declared(manifest, dataset, known)
        from_code, from_run = found.columns(dataset), tuple(seen_by.get(dataset, ()))
        allowed = _through_metrics(manifest, dataset, known)
        for column in dict.fromkeys((*declared, *from_code, *sorted(from_run))) or ("",):
            may = column in declared or everything
            reads = column in from_code or column in from_run
            exists = _exists(dataset, column, known)
            judgement: Judgement
            if not exists:
                judgement = "unknown"
            elif reads and not may and column not in allowed:
                judgement = "undeclared"
            else:
                judgement = (
                    "unused" if may and not reads and column and (ran or not found.unclear) else "fits"
                )
            rows.append(
                AccessRow(
                    dataset,
                    column,
                    may,
                    column in from_code,
                    column in from_run,
                    judgement,
                    known.classified.get(f"{dataset}.{column}", ""),
                )
            )
    for metric in dict.fromkeys((*manifest.metrics, *found.metrics)):
        may, reads = metric in manifest.metrics, metric in found.metrics
        fits: Judgement = (
            "undeclared"
            if reads and not may
            else "unused"
            if may and not reads and not found.unclear
            else "fits"
        )
        rows.append(AccessRow(f"metric {metric}", "", may, reads, False, fits))
    order = {"unknown": 0, "undeclared": 0, "unused": 1, "fits": 2}
    return tuple(sorted(rows, key=lambda row: order[row.judgement]))


def smaller_manifest(manifest: Manifest, found: Seen, observed: Observed | None, known: KnownData) -> str:
    """The tables of `handrail.toml` that declare exactly what is read; '' when nothing is read."""
    lines: list[str] = []
    for dataset in manifest.datasets:
        declared, everything = _declared(manifest, dataset, known)
        reads = _reads(dataset, found, observed)
        from_reads = everything and not declared
        kept = [one for one in (reads if from_reads else declared) if one in reads or WHOLE in reads]
        if kept:
            lines += [f"[data.{dataset}]", f"columns = [{_list(kept)}]", ""]
    used = [metric for metric in manifest.metrics if metric in found.metrics]
    if used:
        lines += ["[metrics]", f"use = [{_list(used)}]"]
    return "\n".join(lines).strip()


def _declared(manifest: Manifest, dataset: str, known: KnownData) -> tuple[tuple[str, ...], bool]:
    """The declared columns, and whether all are (no columns given)."""
    if dataset not in manifest.datasets:
        return (), False
    columns = manifest.datasets[dataset]
    return (columns, False) if columns else (known.datasets.get(dataset, ()), True)


def _reads(dataset: str, found: Seen, observed: Observed | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*found.columns(dataset), *sorted((observed or {}).get(dataset, ())))))


def _through_metrics(manifest: Manifest, dataset: str, known: KnownData) -> frozenset[str]:
    """Columns that a run may read because a declared metric is computed from them."""
    return frozenset(
        column for metric in manifest.metrics for column in known.metrics.get(metric, {}).get(dataset, ())
    )


def _exists(dataset: str, column: str, known: KnownData) -> bool:
    if not known.datasets:
        return True
    columns = known.datasets.get(dataset)
    return columns is not None and (not column or not columns or column in columns)


def _unknown(manifest: Manifest, found: Seen, known: KnownData) -> Iterator[Finding]:
    if not known.datasets:
        return
    for dataset in dict.fromkeys((*manifest.datasets, *found.datasets)):
        places = [found.reads[key] for key in found.reads if key[0] == dataset]
        place = places[0] if places else _line(manifest, f"data.{dataset}")
        if dataset not in known.datasets:
            yield _finding(
                "unknown-dataset",
                place,
                f"There is no dataset `{dataset}`",
                f"No dataset is called `{dataset}`, so this fails when the app runs.",
                _did_you_mean(dataset, known.datasets),
                UNDECLARED,
            )
            continue
        columns = known.datasets[dataset]
        named = dict.fromkeys((*manifest.datasets.get(dataset, ()), *found.columns(dataset)))
        if columns and (wrong := [column for column in named if column not in columns]):
            place = found.reads.get((dataset, wrong[0]), _line(manifest, f"data.{dataset}"))
            yield _finding(
                "unknown-column",
                place,
                f"`{dataset}` has no column {_names(wrong)}",
                f"`{dataset}` has no column {_names(wrong)}, so this fails when the app runs.",
                _did_you_mean(wrong[0], columns),
                UNDECLARED,
            )


def _undeclared(
    manifest: Manifest, found: Seen, observed: Observed | None, known: KnownData
) -> Iterator[Finding]:
    for dataset in dict.fromkeys((*found.datasets, *(observed or {}))):
        if not _exists(dataset, "", known):
            continue
        declared, everything = _declared(manifest, dataset, known)
        allowed = _through_metrics(manifest, dataset, known)
        reads = [column for column in _reads(dataset, found, observed) if _exists(dataset, column, known)]
        extra = [
            column for column in reads if column not in declared and column not in allowed and not everything
        ]
        wants = dataset in found.datasets or bool(extra) or not allowed
        key = next((key for key in found.reads if key[0] == dataset and key[1] in extra), (dataset, ""))
        place = found.reads.get(key, _line(manifest, f"data.{dataset}"))
        who = "The code reads" if dataset in found.datasets else "A run in the sandbox read"
        if dataset not in manifest.datasets and wants:
            named = [column for column in reads if column != WHOLE]
            yield _finding(
                "undeclared-dataset",
                place,
                f"`{dataset}` is read but not declared",
                f"{who} `{dataset}` ({_names(named) or 'its rows'}), which {MANIFEST} does not declare.",
                f"Take the query out; or, if the purpose needs it, declare it in {MANIFEST}:\n"
                f"[data.{dataset}]\ncolumns = [{_list(named)}]",
                UNDECLARED,
            )
        elif extra:
            yield _finding(
                "undeclared-columns",
                place,
                f"More of `{dataset}` is read than is declared",
                f"{MANIFEST} declares {_columns(declared)} of `{dataset}`, and {who[0].lower()}{who[1:]} "
                + (
                    "every one that there is."
                    if WHOLE in reads
                    else f"{len(reads)}. Not declared, so refused in production: {_names(extra)}."
                ),
                f"Select only what is declared: {_select(dataset, declared)}. If the purpose needs "
                f"more, declare it.",
                UNDECLARED,
            )


def _metrics(manifest: Manifest, found: Seen, known: KnownData) -> Iterator[Finding]:
    for metric in dict.fromkeys((*found.metrics, *manifest.metrics)):
        place = found.metrics.get(metric, _line(manifest, "metrics"))
        if known.datasets and metric not in known.metrics:
            yield _finding(
                "unknown-metric",
                place,
                f"There is no metric `{metric}`",
                f"No metric is called `{metric}`, so this fails when the app runs.",
                _did_you_mean(metric, known.metrics),
                UNDECLARED,
            )
        elif metric not in manifest.metrics:
            yield _finding(
                "undeclared-metric",
                place,
                f"Metric `{metric}` is read but not declared",
                f"The code asks for the metric `{metric}`, which {MANIFEST} does not declare.",
                f"Take it out, or declare it in {MANIFEST}:\n[metrics]\nuse = "
                f"[{_list((*manifest.metrics, metric))}]",
                UNDECLARED,
            )


def _unused(
    manifest: Manifest, found: Seen, observed: Observed | None, known: KnownData
) -> Iterator[Finding]:
    if found.unclear and not observed:
        return  # what is read cannot be told yet, so neither can what is not
    if not found.reads and not found.metrics and not observed:
        return
    spare: list[str] = []
    for dataset in manifest.datasets:
        if not _exists(dataset, "", known):
            continue
        declared, everything = _declared(manifest, dataset, known)
        reads = _reads(dataset, found, observed)
        unread = [column for column in declared if column not in reads and WHOLE not in reads]
        if everything and (unread or not declared) and reads and WHOLE not in reads:
            spare.append(f"every column of `{dataset}`, of which {len(reads)} are read")
        elif dataset not in found.datasets and not reads:
            spare.append(f"`{dataset}`, which is never read")
        elif unread and not everything:
            spare.append(f"{_names(unread)} of `{dataset}`")
    spare += [f"metric `{m}`" for m in manifest.metrics if m not in found.metrics and not found.unclear]
    if spare:
        toml = smaller_manifest(manifest, found, observed, known)
        table = next((f"data.{name}" for name in manifest.datasets if f"`{name}`" in spare[0]), "metrics")
        yield Finding(
            rule="declared-not-read",
            severity="warns",
            title="More is declared than is read",
            file=MANIFEST,
            line=(place := _line(manifest, table)).line,
            end_line=place.end_line,
            because=f"{MANIFEST} declares more than the app reads: {'; '.join(spare[:6])}. Whoever "
            f"approves it would "
            "grant access that nobody uses.",
            fix=f"Ask for the smaller manifest. Instead of its [data] and [metrics] tables, write:\n{toml}"
            if toml
            else "Take these tables out of the manifest.",
            group=SMALLER,
        )


def _finding(rule: str, place: Place, title: str, because: str, fix: str, group: str) -> Finding:
    return Finding(rule, "blocks", title, place.file, place.line, place.end_line, because, fix, group)


def _line(manifest: Manifest, table: str) -> Place:
    """The line of `handrail.toml` where a table begins, 1 when it has none."""
    wanted = f"[{table}]"
    lines = manifest.text.splitlines()
    number = next((n for n, line in enumerate(lines, 1) if line.replace(" ", "").startswith(wanted)), 1)
    return Place(MANIFEST, number, number)


def _list(names: Iterable[str]) -> str:
    """Names as the inside of a TOML list of strings."""
    return ", ".join(json.dumps(name, ensure_ascii=False) for name in names)


def _names(names: Sequence[str]) -> str:
    rest = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + rest


def _columns(names: Sequence[str]) -> str:
    return "1 column" if len(names) == 1 else f"{len(names)} columns"


def _select(dataset: str, columns: Sequence[str]) -> str:
    return " ".join(("SELECT", ", ".join(_quoted(column) for column in columns), "FROM", dataset))


def _quoted(column: str) -> str:
    return column if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", column) else f'"{column}"'


def _did_you_mean(name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    close = get_close_matches(name, names, n=1, cutoff=0.6)
    return f"Did you mean `{close[0]}`?" if close else f"There are: {_names(names) or 'none'}."
