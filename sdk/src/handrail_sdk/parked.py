"""The first program of a parked sandbox: `python -m handrail_sdk.parked pandas …` imports modules and waits.

It waits for one app, becomes what `python` would have been with that command, and never comes back. Until
then no code of any app's is there; afterwards nothing of the waiting is left but what was imported.
"""

import json
import os
import runpy
import socket
import sys
from importlib import import_module
from types import ModuleType

from handrail_sdk import fonts

_OURS = ("handrail_sdk.calls", "handrail_sdk.outputs")
_LARGEST = 1 << 20  # bytes of a command
_MOST_PASSED = 4  # descriptors


def main() -> None:
    """Import what the arguments name, say so, and become what is asked for."""
    control = socket.socket(fileno=int(os.environ.pop("HANDRAIL_PARKED")))
    fonts.known()
    for name in (*_OURS, *sys.argv[1:]):
        import_module(name)
    with control:
        control.sendall(b"ready\n")
        said, passed = _told(control)
    for variable, descriptor in zip(said["passed"], passed, strict=True):
        os.environ[variable] = str(descriptor)
    become(said["command"])


def become(command: list[str]) -> None:
    """Go on as `python -P` with these arguments: `-m MODULE …`, `-c CODE …` or `SCRIPT …`."""
    how, *rest = command
    if how == "-m":
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif how == "-c":
        sys.argv = ["-c", *rest[1:]]
        sys.modules["__main__"] = module = ModuleType("__main__")
        exec(compile(rest[0], "<string>", "exec"), module.__dict__)  # noqa: S102 - as `python -c` does
    else:
        sys.argv = command
        runpy.run_path(how, run_name="__main__")


def _told(control: socket.socket) -> tuple[dict[str, list[str]], list[int]]:
    """What to become, in one line, and the descriptors that go with it."""
    line, passed, _, _ = socket.recv_fds(control, _LARGEST, _MOST_PASSED)
    while not line.endswith(b"\n"):
        if not (piece := control.recv(_LARGEST)):
            sys.exit(0)  # nobody will come
        line += piece
    return json.loads(line), passed


if __name__ == "__main__":
    main()
