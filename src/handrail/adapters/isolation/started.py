"""A sandbox that has been started: its launcher, its group, and how it goes on until nothing of it lives."""

import os
import subprocess
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from socket import socket

from handrail.adapters.isolation.cgroups import Group
from handrail.adapters.isolation.watching import Watch
from handrail.kernel.sandbox import Limits, Outcome

_LAST = 19  # the priority of what nobody waits for
_RENICE = 1 << 23  # CAP_SYS_NICE


@dataclass
class Started:
    """The launcher, where it reports, and the group of the whole run where there are groups."""

    process: subprocess.Popen[bytes]
    status: int
    group: Group | None

    def release(self, passed: Iterable[socket], *, waits: bool) -> None:
        """Let the launcher go from its gate, in its group; our copies of what it was passed are closed.

        One that nobody waits for yet leaves the processors to all others, where that can be undone.
        """
        assert self.process.stdin is not None
        if self.group is not None:
            self.group.add(self.process.pid)
        if waits and may_hurry():
            os.setpriority(os.PRIO_PROCESS, self.process.pid, _LAST)
        for one in passed:
            one.close()  # only the sandbox holds this end now, so its death is seen at the other
        with suppress(BrokenPipeError):  # it could not become its user, and says so
            self.process.stdin.write(b"go\n")
        self.process.stdin.close()

    @property
    def alive(self) -> bool:
        """Whether the launcher lives; one that does not is not waited for here, so that its number stays."""
        if self.process.returncode is not None:
            return False
        return os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None

    def watched(self, limits: Limits, printed: Callable[[bytes], None], stop: threading.Event) -> Outcome:
        """See it to its end, which is at one of its limits at the latest."""
        return Watch(self.process, self.status, limits, self.group, printed, stop).wait()

    def end(self) -> None:
        """Let nothing of it live on, however it came to that."""
        if self.process.returncode is None:
            self.process.kill()
        if self.group is not None:
            self.group.kill()
            self.group.remove()


def hurry(user: int | None) -> None:
    """Give everything of this user's the processors as we have them; see `release`."""
    if user is not None and may_hurry():
        os.setpriority(os.PRIO_USER, user, os.getpriority(os.PRIO_PROCESS, 0))


def may_hurry() -> bool:
    """Whether a priority can be raised again, and processes be told from ours by their user."""
    if os.geteuid() != 0:
        return False
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return bool(int(status.partition("CapEff:")[2].split()[0], 16) & _RENICE)
