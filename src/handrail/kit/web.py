"""Between an HTTP request and the verbs: who asks, and a transaction that ends before the answer leaves."""

from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import Depends, Path, Query, Request

from handrail.kernel import Caller, Context, Instance


class NotSignedIn(Exception):
    """Nobody is signed in: pages lead to the sign-in page, REST answers 401."""


def instance_of(request: Request) -> Instance:
    """The instance that this server serves."""
    instance: Instance = request.app.state.instance
    return instance


def caller_of(request: Request) -> Caller:
    """The signed-in caller, put on the request by the authentication middleware; raises NotSignedIn."""
    caller: Caller | None = getattr(request.state, "caller", None)
    if caller is None:
        raise NotSignedIn
    return caller


def open_context(request: Request) -> Iterator[Context]:
    """One transaction around the endpoint, committed after it returns and before the answer is sent."""
    with instance_of(request).context(caller_of(request)) as ctx:
        ctx.presence = getattr(request.state, "presence", ctx.presence)
        yield ctx


Ctx = Annotated[Context, Depends(open_context, scope="function")]
"""`def page(ctx: kit.Ctx)`: the caller's context. Function scope: a failed commit is an error, not a lie."""

Instance_ = Annotated[Instance, Depends(instance_of)]
"""`def page(instance: kit.Instance_)`: for the few endpoints that must open short contexts themselves."""


def answers(kind: Any, status: int = 200) -> dict[int | str, dict[str, Any]]:
    """`@router.get(…, responses=kit.answers(list[Run]))`: what an endpoint that gives `kit.jsonable` answers.

    It stands in the schema for programs; the answer itself is written by `jsonable` alone.
    """
    return {status: {"model": kind}}


number = Annotated[int, Path(ge=0, le=1 << 53)]
"""`def page(n: kit.number)`: a number in an address, no larger than our databases can hold."""

page_number = Annotated[int, Query(ge=1, le=100_000)]
"""`def page(page: kit.page_number = 1)`: the page of a paged list."""
