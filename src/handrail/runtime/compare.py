"""Compare two runs of an app: what they handed over, what they printed, and what they took."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from handrail.kernel import Context, Invalid, NotFound
from handrail.runtime import inputs_store, look, store
from handrail.runtime.compare_tables import TableChange, compare_tables
from handrail.runtime.models import Input, Output, Run

_LOG = 20_000  # bytes at the end of each log that are compared
_LINES = 200  # of a difference that are shown
_MOST_LINES = 5000  # of a text that are compared line by line
_LOOKED_BACK = 200  # runs among which the one before is looked for


@dataclass(frozen=True)
class OutputChange:
    """An output of either run by its name: `same`, `changed`, `new` (in the later alone) or `gone`.

    `table` says what changed in a table, `text` in words, as lines of a difference.
    """

    name: str
    kind: str
    state: str
    size_before: int | None = None
    size: int | None = None
    table: TableChange | None = None
    text: tuple[str, ...] = ()


@dataclass(frozen=True)
class Took:
    """How a run went, to be held beside another."""

    run: str
    commit: str
    state: str
    ended: str
    seconds: float | None
    peak_memory: int
    questions: int
    twins: Mapping[str, str]


@dataclass(frozen=True)
class Comparison:
    """A run held against an earlier one of the same app in the same environment."""

    app: str
    before: Took
    now: Took
    outputs: tuple[OutputChange, ...]
    log: tuple[str, ...]  # lines of a difference; empty when they are alike
    inputs: tuple[str, ...]  # names of the files that are others

    @property
    def same(self) -> bool:
        """Whether both showed the same."""
        return not self.log and all(one.state == "same" for one in self.outputs)


def compare(ctx: Context, run_id: str, other: str = "") -> Comparison:
    """Hold a run against another, or else against the last one before it of the same person that was over.

    For who may see what both show, which in production counts as looking at them does. Refuses NotFound
    without an earlier run, Invalid runs of different apps or environments.
    """
    run = look.run(ctx, run_id)
    before = look.run(ctx, other) if other else _before(ctx, run)
    if (run.app, run.environment) != (before.app, before.environment):
        raise Invalid(
            "These are runs of different apps, or one is in the sandbox and one in production.",
            next_step="Choose two runs of one app in one environment.",
        )
    old, new = look.seen(ctx, before.id, _LOG), look.seen(ctx, run.id, _LOG)
    return Comparison(
        app=run.app,
        before=_took(before),
        now=_took(run),
        outputs=tuple(_outputs(ctx, old.outputs, new.outputs)),
        log=_difference(old.log, new.log),
        inputs=_others(inputs_store.find_inputs(ctx, before.id), inputs_store.find_inputs(ctx, run.id)),
    )


def has_earlier(ctx: Context, run: Run) -> bool:
    """Whether there is a run to hold this one against. Asks no rule: for a page that shows this one."""
    return _earlier(ctx, run) is not None


def _earlier(ctx: Context, run: Run) -> Run | None:
    wanted = {"app": run.app, "environment": run.environment, "person": run.person}
    found = store.find_runs(ctx, _LOOKED_BACK, **wanted)
    return next((one for one in found if one.id < run.id and one.over and one.outputs_swept is None), None)


def _before(ctx: Context, run: Run) -> Run:
    if found := _earlier(ctx, run):
        return found
    raise NotFound(
        f"There is no earlier run of {run.app} for {run.person} in {run.environment}.",
        next_step="Name the run to compare it with.",
        subject=f"run:{run.id}",
    )


def _took(run: Run) -> Took:
    values = {name: getattr(run, name) for name in Took.__dataclass_fields__ if name != "run"}
    return Took(run=run.id, **values)


def _others(before: Sequence[Input], now: Sequence[Input]) -> tuple[str, ...]:
    old, new = ({one.name: one.digest for one in each} for each in (before, now))
    return tuple(sorted(name for name in {*old, *new} if old.get(name) != new.get(name)))


_Held = Mapping[tuple[str, str, int], tuple[Output, bytes]]


def _outputs(
    ctx: Context, before: Sequence[tuple[Output, bytes]], now: Sequence[tuple[Output, bytes]]
) -> list[OutputChange]:
    old, new = _named(before), _named(now)
    changes = []
    for key in dict.fromkeys((*new, *old)):
        kind, name, _ = key
        was, is_ = old.get(key), new.get(key)
        if was is None or is_ is None:
            state = "new" if was is None else "gone"
            changes.append(OutputChange(name, kind, state, was and was[0].size, is_ and is_[0].size))
        else:
            changes.append(_change(ctx, was, is_))
    return changes


def _named(outputs: Sequence[tuple[Output, bytes]]) -> _Held:
    """By kind and name; the second of a name is held against the second."""
    found: dict[tuple[str, str, int], tuple[Output, bytes]] = {}
    times: dict[tuple[str, str], int] = {}
    for output, content in outputs:
        key = output.kind, output.name
        times[key] = times.get(key, 0) + 1
        found[(*key, times[key])] = output, content
    return found


def _change(ctx: Context, was: tuple[Output, bytes], is_: tuple[Output, bytes]) -> OutputChange:
    (old, before), (new, now) = was, is_
    if new.kind not in look.READ and old.size == new.size:  # the rest was not read with the page
        before, now = (look.found_output(ctx, one.run, one.n)[1] for one in (old, new))
    same = old.size == new.size and before == now
    made = OutputChange(new.name, new.kind, "same" if same else "changed", old.size, new.size)
    if same:
        return made
    if new.kind == "table":
        table = compare_tables(before, now)
        return OutputChange(new.name, new.kind, table.state, old.size, new.size, table)
    if new.kind in look.READ:
        words = (before.decode(errors="replace"), now.decode(errors="replace"))
        return OutputChange(new.name, new.kind, "changed", old.size, new.size, None, _difference(*words))
    return made


def _difference(before: str, now: str) -> tuple[str, ...]:
    """The lines that differ, with one around each; of what is very long only that it does."""
    if before == now:
        return ()
    old, new = before.splitlines(), now.splitlines()
    if max(len(old), len(new)) > _MOST_LINES:
        return (f"@@ {len(old):,} lines before, {len(new):,} now: too many to compare @@",)
    lines = islice(difflib.unified_diff(old, new, lineterm="", n=1), 2, 2 + _LINES)
    return tuple(lines) or ("@@ they differ in how lines end @@",)
