"""Repeat a failed run with fewer and fewer awkward values, until it is known which it fails on."""

from __future__ import annotations

import fcntl
import os
import re
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow.parquet as pq
import structlog

from handrail import data, runtime, twins
from handrail.apps import causes_store as store
from handrail.apps.blame import Found, Group, Spent, blame
from handrail.apps.causes import Cause, Explained, sentence
from handrail.kernel import SYSTEM, Instance, NotReady, Refusal
from handrail.kernel.worker import Worker
from handrail.runtime import Run

TRIES, SECONDS = 40, 300.0  # at most for one run
_PAUSE = 1.0  # seconds between two looks into an empty queue
_SHOWN = 80  # characters of an awkward value
_logger = structlog.get_logger(__name__)
Note = Callable[[str, int, int], None]  # what is being done, tries so far, tries at most


class Explainer(Worker):
    """One thread of a server that explains failed runs, one at a time."""

    def __init__(self, instance: Instance) -> None:
        super().__init__("causes", lambda stop: take_one(instance, stop), _PAUSE)


def take_one(instance: Instance, stop: threading.Event | None = None) -> bool:
    """Explain the run that has waited longest; False when none waits or another process is explaining one."""
    with instance.context(SYSTEM) as ctx:
        if store.next_waiting(ctx) is None:
            return False
    with _alone(instance) as mine:
        if not mine:
            return False
        with instance.context(SYSTEM) as ctx:
            waiting = store.next_waiting(ctx)
        if waiting is not None:
            _explain(instance, waiting, stop or threading.Event(), None)
        return waiting is not None


def explain_here(instance: Instance, run_id: str, note: Note) -> Explained:
    """Explain a run that was asked about in this process, or wait for whoever does."""
    while True:
        with _alone(instance) as mine:
            if mine:
                _explain(instance, run_id, threading.Event(), note)
        with instance.context(SYSTEM) as ctx:
            found = store.find(ctx, run_id)
        if found is None:
            raise NotReady("Nobody asked about this run.", next_step="Ask: handrail explain-run RUN.")
        if found.over:
            return found
        note("finding the rows", found.tries, TRIES)
        time.sleep(_PAUSE)


def _explain(instance: Instance, run_id: str, stop: threading.Event, note: Note | None) -> None:
    """Find out and write it down; what breaks meanwhile is written down, too. Stopped, it waits on."""
    with instance.context(SYSTEM) as ctx:
        found = store.find(ctx, run_id)
        run = runtime.recalled(ctx, run_id)
        reads = data.observed_reads(ctx, run.app, run.commit, "sandbox") if run else {}
    if found is None or found.over or run is None:
        return
    try:
        with tempfile.TemporaryDirectory(prefix="handrail-trial-") as folder:
            tries = _Tries(instance, run, reads, Path(folder), stop, note)
            told = tries.explained()
    except Refusal as refusal:
        told = Explained(run_id, "failed", f"{refusal.message} {refusal.next_step}")
    except Exception:
        _logger.exception("cause.broken", run=run_id)
        told = Explained(run_id, "failed", "Handrail could not repeat this run; its log says why.")
    if stop.is_set():
        return
    with instance.context(SYSTEM) as ctx:
        facts = {"state": told.state, "says": told.says, "causes": told.causes, "tries": told.tries}
        if store.change(ctx, run_id, **facts):
            named = [f"{one.dataset}.{one.column}:{one.case}" for one in told.causes]
            ctx.audit.note("run.explained", f"run:{run_id}", app=run.app, tries=told.tries, causes=named)


class _Tries:
    """The awkward cells that a run read, and tries with some of them."""

    def __init__(
        self,
        instance: Instance,
        run: Run,
        reads: Mapping[str, frozenset[str]],
        folder: Path,
        stop: threading.Event,
        note: Note | None,
    ) -> None:
        self._instance, self._run, self._folder, self._stop, self._note = instance, run, folder, stop, note
        self._until = time.monotonic() + SECONDS
        self._known: dict[frozenset[int], runtime.Tried] = {}
        read = {name: build for name, build in run.twins.items() if name in reads}
        self._twins = twins.awkward(instance, run.manifest, read) if read else ()
        self._tables = {
            one.dataset: (pq.read_table(one.hostile), pq.read_table(one.plain)) for one in self._twins
        }
        self._cells = [
            (one.dataset, cell)
            for one in self._twins
            for cell in one.cells
            if cell.column in reads[one.dataset] and cell.column in self._tables[one.dataset][0].column_names
        ]

    def explained(self) -> Explained:
        """What the run fails on, in the order in which whoever mends it will meet it."""
        if not self._cells:
            return self._told("None of the columns that it reads holds an awkward value: look at the code.")
        found = Found(complete=False)
        try:
            first = self._try(frozenset(range(len(self._cells))))
            found = blame(self._ranked(first.log_end), lambda cells: self._try(cells).failure)
        except Spent:
            pass
        if not found.steady:
            return self._told("It went well when it was repeated on the same rows: time or chance is in it.")
        if found.plain:
            return self._told(
                "It fails on the plain twin too, which has no awkward value: ordinary rows are enough for it."
            )
        if not found.blamed:
            return self._told("It fails on the awkward rows alone; which of them was not found in time.")
        causes = [
            self._cause(group, one.enough, number)
            for number, one in enumerate(found.blamed, 1)
            for group in one.groups
        ]
        rest = "" if found.complete else " There may be more; not everything was tried."
        return self._told(f"It goes well on the plain twin, and fails on these awkward values.{rest}", causes)

    def _told(self, says: str, causes: Sequence[Cause] = ()) -> Explained:
        return Explained(self._run.id, "done", says, tuple(causes), len(self._known))

    def _try(self, cells: frozenset[int]) -> runtime.Tried:
        """How the run ends with these awkward cells alone."""
        if cells not in self._known:
            if len(self._known) >= TRIES or time.monotonic() > self._until or self._stop.is_set():
                raise Spent
            self._known[cells] = runtime.trial(self._instance, self._run, self._written(cells), self._stop)
            if self._note:
                self._note("finding the rows", len(self._known), TRIES)
            with self._instance.context(SYSTEM) as ctx:
                store.change(ctx, self._run.id, tries=len(self._known))
        return self._known[cells]

    def _written(self, cells: frozenset[int]) -> dict[str, Path]:
        """A file for each twin from which something is taken."""
        undone: dict[str, list[twins.HostileCell]] = defaultdict(list)
        for number, (dataset, cell) in enumerate(self._cells):
            if number not in cells:
                undone[dataset].append(cell)
        made = {}
        for dataset, gone in undone.items():
            file = self._folder / f"{len(self._known)}-{dataset}.parquet"
            pq.write_table(twins.undo(*self._tables[dataset], gone), file)
            made[dataset] = file
        return made

    def _ranked(self, log_end: str) -> list[Group]:
        """The kinds of awkward values, those first that the failure itself speaks of."""
        kinds: dict[tuple[str, str, str], list[int]] = defaultdict(list)
        for number, (dataset, cell) in enumerate(self._cells):
            kinds[dataset, cell.column, cell.case].append(number)
        groups = [Group(*kind, tuple(cells)) for kind, cells in kinds.items()]
        return sorted(groups, key=lambda group: -likely(group, self._value(group.cells[0]), log_end))

    def _value(self, number: int) -> str:
        dataset, cell = self._cells[number]
        found = self._tables[dataset][0].column(cell.column)[cell.row]
        return str(found.as_py()) if found.is_valid else ""

    def _cause(self, group: Group, enough: Sequence[int], together: int) -> Cause:
        mine = [number for number in group.cells if number in enough]
        case = twins.cases.get(group.case)
        keys = tuple(dict.fromkeys(self._cells[number][1].key for number in mine))
        what = case.says if case else group.case
        others = len({self._cells[number][1].row for number in group.cells}) - len(keys)
        return Cause(
            group.dataset, group.column, group.case, what, case.breaks if case else "", keys,
            self._value(mine[0])[:_SHOWN], others, together,
            sentence(group.dataset, group.column, group.case, what, keys, others),
        )  # fmt: skip


def likely(group: Group, value: str, log_end: str) -> int:
    """How much the end of a log speaks for one kind of awkward value: its column, the value, what broke."""
    last = (log_end.strip().splitlines() or [""])[-1]
    score = 2 if re.search(rf"\b{re.escape(group.column)}\b", log_end) else 0
    score += 3 if len(value) > 1 and value in log_end else 0
    hint = next((words for kind, words in _HINTS if group.case.startswith(kind)), "")
    return score + (1 if hint and re.search(hint, last) else 0)


_HINTS = (
    ("null", r"(?i)nan\b|none|nat\b|float|null|missing|non-finite"),
    ("number.zero", r"(?i)zero|\binf|division"),
    ("number.", r"(?i)domain|range|negative"),
    ("date.", r"(?i)date|time|day|month|year|bounds|overflow"),
    ("time.", r"(?i)time|nonexistent|ambiguous"),
    ("text.", r"(?i)literal|convert|codec|split|index|unpack|pattern|parse|match|KeyError"),
    ("category.", r"(?i)KeyError|category|label"),
    ("link.", r"(?i)index|empty|bounds|KeyError"),
)


@contextmanager
def _alone(instance: Instance) -> Iterator[bool]:
    """Whether this process may explain; held until the end of the block, however the process ends."""
    descriptor = os.open(instance.settings.home / ".explaining", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)
