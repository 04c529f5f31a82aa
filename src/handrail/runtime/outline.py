"""How a run failed, for those who look after its app and may not see its rows.

Everything an app prints may hold rows, and an app can print what looks like a traceback. So nothing of it is
passed on but a class that every Python knows and a line of the pushed code that there is: a few bits a run.
"""

import builtins
import re
from collections.abc import Mapping

from handrail.runtime.reasons import Verdict

NEXT_STEP = "Its person sees the whole log. Ask them, or find the same failure in a sandbox run."
_SAID = {
    "exited": "It ended with an error",
    "refused": "Handrail refused what it asked for",
    "upstream": "What it asked for could not be had",
    "broken": "Its conversation with Handrail broke down",
}
_BEGIN = "Traceback (most recent call last):"
_FRAME = re.compile(r'^  File "/app/(?P<file>[^"\n]+)", line (?P<line>\d{1,7})\b', re.MULTILINE)
_CLASS = re.compile(r"^(?P<name>[A-Za-z_][\w.]*)(?::|$)", re.MULTILINE)
# Beside Python's own: what the packages of reports raise when data is not as their callers thought.
_KNOWN = frozenset(
    {
        "handrail_sdk.Refused",
        "numpy.exceptions.AxisError",
        "numpy.linalg.LinAlgError",
        "pandas.errors.IntCastingNaNError",
        "pandas.errors.InvalidIndexError",
        "pandas.errors.MergeError",
        "pandas.errors.OutOfBoundsDatetime",
        "pandas.errors.ParserError",
        "pandas.errors.UndefinedVariableError",
        "pyarrow.lib.ArrowInvalid",
        "pyarrow.lib.ArrowNotImplementedError",
        "pyarrow.lib.ArrowTypeError",
    }
)


def outline(verdict: Verdict, log_end: str, files: Mapping[str, bytes]) -> str:
    """The reason without anything that the app chose, beyond a known class and a line of `files`."""
    said = _SAID.get(verdict.ended)
    if said is None or verdict.state == "succeeded":
        return verdict.reason  # made of the limits alone
    _, traceback, rest = log_end.rpartition(_BEGIN)
    where = _line(rest, files) if traceback else ""
    what = _class(rest) if traceback and verdict.ended == "exited" else ""
    return f"{said}{f': {what}' if what else ''}{f' at {where}' if where else ''}."


def _line(traceback: str, files: Mapping[str, bytes]) -> str:
    """The innermost line of the app's own code; nothing when there is no such line."""
    frames = _FRAME.findall(traceback)
    file, line = frames[-1] if frames else ("", "0")
    content = files.get(file)
    there = content is not None and 1 <= int(line) <= content.count(b"\n") + 1
    return f"{file}:{int(line)}" if there else ""


def _class(traceback: str) -> str:
    """The exception's class when it is a known one."""
    found = _CLASS.search(traceback)
    name = found["name"] if found else ""
    own = getattr(builtins, name, None)
    known = name in _KNOWN or (isinstance(own, type) and issubclass(own, BaseException))
    return name if known else "an exception of another kind"
