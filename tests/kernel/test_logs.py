"""The log: one JSON object a line, and no row, parameter or secret in any of them."""

import json
import logging
import subprocess
import sys
import textwrap

import pytest
import structlog

from handrail.kernel.logs import configure

SECRET = "Anna Weber hunter2"

# What the products of libraries do as well: a message made of a row, a local variable, a cause.
FAILS = f"""
import logging, threading
import sqlalchemy as sa
import structlog
from handrail.kernel import logs

logs.configure()

def fails(row):
    password = {SECRET!r}
    try:
        {{}}[row]
    except KeyError as error:
        raise ValueError(f"no such row: {{row}}") from error

try:
    fails({SECRET!r})
except ValueError:
    structlog.get_logger("handrail.room").exception("room.broken", run="run_1")
    logging.getLogger("uvicorn.error").exception("Exception in ASGI application")
try:
    engine = sa.create_engine("sqlite://")
    with engine.connect() as db:
        db.execute(sa.text("SELECT * FROM nowhere WHERE name = :name"), {{"name": {SECRET!r}}})
except sa.exc.OperationalError as error:
    structlog.get_logger("handrail.web").error("request.broken", exc_info=error)
try:
    open("/nonexistent/" + {SECRET!r})
except OSError:
    logging.getLogger("library").exception("no file")
logging.getLogger("sqlglot").warning("unsupported: %s", {SECRET!r})
structlog.get_logger("handrail.room").warning("odd", row=object())
thread = threading.Thread(target=fails, args=({SECRET!r},), name="watched by nobody")
thread.start()
thread.join()
"""


@pytest.fixture
def lines() -> list[dict[str, object]]:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(FAILS)], capture_output=True, text=True, check=True
    )
    assert done.stdout == ""
    assert SECRET not in done.stderr and "hunter2" not in done.stderr
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_a_failure_is_told_by_its_class_and_its_lines_of_code(lines: list[dict[str, object]]) -> None:
    events = {str(line["event"]): line for line in lines}
    broken = events["room.broken"]
    assert (broken["run"], broken["level"]) == ("run_1", "error")
    assert [one["class"] for one in broken["error"]] == ["ValueError", "KeyError"]  # type: ignore[attr-defined]
    assert broken["error"][0]["at"][-1] == "<string>:14 fails"  # type: ignore[index]
    assert events["Exception in ASGI application"]["error"] == broken["error"]
    assert events["request.broken"]["error"][0]["class"] == "sqlalchemy.exc.OperationalError"  # type: ignore[index]
    assert events["no file"]["error"][0]["system"] == "No such file or directory"  # type: ignore[index]
    assert events["odd"]["row"] == "<object>"
    assert events["thread.broken"]["thread"] == "watched by nobody"
    assert len(lines) == 6


def test_the_servers_own_small_talk_is_not_part_of_a_command(capfd: pytest.CaptureFixture[str]) -> None:
    before = logging.getLogger().handlers[:]
    try:
        configure()
        structlog.get_logger("handrail.room").info("engine_error")
        configure(logging.INFO)
        structlog.get_logger("handrail.room").info("started")
        said = capfd.readouterr().err.splitlines()
        assert [json.loads(line)["event"] for line in said] == ["started"]
    finally:
        structlog.reset_defaults()
        logging.getLogger().handlers[:] = before
