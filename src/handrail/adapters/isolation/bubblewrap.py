"""The bubblewrap driver: unprivileged launcher, all namespaces, no network, no environment, hard limits."""

import os
import re
import resource
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cache
from importlib import resources
from pathlib import Path

from handrail.adapters.isolation import cgroups, landlock, parked, seccomp, users
from handrail.adapters.isolation.arguments import PRLIMIT, Second, arguments, checked_names
from handrail.adapters.isolation.programs import becoming, found, limiting, tools
from handrail.adapters.isolation.started import Started
from handrail.kernel import LimitReached, NotReady
from handrail.kernel.sandbox import Limits, Outcome, Sandbox

_OLDEST = (0, 8, 0)
# Waits for one line, so that it is in its group before anything of the sandbox exists.
_GATE = 'read -r go && exec "$@" </dev/null'
# /proc/1/environ inside shows what bwrap was started with, whatever it is told to clear.
_NOTHING: Mapping[str, str] = {}


class Bubblewrap:
    """Starts sandboxes as the user that we are, or when that is root as one of `uids` users from `uid` on:
    never as root, and as another for each app that runs of an instance, which `realm` names.
    """

    def __init__(self, uid: int, uids: int = 1, realm: str = "") -> None:
        self._uid = uid
        self._users = users.Users(uid, uids, realm)
        self._groups = cgroups.find()
        self._landlock = landlock.version()
        self._checked = False
        self._once = threading.Lock()
        self._lot = parked.Lot()

    @property
    def walls(self) -> Mapping[str, str]:
        """What holds here beside namespaces and the filter, in words, for `handrail doctor`."""
        inside = f"Landlock {self._landlock}" if self._landlock else "this kernel has no Landlock"
        if self._groups is None:
            memory, processes = "watched, and limited per process", "limited per sandbox"
        else:
            memory = processes = f"cgroup v{self._groups.version}"
        return {"memory": memory, "processes": processes, "second wall": inside, "users": self._users.said}

    @property
    def untried(self) -> Mapping[str, str]:
        """None: every attack is tried."""
        return {}

    def identity(self) -> str:
        """The programs, the walls, and who we are; refuses NotReady where a program is missing."""
        programs = [Path(found(tool)) for tool in tools()]
        stamps = [(str(one), one.stat().st_size, one.stat().st_mtime_ns) for one in programs]
        return f"{stamps} {sorted(self.walls.items())} {os.geteuid()}"

    def check(self) -> None:
        """Refuse NotReady unless a sandbox has really started on this machine, as somebody without rights."""
        if os.geteuid() == 0 and self._users.root:
            raise NotReady(
                "A sandbox that root starts is not one: its code could write to the kernel's settings.",
                next_step="Set runtime.uid in handrail.toml to a user id that nothing else uses.",
            )
        with self._once:
            if not self._checked:
                self._check_version()
                self._try()
                if self._groups is not None:
                    cgroups.sweep(self._groups)
                parked.sweep()
                self._checked = True

    def run(self, sandbox: Sandbox, printed: Callable[[bytes], None], stop: threading.Event) -> Outcome:
        """Run to the end; refuses Invalid for bad file names, NotReady when no sandbox can be built."""
        self.check()
        checked_names(sandbox.files)
        with self._lot.going(sandbox):
            waiting = self._lot.take(sandbox)
            if waiting is not None:
                with waiting:
                    if waiting.become(sandbox):
                        outcome = waiting.started.watched(sandbox.limits, printed, stop)
                        return replace(outcome, parked=True)
            with ExitStack() as opened:
                user = self._user(opened, sandbox.app)
                return self._start(opened, sandbox, user).watched(sandbox.limits, printed, stop)

    def _user(self, opened: ExitStack, app: str) -> int | None:
        """As whom an app runs, until `opened` ends; one that waits gives up its id for it."""
        if os.geteuid() != 0:
            return None
        while True:
            try:
                return opened.enter_context(self._users.one(app))
            except LimitReached:
                if not self._lot.end_one():
                    raise

    def park(self, sandbox: Sandbox, *, listens: bool, stop: threading.Event) -> None:
        """Start one that waits for the next run with this layer and these limits, which `listens` or does
        not; it ends with the thread that calls this, and `stop` ends the wait until it is ready.

        Refuses NotReady where it does not come to life, LimitReached where every user id is taken.
        """
        self.check()
        one = parked.Parked(sandbox, self._users, listens)
        try:
            one.wait_for(lambda opened, like, user: self._start(opened, like, user, one), stop)
        except BaseException:
            one.close()
            raise
        self._lot.put(one)

    def keep_parked(self, most: int, memory: int, seconds: float, stop: threading.Event) -> bool:
        """See that `most` wait of each kind that an app asked for in the last `seconds`, one more at a time,
        while all together hold less than `memory` bytes; end those that nobody asks for any more. Whether
        there was anything to do; those that it parks end with the thread that calls this.
        """

        def park(like: Sandbox, listens: bool) -> None:
            self.park(like, listens=listens, stop=stop)

        return self._lot.keep(most, memory, seconds, park)

    def waiting(self) -> tuple[int, int]:
        """How many are parked, and the bytes of memory that they hold."""
        return self._lot.waiting()

    def leave_none(self) -> None:
        """End all that wait."""
        self._lot.empty()

    def close(self) -> None:
        """The same; nothing listens here."""
        self.leave_none()

    def _start(
        self, opened: ExitStack, sandbox: Sandbox, user: int | None, waits: parked.Parked | None = None
    ) -> Started:
        """Start the launcher, behind all walls from its first step; `opened` ends what stays meanwhile."""
        sockets = waits.passed if waits else sandbox.passed
        loopback = waits.loopback if waits else sandbox.listener is not None
        status, report = os.pipe()
        opened.callback(os.close, status)
        with ExitStack() as given:
            given.callback(os.close, report)
            names = checked_names(sandbox.files)
            _room_for(len(names))
            files = {name: given.enter_context(_content(sandbox.files[name])) for name in names}
            filter_ = given.enter_context(_content(seccomp.program(loopback=loopback)))
            passed = [*files.values(), filter_, report]
            second = None
            if self._landlock:
                inside = given.enter_context(_content(_from_inside()))
                passed.append(inside)
                second = Second(inside, self._landlock, loopback)
            code = waits.folder if waits else None
            words = arguments(sandbox.layer, sandbox.limits, files, filter_, report, second, code)
            for variable, opened_here in sockets.items():
                passed.append(opened_here.fileno())
                words += ("--setenv", variable, str(opened_here.fileno()))
            listed = given.enter_context(_content("".join(f"{word}\0" for word in words).encode()))
            process = self._launch(user, listed, [*passed, listed], sandbox.command, sandbox.limits)
        opened.enter_context(process)
        limits = sandbox.limits
        group = self._groups.make(limits.memory, limits.processes) if self._groups else None
        started = Started(process, status, group)
        opened.callback(started.end)
        started.release(sockets.values(), waits=waits is not None)
        return started

    def _launch(
        self, user: int | None, listed: int, passed: list[int], command: tuple[str, ...], limits: Limits
    ) -> subprocess.Popen[bytes]:
        bwrap = found("bwrap")
        # These two are limited inside, where neither the user's other processes nor the code files count.
        most, files = limits.processes, limits.open_files
        inner = (PRLIMIT, f"--nproc={most}:{most}", f"--nofile={files}:{files}", "--")
        gate = ("/bin/sh", "-c", limiting(limits, walled=self._groups is not None) + _GATE, "sh")
        return subprocess.Popen(
            (*becoming(user), *gate, bwrap, "--args", str(listed), "--", *inner, *command),
            env=_NOTHING,
            cwd="/",
            pass_fds=passed,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
        )

    def _check_version(self) -> None:
        bwrap = found("bwrap")
        told = subprocess.run(
            [bwrap, "--version"], capture_output=True, text=True, env=_NOTHING, check=False
        ).stdout
        version = tuple(int(part) for part in re.findall(r"\d+", told)[:3])
        if version < _OLDEST:
            raise NotReady(
                f"bubblewrap {'.'.join(map(str, version))} is too old to forbid user namespaces.",
                next_step="Install bubblewrap 0.8 or later.",
            )
        for tool in tools():
            found(tool)

    def _try(self) -> None:
        """Start the smallest process with the real walls; whatever hinders that hinders every run."""
        user = self._uid if os.geteuid() == 0 else None
        words = (*becoming(user), found("bwrap"), *_TRIAL, "--", PRLIMIT, "--version")
        trial = subprocess.run(
            words,
            env=_NOTHING,
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        if trial.returncode != 0:
            raise NotReady(
                f"No sandbox can be started on this machine: {trial.stderr.strip()[:300]}",
                next_step=f"{_HIDDEN if _NO_PROC in trial.stderr else _CLOSED}, then run `handrail doctor`.",
            )


# A container hides parts of /proc by mounts over it, and then no namespace in it may mount one of its own.
_NO_PROC = "Can't mount proc"
_HIDDEN = (
    "Show the container that Handrail runs in all of /proc (Docker and podman: --security-opt "
    "systempaths=unconfined; Kubernetes: procMount: Unmasked)"
)
_CLOSED = (
    "Allow unprivileged user namespaces (sysctl user.max_user_namespaces, "
    "kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns)"
)

_TRIAL = (
    "--unshare-all", "--unshare-user", "--disable-userns", "--cap-drop", "ALL", "--new-session",
    "--die-with-parent", "--ro-bind", "/usr", "/usr", "--symlink", "usr/lib", "/lib",
    "--symlink", "usr/lib64", "/lib64", "--proc", "/proc", "--dev", "/dev",
)  # fmt: skip


@cache
def _from_inside() -> bytes:
    """The program that puts up the second wall: Landlock's module itself."""
    return resources.files("handrail.adapters.isolation").joinpath("landlock.py").read_bytes()


@contextmanager
def _content(content: bytes) -> Iterator[int]:
    """A descriptor in memory that holds this content, to be read from its beginning."""
    descriptor = os.memfd_create("handrail", os.MFD_CLOEXEC)
    try:
        with os.fdopen(descriptor, "wb", closefd=False) as out:
            out.write(content)
        os.lseek(descriptor, 0, os.SEEK_SET)
        yield descriptor
    finally:
        os.close(descriptor)


def _room_for(files: int) -> None:
    """Each code file is handed over as a descriptor; take as many as the system lets us have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4 * files + 1024
    if soft < wanted:
        if hard < wanted:
            raise LimitReached(
                f"The app has {files:,} files, and this server may open {hard:,} at a time.",
                next_step="Leave out data and caches, or raise the server's LimitNOFILE.",
            )
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
