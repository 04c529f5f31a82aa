"""A real server process over the bench's instance, and a client that reads from it."""

import http.client
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa

from handrail.kernel import Caller, Instance, identity
from handrail_bench.house import PURPOSE


class Served:
    """The server, with a viewer's token."""

    def __init__(self, port: int, process: int, token: str) -> None:
        self._port = port
        self.process = process
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def get(self, path: str) -> bytes:
        """A page, whole."""
        content: bytes = self._response("GET", path, None, "text/html").read()
        return content

    def rows(self, sql: str) -> Iterator[pa.RecordBatch]:
        """The answer to a question as Arrow, a batch at a time."""
        body = orjson.dumps({"sql": sql, "purpose": PURPOSE})
        answer = self._response("POST", "/api/v1/query", body, "application/vnd.apache.arrow.stream")
        with pa.ipc.open_stream(pa.PythonFile(answer, mode="r")) as reader:
            yield from reader

    def table(self, sql: str) -> pa.Table:
        """The answer as one table."""
        return pa.Table.from_batches(self.rows(sql))

    def peak_mb(self) -> float:
        """The most memory that the process has had at once since `forget_peak`."""
        status = Path(f"/proc/{self.process}/status").read_text(encoding="ascii")
        return int(re.findall(r"VmHWM:\s+(\d+)", status)[0]) / 1024

    def forget_peak(self) -> None:
        """Begin to count anew (Linux, proc(5): clear_refs 5)."""
        Path(f"/proc/{self.process}/clear_refs").write_text("5", encoding="ascii")

    def _response(self, method: str, path: str, body: bytes | None, accept: str) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=600)
        connection.request(method, path, body, {**self._headers, "Accept": accept})
        answer = connection.getresponse()
        if answer.status != 200:
            raise RuntimeError(f"{path} answered {answer.status}: {answer.read(500)!r}")
        return answer


@contextmanager
def served(instance: Instance, caller: Caller) -> Iterator[Served]:
    """Serve the instance in a process of its own; it ends with the context."""
    with instance.context(caller) as ctx:
        _, token = identity.issue_token(ctx, "bench")
    home = str(instance.settings.home)
    process = subprocess.Popen(
        [sys.executable, "-m", "handrail", "serve", "--home", home, "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        assert process.stdout is not None
        line = next(iter(process.stdout.readline, ""), "")
        found = re.search(r":(\d+)\s*$", line)
        if found is None:
            raise RuntimeError(f"the server did not start: {line!r}")
        yield Served(int(found[1]), process.pid, token)
    finally:
        process.terminate()
        process.wait(timeout=30)
