"""Nothing is changed without a trace: every transaction that writes also writes to the trail."""

import io
import re
import subprocess
import time
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from handrail import apps, connectors, data, openlineage, runtime, twins
from handrail.apps import find_cause
from handrail.kernel import Instance, Manifest, NotReady, RunRef, identity, storage, trail
from handrail.kernel.audit.log import Note
from handrail.runtime.admit import admit
from handrail.runtime.close import End, close
from handrail.runtime.reasons import Verdict
from handrail.server import application
from handrail.settings import MailSettings, PackagesSettings
from handrail.twins.supervise import tidy
from tests.apps.conftest import url as url
from tests.apps.postbox import postbox
from tests.apps.scheduling import put_into_production
from tests.conftest import Acting
from tests.connectors.conftest import DEFINITION
from tests.connectors.upstream import serving as other_system
from tests.journeys import company
from tests.journeys.hosting import static
from tests.runtime.index import serving
from tests.runtime.test_join import certificate_request
from tests.web import Client

SOURCES = Path(__file__).parents[2] / "src" / "handrail"
WRITES = re.compile(r"\s*(?:INSERT INTO|UPDATE|DELETE FROM)\s+\"?(\w+)", re.IGNORECASE)
NOTED = re.compile(r"audit\.(?:note|now|soon|later)\(\s*\"([a-z_.]+)\"")
# Tables that a transaction may write without an entry of its own, and why nobody would miss one.
WITHOUT_AN_ENTRY = {
    "sessions": "A session cookie is renewed every quarter of an hour; who began and ended it is on the trail.",
    "runs": "A run moves from waiting to running; who started it and how it ended are on the trail.",
    "run_sweeps": "Whose turn a sweep is; who asked for it and what it deleted are on the trail.",
    "hosts": "A server or worker says every few seconds that it is there; what it does is on the trail.",
    "run_logs": "What a run prints is kept while it goes on; its end is on the trail.",
    "run_outputs": "What a run hands over is kept as it comes; its end, on the trail, counts it.",
    "seen_days": "Entities are counted before a row leaves; which answer showed how many is on the trail.",
    "seen_entities": "They are counted with the day; the answer on the trail names them.",
    "seen_fingerprints": "They are left with the count of a large answer; how many it showed is on the trail.",
    "run_shown": "Left with that count, by run, so that its outputs count on other days.",
    "catalog": "It is read from the contract files; who wrote these is on the trail.",
    "catalog_words": "The words of the contract files, to find them by.",
    "catalog_purposes": "What the contract files allow.",
    "catalog_folder": "When the contract files were read.",
    "quality_turns": "Which server checks; the check itself is on the trail.",
    "lineage_outbox": "An event leaves once it was delivered; what it tells is on the trail.",
    "lineage_turns": "Which server delivers lineage events.",
    "twin_refreshes": "For which moment of its schedule a twin was looked at; a refresh itself is on the trail.",
    "run_causes": "A failed run is looked into by itself; what it failed on is on the trail.",
    "app_claims": "Whose decision about a moment of a schedule comes first; the moment is on the trail.",
    "app_moments": "A moment that waited begins, or was claimed too early; its claim and its end are on the trail.",
    "app_turns": "A moment is tried again or for a subscriber; its runs and its end are on the trail.",
    "app_mails": "A mail waits or is tried again; that it left or was given up is on the trail.",
    "app_visits": "A ticket becomes a cookie of the app's own; who entered which app is on the trail.",
    "twin_builds": "The progress of a build; who asked for it and what came of it are on the trail.",
}
# Entries that need a broken machine, which the room's own tests break.
NEEDS_A_CRASH = {"twin.failed", "quality.failed", "run.taken_back"}
# One takes half a minute, the other would delete what lies on this machine; the room's own tests read them.
NEEDS_A_MACHINE = {"sandbox.examined", "layers.swept"}
Posts = Callable[..., Any]


class Watch:
    """Follows every transaction of a database: which tables it wrote, and whether the trail was one of them."""

    def __init__(self, instance: Instance) -> None:
        engine, append = instance.engine, instance.log.append

        def noticed(connection: sa.Connection, notes: Iterable[Note]) -> str | None:
            """The trail's own statements go past SQLAlchemy's events."""
            signed = append(connection, notes)
            if signed is not None:
                connection.info.setdefault("wrote", set()).add("audit_entries")
            return signed

        instance.log.append = noticed  # type: ignore[method-assign]
        self.silent: list[set[str]] = []
        self.changed: set[str] = set()
        sa.event.listen(engine, "before_cursor_execute", self._statement)
        sa.event.listen(engine, "commit", self._committed)
        sa.event.listen(engine, "rollback", lambda connection: connection.info.pop("wrote", None))

    def _statement(self, connection: sa.Connection, _cursor: Any, statement: str, *_: Any) -> None:
        if match := WRITES.match(statement):
            connection.info.setdefault("wrote", set()).add(match.group(1))

    def _committed(self, connection: sa.Connection) -> None:
        wrote = connection.info.pop("wrote", set())
        ours = {table for table in wrote if not table.startswith("audit_")}
        self.changed |= ours
        if ours and "audit_entries" not in wrote:
            self.silent.append(ours)

    def unexplained(self) -> list[set[str]]:
        return [tables for tables in self.silent if tables - WITHOUT_AN_ENTRY.keys()]


class Ahead:
    """The system's clock, some days ahead."""

    def __init__(self, days: int) -> None:
        self._days = days

    def now(self) -> datetime:
        """So many days from now."""
        return datetime.now(UTC) + timedelta(days=self._days)


@pytest.fixture
def client(instance: Instance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Client:
    """The application of an instance that renews sessions at every request and imports from one folder.

    An answer about more than ten customers counts as large.
    """
    monkeypatch.setattr("handrail.data.budgets.NAMED", 10)
    settings = instance.settings
    instance.settings = replace(
        settings,
        data=replace(settings.data, import_from=str(tmp_path)),
        identity=replace(settings.identity, rotate_minutes=0),
        lineage=replace(settings.lineage, file="lineage.jsonl"),
        server=replace(settings.server, apps_domain="apps.testserver"),
        twins=replace(settings.twins, keep=1),
    )
    return Client(application(instance), follow_redirects=False)


@pytest.fixture
def post(client: Client, acting: Acting) -> Posts:
    """`post("maker.sales", "/apps/x/run", {})` by REST, as that person."""
    tokens: dict[str, str] = {}

    def send(person: str, path: str, body: object = None, method: str = "POST", **more: Any) -> Any:
        if person not in tokens:
            with acting(person) as ctx:
                tokens[person] = identity.issue_token(ctx, "test")[1]
        headers = {"Authorization": f"Bearer {tokens[person]}"}
        answer = client.request(method, f"/api/v1{path}", json=body, headers=headers, **more)
        assert answer.status_code < 400, answer.text
        return answer.json() if answer.content else None

    return send


def test_a_transaction_that_tells_the_trail_nothing_is_noticed(instance: Instance, acting: Acting) -> None:
    watch = Watch(instance)
    with acting("admin") as ctx:
        ctx.db.execute(sa.text("UPDATE people SET name = 'X' WHERE id = 'lead'"))
    assert watch.unexplained() == [{"people"}]


def test_every_change_leaves_a_trail(
    instance: Instance,
    client: Client,
    post: Posts,
    acting: Acting,
    url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    watch = Watch(instance)
    accounts_are_managed(client, acting)
    supervisors = tuple(room.Supervisor(instance) for room in (runtime, twins, openlineage))
    for supervisor in supervisors:
        supervisor.start()
    try:
        data_is_certified(post, tmp_path)
        a_metric_is_certified(post, instance, tmp_path)
        an_app_lives(post, url, tmp_path)
        a_failure_is_explained(post, instance)
        a_page_is_visited(post, client, acting)
        lineage_is_told(post, acting)
        packages_are_asked_for(post, instance)
        questions_are_kept(acting)
        another_system_is_called(post, acting, monkeypatch)
        a_host_is_a_part_of_the_instance_for_a_while(acting)
        earlier = a_run_is_shown_orders(post, acting)
    finally:
        for supervisor in supervisors:
            supervisor.stop()

    instance.clock = Ahead(1)
    assert "sales_orders" in data.check_what_is_due(instance)
    with acting("viewer.emea") as ctx:
        assert runtime.download(ctx, earlier, 1).content
    with acting("viewer.emea") as ctx:
        assert runtime.outputs(ctx, earlier)
    twins.refresh_what_is_due(instance)
    tidy(instance)
    a_schedule_is_kept(instance, acting)
    a_web_app_has_a_seat(instance, acting)
    runs_are_held_and_swept(instance, acting, earlier)

    assert watch.unexplained() == []
    tables = {name for name in storage.metadata.tables if not name.startswith("audit_")}
    assert tables - watch.changed == set(), "no verb that is driven here writes these"
    with acting("compliance") as ctx:
        assert list(trail.export(ctx))
        found = {verb for (verb,) in ctx.db.execute(sa.text("SELECT DISTINCT verb FROM audit_entries"))}
        assert trail.verify(ctx).ok
    sources = (file.read_text(encoding="utf-8") for file in SOURCES.rglob("*.py"))
    told = {verb for source in sources for verb in NOTED.findall(source)}
    assert told - found == NEEDS_A_CRASH | NEEDS_A_MACHINE, "drive these too, or say why not"


def a_run_is_shown_orders(post: Posts, acting: Acting) -> str:
    """In production, where it counts whom they are of."""
    code = b"import handrail_sdk as h\nh.show(h.query('SELECT line FROM sales_orders LIMIT 3'))"
    manifest = Manifest.parse(company.MANIFEST.format(name="board") + '[inputs.notes]\ntypes = ["text"]\n')
    given = {"notes": runtime.Given("notes.txt", b"Mind the tents.")}
    with acting("viewer.emea") as ctx:
        files = {"app.py": code}
        run = runtime.start(ctx, "board", "c0ffee", files, manifest, "production", inputs=given)
    ended(post, "viewer.emea", {"id": run.id})
    return run.id


def a_page_is_visited(post: Posts, client: Client, acting: Acting) -> None:
    """A static app in the sandbox, by its own origin."""
    with acting("maker.sales") as ctx:
        files = static()
        files["handrail.toml"] = files["handrail.toml"].partition(b"[data.")[0]
        apps.push(ctx, files, "A page to look at", "")
    address = post("maker.sales", "/apps/regions/visits?environment=sandbox")["address"]
    assert client.get(address).status_code == 303
    assert client.get(address.partition("/.handrail")[0] + "/").status_code == 200


def a_web_app_has_a_seat(instance: Instance, acting: Acting) -> None:
    """It takes it with its run, and leaves it with that."""
    said = company.MANIFEST.format(name="board").replace('"job"', '"web"').partition("[data")[0]
    with acting("maker.sales") as ctx:
        run = runtime.host(ctx, "board", "c0ffee", {"app.py": b""}, Manifest.parse(said), "sandbox")
        runtime.take_seat(ctx, runtime.Seat("board", "sandbox", "", "c0ffee"), run)
    close(instance, run, End(Verdict("succeeded", "asleep")))


def runs_are_held_and_swept(instance: Instance, acting: Acting, run: str) -> None:
    """One is kept for a while; years later all but what is needed goes."""
    with acting("compliance") as ctx:
        runtime.hold(ctx, run, "An incident is about it.")
    with acting("compliance") as ctx:
        runtime.release(ctx, run)
    instance.clock = Ahead(4000)
    with acting("admin") as ctx:
        runtime.sweep(ctx)
    while runtime.sweep_what_is_due(instance):
        pass


def accounts_are_managed(client: Client, acting: Acting) -> None:
    """By the pages: somebody comes, changes, gets a link, a password and a token, and leaves."""

    def form(path: str, **fields: str) -> str:
        answer = client.post(path, data=fields)
        assert answer.status_code < 400, answer.text
        return answer.text

    with acting("admin") as ctx:
        link = identity.issue_link(ctx, "admin")
    form("/sign-in/link", token=link)
    new = {"name": "Nina New", "email": "nina@meridian.example"}
    form("/people", id="nina", **new)
    form("/people/nina", **new, roles="maker", groups="sales", active="yes")
    token = re.search(r"sign-in/link\?token=([\w-]+)", form("/people/nina/link"))
    form("/sign-out")
    assert token
    form("/sign-in/link", token=token.group(1))
    form("/me/password", password="a long enough password")
    form("/sign-in", email=new["email"], password="a long enough password")
    made = re.search(r"/me/tokens/(\w+)/revoke", form("/me/tokens", name="git"))
    assert made
    form(f"/me/tokens/{made.group(1)}/revoke")
    form("/sign-out")


def a_host_is_a_part_of_the_instance_for_a_while(acting: Acting) -> None:
    """By a certificate, until that is revoked; and by an invitation."""
    with acting("admin") as ctx:
        runtime.issue_certificate(ctx, "worker-1")
    with acting("admin") as ctx:
        runtime.revoke_certificate(ctx, "worker-1")
    with acting("admin") as ctx:
        instance = ctx.instance
        lends = replace(instance.settings.hosts, listen="127.0.0.1:0")
        instance.settings = replace(instance.settings, hosts=lends)
        token = runtime.invite(ctx, "worker-2").token
    admit(instance, token, certificate_request(), version("handrail"))


def questions_are_kept(acting: Acting) -> None:
    """As the page to ask on does."""
    with acting("viewer.emea") as ctx:
        data.ask_first(ctx, "SELECT count(*) AS n FROM sales_orders", company.PURPOSE, "production", 1)
    with acting("viewer.emea") as ctx:
        assert data.forget_questions(ctx) == 1


def data_is_certified(post: Posts, tmp_path: Path) -> None:
    """By REST: imported, proposed, certified, revoked, certified again, twinned, asked, looked up, and changed at its source."""
    file = company.source(tmp_path / "company.duckdb")
    post("steward.sales", "/import", {"location": str(file)})
    usual = {"owner": "steward.sales", "deputy": "lead", "readers": ["sales"], "purposes": [company.PURPOSE]}
    for dataset, more in company.CHANGES.items():
        wanted = {**usual, "expires": company.EXPIRES, "description": dataset, "budget": 60, **more}
        post("steward.sales", f"/datasets/{dataset}/propose", wanted)
        post("steward.hr", f"/datasets/{dataset}/certify")
    post("steward.hr", "/datasets/customers/revoke", {"reason": "The addresses are wrong."})
    post("steward.hr", "/datasets/sales_orders/quality")
    post("steward.hr", "/datasets/sales_orders/try", {"quality": [{"rule": "rows", "allowed": ">= 1"}]})
    told = post("steward.sales", "/notices", method="GET")
    post("steward.sales", f"/notices/{told[0]['id']}/dismiss")
    post("steward.hr", "/datasets/sales_orders/renew")
    post("steward.sales", "/datasets/sales_orders/certify")
    post("steward.hr", "/datasets/sales_orders/see-as/viewer.emea", method="GET")
    build = post("steward.sales", "/twins", {"datasets": ["sales_orders"]})
    until(lambda: post("steward.sales", f"/twins/builds/{build['id']}", method="GET")["state"] == "done")
    a_twin_lives(post, build["id"])
    post("maker.sales", "/query", {"sql": "SELECT line FROM sales_orders", "purpose": company.PURPOSE})
    assert post("compliance", "/who-saw", {"about": "customer", "entity": "7"})
    changed = tmp_path / "customers.csv"
    changed.write_text("id,name\n1,Ann\n")
    post("steward.sales", "/import", {"location": str(changed), "name": "crm"})
    changed.write_text("id,name,city\n1,Ann,Oslo\n")
    post("steward.sales", "/import", {"location": str(changed), "name": "crm"})


def a_twin_lives(post: Posts, first: str) -> None:
    """By REST: refreshed by a rule, frozen, built again, called off, gone back to, thawed."""
    post("steward.sales", "/twins/sales_orders/refresh", {"rule": "0 3 * * *"})
    post("steward.sales", "/twins/sales_orders/freeze", {"build": first, "reason": "To compare versions."})
    again = post("steward.sales", "/twins", {"datasets": ["sales_orders"], "seed": 2})
    until(lambda: post("steward.sales", f"/twins/builds/{again['id']}", method="GET")["state"] == "done")
    third = post("steward.sales", "/twins", {"datasets": ["sales_orders"], "seed": 3})
    post("steward.sales", f"/twins/builds/{third['id']}/cancel")
    post("steward.sales", "/twins/sales_orders/rollback", {"build": first})
    post("steward.sales", "/twins/sales_orders/rollback", {"build": again["id"]})
    post("steward.sales", "/twins/sales_orders/thaw", {"build": first})


def a_metric_is_certified(post: Posts, instance: Instance, tmp_path: Path) -> None:
    """By REST: control totals come in, a metric ties to them, and two stewards say so."""
    totals = tmp_path / "totals.csv"
    totals.write_text("month,total\n2026-01-01,50000\n")
    post("steward.hr", "/import", {"location": str(totals), "name": "finance"})
    usual = {"owner": "steward.hr", "deputy": "lead", "readers": ["hr"], "purposes": ["finance"]}
    wanted = {**usual, "expires": company.EXPIRES, "description": "Closed months"}
    post("steward.hr", "/datasets/totals/propose", wanted)
    post("steward.sales", "/datasets/totals/certify")
    ties = '{"ties_to": {"dataset": "totals", "period": "month", "value": "total", "tolerance": 10.0}}'
    extension = f"        custom_extensions: [{{vendor_name: HANDRAIL, data: '{ties}'}}]\n"
    file = instance.settings.home / "definitions" / "model" / "sales.yaml"
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(company.MODEL + extension.encode())
    post("steward.sales", "/models/again", {"content": company.MODEL.decode().replace("revenue", "takings")})
    post("steward.hr", "/metrics/revenue/reconcile")
    post("steward.sales", "/metrics/revenue/certify")


def lineage_is_told(post: Posts, acting: Acting) -> None:
    """An app asks for a metric in the sandbox; an admin lets refused events be tried again."""
    code = "from handrail_sdk import metric\n\nprint(metric('revenue'))\n"
    push(post, "asker", "What is revenue?", code, '\n[metrics]\nuse = ["revenue"]\n')
    ended(post, "maker.sales", post("maker.sales", "/apps/asker/run", {}))
    with acting("admin") as ctx:
        openlineage.retry(ctx)


def another_system_is_called(post: Posts, acting: Acting, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connector is defined and recorded by REST; two versions write in production, and are answered yes and no."""
    monkeypatch.setenv("CONNECTOR_CRM", "a credential of the crm")
    manifest = Manifest.parse(Manifest.render("desk") + '\n[connectors.crm]\nwrites = ["POST /tickets"]\n')
    with other_system() as system:
        post("steward.sales", "/connectors/crm", {"content": DEFINITION.format(host=system.host)}, "PUT")
        post("steward.sales", "/connectors/crm/record", {"path": "/customers/7", "keep": True})
        for commit in ("first", "second"):
            run = RunRef("run_1", "desk", commit, "production", manifest)
            with pytest.raises(NotReady), acting("viewer.emea", "app", run) as ctx:
                connectors.call(ctx, connectors.Wanted("crm", "POST", "/tickets", json={}))
        one, other = post("steward.sales", "/connectors/crm/approvals", method="GET")
        post("steward.sales", f"/connectors/crm/approvals/{one['id']}/approve", {})
        post("steward.sales", f"/connectors/crm/approvals/{other['id']}/refuse", {"reason": "No."})
        run = RunRef("run_1", "desk", one["commit"], "production", manifest)
        with acting("viewer.emea", "app", run) as ctx:
            connectors.call(ctx, connectors.Wanted("crm", "POST", "/tickets", json={}))


def packages_are_asked_for(post: Posts, instance: Instance) -> None:
    """By REST: a maker asks for two, an admin grants one and refuses one, and a list with the first is locked."""
    for name in ("tidy", "untidy"):
        post("maker.sales", f"/packages/{name}/request", {"why": "To be tidy."})
    post("admin", "/packages/tidy/grant", {})
    post("admin", "/packages/untidy/refuse", {"reason": "It is not."})
    with serving() as index:
        index.wheel("tidy")
        instance.settings = replace(instance.settings, packages=PackagesSettings(index=index.url))
        assert post("maker.sales", "/packages/resolve", {"requirements": "tidy"})["packages"] == {
            "tidy": "1.0"
        }


def an_app_lives(post: Posts, url: str, tmp_path: Path) -> None:
    """By REST and git: pushed, run, stopped, shared, reviewed in every way, promoted, opened, handed over."""
    maker, reviewer = "maker.sales", "reviewer.platform"
    first = push(post, "board", "The first")
    ended(post, maker, post(maker, "/apps/board/run", {}))
    looping = push(post, "endless", "It never ends", "while True: pass\n")
    run = post(maker, "/apps/endless/run", {"commit": looping["commit"]})
    post(maker, f"/runs/{run['id']}/stop")
    post(maker, "/apps/board/promote", {})
    post(maker, "/apps/board/share/preview", {"groups": ["sales"]})
    post(maker, "/apps/board/share", {"groups": ["sales"], "people": ["lead"]})
    post(maker, "/apps/board/unshare", {"people": ["lead"]})
    post(maker, "/apps/board/ask", {"commit": first["commit"]})
    address = f"/reviews/board/{first['commit']}"
    post(reviewer, f"{address}/refuse", {"reason": "Say in the title which currency it is."})
    post(reviewer, f"{address}/withdraw")
    post(reviewer, f"{address}/approve", {"reason": "Good."})
    ended(post, "viewer.emea", post("viewer.emea", "/apps/board/open"))

    second = push(post, "board", "The second", company.CODE + "\n# in EUR\n")
    ended(post, maker, post(maker, "/apps/board/run", {}))
    post(maker, "/apps/board/ask", {})
    post(reviewer, f"/reviews/board/{second['commit']}/approve")
    post(maker, "/apps/board/promote", {})
    post(maker, "/apps/board/rollback")
    post(maker, "/apps/board/coowners", {"person": "maker.ops"})
    post(maker, "/apps/board/owner", {"person": "maker.ops"})

    made = post(maker, "/tokens", {"name": "git"})
    address = url.replace("//", f"//git:{made['secret']}@")
    subprocess.run(["git", "clone", "-q", f"{address}/git/board.git", str(tmp_path / "clone")], check=True)
    post(maker, f"/tokens/{made['token']['id']}", method="DELETE")


def a_schedule_is_kept(instance: Instance, acting: Acting) -> None:
    """By the verbs that every face calls: asked, subscribed to, mailed about, paused, resumed, due."""
    instance.settings = replace(
        instance.settings, server=replace(instance.settings.server, public_url="https://handrail.example")
    )
    put_into_production(instance, "maker.ops", policy='overlap = "queue"\n')
    with postbox() as box:
        told = MailSettings("127.0.0.1", box.port, "none", sender="handrail@handrail.example")
        instance.settings = replace(instance.settings, mail=told)
        for verb in (apps.subscribe, apps.pause, apps.resume, apps.run_now):
            with acting("maker.ops") as ctx:
                verb(ctx, "hello")
        apps.go_on(instance)
        with acting("maker.ops") as ctx:
            runtime.stop(ctx, runtime.runs(ctx, app="hello")[0].id)
        apps.go_on(instance)
        box.answers = {"RCPT": "550 nobody here"}
        apps.send_what_waits(instance)
        box.answers = {}
        for days in (1, 2):
            instance.clock = Ahead(days)
            apps.claim_what_is_due(instance)
        with acting("admin") as ctx:
            identity.change_person(ctx, replace(identity.found(ctx, "maker.ops"), active=False))
        with acting("admin") as ctx:
            apps.hand_over(ctx, "hello", "maker.sales")
        apps.claim_what_is_due(instance)
        apps.send_what_waits(instance)
    with acting("maker.sales") as ctx:
        apps.resume(ctx, "hello")
        apps.subscribe(ctx, "hello")
    with acting("maker.sales") as ctx:
        apps.unsubscribe(ctx, "hello")
    instance.clock = Ahead(30)
    apps.claim_what_is_due(instance)


def a_failure_is_explained(post: Posts, instance: Instance) -> None:
    """Somebody asks which rows made a run fail."""
    push(post, "broken", "It fails", "raise SystemExit(3)\n")
    run = post("maker.sales", "/apps/broken/run", {})
    until(lambda: post("maker.sales", f"/runs/{run['id']}", method="GET")["state"] == "failed")
    post("maker.sales", f"/runs/{run['id']}/cause")
    assert find_cause.take_one(instance)


def push(post: Posts, name: str, why: str, code: str = company.CODE, declares: str = "") -> Any:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path, content in company.files(name, code, company.MANIFEST + declares).items():
            archive.writestr(path, content)
    form = {"why": why, "prompts": "Net sales by product line, please."}
    return post("maker.sales", "/apps", files={"app": ("app.zip", packed.getvalue())}, data=form)


def ended(post: Posts, person: str, run: Any) -> None:
    def over() -> bool:
        state = post(person, f"/runs/{run['id']}", method="GET")["state"]
        assert state in ("queued", "running", "succeeded"), post(
            person, f"/runs/{run['id']}/log", method="GET"
        )
        return bool(state == "succeeded")

    until(over)


def until(done: Callable[[], bool]) -> None:
    """Wait until it is so."""
    deadline = time.monotonic() + 120
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.2)
