"""What an app's code is seen to read through Handrail, without running it."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from handrail.review.models import KnownData
from handrail.review.source import Program, Source
from handrail.review.sqlreads import WHOLE, sql_reads
from handrail.review.values import Strings, Text

SDK = "handrail_sdk"
ASKING = frozenset(f"{SDK}.{verb}" for verb in ("query", "query_arrow", "metric", "metric_arrow"))


@dataclass(frozen=True)
class Place:
    """Where in the code something stands."""

    file: str
    line: int
    end_line: int


@dataclass(frozen=True)
class Seen:
    """Reads by (dataset, column) and metrics by name, each with the first place; column '' is the dataset.

    `unclear` lists the calls of which something cannot be told; `pasted` those with values in the SQL.
    """

    reads: Mapping[tuple[str, str], Place] = field(default_factory=dict)
    metrics: Mapping[str, Place] = field(default_factory=dict)
    unclear: tuple[tuple[Place, str], ...] = ()
    pasted: tuple[tuple[Place, tuple[str, ...]], ...] = ()

    def columns(self, dataset: str) -> tuple[str, ...]:
        """The columns of one dataset that the code reads, in the order of the code."""
        return tuple(column for name, column in self.reads if name == dataset and column)

    @property
    def datasets(self) -> tuple[str, ...]:
        """The datasets that the code reads, in the order of the code."""
        return tuple(dict.fromkeys(name for name, _ in self.reads))


def seen(program: Program, known: KnownData) -> Seen:
    """Follow every `query(...)` and `metric(...)` of the SDK to the datasets, columns and metrics."""
    strings = Strings(program)
    reads: dict[tuple[str, str], Place] = {}
    metrics: dict[str, Place] = {}
    unclear: list[tuple[Place, str]] = []
    pasted: list[tuple[Place, tuple[str, ...]]] = []
    for source in program.values():
        for call, verb in sdk_calls(source):
            place = Place(source.file, call.lineno, call.end_lineno or call.lineno)
            if verb == "metric":
                for text in _argument(strings, source, call, "name"):
                    if text.known is None:
                        unclear.append((place, f"the metric's name comes from `{text.holes[0].code}`"))
                    else:
                        metrics.setdefault(text.known, place)
                continue
            whys: dict[str, None] = {}
            values: dict[str, None] = {}
            for text in _argument(strings, source, call, "sql"):
                found = sql_reads(text, known.datasets or known.declared, whole=bool(known.datasets))
                whys.update({found.unclear: None} if found.unclear else {})
                values.update(dict.fromkeys(found.values))
                for dataset, columns in found.datasets.items():
                    for column in ("", *(_expanded(dataset, columns, known))):
                        reads.setdefault((dataset, column), place)
            unclear += [(place, why) for why in whys]
            if values:
                pasted.append((place, tuple(values)))
    return Seen(reads, metrics, tuple(unclear), tuple(pasted))


def sdk_calls(source: Source) -> Iterator[tuple[ast.Call, str]]:
    """The calls that ask Handrail for data, with "query" or "metric"."""
    for call in source.calls:
        origin = source.origin(call.func)
        if origin in ASKING:
            yield call, origin.rpartition(".")[2].removesuffix("_arrow")


def _argument(strings: Strings, source: Source, call: ast.Call, name: str) -> tuple[Text, ...]:
    given = call.args[0] if call.args else next((k.value for k in call.keywords if k.arg == name), None)
    return strings.of(source, given) if given is not None else ()


def _expanded(dataset: str, columns: tuple[str, ...], known: KnownData) -> tuple[str, ...]:
    everything = known.datasets.get(dataset, ())
    return everything if WHOLE in columns and everything else columns
