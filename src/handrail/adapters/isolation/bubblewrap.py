"""The bubblewrap driver: unprivileged launcher, all namespaces, no network, no environment, hard limits."""

import os
import re
import resource
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from importlib import resources
from pathlib import Path

from handrail.adapters.isolation import cgroups, landlock, seccomp, users
from handrail.adapters.isolation.arguments import PRLIMIT, Second, arguments, checked_names
from handrail.adapters.isolation.watching import Watch
from handrail.kernel import LimitReached, NotReady
from handrail.kernel.sandbox import Limits, Outcome, Sandbox

_OLDEST = (0, 8, 0)
# Waits for one line, so that it is in its group before anything of the sandbox exists.
_GATE = 'read -r go && exec "$@" </dev/null'
# /proc/1/environ inside shows what bwrap was started with, whatever it is told to clear.
_NOTHING: Mapping[str, str] = {}
# Address space beyond the memory limit: libraries reserve far more than they use.
_SPARE_ADDRESSES = 8 << 30


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

    @property
    def walls(self) -> Mapping[str, str]:
        """What holds here beside namespaces and the filter, in words, for `handrail doctor`."""
        inside = f"Landlock {self._landlock}" if self._landlock else "this kernel has no Landlock"
        if self._groups is None:
            memory, processes = "watched, and limited per process", "limited per sandbox"
        else:
            memory = processes = f"cgroup v{self._groups.version}"
        return {"memory": memory, "processes": processes, "second wall": inside, "users": self._users.said}

    def identity(self) -> str:
        """The programs, the walls, and who we are; refuses NotReady where a program is missing."""
        programs = [Path(_found(tool)) for tool in _tools()]
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
                self._checked = True

    def run(self, sandbox: Sandbox, printed: Callable[[bytes], None], stop: threading.Event) -> Outcome:
        """Run to the end; refuses Invalid for bad file names, NotReady when no sandbox can be built."""
        self.check()
        names = checked_names(sandbox.files)
        with ExitStack() as opened:
            user = opened.enter_context(self._users.one(sandbox.app)) if os.geteuid() == 0 else None
            _room_for(len(names))
            files = {name: opened.enter_context(_content(sandbox.files[name])) for name in names}
            loopback = sandbox.listener is not None
            filter_ = opened.enter_context(_content(seccomp.program(loopback=loopback)))
            status, report = os.pipe()
            opened.callback(os.close, status)
            passed = [*files.values(), filter_, report]
            second = None
            if self._landlock:
                inside = opened.enter_context(_content(_from_inside()))
                passed.append(inside)
                second = Second(inside, self._landlock, loopback)
            given = arguments(sandbox.layer, sandbox.limits, files, filter_, report, second)
            for variable, opened_here in sandbox.passed.items():
                passed.append(opened_here.fileno())
                given += ("--setenv", variable, str(opened_here.fileno()))
            listed = opened.enter_context(_content("".join(f"{word}\0" for word in given).encode()))
            try:
                process = self._launch(user, listed, [*passed, listed], sandbox.command, sandbox.limits)
            finally:
                os.close(report)
            with process:
                return self._supervise(process, status, sandbox, printed, stop)

    def _supervise(
        self,
        process: subprocess.Popen[bytes],
        status: int,
        sandbox: Sandbox,
        printed: Callable[[bytes], None],
        stop: threading.Event,
    ) -> Outcome:
        assert process.stdin is not None
        limits = sandbox.limits
        group = self._groups.make(limits.memory, limits.processes) if self._groups else None
        try:
            if group is not None:
                group.add(process.pid)
            for passed in sandbox.passed.values():
                passed.close()  # only the sandbox holds this end now, so its death is seen at the other
            with suppress(BrokenPipeError):  # it could not become its user, and says so
                process.stdin.write(b"go\n")
            process.stdin.close()
            return Watch(process, status, limits, group, printed, stop).wait()
        finally:
            if process.returncode is None:
                process.kill()
            if group is not None:
                group.remove()

    def _launch(
        self, user: int | None, listed: int, passed: list[int], command: tuple[str, ...], limits: Limits
    ) -> subprocess.Popen[bytes]:
        bwrap = _found("bwrap")
        # These two are limited inside, where neither the user's other processes nor the code files count.
        most, files = limits.processes, limits.open_files
        inner = (PRLIMIT, f"--nproc={most}:{most}", f"--nofile={files}:{files}", "--")
        gate = ("/bin/sh", "-c", _limits(limits, walled=self._groups is not None) + _GATE, "sh")
        return subprocess.Popen(
            (*_becoming(user), *gate, bwrap, "--args", str(listed), "--", *inner, *command),
            env=_NOTHING,
            cwd="/",
            pass_fds=passed,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
        )

    def _check_version(self) -> None:
        bwrap = _found("bwrap")
        told = subprocess.run(
            [bwrap, "--version"], capture_output=True, text=True, env=_NOTHING, check=False
        ).stdout
        version = tuple(int(part) for part in re.findall(r"\d+", told)[:3])
        if version < _OLDEST:
            raise NotReady(
                f"bubblewrap {'.'.join(map(str, version))} is too old to forbid user namespaces.",
                next_step="Install bubblewrap 0.8 or later.",
            )
        for tool in _tools():
            _found(tool)

    def _try(self) -> None:
        """Start the smallest process with the real walls; whatever hinders that hinders every run."""
        user = self._uid if os.geteuid() == 0 else None
        words = (*_becoming(user), _found("bwrap"), *_TRIAL, "--", PRLIMIT, "--version")
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
                next_step="Allow unprivileged user namespaces (sysctl user.max_user_namespaces, "
                "kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns), "
                "then run `handrail doctor`.",
            )


_TRIAL = (
    "--unshare-all", "--unshare-user", "--disable-userns", "--cap-drop", "ALL", "--new-session",
    "--die-with-parent", "--ro-bind", "/usr", "/usr", "--symlink", "usr/lib", "/lib",
    "--symlink", "usr/lib64", "/lib64", "--proc", "/proc", "--dev", "/dev",
)  # fmt: skip


def _found(tool: str) -> str:
    path = shutil.which(tool, path="/usr/bin:/bin:/usr/local/bin")
    if path is None:
        raise NotReady(
            f"{tool} is not installed, and without it nothing may run.",
            next_step="apt install bubblewrap util-linux, then run `handrail doctor`.",
        )
    return path


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


def _tools() -> tuple[str, ...]:
    return ("bwrap", "prlimit", "setpriv") if os.geteuid() == 0 else ("bwrap", "prlimit")


def _becoming(user: int | None) -> tuple[str, ...]:
    """The words before a command that make it this user's, with no group but its own and nothing to win back.

    A program's business and not `subprocess`'s: Python would copy all its memory's tables to change users
    after a fork, where it starts a program of its own user in a fifth of that time.
    """
    if user is None:
        return ()
    return (_found("setpriv"), f"--reuid={user}", f"--regid={user}", "--clear-groups", "--no-new-privs", "--")


def _limits(limits: Limits, *, walled: bool) -> str:
    """Commands of a shell that set what the kernel keeps for each process, of itself and all that it starts;
    without a wall around all of them, memory is also kept here.
    """
    addresses = limits.memory + _SPARE_ADDRESSES if walled else 2 * limits.memory + (1 << 30)
    # POSIX has files in blocks of 512 bytes; what it does not have, every shell has in kilobytes.
    most = {"v": addresses >> 10, "f": limits.file >> 9, "c": 0, "l": 1 << 10}
    if limits.seconds is not None:
        most["t"] = 2 * max(1, int(limits.seconds))
    return "".join(f"ulimit -{name} {value} && " for name, value in most.items())
