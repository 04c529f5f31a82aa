"""Commands about what apps may import: `handrail layers`."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import click
from rich.console import RenderableType
from rich.text import Text

from handrail import kit
from handrail import settings as configuration
from handrail.kernel import Context, Invalid, Manifest
from handrail.kernel.manifest import FILENAME, LAYERS, REPORT
from handrail.runtime.decide_package import grant_package, package_requests, refuse_package
from handrail.runtime.layer import build, packages
from handrail.runtime.models import PackageRequest
from handrail.runtime.packages_known import Resolved, approved_packages, resolve_packages
from handrail.runtime.request_package import request_package
from handrail.runtime.requirements import LISTED, PROJECT, requirements
from handrail.runtime.sweep_layers import OldLayers, sweep_layers
from handrail.settings import Settings

_HOME = click.option(
    "--home",
    envvar="HANDRAIL_HOME",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="The instance's directory.",
)
_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout, nothing else.")
_LAYER = click.argument("layer", type=click.Choice(LAYERS), default=REPORT)


@click.group()
def layers() -> None:
    """The Python packages that apps may use."""


@layers.command("build")
@_LAYER
@_HOME
@_JSON
def layers_build(layer: str, home: Path | None, as_json: bool) -> None:
    """Build a layer (`report` unless another is named), once for each lock file; it takes a minute or so.

    Without --home it goes where an instance without settings of its own looks for it.
    """
    with kit.cli.refusals(as_json):
        settings = configuration.load(home) if home else Settings(home=Path())
        if as_json:
            made = build(settings, layer)
        else:
            with kit.cli.progress() as report:
                made = build(settings, layer, progress=report)
    answer = {"layer": layer, "digest": made.digest, "packages": packages(layer)}
    kit.cli.show(answer, lambda it: f"The layer {layer} is ready: {it['digest']}.", as_json)


@layers.command("list")
@_LAYER
@kit.cli.verb(
    human=lambda found: kit.cli.table(("package", "version"), sorted(found.items())), far="GET /layers"
)
def layers_list(_ctx: Context, layer: str) -> Mapping[str, str]:
    """The packages that apps on a layer may import; of `report` unless another is named."""
    return packages(layer)


@layers.command("approved")
@kit.cli.verb(human=lambda found: kit.cli.table(("package", "versions"), found.items()), far="GET /packages")
def layers_approved(ctx: Context) -> dict[str, str]:
    """The packages that an app may add to its layer by naming them in its requirements.txt."""
    return approved_packages(ctx)


def _old(found: OldLayers) -> RenderableType:
    rows = [(one.name, str(one.days), f"{one.size >> 20:,}", one.kept or "goes") for one in found.layers]
    none = f"Every layer in {found.folder} is in use by what may run tomorrow."
    return kit.cli.table(("layer", "days unused", "MB", ""), rows, none=none)


@layers.command("sweep")
@click.option("--dry-run", is_flag=True, help="Say what would go, and delete nothing.")
@kit.cli.verb(human=_old)
def layers_sweep(ctx: Context, dry_run: bool) -> OldLayers:
    """Delete old layers on this machine that no living version needs and nothing used of late; for admins."""
    return sweep_layers(ctx, dry_run=dry_run)


def _come_to(found: Resolved) -> RenderableType:
    if not found.packages:
        return Text(f"The layer {found.layer} has all of it.")
    return kit.cli.table(("package beside " + found.layer, "version"), found.packages.items())


def _resolve_far(remote: kit.Remote, directory: Path) -> Resolved:
    layer, files = _asks(directory)
    body = {"layer": layer, "requirements": "".join(f"{one}\n" for one in requirements(files))}
    return Resolved(**remote.post("/packages/resolve", body))


@layers.command("resolve")
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path), default=Path())
@kit.cli.verb(human=_come_to, far=_resolve_far)
def layers_resolve(ctx: Context, directory: Path) -> Resolved:
    """What the packages that the app in DIRECTORY asks for come to, as a push would lock and build them."""
    layer, files = _asks(directory)
    return resolve_packages(ctx, files, layer)


def _asks(directory: Path) -> tuple[str, dict[str, bytes]]:
    """The layer and the files of a folder in which it says what it asks for."""
    files = {
        name: (directory / name).read_bytes() for name in (LISTED, PROJECT) if (directory / name).is_file()
    }
    if not files:
        raise Invalid(
            f"There is neither {LISTED} nor {PROJECT} in {directory}.",
            next_step=f"Name one package a line in {LISTED}.",
        )
    manifest = directory / FILENAME
    layer = Manifest.parse(manifest.read_text("utf-8", "replace")).layer if manifest.is_file() else REPORT
    return layer, files


def _listed(found: Sequence[PackageRequest]) -> RenderableType:
    rows = [
        (
            one.name,
            one.versions or "any",
            one.by,
            f"{one.at:%Y-%m-%d %H:%M}",
            one.state,
            one.reason or one.why,
        )
        for one in found
    ]
    columns = ("package", "versions", "asked by", "at (UTC)", "state", "because")
    return kit.cli.table(columns, rows, none="Nobody asks for a package.")


@layers.command("requests")
@kit.cli.verb(human=_listed, far="GET /packages/requests")
def layers_requests(ctx: Context) -> tuple[PackageRequest, ...]:
    """The packages that you asked for, for admins all; those that wait first."""
    return package_requests(ctx)


@layers.command("request")
@click.argument("name")
@click.option("--why", required=True, help="What apps need it for, in a sentence.")
@click.option("--versions", default="", help="Such as '>=1,<2'; any without.")
@kit.cli.verb(human=lambda one: f"An admin will look at {one.name}.", far="POST /packages/{name}/request")
def layers_request(ctx: Context, name: str, why: str, versions: str) -> PackageRequest:
    """Ask that apps may use the package NAME."""
    return request_package(ctx, name, why, versions)


@layers.command("grant")
@click.argument("name")
@click.option("--versions", help="Such as '>=1,<2'; those that were asked for without.")
@click.option("--reason", default="", help="Anything the maker should know.")
@kit.cli.verb(human=lambda one: f"Apps may use {one.name}.", far="POST /packages/{name}/grant")
def layers_grant(ctx: Context, name: str, versions: str | None, reason: str) -> PackageRequest:
    """Let apps use the package NAME, which somebody asked for; for admins."""
    return grant_package(ctx, name, versions, reason)


@layers.command("refuse")
@click.argument("name")
@click.option("--reason", required=True, help="Why not, and what to use instead.")
@kit.cli.verb(human=lambda one: f"Refused; {one.by} sees why.", far="POST /packages/{name}/refuse")
def layers_refuse(ctx: Context, name: str, reason: str) -> PackageRequest:
    """Say no to the package NAME, which somebody asked for; for admins."""
    return refuse_package(ctx, name, reason)


commands: list[click.Command] = [layers]
