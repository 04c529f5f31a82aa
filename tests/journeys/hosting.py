"""A company whose app people open in their browser, and a browser to open it with."""

import time
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message

from handrail import apps, review, runtime
from handrail.kernel import Instance, identity
from handrail.server import application
from tests.journeys import company
from tests.web import Client, portal

PORT = 8400
MAIN = f"http://127.0.0.1:{PORT}"
MANIFEST = """\
[app]
name = "{name}"
kind = "{kind}"
entrypoint = "{entrypoint}"
purpose = "sales-reporting"
says = "Net sales by region"
{layer}
[data.sales_orders]
columns = ["region", "net_amount"]
"""
SQL = "SELECT region, sum(net_amount) AS net FROM sales_orders GROUP BY region ORDER BY region"
PAGE = f"""\
<!doctype html><html lang="en"><meta charset="utf-8"><title>Regions</title>
<link rel="stylesheet" href="style.css"><h1>Regions</h1><ul id="rows"></ul><p id="who"></p>
<script type="module">
import {{ query, me, Refused }} from "/.handrail/handrail.js";
const list = document.getElementById("rows");
for (const row of await query({SQL!r})) {{
  const item = document.createElement("li");
  item.textContent = `${{row.region}} ${{row.net}}`;
  list.append(item);
}}
document.getElementById("who").textContent = (await me()).name;
try {{ await query("SELECT email FROM customers"); }}
catch (error) {{ if (error instanceof Refused) document.title = error.code; }}
</script>
<script>document.body.dataset.inline = "ran";</script>
</html>
"""


def static(name: str = "regions", page: str = PAGE) -> dict[str, bytes]:
    """A static app as an assistant writes it."""
    manifest = MANIFEST.format(name=name, kind="static", entrypoint="index.html", layer="")
    return {
        "handrail.toml": manifest.encode(),
        "index.html": page.encode(),
        "style.css": b"h1 { color: teal }",
        ".hidden": b"secret",
    }


class Hosting:
    """An application with what it hosts, and browsers of people."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.hosts = runtime.Hosts(instance)
        self.app = application(instance, self.hosts)
        self.hosts.start()

    def close(self) -> None:
        """End as a server does: let go of the connections to apps and hosts, then put the apps to sleep."""
        portal().call(_ended, self.app)
        self.hosts.stop()

    def browser(self, person: str, main: str = MAIN) -> "Browser":
        """A browser in which somebody is signed in."""
        with self.instance.context(self.instance.system()) as ctx:
            email = identity.found(ctx, person).email
        with company.actors(self.instance)("admin") as ctx:
            token = identity.issue_link(ctx, person)
        browser = Browser(self.app, main)
        assert browser.get(f"/sign-in/link?token={token}").status_code == 200, email
        return browser

    def push(self, files: dict[str, bytes], person: str = "maker.sales") -> apps.Version:
        """Push a version."""
        with company.actors(self.instance)(person) as ctx:
            return apps.push(ctx, files, "The team asked for it", "")

    def promote(self, version: apps.Version, *groups: str) -> None:
        """Promote a version that was tried, as its maker, once it is shared and a reviewer has said yes."""
        acting = company.actors(self.instance)
        with acting("maker.sales") as ctx:
            if groups:
                apps.share(ctx, version.app, groups=groups)
            apps.ask(ctx, version.app, version.commit)
        with acting("reviewer.platform") as ctx:
            review.approve(ctx, version.app, version.commit, "It does what it says.")
        with acting("maker.sales") as ctx:
            apps.promote(ctx, version.app, version.commit)

    def sleep_of(self, environment: str) -> None:
        """Let everything of an environment fall asleep, and wait for it."""
        _fall_asleep([one for one in self.hosts.awake() if one.seat.environment == environment])

    def sleep(self) -> None:
        """Let everything fall asleep, and wait for it."""
        _fall_asleep(self.hosts.awake())
        for sitting in tuple(self.hosts._sittings.values()):
            self.hosts._rise(sitting)


async def _ended(app: ASGIApp) -> None:
    said = iter(("lifespan.startup", "lifespan.shutdown"))

    async def receive() -> Message:
        return {"type": next(said)}

    async def send(message: Message) -> None:
        assert not message["type"].endswith(".failed"), message

    await app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, receive, send)


def _fall_asleep(those: Iterable[runtime.Hosted]) -> None:
    for one in those:
        one.hosting.asleep.set()
        assert one.thread is not None
        one.thread.join(300)
        assert not one.thread.is_alive(), f"{one.seat.app} does not fall asleep"


class Browser(Client):
    """Follows redirects from one origin to another, with the cookies of each origin for itself."""

    def __init__(self, app: Any, main: str) -> None:
        super().__init__(app, base_url=main, headers={"accept": "text/html,*/*"})
        self.whole, self.origins = app, {urlsplit(main).netloc: self}

    def at(self, origin: str) -> Client:
        """The same browser at another origin, whose cookies are its own."""
        parts = urlsplit(origin)
        place = parts.netloc
        if place not in self.origins:
            here = f"{parts.scheme}://{place}"
            self.origins[place] = Client(self.whole, base_url=here, headers={"accept": "text/html,*/*"})
        return self.origins[place]

    def visit(self, address: str) -> Any:
        """Go to an address at Handrail and on to where it leads, and look again where it says that it will
        be there soon, as browsers do; gives the last answer.
        """
        there = str(self.base_url.join(address))
        deadline = time.monotonic() + 90
        for _ in range(6):
            answer = self.at(there).get(there, follow_redirects=False)
            while "refresh" in answer.headers and time.monotonic() < deadline:
                time.sleep(float(answer.headers["refresh"]))
                answer = self.at(there).get(there, follow_redirects=False)
            if answer.status_code != 303:
                return answer
            there = str(answer.request.url.join(answer.headers["location"]))
        raise AssertionError(f"{address} leads in circles")


Opened = Callable[[], Hosting]
