"""`handrail demo`: the demo company, seeded and served, or its whole story told without anybody watching."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from handrail import connectors, kit, runtime
from handrail import settings as configuration
from handrail.faces.cli import Composition
from handrail.kernel import Caller, Instance, NotReady, identity
from handrail_demo import seed, service_desk, tour
from handrail_demo.company import ADMIN, PEOPLE
from handrail_demo.generate import FULL, SMALL, Size
from handrail_demo.tour.stage import handrail

HOME = Path.home() / ".handrail" / "demo"
FIRST_TO_TRY = ("maker.sales", "viewer.emea", "viewer.apac", "reviewer.platform", "steward.sales")


@click.command("demo")
@click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help=f"The instance's directory; without it {HOME}. With --tour a new one, kept afterwards.",
)
@click.option("--port", type=click.IntRange(0, 65535), help="Listen on this port instead.")
@click.option("--full", is_flag=True, help="2 million orders instead of 20 thousand.")
@click.option("--tour", "tell", is_flag=True, help="Tell the whole story against a fresh instance and end.")
@click.option("--json", "as_json", is_flag=True, help="With --tour: one JSON document on stdout.")
@click.pass_context
def demo(
    context: click.Context, home: Path | None, port: int | None, full: bool, tell: bool, as_json: bool
) -> None:
    """Meridian, a company that never was: its data, people and apps, to try everything with."""
    size = FULL if full else SMALL
    if tell:
        with kit.cli.refusals(as_json), _fresh(home) as place:
            sys.exit(0 if _tell(place, size, as_json) else 1)
    if as_json:
        raise click.UsageError("--json goes with --tour.")
    composition: Composition = context.find_root().obj
    place = home or HOME
    fresh = not (place / "handrail.toml").exists()
    with kit.cli.refusals(as_json=False):
        _seeded(composition, place, size)
        _beside(composition, place)
        _sign_in_addresses(composition, place, port)
        if fresh:  # a new process, so that what making the company needed is given back to the machine
            wanted = [] if port is None else ["--port", str(port)]
            os.execv(handrail(), ["handrail", "serve", "--home", str(place), *wanted])  # noqa: S606
        composition.serve(place, None, port)


def _seeded(composition: Composition, home: Path, size: Size) -> None:
    seed.create(home)
    instance = composition.open(home)
    reports: list[kit.cli.Report] = []

    def tell(label: str, done: int, total: int) -> None:
        for report in reports:
            report(label, done, total)

    try:
        for label, part in seed.parts(instance, size, tell):
            if sys.stderr.isatty():
                with kit.cli.progress() as report:
                    reports[:] = [report]
                    tell(label, 0, 0)
                    part()
                    tell(label, 1, 1)
            else:  # where no bar can be drawn, a line says what takes so long
                click.echo(f"{label} …", err=True)
                part()
    finally:
        instance.close()


def _beside(composition: Composition, home: Path) -> None:
    """Start the service desk; it ends with this process, which may become another program meanwhile."""
    instance = composition.open(home)
    try:
        with instance.context(seed.acting(instance, "steward.sales")) as ctx:
            host, _, port = connectors.connector(ctx, seed.DESK).connector.host.partition(":")
        command = [sys.executable, "-m", service_desk.__name__, str(seed.desk_secret(home)), port]
        desk = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True
        )
        said = desk.stdout.readline().decode().strip() if desk.stdout else ""
        if not said.isdecimal():
            raise NotReady("The service desk did not come up.", next_step="What it said stands above.")
        if said != port:  # something else listens there by now
            seed.connect_desk(instance, int(said))
        click.echo(f"The service desk, a system that apps call, is at http://{host}:{said}.\n")
    finally:
        instance.close()


def _sign_in_addresses(composition: Composition, home: Path, port: int | None) -> None:
    instance = composition.open(home)
    server = instance.settings.server
    base = server.public_url or f"http://{server.host}:{server.port if port is None else port}"
    try:
        links = _links(instance)
    finally:
        instance.close()
    rows = [
        (p.id, ", ".join(sorted(p.roles)) or "viewer", f"{base}/sign-in/link?token={links[p.id]}")
        for p in PEOPLE
    ]
    rows.sort(key=lambda row: FIRST_TO_TRY.index(row[0]) if row[0] in FIRST_TO_TRY else len(FIRST_TO_TRY))
    for person, roles, address in rows:
        click.echo(f"{person:<18}{roles:<12}{address}")
    click.echo("Each address signs in once; Ctrl-C ends, and `handrail demo` makes new ones.\n")


def _links(instance: Instance) -> dict[str, str]:
    with instance.context(Caller(ADMIN, "cli")) as ctx:
        return {person.id: identity.issue_link(ctx, person.id) for person in PEOPLE}


@contextmanager
def _fresh(home: Path | None) -> Iterator[Path]:
    if home is not None:
        yield home
        return
    with tempfile.TemporaryDirectory(prefix="handrail-tour-") as folder:
        yield Path(folder) / "meridian"


def _tell(home: Path, size: Size, as_json: bool) -> bool:
    runtime.build_layer(configuration.Settings(home))
    begun, results = time.monotonic(), []
    screen = Console(highlight=False)
    for result in tour.tell(home, size):
        results.append(result)
        if not as_json:
            screen.print(_line(result), soft_wrap=True)
    ok = all(result.ok for result in results)
    seconds = round(time.monotonic() - begun, 1)
    if as_json:
        told = {"ok": ok, "seconds": seconds, "steps": [asdict(result) for result in results]}
        click.echo(json.dumps(told, ensure_ascii=False))
    else:
        failed = sum(not result.ok for result in results)
        screen.print(
            f"\n{len(results)} steps in {seconds} s: " + (f"{failed} failed." if failed else "all as told.")
        )
    return ok


def _line(result: tour.Result) -> Text:
    mark, colour = ("✓", "green") if result.ok else ("✗", "bold red")
    line = Text.assemble((f"{mark} {result.number:>2} ", colour), (f"{result.role:<11}", "bold"), result.step)
    line.append("  (−)" if result.refuses else "", style="yellow")
    line.append(f"\n     expected  {result.expected}\n     got       ", style="dim")
    line.append(result.got).append(f"  {result.ms:,} ms", style="dim")
    return line


commands: list[click.Command] = [demo]
