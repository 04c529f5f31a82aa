"""What the commands of this room do alike, whether they work on an instance here or go by REST."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from handrail import kit
from handrail.apps.push import manifest_of
from handrail.kernel import Invalid, NotReady
from handrail.kernel.manifest import FILENAME
from handrail.runtime import Given, Output, kept_name


def named(app: str) -> str:
    """The app's name, when it was given by its folder; refuses Invalid where there is no app."""
    manifest = Path(app) / FILENAME
    if manifest.is_file():
        return manifest_of({FILENAME: manifest.read_bytes()}).name
    if app == ".":
        raise Invalid(f"There is no {FILENAME} here.", next_step="Name the app, or go to its folder.")
    return app


def chosen(inputs: Sequence[str]) -> dict[str, Given]:
    """The files of `--input NAME=FILE`; refuses Invalid what is not written so, or no file."""
    found = {}
    for one in inputs:
        name, _, file = one.partition("=")
        if not name or not Path(file).is_file():
            raise Invalid(f"--input {one[:80]} names no file.", next_step="Write --input NAME=FILE.")
        found[name] = Given(Path(file).name, Path(file).read_bytes())
    return found


def alone(before: str, *others: object) -> None:
    """Refuse Invalid an option beside `--again`, which says all of it."""
    if any(others):
        raise Invalid(
            f"--again {before} says which version, files and twins.", next_step="Leave the other options out."
        )


def text_of(prompts: Path | None) -> str:
    """What is in a file of prompts."""
    return prompts.read_text(encoding="utf-8", errors="replace") if prompts else ""


def succeeded(
    run_id: str, name: str, state: str, reason: str, next_step: str, log: str, because: str = ""
) -> None:
    """Refuse NotReady for a run that did not succeed, after its log, for people, and what it failed on."""
    if state != "succeeded":
        if not kit.cli.wants_json():
            click.echo(log, err=True, nl=False)
        told = f"Run {run_id} of {name}: {reason}" + (f" {because}" if because else "")
        raise NotReady(told, next_step=next_step or "Read its log.")


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
        path = out / f"{output.n:02}-{Path(kept_name(output)).name}"
        path.write_bytes(content)
        saved.append(str(path))
    answer = {"run": run_id, "app": name, "environment": environment, "state": "succeeded"}
    return {**answer, "log": log, "outputs": list(outputs), "saved": saved}
