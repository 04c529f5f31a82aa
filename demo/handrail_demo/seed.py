"""Bring the demo company to life on an instance, by the verbs that its people would use themselves.

Every part asks first whether it is done, so seeding again adds nothing, and an interrupted one goes on.
"""

import os
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path

from handrail import apps, connectors, data, review, runtime, twins
from handrail.kernel import SYSTEM, Caller, Context, Instance, NotFound, identity
from handrail.server import FIRST_DEFINITIONS
from handrail_demo.company import ADMIN, PEOPLE
from handrail_demo.contracts import COMPLETIONS, Completion
from handrail_demo.generate import SMALL, Size, generate

Progress = Callable[[str, int, int], None]
HERE = Path(__file__).parent
SOURCE = Path("source") / "meridian.duckdb"  # below the instance's directory
YEAR = timedelta(days=365)
CARRIER = b"order,damage\n104711,Tent pole broken\n104998,Left boot missing\n,Box crushed\n105230,Lid bent\n"


@dataclass(frozen=True)
class DemoApp:
    """One of the example apps: whose it is, why it was first pushed, and the files that a run is given."""

    name: str
    maker: str
    why: str
    inputs: Mapping[str, runtime.Given] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Where its files are."""
        return HERE / "apps" / self.name

    def files(self) -> dict[str, bytes]:
        """Its files without the conversation."""
        found = sorted(path for path in self.folder.iterdir() if path.is_file())
        return {path.name: path.read_bytes() for path in found if path.name != "prompts.json"}

    def prompts(self) -> str:
        """The conversation with the assistant."""
        return (self.folder / "prompts.json").read_text(encoding="utf-8")


VELOCITY = DemoApp(
    "regional-velocity", "maker.sales", "Replaces the spreadsheet that I fill by hand every Monday morning."
)
FORMATTER = DemoApp(
    "order-formatter",
    "maker.ops",
    "The freight partner's import refuses our file unless every cell is right.",
)
STOCK = DemoApp("stock-alert", "maker.ops", "Twice this year we noticed too late that a tent had sold out.")
CUSTOMER_360 = DemoApp(
    "customer-360", "maker.sales", "One page about our best customers for the key account team."
)
MARGIN = DemoApp(
    "margin-watch", "maker.sales", "The Monday meeting wants margins, and the last version crashed."
)
BOARD = DemoApp("region-board", "maker.sales", "Everybody asks me for these figures by region, every week.")
CLAIMS = DemoApp(
    "damage-claims",
    "maker.ops",
    "I type the carrier's list into the service desk every morning.",
    {"claims": runtime.Given("carrier.csv", CARRIER)},
)
APPS = (VELOCITY, FORMATTER, STOCK, CUSTOMER_360, MARGIN, CLAIMS)
DESK = "service-desk"  # the connector


def first_definitions() -> dict[str, bytes]:
    """The definitions a Meridian instance begins with: the usual ones, its purposes and its sales model."""
    root = HERE / "definitions"
    own = {p.relative_to(root).as_posix(): p.read_bytes() for p in sorted(root.rglob("*.yaml"))}
    return {**FIRST_DEFINITIONS, **own}


def create(home: Path) -> None:
    """Make the instance's directory, with the credential of the service desk, unless it is there already."""
    if not (home / "handrail.toml").exists():
        Instance.create(home, files=first_definitions())
    if not desk_secret(home).exists():
        desk_secret(home).parent.mkdir(mode=0o700, exist_ok=True)
        kept = os.open(desk_secret(home), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(kept, "w") as file:
            file.write(secrets.token_urlsafe(24))


def desk_secret(home: Path) -> Path:
    """The file with the credential of the service desk, where the connector has it read."""
    return home / "secrets" / DESK


def connect_desk(instance: Instance, port: int) -> connectors.Connector:
    """Have a steward say on which port the service desk is."""
    with instance.context(acting(instance, "steward.sales")) as ctx:
        told = connectors.connector(ctx, DESK).connector
        text = connectors.definition(ctx, DESK).replace(told.host, f"127.0.0.1:{port}")
        return connectors.save_connector(ctx, DESK, text.encode())


def acting(instance: Instance, person: str) -> Caller:
    """This person as a caller."""
    with instance.context(SYSTEM) as ctx:
        return Caller(identity.found(ctx, person), "cli")


def people(instance: Instance) -> None:
    """Add the people of the company."""
    with instance.context(SYSTEM) as ctx:
        try:
            identity.found(ctx, ADMIN.id)
        except NotFound:
            identity.first_admin(ctx, ADMIN)
    with instance.context(Caller(ADMIN, "cli")) as ctx:
        known = {person.id for person in identity.people(ctx)}
        for person in PEOPLE:
            if person.id not in known:
                identity.add_person(ctx, person)


def source(home: Path, size: Size = SMALL, progress: Progress | None = None) -> Path:
    """Generate the company's database, unless it is there already."""
    path = home / SOURCE
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".draft")
        draft.unlink(missing_ok=True)
        generate(
            draft, size, progress=progress and (lambda table, rows: progress(f"{table}: {rows:,} rows", 0, 0))
        )
        draft.rename(path)
    return path


def bring_in(instance: Instance, path: Path, progress: Progress | None = None) -> data.ImportReport | None:
    """Import the company's database as its steward, unless it was imported."""
    with instance.context(acting(instance, "steward.sales")) as ctx:
        if data.datasets(ctx):
            return None
        return data.import_source(ctx, str(path), "meridian", progress)


def propose(ctx: Context, completion: Completion) -> data.Dataset:
    """Complete one contract, as its steward."""
    expires = (ctx.clock.now() + YEAR).date()
    return data.propose(ctx, completion.dataset, {**completion.changes, "expires": expires.isoformat()})


def certify(
    instance: Instance, completions: Iterable[Completion] = COMPLETIONS, progress: Progress | None = None
) -> None:
    """Have contracts completed by one steward and certified by the other."""
    wanted = tuple(completions)
    for done, completion in enumerate(wanted):
        if progress:
            progress(f"{completion.dataset} certified", done, len(wanted))
        with instance.context(acting(instance, completion.proposer)) as ctx:
            state = data.dataset(ctx, completion.dataset).state
            if state not in ("certified", "expiring", "proposed"):
                state = propose(ctx, completion).state
        if state == "proposed":
            with instance.context(acting(instance, completion.certifier)) as ctx:
                data.certify(ctx, completion.dataset)


def certify_metrics(instance: Instance) -> None:
    """Have every metric that names control totals reconciled by one steward and certified by the other."""
    with instance.context(acting(instance, "steward.sales")) as ctx:
        wanted = [one.name for one in data.metrics(ctx) if one.ties_to and not one.certified]
        for name in wanted:
            data.reconcile(ctx, name)
    with instance.context(acting(instance, "steward.hr")) as ctx:
        for name in wanted:
            data.certify_metric(ctx, name)


def build_twins(instance: Instance, progress: Progress | None = None) -> twins.TwinReport | None:
    """Build the twins of all certified datasets together, as their steward."""
    with instance.context(acting(instance, "steward.sales")) as ctx:
        names = [one.name for one in data.datasets(ctx) if one.certified]
        if all(data.rendition(ctx, name) for name in names):
            return None
        return twins.build(ctx, names, progress=progress)


def push(instance: Instance, app: DemoApp) -> apps.Version:
    """Push one of the example apps as its maker; gives the newest version when it was pushed before."""
    with instance.context(acting(instance, app.maker)) as ctx:
        try:
            return apps.versions(ctx, app.name)[0]
        except NotFound:
            return apps.push(ctx, app.files(), app.why, app.prompts())


def try_out(instance: Instance, app: DemoApp) -> runtime.Run:
    """Run the newest version in the sandbox, as its maker, and wait for its end."""
    caller = acting(instance, app.maker)
    with instance.context(caller) as ctx:
        earlier = runtime.runs(ctx, app.name, "sandbox", limit=1)
        if earlier and earlier[0].over:
            return earlier[0]
        run = apps.run(ctx, app.name, inputs=app.inputs)
    return runtime.execute(instance, run.id)


def offer(instance: Instance, app: DemoApp, groups: Iterable[str]) -> apps.Version:
    """Share an app with groups, which makes it a handoff, and put its newest version before a reviewer."""
    wanted = set(groups)
    with instance.context(acting(instance, app.maker)) as ctx:
        version = apps.versions(ctx, app.name)[0]
        shared = set(apps.app(ctx, app.name).groups)
        if not wanted <= shared:
            apps.share(ctx, app.name, groups=wanted - shared)
    with instance.context(acting(instance, app.maker)) as ctx:
        apps.ask(ctx, app.name, version.commit)
    return version


def use(instance: Instance, app: DemoApp) -> runtime.Run:
    """Run an app in production, as its maker, unless somebody did, and wait for its end."""
    with instance.context(acting(instance, app.maker)) as ctx:
        earlier = runtime.runs(ctx, app.name, "production", limit=1)
        if earlier and earlier[0].over:
            return earlier[0]
        run = apps.open(ctx, app.name, app.inputs)
    return runtime.execute(instance, run.id)


def release(instance: Instance, app: DemoApp, groups: Iterable[str], reviewer: str) -> None:
    """Share an app with groups, have it approved, and put it into production, unless it is there."""
    with instance.context(acting(instance, app.maker)) as ctx:
        if apps.app(ctx, app.name).promoted:
            return
    version = offer(instance, app, groups)
    with instance.context(acting(instance, reviewer)) as ctx:
        if version.commit in {waiting.report.commit for waiting in review.queue(ctx)}:
            review.approve(ctx, app.name, version.commit, "Reads what it declares, and fails loudly.")
    with instance.context(acting(instance, app.maker)) as ctx:
        apps.promote(ctx, app.name, version.commit)


def parts(
    instance: Instance, size: Size, tell: Progress | None = None
) -> Iterator[tuple[str, Callable[[], object]]]:
    """Everything there is to do, in order, each with what to say meanwhile."""
    home, settings = instance.settings.home, instance.settings
    yield "Twelve people get accounts", partial(people, instance)
    yield "A company's worth of data is made up", partial(source, home, size, tell)
    yield "A steward imports it", partial(bring_in, instance, home / SOURCE, tell)
    yield "Two stewards certify it", partial(certify, instance, progress=tell)
    yield "Revenue is held against the board's figures and certified", partial(certify_metrics, instance)
    yield "Synthetic twins are built", partial(build_twins, instance, tell)
    yield "The Python layer of the apps is built", partial(runtime.build_layer, settings, progress=tell)
    yield "The sandbox is attacked from inside", partial(runtime.examined, instance, threading.Event())
    for app in APPS:
        yield f"{app.maker} pushes {app.name}", partial(push, instance, app)
        yield f"{app.name} runs in the sandbox", partial(try_out, instance, app)
    yield "maker.sales pushes region-board, a page to click through", partial(push, instance, BOARD)
    released = partial(release, instance, VELOCITY, ["sales"], "reviewer.platform")
    yield "regional-velocity is reviewed and promoted", released
    yield "order-formatter waits for a reviewer", partial(offer, instance, FORMATTER, ["operations"])
    released = partial(release, instance, CLAIMS, ["operations"], "reviewer.platform")
    yield "damage-claims is reviewed and promoted", released
    yield "Its first write to the service desk waits for a yes", partial(use, instance, CLAIMS)
