"""The command line for semantic models: hand one out as an Apache Ossie file, take one in."""

from __future__ import annotations

from pathlib import Path

import click
from rich.text import Text

from handrail import kit
from handrail.data.exchange_models import Handed, export_model, import_model
from handrail.kernel import Context, Invalid


@click.command("export-model")
@click.argument("name")
@click.option("--plain", is_flag=True, help="For other tools: without anything that only Handrail reads.")
@kit.cli.verb(human=lambda made: _handed(made), far="GET /models/{name}")
def export_model_command(ctx: Context, name: str, plain: bool) -> Handed:
    """A semantic model as an Apache Ossie file, on stdout."""
    return export_model(ctx, name, plain)


@click.command("import-model")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--name", help="Of the model file; otherwise the name of the file.")
@kit.cli.verb(
    human=lambda made: f"Imported, as drafts: {', '.join(made) or 'no metric'}.",
    far=lambda *a, **of: _taken_there(*a, **of),
)
def import_model_command(ctx: Context, file: Path, name: str | None) -> tuple[str, ...]:
    """Take an Apache Ossie file in; its metrics are drafts until they tie and are certified."""
    return import_model(ctx, file.read_bytes(), name or file.name.split(".")[0])


commands: list[click.Command] = [export_model_command, import_model_command]


def _taken_there(remote: kit.Remote, file: Path, name: str | None) -> tuple[str, ...]:
    try:
        content = file.read_bytes().decode()
    except UnicodeDecodeError:
        raise Invalid(f"{file} is not text in UTF-8.", next_step="Save it so.") from None
    said = {"name": name or file.name.split(".")[0], "content": content}
    made: tuple[str, ...] = remote.follow("POST /models/{name}", said, tuple[str, ...])
    return made


def _handed(made: Handed) -> Text | None:
    click.echo(made.content, nl=False)
    for name, why in made.left_out.items():
        click.echo(f"{name} is left out: {why}.", err=True)
    return None
