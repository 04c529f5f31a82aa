"""The log of a process: JSON lines on stderr that never hold a row, a parameter or a secret.

Messages and local variables of exceptions are made of whatever was being worked on. So an exception is
logged as its class and the lines of code it came through; that finds a bug, and gives nothing away.
"""

import logging
import sys
import threading
import traceback
from types import TracebackType
from typing import Any

import structlog
from structlog.typing import EventDict, WrappedLogger

Raised = tuple[type[BaseException], BaseException, TracebackType | None]
_MOST_FRAMES = 30
_SHARED = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)


def configure(level: int = logging.WARNING) -> None:
    """Send to stderr what Handrail (from `level` on), its libraries and their threads say, as JSON lines."""
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_SHARED,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                without_words,
                structlog.processors.JSONRenderer(default=_nothing),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("handrail").setLevel(level)
    logging.getLogger("sqlglot").setLevel(logging.CRITICAL + 1)  # it quotes the SQL that it warns about
    threading.excepthook = _ended


def without_words(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """Replace an exception by its class and where it came through, its causes after it."""
    raised = event.pop("exc_info", None)
    event.pop("stack_info", None)
    if raised is True:
        raised = sys.exc_info()
    error = raised[1] if isinstance(raised, tuple) else raised
    if isinstance(error, BaseException):
        event["error"] = [told(one) for one in _chain(error)]
    return event


def told(error: BaseException) -> dict[str, Any]:
    """One exception without its message; of the system's own errors, what the system says."""
    kind = type(error)
    frames = traceback.extract_tb(error.__traceback__)[-_MOST_FRAMES:]
    answer: dict[str, Any] = {
        "class": f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins."),
        "at": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }
    if isinstance(error, OSError) and isinstance(error.strerror, str):
        answer["system"] = error.strerror
    return answer


def _chain(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    while error not in found and len(found) < 10:
        found.append(error)
        error = error.__cause__ or error.__context__ or error
    return found


def _ended(ended: threading.ExceptHookArgs) -> None:
    """A thread that nobody watched ended by an exception."""
    thread = ended.thread.name if ended.thread else ""
    structlog.get_logger("handrail").error("thread.broken", thread=thread, exc_info=ended.exc_value)


def _nothing(value: object) -> str:
    """What JSON cannot say is named, not shown."""
    return f"<{type(value).__name__}>"
