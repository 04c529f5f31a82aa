"""Run uv apart: as nobody in particular, with an environment, a home and a cache of its own, and limits.

What uv handles for a maker's packages comes from elsewhere. It runs none of it, but it unpacks it, so it does
that where a mistake of its own would reach nothing: no variable of the server's, and no file that only the
server may read or write.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uv

from handrail.kernel import LimitReached, NotReady
from handrail.settings import Settings

# How this machine reaches others, which is no secret of the server's.
_WAY_OUT = (
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
    *("http_proxy", "https_proxy", "all_proxy", "no_proxy"),
)
# Which index the machine is set up to use, where the settings name none.
_INDEX = ("UV_DEFAULT_INDEX", "UV_INDEX_URL")
_LARGEST_FILE = 2 << 30  # bytes
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")


@dataclass(frozen=True)
class Ran:
    """How it ended; `said` is what it wrote for people, without credentials."""

    code: int
    printed: str
    said: str


@dataclass(frozen=True)
class Workshop:
    """A folder that one piece of work owns, gone after it; `root` is below the layers."""

    root: Path
    uid: int | None

    def run(self, settings: Settings, program: str, words: Sequence[str], given: str = "") -> Ran:
        """Run a program as the owner of this workshop, with `given` on its standard input.

        `program` is a path that need not be reachable for that user. Refuses LimitReached after
        `packages.seconds`.
        """
        tool = os.open(program, os.O_RDONLY)
        try:
            done = subprocess.run(
                ["prlimit", f"--fsize={_LARGEST_FILE}", "--core=0", "--", f"/proc/self/fd/{tool}", *words],
                input=given, capture_output=True, text=True, errors="replace", check=False, cwd=self.root,
                env=self._environment(settings), timeout=settings.packages.seconds or None, pass_fds=(tool,),
                user=self.uid, group=self.uid, extra_groups=None if self.uid is None else [], umask=0o022,
                start_new_session=True,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise LimitReached(
                f"The packages took longer than {settings.packages.seconds} seconds.",
                next_step="Try again; an admin looks at the index, or raises packages.seconds.",
            ) from error
        finally:
            os.close(tool)
        return Ran(done.returncode, done.stdout, _CREDENTIALS.sub("", done.stderr))

    def _environment(self, settings: Settings) -> dict[str, str]:
        passed = {name: os.environ[name] for name in _WAY_OUT if name in os.environ}
        index = index_of(settings)
        chosen = (
            {"UV_DEFAULT_INDEX": index}
            if index
            else {name: os.environ[name] for name in _INDEX if name in os.environ}
        )
        own = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self.root),
            "TMPDIR": str(self.root),
            "LANG": "C.UTF-8",
            "UV_CACHE_DIR": str(self.root / "cache"),
            "UV_NO_CONFIG": "1",
            "UV_PYTHON_DOWNLOADS": "never",
            "UV_NO_PROGRESS": "1",
            "UV_HTTP_RETRIES": "1",
            "NO_COLOR": "1",
        }
        return {**passed, **chosen, **own}


@contextmanager
def workshop(settings: Settings, place: Path) -> Iterator[Workshop]:
    """A workshop at `place`, owned by the sandboxes' user where we are root."""
    uid = settings.runtime.uid if os.geteuid() == 0 else None
    place.mkdir(mode=0o755)
    try:
        if uid is not None:
            os.chown(place, uid, uid)
        yield Workshop(place, uid)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def uv_program() -> str:
    """Where uv lies."""
    return uv.find_uv_bin()


def index_of(settings: Settings) -> str:
    """The address of the approved index, credentials and all; "" for what the machine is set up to use.

    Refuses NotReady when the environment lacks the variable that the settings name.
    """
    named = settings.packages.index_env
    if not named:
        return settings.packages.index
    if not os.environ.get(named):
        raise NotReady(
            f"The environment has no {named}, which packages.index_env says holds the index's address.",
            next_step=f"An admin sets {named} for the server, or packages.index in handrail.toml.",
        )
    return os.environ[named]
