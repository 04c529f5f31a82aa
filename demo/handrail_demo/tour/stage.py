"""The stage of the tour: a fresh instance, really served, and the doors that people use to reach it."""

import http.client
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from handrail.kernel import Context, Instance, NotReady, identity
from handrail.server import open_instance
from handrail_demo import seed
from handrail_demo.service_desk import ServiceDesk
from handrail_demo.tour.steps import Missed

_PATIENCE = 60  # seconds to wait for one answer


@dataclass(frozen=True)
class Reply:
    """What the server answered."""

    status: int
    body: bytes
    kind: str
    cookie: str = ""  # that it set, as a browser sends it back

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    def refusal(self, code: str) -> str:
        """A refusal of this kind in one line; raises Missed when it is none, or gives no next step."""
        if self.status < 400:
            raise Missed(f"it was allowed ({self.status})")
        problem = self.json if "json" in self.kind else {}
        said = f"{self.status} {problem.get('code')}: {problem.get('detail')}"
        if problem.get("code") != code or not problem.get("next_step"):
            raise Missed(said)
        return said

    def done(self) -> Any:
        """The answer as JSON; raises Missed when it was refused."""
        if self.status >= 400:
            raise Missed(f"{self.status}: {self.body[:600].decode(errors='replace')}")
        return self.json


@dataclass
class Stage:
    """One run of the tour. `facts` carries what one step found to the steps after it."""

    home: Path
    source: Path
    instance: Instance
    port: int
    server: subprocess.Popen[bytes]
    desk: ServiceDesk
    tokens: dict[str, str] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)

    def acting(self, person: str) -> AbstractContextManager[Context]:
        """A context as one of the people, for what has no shorter way in."""
        return self.instance.context(seed.acting(self.instance, person))

    def rest(self, person: str | None, method: str, path: str, body: object = None, token: str = "") -> Reply:
        """One REST request with this token, or else one of this person's own (None: without any)."""
        headers = {"Authorization": f"Bearer {token or self.token(person)}"} if person is not None else {}
        return self.request(method, path, body, headers)

    def request(self, method: str, path: str, body: object, headers: Mapping[str, str]) -> Reply:
        """One request as a program or a page makes it; where it leads to is not followed."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_PATIENCE)
        said = {"Accept": "application/json", **headers}
        content = None if body is None else json.dumps(body).encode()
        if content is not None:
            said["Content-Type"] = "application/json"
        try:
            connection.request(method, path, content, said)
            answer = connection.getresponse()
            cookie = (answer.getheader("Set-Cookie") or "").partition(";")[0]
            return Reply(answer.status, answer.read(), answer.getheader("Content-Type") or "", cookie)
        finally:
            connection.close()

    def token(self, person: str) -> str:
        """This person's API token, made at first need."""
        if person not in self.tokens:
            with self.acting(person) as ctx:
                self.tokens[person] = identity.issue_token(ctx, "tour", days=1)[1]
        return self.tokens[person]

    def cli(self, *words: str) -> subprocess.CompletedProcess[str]:
        """One `handrail` command on this instance."""
        command = [handrail(), *words, "--home", str(self.home)]
        environment = _plain_environment()
        return subprocess.run(
            command, capture_output=True, text=True, timeout=180, check=False, env=environment
        )

    def direct(self, sql: str, **values: object) -> list[tuple[Any, ...]]:
        """Plain SQL on the source itself, past every rule: what the governed answers are compared with."""
        with duckdb.connect(str(self.source), read_only=True) as source:
            return source.execute(sql, values).fetchall()

    def close(self) -> None:
        """Stop the server and close the instance."""
        _end(self.server)
        self.instance.close()


def raised(home: Path, source: Path, desk: ServiceDesk) -> Stage:
    """Open the instance in `home` and serve it on a free port; refuses when the server does not come up."""
    log = home / "server.log"
    with log.open("wb") as errors:
        server = subprocess.Popen(
            [handrail(), "serve", "--home", str(home), "--port", "0"],
            stdout=subprocess.PIPE,
            stderr=errors,
            env=_plain_environment(),
        )
    said = server.stdout.readline().decode() if server.stdout else ""  # it says where it listens, or ends
    listening = re.search(r":(\d+)\s*$", said)
    if listening is None:
        _end(server)
        raise NotReady(
            f"The server did not come up. {log.read_text(errors='replace')[-500:]}",
            next_step="`handrail doctor` says what this machine lacks.",
        )
    return Stage(home, source, open_instance(home), int(listening[1]), server, desk)


def handrail() -> str:
    """The `handrail` command of this very installation."""
    beside = Path(sys.executable).with_name("handrail")
    return str(beside) if os.access(beside, os.X_OK) else "handrail"


def _plain_environment() -> dict[str, str]:
    """Ours without what would make a command act for somebody else, or elsewhere."""
    return {name: value for name, value in os.environ.items() if not name.startswith("HANDRAIL_")}


def _end(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
    if server.stdout:
        server.stdout.close()
