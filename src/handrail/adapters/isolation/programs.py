"""The programs that start a sandbox: where they are, what makes them another user's, what limits them."""

import os
import shutil

from handrail.kernel import NotReady
from handrail.kernel.sandbox import Limits

# Address space beyond the memory limit: libraries reserve far more than they use.
SPARE_ADDRESSES = 8 << 30


def found(tool: str) -> str:
    """Where a program is; refuses NotReady where it is not installed."""
    path = shutil.which(tool, path="/usr/bin:/bin:/usr/local/bin")
    if path is None:
        raise NotReady(
            f"{tool} is not installed, and without it nothing may run.",
            next_step="apt install bubblewrap util-linux, then run `handrail doctor`.",
        )
    return path


def tools() -> tuple[str, ...]:
    """The programs without which no sandbox starts."""
    return ("bwrap", "prlimit", "setpriv") if os.geteuid() == 0 else ("bwrap", "prlimit")


def becoming(user: int | None) -> tuple[str, ...]:
    """The words before a command that make it this user's, with no group but its own and nothing to win back.

    A program's business and not `subprocess`'s: Python would copy all its memory's tables to change users
    after a fork, where it starts a program of its own user in a fifth of that time.
    """
    if user is None:
        return ()
    return (found("setpriv"), f"--reuid={user}", f"--regid={user}", "--clear-groups", "--no-new-privs", "--")


def limiting(limits: Limits, *, walled: bool) -> str:
    """Commands of a shell that set what the kernel keeps for each process, of itself and all that it starts;
    without a wall around all of them, memory is also kept here.
    """
    addresses = limits.memory + SPARE_ADDRESSES if walled else 2 * limits.memory + (1 << 30)
    # POSIX has files in blocks of 512 bytes; what it does not have, every shell has in kilobytes.
    most = {"v": addresses >> 10, "f": limits.file >> 9, "c": 0, "l": 1 << 10}
    if limits.seconds is not None:
        most["t"] = 2 * max(1, int(limits.seconds))
    return "".join(f"ulimit -{name} {value} && " for name, value in most.items())
