"""What `handrail doctor` puts out to be found by nobody: a secret, files, sockets, the host's own names."""

import os
import secrets
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

_NAMESPACES = ("net", "pid", "mnt", "ipc", "uts", "cgroup", "user")
_SMALLEST = 100  # process numbers below may be those of the sandbox's own processes


@contextmanager
def canary(home: Path) -> Iterator[dict[str, Any]]:
    """A secret in the environment, files that everybody may read, and services that listen, until it ends."""
    secret = secrets.token_hex(16)
    with (
        tempfile.TemporaryDirectory() as folder,
        socket.create_server(("127.0.0.1", 0)) as service,
        socket.socket(socket.AF_UNIX) as abstract,
        socket.socket(socket.AF_UNIX) as named,
    ):
        Path(folder).chmod(0o755)
        outside, inside_home = Path(folder) / "canary", home / f"canary-{secret[:8]}"
        abstract.bind(f"\0{secret[:16]}")
        named.bind(f"{folder}/socket")
        Path(f"{folder}/socket").chmod(0o777)
        os.environ["HANDRAIL_CANARY"] = secret
        try:
            for file in (outside, inside_home):
                file.write_text(secret)
                file.chmod(0o644)
            for listener in (abstract, named):
                listener.listen()
            yield {
                "secret": secret, "file": str(outside), "home_file": str(inside_home),
                "port": service.getsockname()[1], "abstract": secret[:16], "socket": f"{folder}/socket",
                "hostname": socket.gethostname(), "namespaces": _namespaces(), "processes": _processes(),
            }  # fmt: skip
        finally:
            del os.environ["HANDRAIL_CANARY"]
            inside_home.unlink(missing_ok=True)


def _namespaces() -> dict[str, str]:
    """The kernel's names of the namespaces that we are in ourselves."""
    found = {}
    for kind in _NAMESPACES:
        with suppress(OSError):
            found[kind] = os.readlink(f"/proc/self/ns/{kind}")  # noqa: PTH115 - a link to no path
    return found


def _processes() -> dict[str, int]:
    numbers = {"Handrail": os.getpid(), "what started Handrail": os.getppid()}
    return {name: number for name, number in numbers.items() if number >= _SMALLEST}
