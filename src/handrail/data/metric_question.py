"""A question about a metric as a form asks it, the address that asks the same, and the answer's picture."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from handrail import kit
from handrail.data.answer import Answer
from handrail.data.models import Metric, MetricRequest

LINES = 4  # drawn at most, the largest
_MONTHS = 36  # of a chart that nobody has asked for otherwise
_ROWS = 500
_BARS = 24


@dataclass(frozen=True)
class Formed:
    """What stands in the form; `where` as dimensions with a text each, `top` the largest so many."""

    by: tuple[str, ...] = ()
    grain: str = ""
    start: str = ""
    end: str = ""
    where: tuple[tuple[str, str], ...] = ()
    top: int | None = None
    currency: str = ""
    purpose: str = ""

    def request(self, name: str) -> MetricRequest:
        """The question; refuses what no metric can be asked."""
        wanted = (self.grain or None, self.start or None, self.end or None)
        order = (f"-{name}",) if self.top else ()
        return MetricRequest(name, self.by, self.conditions, *wanted, order, self.top, self.currency or None)

    @property
    def conditions(self) -> dict[str, str | list[str]]:
        """Each dimension with its text, or with all of them, any of which will do."""
        every: dict[str, list[str]] = {}
        for name, text in self.where:
            every.setdefault(name, []).append(text)
        return {name: texts[0] if len(texts) == 1 else texts for name, texts in every.items()}

    def address(self, name: str, form: str, **more: str) -> str:
        """Where the same answer is to be had as a file."""
        pairs = [("by", one) for one in self.by]
        pairs += [("where", f"{name}={json.dumps(text, ensure_ascii=False)}") for name, text in self.where]
        said = {"grain": self.grain, "start": self.start, "end": self.end, "currency": self.currency}
        said |= {"order": f"-{name}", "limit": str(self.top)} if self.top else {}
        said |= {"purpose": self.purpose, **more}
        pairs += [(key, value) for key, value in said.items() if value]
        return f"/api/v1/metrics/{name}.{form}?{urlencode(pairs)}"

    def in_python(self, name: str) -> str:
        """The call by which an app asks it."""
        said: dict[str, Any] = {"by": list(self.by), "where": self.conditions, "grain": self.grain}
        said |= {"start": self.start, "end": self.end, "currency": self.currency}
        said |= {"order": f"-{name}", "limit": self.top} if self.top else {}
        words = [repr(name), *(f"{key}={value!r}" for key, value in said.items() if value)]
        return f"handrail.metric({', '.join(words)})"


@dataclass(frozen=True)
class Drawn:
    """An answer for a page: rows, and what can be drawn of them, as lines over time or as bars."""

    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Any, ...], ...] = ()
    cut: bool = False
    x: tuple[str, ...] = ()
    series: tuple[Mapping[str, Any], ...] = ()
    hidden: int = 0  # lines that were not drawn
    bars: tuple[kit.Bar, ...] = ()
    masked: tuple[str, ...] = ()


def formed(params: QueryParams, one: Metric, purpose: str) -> Formed:
    """What an address of the page asks; one without a question: by month, and by what it has to be cut by."""
    if "ask" not in params:
        by = (one.currency,) if one.currency else ()
        return Formed(by, "month" if one.time else "", purpose=purpose)
    on, is_ = params.getlist("on"), params.getlist("is")
    pairs = zip(on, (text.strip() for text in is_), strict=False)
    top = params.get("top", "")
    return Formed(
        by=tuple(params.getlist("by")),
        grain=params.get("grain", ""),
        start=params.get("start", ""),
        end=params.get("end", ""),
        where=tuple((name, text) for name, text in pairs if name and text),
        top=int(top) if top.isdecimal() and int(top) else None,
        currency=params.get("currency", "").strip(),
        purpose=params.get("purpose", "") or purpose,
    )


def drawn(answer: Answer, asked: Formed, by_itself: bool) -> Drawn:
    """The rows of an answer, at most 500 of them, and their picture; `by_itself`: of the last three years."""
    names = tuple(answer.schema.names)
    rows: list[tuple[Any, ...]] = []
    with answer:
        for batch in answer.batches():
            rows += zip(*batch.to_pydict().values(), strict=True)
            if len(rows) > _ROWS and not by_itself:
                break
    if by_itself:
        last = sorted({row[0] for row in rows if row[0] is not None})[-_MONTHS:]
        rows = [row for row in rows if row[0] in set(last)] if asked.grain else rows
    kept = rows[:_ROWS]
    masked = tuple(f"{name}.{column}" for name, found in answer.masked.items() for column in found)
    plain = Drawn(names, tuple(kept), len(rows) > _ROWS, masked=masked)
    return _lines(plain) if asked.grain else replace(plain, bars=_bars(kept))


def _lines(plain: Drawn) -> Drawn:
    """One line for each combination of dimensions, over every period that any of them has."""
    found: dict[str, dict[str, float | None]] = {}
    for at, *dimensions, value in plain.rows:
        if at is not None:
            label = ", ".join("none" if one is None else str(one) for one in dimensions)
            found.setdefault(label, {})[str(at)] = value if value is None else _read(value)
    x = sorted({at for points in found.values() for at in points})
    largest = sorted(found, key=lambda label: -sum(abs(value or 0) for value in found[label].values()))
    series = tuple(
        {"label": label, "values": [found[label].get(at) for at in x]} for label in largest[:LINES]
    )
    return replace(plain, x=tuple(x), series=series, hidden=max(len(largest) - LINES, 0))


def _bars(rows: Sequence[Sequence[Any]]) -> tuple[kit.Bar, ...]:
    found = []
    for *dimensions, value in rows[:_BARS]:
        if dimensions and value is not None:
            label = ", ".join("none" if one is None else str(one) for one in dimensions)
            found.append(kit.Bar(label, float(value), f"{_read(value):,}"))
    return tuple(found)


def _read(value: Any) -> float:
    """A value as people read it: cents of amounts, six places of shares."""
    number = float(value)
    return round(number, 2 if abs(number) >= 1 else 6)
