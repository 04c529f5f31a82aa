"""The answer to a governed query while it leaves: counted, cut off at its limits, and closed on the trail."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain, islice
from types import TracebackType

import pyarrow as pa

from handrail.data.slots import Slot
from handrail.kernel import Environment, LimitReached, Refusal
from handrail.kernel.ports import Rows
from handrail.kernel.presence import Presence

CANCELLED = "cancelled"  # because whoever asked has left
Closing = Callable[[int, int, str], None]  # rows, bytes, and how it ended: complete, cut, or a refusal's code


@dataclass(frozen=True)
class Budget:
    """What one answer may carry away."""

    rows: int
    megabytes: int


@dataclass
class Answer:
    """Rows as Arrow batches, and what was read for them: columns by dataset, those seen masked, as of when.

    Of a metric also whether it is `certified` as it is now, and the dataset of the control totals that it
    `ties_to`, and where amounts were converted the `currency` and the dataset of the `rates`; all of these
    are None where SQL was asked.

    To be closed, or read to its end, which closes it; either writes the counts to the trail, once.
    """

    id: str
    environment: Environment
    columns_read: Mapping[str, tuple[str, ...]]
    masked: Mapping[str, tuple[str, ...]]
    as_of: datetime | None
    certified: bool | None
    ties_to: str | None
    _rows: Rows
    _budget: Budget
    _recorded: Callable[[], None]
    _closing: Closing
    _sent: list[int] = field(default_factory=lambda: [0, 0])
    _open: bool = True
    currency: str | None = None
    rates: str | None = None
    no_row: tuple[str, ...] = ()  # why, of each dataset of which the viewer sees no row at all
    _slot: Slot | None = None
    _presence: Presence = field(default_factory=Presence)
    _still: Callable[[], None] = lambda: None  # refuses once it would not be given any more

    @property
    def schema(self) -> pa.Schema:
        """The names and types of the columns."""
        return self._rows.schema

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows, a batch at a time; refuses LimitReached rather than send more than the budget, and as
        `still` does once it would not be given any more.

        None leaves before the decision to let them is on the trail, durably.
        """
        ended = "cut"
        try:
            rows = self._rows.batches()
            # Most answers are whole by now; an engine that has more to say burns time while nobody listens.
            first = list(islice(rows, 2))
            self._recorded()
            for batch in chain(first, rows):
                self._still()
                self._spend(batch)
                yield batch
            ended = "complete"
        except Refusal as refusal:
            ended = refusal.code
            raise
        except KeyboardInterrupt:
            ended = CANCELLED
            raise
        finally:
            self._end(ended)

    def table(self) -> pa.Table:
        """All rows at once."""
        return pa.Table.from_batches(self.batches(), self.schema)

    def close(self) -> None:
        """Stop, whether or not all rows were taken."""
        self._end("cut")

    def __enter__(self) -> Answer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _spend(self, batch: pa.RecordBatch) -> None:
        rows, size = self._sent[0] + batch.num_rows, self._sent[1] + _bytes(batch)
        over = f"{self._budget.rows:,} rows" if rows > self._budget.rows else ""
        if size > self._budget.megabytes << 20:
            over = f"{self._budget.megabytes:,} megabytes"
        if over:
            raise LimitReached(
                f"The answer is larger than the {over} that one query may return.",
                next_step="Aggregate or filter in the query, so that it returns what people will look at.",
                subject=f"query:{self.id}",
            )
        self._sent[:] = rows, size

    def _end(self, ended: str) -> None:
        if self._open:
            self._open = False
            try:
                self._rows.close()
            finally:
                if self._slot:
                    self._slot.release()
            whole = ended == "complete"
            self._closing(
                self._sent[0], self._sent[1], CANCELLED if self._presence.gone and not whole else ended
            )

    def __del__(self) -> None:
        """Nobody holds it any more, and nobody closed it."""
        self._end("cut")


def _bytes(batch: pa.RecordBatch) -> int:
    """How much memory a batch holds. `nbytes` lets the interpreter go, and many viewers wait for it again."""
    if any(column.offset for column in batch.columns):  # a part of something larger
        return int(batch.nbytes)
    return sum(buffer.size for column in batch.columns for buffer in column.buffers() if buffer is not None)
