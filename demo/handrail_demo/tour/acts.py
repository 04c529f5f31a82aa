"""What people do several times in the story: ask, run an app and read what it shows."""

import base64
import time
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from handrail_demo import seed
from handrail_demo.tour.stage import Reply, Stage
from handrail_demo.tour.steps import Missed, must

PURPOSE = "sales-reporting"
_PATIENCE = 60  # seconds for one run
_LOOK = 0.03  # seconds between two looks at it


def ask(stage: Stage, person: str, question: Mapping[str, object], token: str = "") -> Reply:
    """Ask the governed query over REST: SQL or a metric, for the purpose of reporting on sales."""
    return stage.rest(person, "POST", "/api/v1/query", {"purpose": PURPOSE, **question}, token)


def rows(reply: Reply) -> list[tuple[Any, ...]]:
    """The rows of an answer as JSON; raises Missed when it was refused."""
    return [tuple(row.values()) for row in reply.done()["rows"]]


def run(stage: Stage, person: str, app: str, how: str = "run") -> dict[str, Any]:
    """Start an app as this person (`run` in the sandbox, `open` in production) and wait for its end."""
    return finished(stage, person, begin(stage, person, app, how))


def begin(stage: Stage, person: str, app: str, how: str = "run") -> str:
    """Start an app as `run` does, and give its run, which goes on."""
    started = stage.rest(person, "POST", f"/api/v1/apps/{app}/{how}", {} if how == "run" else None).done()
    begun: str = started["id"]
    return begun


def run_on_files(stage: Stage, app: seed.DemoApp, how: str = "run") -> dict[str, Any]:
    """Start an app as its maker on the files that it is given, and wait for its end, good or bad."""
    files = {
        name: {"file": one.file, "content": base64.b64encode(one.content).decode()}
        for name, one in app.inputs.items()
    }
    started = stage.rest(app.maker, "POST", f"/api/v1/apps/{app.name}/{how}", {"inputs": files}).done()
    return _over(stage, app.maker, started["id"])


@dataclass(frozen=True)
class Visit:
    """Somebody at the origin of an app, as their browser is."""

    stage: Stage
    host: str
    cookie: str

    def ask(self, path: str, body: object = None, origin: str = "") -> Reply:
        """One request of the app's own page; `origin` is that of another page which asks in its place."""
        headers = {"Host": self.host, "Cookie": self.cookie, "Origin": origin or f"http://{self.host}"}
        return self.stage.request("GET" if body is None else "POST", path, body, headers)


def visit(stage: Stage, person: str, app: str, environment: str = "production") -> Visit:
    """Go to an app: by its ticket to its origin, with a cookie that is good there alone."""
    entrance = f"/api/v1/apps/{app}/visits?environment={environment}"
    address = urlsplit(stage.rest(person, "POST", entrance).done()["address"])
    reply = stage.request("GET", f"{address.path}?{address.query}", None, {"Host": address.netloc})
    if not reply.cookie:
        raise Missed(f"no visit began at {address.netloc}: {reply.status}")
    return Visit(stage, address.netloc, reply.cookie)


def finished(stage: Stage, person: str, run_id: str) -> dict[str, Any]:
    """Wait for the end of a run; raises Missed with its reason and log when it did not succeed."""
    answer = _over(stage, person, run_id)
    if answer["state"] != "succeeded":
        log = stage.rest(person, "GET", f"/api/v1/runs/{run_id}/log").json["log"]
        raise Missed(f"run {answer['state']}: {answer['reason']} {log[-300:]}")
    return answer


def _over(stage: Stage, person: str, run_id: str) -> dict[str, Any]:
    address = f"/api/v1/runs/{run_id}"
    answer: dict[str, Any] = stage.rest(person, "GET", address).done()
    deadline = time.monotonic() + _PATIENCE
    while answer["state"] in ("queued", "running") and time.monotonic() < deadline:
        time.sleep(_LOOK)
        answer = stage.rest(person, "GET", address).json
    return answer


def outputs(stage: Stage, person: str, run_id: str) -> list[dict[str, Any]]:
    """What a run handed over, without the content."""
    listed: list[dict[str, Any]] = stage.rest(person, "GET", f"/api/v1/runs/{run_id}/outputs").done()
    return listed


def content(stage: Stage, person: str, run_id: str, title: str) -> Reply:
    """The content of the output with this title or name."""
    for output in outputs(stage, person, run_id):
        if title in (output["title"], output["name"]):
            return stage.rest(person, "GET", f"/api/v1/runs/{run_id}/outputs/{output['n']}")
    raise Missed(f"the run shows no {title!r}")


def table(stage: Stage, person: str, run_id: str, title: str) -> list[tuple[Any, ...]]:
    """The rows of a table that a run shows."""
    return [tuple(row) for row in content(stage, person, run_id, title).done()["rows"]]


def cents(value: Any) -> Decimal:
    """A figure to the cent, however its way here wrote it."""
    return round(Decimal(str(value)), 2)


def same(ours: Any, theirs: Any, got: str) -> str:
    """`got` when both are equal; raises Missed with both otherwise."""
    return must(ours == theirs, got if ours == theirs else f"{ours} is not {theirs}")
