"""One way for a command to reach an instance, here or by REST, print a result, and render a refusal."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import update_wrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, get_type_hints, overload

import click
from rich.console import Console, RenderableType
from rich.panel import Panel
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

from handrail import kernel, kit
from handrail.kernel import Caller, NotAllowed, Refusal
from handrail.kit.interrupted import stoppable
from handrail.kit.jsonable import jsonable

if TYPE_CHECKING:
    from handrail.kernel import Instance

Human = Callable[[Any], Any]
# How a server answers a command: by its REST route, such as `GET /datasets/{name}` (see `Remote.follow`), or
# by a function of the server and the command's options, which gives what the command itself gives.
Far = str | Callable[..., Any]
Report = Callable[[str, int, int], None]
_JSON = "handrail.json"
_NARROW = 76  # columns that every terminal has
FAR = "handrail_far"  # where a command's callback keeps its `far`


class Opener(Protocol):
    """What `server.main` puts into click's `ctx.obj`: it knows how to plug an instance together."""

    def open(self, home: Path) -> Instance:
        """The instance in this directory; refuses when there is none."""


@overload
def verb(function: Callable[..., Any], /) -> Callable[..., Any]: ...
@overload
def verb(
    *, human: Human | None = None, far: Far | None = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]: ...
def verb(
    function: Callable[..., Any] | None = None, /, *, human: Human | None = None, far: Far | None = None
) -> Any:
    """Make `def command(ctx, ...)` a command body: a context around it, result printed, refusals rendered.

    Adds --home, --as and --json. With --json the result is one JSON document on stdout; otherwise
    `human(result)` gives text or a rich renderable (None prints nothing). Without --home, and with
    HANDRAIL_URL and HANDRAIL_TOKEN, the answer comes from there by `far`. It stands between the click
    decorators and the function.
    """

    def decorate(body: Callable[..., Any]) -> Callable[..., Any]:
        def in_context(instance: Instance, caller: Caller, *args: Any, **kwargs: Any) -> Any:
            with instance.context(caller) as ctx:
                return body(ctx, *args, **kwargs)

        return _command(body, in_context, human, far)

    return decorate(function) if function else decorate


@overload
def supervisor(function: Callable[..., Any], /) -> Callable[..., Any]: ...
@overload
def supervisor(
    *, human: Human | None = None, far: Far | None = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]: ...
def supervisor(
    function: Callable[..., Any] | None = None, /, *, human: Human | None = None, far: Far | None = None
) -> Any:
    """Like `verb`, for work that opens several short contexts: `def command(instance, caller, ...)`."""

    def decorate(body: Callable[..., Any]) -> Callable[..., Any]:
        return _command(body, body, human, far)

    return decorate(function) if function else decorate


def _command(
    body: Callable[..., Any], inner: Callable[..., Any], human: Human | None, far: Far | None
) -> Callable[..., Any]:
    def run(*args: Any, home: Path | None, as_person: str | None, as_json: bool, **kwargs: Any) -> None:
        speak(as_json)
        with stoppable(), refusals(as_json):
            if home is not None:
                instance = _opener().open(home)
                try:
                    result = inner(instance, _caller(instance, as_person), *args, **kwargs)
                finally:
                    instance.close()
            else:
                result = _from_afar(body, far, kwargs)
        show(result, human, as_json)

    made: Callable[..., Any] = update_wrapper(run, body)
    setattr(made, FAR, far)
    for option in _OPTIONS:
        made = option(made)
    return made


def _from_afar(body: Callable[..., Any], far: Far | None, values: dict[str, Any]) -> Any:
    remote = kit.Remote.from_environment(raw=wants_json())
    if remote is None:
        raise click.UsageError(_WHERE)
    if far is None:
        raise click.UsageError("This works on the machine of the instance only: say --home DIR there.")
    if isinstance(far, str):
        return remote.follow(far, values, get_type_hints(body).get("return", Any))
    return far(remote, **values)


_OPTIONS = (
    click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout, nothing else."),
    click.option(
        "--as", "as_person", envvar="HANDRAIL_PERSON", metavar="PERSON", help="Who you are on this instance."
    ),
    click.option(
        "--home",
        envvar="HANDRAIL_HOME",
        metavar="DIR",
        type=click.Path(file_okay=False, path_type=Path),
        help="The instance's directory; or set HANDRAIL_HOME.",
    ),
)
_WHERE = (
    "Say which instance: --home DIR, or set HANDRAIL_HOME. From a laptop, set both HANDRAIL_URL and"
    " HANDRAIL_TOKEN: whatever does not need the machine itself then goes to that server."
)


def _opener() -> Opener:
    opener: Opener = click.get_current_context().find_root().obj
    return opener


def _caller(instance: Instance, person: str | None) -> Caller:
    if not person:
        raise click.UsageError("Say who you are: --as PERSON, or set HANDRAIL_PERSON.")
    with instance.context(instance.system()) as ctx:
        known = kernel.identity.found(ctx, person)
    if not known.active:
        raise NotAllowed(f"The account of {known.name} is closed.", next_step="Name somebody who is active.")
    return Caller(known, "cli")


def show(result: Any, human: Human | None, as_json: bool) -> None:
    """Print a result on stdout, for people or as JSON."""
    if as_json:
        click.echo(json.dumps(jsonable(result), ensure_ascii=False))
        return
    said = human(result) if human else _plainly(result)
    if isinstance(said, str):
        click.echo(said)
    elif said is not None:
        Console(highlight=False).print(said)


def _plainly(result: Any) -> str | None:
    if result is None or isinstance(result, str):
        return result
    return json.dumps(jsonable(result), ensure_ascii=False, indent=2)


@contextmanager
def refusals(as_json: bool) -> Iterator[None]:
    """Turn a Refusal inside into its words on stderr and exit status 1."""
    try:
        yield
    except Refusal as refusal:
        refuse(refusal, as_json)


def refuse(refusal: Refusal, as_json: bool) -> NoReturn:
    """Say a refusal on stderr, as JSON or in a red box, and leave with status 1."""
    if as_json:
        click.echo(json.dumps(refusal.answer(), ensure_ascii=False), err=True)
    else:
        words = Text(refusal.message)
        words.append(f"\n\n→ {refusal.next_step}", style="bold")
        title = refusal.code.replace("_", " ")
        Console(stderr=True).print(
            Panel(words, title=title, title_align="left", border_style="red", width=_width())
        )
    sys.exit(1)


def _width() -> int:
    return min(Console(stderr=True).width, 100)


def speak(as_json: bool) -> None:
    """Say how the running command answers, for `wants_json`; a command that is no `verb` calls it first."""
    click.get_current_context().meta[_JSON] = as_json


def wants_json() -> bool:
    """Whether the command that runs was asked for --json."""
    context = click.get_current_context(silent=True)
    return bool(context and context.meta.get(_JSON))


@contextmanager
def progress() -> Iterator[Report]:
    """Give `report(label, done, total)`, drawing a bar on stderr (total 0: unknown); silent with --json."""
    if wants_json():
        yield lambda _label, _done, _total: None
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[count]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None, count="")

        def report(label: str, done: int, total: int) -> None:
            count = f"{done:,} of {total:,}" if total else ""
            bar.update(task, description=label, completed=done, total=total or None, count=count)

        yield report


def table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], title: str = "", none: str = ""
) -> RenderableType:
    """A rich table of plain values, numbers to the right; where there is no row, the title and `none`."""
    made = Table(title=title or None, title_justify="left", header_style="bold", border_style="bright_black")
    made.min_width = min(len(title), _NARROW)  # a title is no wider than its table
    cells = [list(row) for row in rows]
    if none and not cells:
        return Text("\n".join(filter(None, (title, none))))
    for place, column in enumerate(columns):
        numeric = bool(cells) and all(isinstance(row[place], int | float) for row in cells)
        made.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in cells:
        made.add_row(*(Text(_cell(value)) for value in row))
    return made


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:,}"
    return str(value)
