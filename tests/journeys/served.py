"""A server as an operator starts it: another process, on a free port, that can be killed."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HANDRAIL = (sys.executable, "-m", "handrail")


@dataclass
class Answer:
    """What came back over HTTP."""

    status: int
    body: bytes
    headers: dict[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Served:
    """`handrail serve --home HOME --port 0`, started and ended as a person would, or killed as power cuts do."""

    home: Path
    process: subprocess.Popen[str] = field(init=False)
    address: str = ""

    def start(self) -> "Served":
        self.process = subprocess.Popen(
            [*HANDRAIL, "serve", "--home", str(self.home), "--port", "0"],
            stdout=subprocess.PIPE,
            stderr=(self.home / "server.log").open("a"),
            text=True,
            start_new_session=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        assert self.process.stdout
        line = self.process.stdout.readline()
        found = re.search(r"http://\S+", line)
        assert found, f"{line!r} {(self.home / 'server.log').read_text()}"
        self.address = found.group()
        for _ in range(2400):  # two minutes, on a busy machine
            try:
                if self.ask("GET", "/healthz").status == 200:
                    return self
            except OSError:
                pass
            time.sleep(0.05)
        raise AssertionError("the server does not answer: " + (self.home / "server.log").read_text())

    def kill(self) -> None:
        """As the kernel does when memory runs out: no warning, no clean-up."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()
                raise

    def ask(
        self,
        method: str,
        path: str,
        token: str = "",
        body: bytes | dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        sent = json.dumps(body).encode() if isinstance(body, dict) else body
        request = urllib.request.Request(self.address + path, sent, method=method)
        if isinstance(body, dict):
            request.add_header("Content-Type", "application/json")
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=300) as response:  # on a busy machine
                return Answer(response.status, response.read(), dict(response.headers))
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.read(), dict(error.headers))

    def cli(self, *arguments: str, person: str) -> Any:
        """Type a command at this instance; its answer, which must not be a refusal."""
        done = run_cli(*arguments, "--json", home=self.home, person=person)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


def run_cli(
    *arguments: str, home: Path | None = None, person: str = "", **env: str
) -> subprocess.CompletedProcess[str]:
    """Type a command; what it prints comes back."""
    options = [*(("--home", str(home)) if home else ()), *(("--as", person) if person else ())]
    return subprocess.run(
        [*HANDRAIL, *arguments, *options],
        capture_output=True,
        text=True,
        env={**os.environ, **env},
        check=False,
    )
