"""A story as steps that check themselves: what must happen, what did, and whether that is the same."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

World = TypeVar("World")


class Missed(Exception):
    """What happened was not what had to happen; the message says what did."""


@dataclass(frozen=True)
class Step(Generic[World]):
    """One assertion of a story; `act` does the real thing and returns what it got, or raises Missed."""

    role: str
    name: str
    expected: str
    refuses: bool
    act: Callable[[World], str]


@dataclass(frozen=True)
class Result:
    """One step as it went."""

    number: int
    role: str
    step: str
    refuses: bool
    expected: str
    got: str
    ok: bool
    ms: int


@dataclass
class Chapter(Generic[World]):
    """The steps of one role, in the order in which they are written."""

    role: str
    steps: list[Step[World]] = field(default_factory=list)

    def step(
        self, name: str, *, expected: str, refuses: bool = False
    ) -> Callable[[Callable[[World], str]], Callable[[World], str]]:
        """Add the decorated function as the next step; `refuses` marks what Handrail must not let happen."""

        def add(act: Callable[[World], str]) -> Callable[[World], str]:
            self.steps.append(Step(self.role, name, expected, refuses, act))
            return act

        return add


def walk(steps: Iterable[Step[World]], world: World) -> Iterator[Result]:
    """Do the steps one after the other; a step that breaks is a failed step, and the next one is tried."""
    for number, step in enumerate(steps, 1):
        begun = time.monotonic()
        try:
            got, ok = step.act(world), True
        except Missed as missed:
            got, ok = str(missed), False
        except Exception as broken:  # noqa: BLE001 - the walk supervises: it reports what broke and goes on
            got, ok = f"broke: {type(broken).__name__}: {broken}", False
        ms = round((time.monotonic() - begun) * 1000)
        yield Result(number, step.role, step.name, step.refuses, step.expected, got, ok, ms)


def must(condition: object, got: str) -> str:
    """`got`, when the condition holds; raises Missed with it otherwise."""
    if not condition:
        raise Missed(got)
    return got
