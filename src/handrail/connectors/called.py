"""What a run called, and of which class the answers were: whatever it hands over may hold them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Literal, get_args

from handrail.connectors import store
from handrail.connectors.find import stated
from handrail.connectors.models import Called, Class
from handrail.kernel import Context

_LOWEST_FIRST: tuple[Class | Literal[""], ...] = ("", *reversed(get_args(Class)))


def called(ctx: Context, run: str) -> tuple[Called, ...]:
    """The calls of a run, with the classes that their answers had then or have now, whichever is higher.

    Asks no rule: names of calls and their classes only.
    """
    return tuple(replace(one, classification=_higher(ctx, one)) for one in store.find_calls(ctx, run))


def classes(ctx: Context, name: str) -> dict[str, Class | Literal[""]]:
    """The class of what each call of a connector answers, by the key of the call; none for one that is gone.

    Asks no rule.
    """
    found = stated(ctx, name)
    return {one.pattern.key: one.classification for one in found.calls} if found else {}


def forget_calls(ctx: Context, runs: Collection[str]) -> None:
    """Forget what these runs called, once nothing is left that could show it again."""
    store.forget_calls(ctx, runs)


def _higher(ctx: Context, one: Called) -> Class | Literal[""]:
    now = classes(ctx, one.connector).get(one.call, "")
    return max(one.classification, now, key=_LOWEST_FIRST.index)
