"""Spark behind Spark Connect, in a process of its own: the same answers, and a reason when it is down."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from handrail.adapters.engines import Engines
from handrail.kernel import Invalid, Upstream
from handrail.settings import EngineSettings
from tests.adapters.engines.test_postgres import CUSTOMERS, ORDERS, SAME
from tests.engines.house import SparkHouse
from tests.engines.test_spark import OTHERWISE

if find_spec("pyspark") is None:
    pytest.skip("pyspark is not installed here; `make test-engines` installs it", allow_module_level=True)

_CLASS = "org.apache.spark.sql.connect.service.SparkConnectServer"


def start(port: int, folder: Path) -> subprocess.Popen[bytes]:
    """A Spark Connect server on this port, ready to answer."""
    spec = find_spec("pyspark")
    assert spec and spec.origin
    submit = Path(spec.origin).parent / "bin" / "spark-submit"
    settings = {"spark.connect.grpc.binding.port": str(port), "spark.ui.enabled": "false"}
    settings["spark.sql.warehouse.dir"] = str(folder / "warehouse")
    given = [part for name, value in settings.items() for part in ("--conf", f"{name}={value}")]
    command = [str(submit), "--master", "local[2]", "--class", _CLASS, *given, "spark-internal"]
    server = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, "SPARK_LOCAL_IP": "127.0.0.1"},
        stdout=subprocess.DEVNULL,
        stderr=(folder / "log").open("ab"),
    )
    for _ in range(600):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return server
        time.sleep(0.5)
    pytest.fail((folder / "log").read_text()[-2000:])


def stop(server: subprocess.Popen[bytes]) -> None:
    """End the server at once, as an outage does."""
    server.kill()
    server.wait(30)


@pytest.fixture(scope="module")
def connect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[SparkHouse, Callable[[], None]]]:
    """A house behind a server, and what stops or starts that server."""
    folder = tmp_path_factory.mktemp("connect")
    folder.chmod(0o755)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    running = [start(port, folder)]

    def switch() -> None:
        if running:
            stop(running.pop())
        else:
            running.append(start(port, folder))

    engines = Engines(folder, {"spark": EngineSettings(kind="spark", url=f"sc://127.0.0.1:{port}")})
    made = SparkHouse(folder, engines, "shop")
    made.put("orders", ORDERS)
    made.put("customers", CUSTOMERS)
    yield made, switch
    if running:
        stop(running.pop())


def again(ask: Callable[[], Any]) -> Any:
    """Ask until the server that has just been started is ready, as its users do."""
    for _ in range(60):
        try:
            return ask()
        except Upstream:
            time.sleep(1)
    return ask()


@pytest.mark.parametrize("sql", [sql for sql in SAME if not any(word in sql for word in OTHERWISE)])
def test_a_question_has_the_same_answer_as_from_files(
    connect: tuple[SparkHouse, Callable[[], None]], sql: str
) -> None:
    house, _ = connect
    mine, files = house.ask(sql), house.file.ask(sql)
    assert mine.schema == files.schema
    assert mine.to_pylist() == files.to_pylist()


def test_what_fails_is_told_without_the_engines_words(
    connect: tuple[SparkHouse, Callable[[], None]],
) -> None:
    with pytest.raises(Invalid, match="could not be converted or was out of range"):
        connect[0].ask('SELECT CAST("Ship Name" AS INT) FROM orders')


def test_a_server_that_stops_is_refused_with_a_reason_and_answers_when_it_is_back(
    connect: tuple[SparkHouse, Callable[[], None]],
) -> None:
    house, switch = connect
    switch()
    with pytest.raises(Upstream, match="does not answer") as caught:
        house.ask("SELECT count(*) AS n FROM orders")
    assert "admin" in caught.value.next_step
    switch()
    again(lambda: house.sql("CREATE DATABASE IF NOT EXISTS shop"))
    again(lambda: house.have("orders"))
    assert again(lambda: house.ask("SELECT count(*) AS n FROM orders"))["n"].to_pylist() == [2]
