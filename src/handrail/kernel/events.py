"""Events: how a lower room tells a higher one that something happened."""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from handrail.kernel.errors import Refusal

if TYPE_CHECKING:
    from handrail.kernel.context import Context

Handler = Callable[["Context", Any], None]
Subscription = tuple[type[Any], Handler]


class Subscriptions:
    """Who listens to which kind of event: what the composition root says, asked at the first event."""

    def __init__(self, subscriptions: Iterable[Subscription] = ()) -> None:
        self._lock = threading.Lock()
        self._said = subscriptions
        self._handlers: dict[type[Any], list[Handler]] | None = None

    def add(self, kind: type[Any], handler: Handler) -> None:
        """Let one more listen, after all others."""
        self._all().setdefault(kind, []).append(handler)

    def handlers(self, event: object) -> tuple[Handler, ...]:
        """The handlers for exactly this kind of event, in the order they were registered."""
        return tuple(self._all().get(type(event), ()))

    def _all(self) -> dict[type[Any], list[Handler]]:
        with self._lock:
            if self._handlers is None:
                listening = defaultdict(list)
                for kind, handler in self._said:
                    listening[kind].append(handler)
                self._handlers = dict(listening)
            return self._handlers


class Events:
    """The events of one context."""

    def __init__(self, ctx: "Context", subscriptions: Subscriptions) -> None:
        self._ctx = ctx
        self._subscriptions = subscriptions
        self.failures: list[Callable[[Refusal], object]] = []

    def if_refused(self, make: Callable[[Refusal], object]) -> None:
        """Should this transaction be refused, publish what is made of that, in one of its own."""
        self.failures.append(make)

    def publish(self, event: object) -> None:
        """Call every subscriber now, in this transaction: a change and what follows from it commit as one."""
        for handler in self._subscriptions.handlers(event):
            handler(self._ctx, event)
