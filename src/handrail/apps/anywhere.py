"""Commands that work on this machine's instance and, without --home, on the server the environment names."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from handrail import kit
from handrail.apps.push import manifest_of
from handrail.apps.remote import Remote
from handrail.kernel import Invalid, NotReady
from handrail.kernel.manifest import FILENAME
from handrail.runtime import Output

HERE = ("home", "as_person")  # what only a command on this machine's instance takes


class Anywhere(click.Command):
    """`near` with --home or HANDRAIL_HOME; else, with HANDRAIL_URL and HANDRAIL_TOKEN, the same by REST."""

    def __init__(self, near: click.Command, far: Callable[..., Any], human: Callable[[Any], Any]) -> None:
        super().__init__(near.name, help=near.help, params=near.params, callback=near.callback)
        self.near = near
        self.far = click.Command(
            near.name,
            help=near.help,
            params=[param for param in near.params if param.name not in HERE],
            callback=_over_rest(far, human),
        )

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Choose which of the two is meant."""
        home = "HANDRAIL_HOME" in os.environ or any(arg.split("=")[0] == "--home" for arg in args)
        away = not home and "HANDRAIL_URL" in os.environ and "HANDRAIL_TOKEN" in os.environ
        return (self.far if away else self.near).make_context(info_name, args, parent, **extra)


def named(app: str) -> str:
    """The app's name, when it was given by its folder; refuses Invalid where there is no app."""
    manifest = Path(app) / FILENAME
    if manifest.is_file():
        return manifest_of({FILENAME: manifest.read_bytes()}).name
    if app == ".":
        raise Invalid(f"There is no {FILENAME} here.", next_step="Name the app, or go to its folder.")
    return app


def text_of(prompts: Path | None) -> str:
    """What is in a file of prompts."""
    return prompts.read_text(encoding="utf-8", errors="replace") if prompts else ""


def succeeded(run_id: str, name: str, state: str, reason: str, next_step: str, log: str) -> None:
    """Refuse NotReady for a run that did not succeed, after its log, for people."""
    if state != "succeeded":
        if not kit.cli.wants_json():
            click.echo(log, err=True, nl=False)
        raise NotReady(f"Run {run_id} of {name}: {reason}", next_step=next_step or "Read its log.")


def ran(
    run_id: str,
    name: str,
    environment: str,
    log: str,
    outputs: Sequence[Output],
    contents: Sequence[bytes],
    out: Path | None,
) -> dict[str, Any]:
    """What a run came to, its outputs saved into `out` when that is given."""
    saved = []
    for output, content in zip(outputs, contents, strict=False) if out else ():
        assert out is not None
        out.mkdir(parents=True, exist_ok=True)
        path = out / f"{output.n:02}-{Path(output.name).name}"
        path.write_bytes(content)
        saved.append(str(path))
    answer = {"run": run_id, "app": name, "environment": environment, "state": "succeeded"}
    return {**answer, "log": log, "outputs": list(outputs), "saved": saved}


def _over_rest(body: Callable[..., Any], human: Callable[[Any], Any]) -> Callable[..., None]:
    def run(as_json: bool, **values: Any) -> None:
        kit.cli.speak(as_json)
        with kit.cli.refusals(as_json):
            remote = Remote.from_environment()
            assert remote is not None  # the environment was looked at when this command was chosen
            kit.cli.show(body(remote, **values), human, as_json)

    return run
