"""The nouns of the runtime room: runs and their outputs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from handrail.kernel import Environment, Manifest, Resource, RunRef
from handrail.kernel.held import Lease

RunState = Literal["queued", "running", "succeeded", "failed", "stopped"]
OutputKind = Literal["table", "image", "text", "markdown", "html", "pdf", "file"]

ENDED: frozenset[str] = frozenset({"succeeded", "failed", "stopped"})
KINDS: frozenset[str] = frozenset({"table", "image", "text", "markdown", "html", "pdf", "file"})


@dataclass(frozen=True)
class Run:
    """One execution of a version of an app in an environment, for one person."""

    id: str
    app: str
    commit: str
    environment: Environment
    person: str
    manifest: Manifest
    layer: str
    state: RunState
    queued: datetime
    # In the sandbox: the variant of the twins it reads, and the build of each, known once it has begun.
    variant: str = "hostile"
    twins: Mapping[str, str] = field(default_factory=dict)
    started: datetime | None = None
    finished: datetime | None = None
    # Why it did not succeed, in words, and what to do about it.
    reason: str = ""
    next_step: str = ""
    # The same for those who may know of the run but not see its rows; see outline.py.
    outline: str = ""
    # What ended it, in one word, for counting: exited, refused, timeout, memory, interrupted, ...
    ended: str = ""
    exit_code: int | None = None
    # By which this process holds it, where it does.
    lease: Lease | None = field(default=None, compare=False, repr=False)
    peak_memory: int = 0
    questions: int = 0
    # Whether it is known what it read and whom it showed; of runs of an older Handrail it is not.
    traced: bool = True
    # When what it handed over and printed was deleted, and when the content of its files; None: it is there.
    outputs_swept: datetime | None = None
    inputs_swept: datetime | None = None

    @property
    def shared(self) -> bool:
        """Whether it answers everybody who opens its app, so that what it prints may be of any of them."""
        hosted = self.environment == "production" and self.manifest.kind == "web"
        return hosted and self.manifest.shows_all_the_same

    @property
    def over(self) -> bool:
        """Whether nothing more will come of it."""
        return self.state in ENDED

    @property
    def seconds(self) -> float | None:
        """How long it ran, once it is over."""
        if self.started is None or self.finished is None:
            return None
        return (self.finished - self.started).total_seconds()

    @property
    def ref(self) -> RunRef:
        """The run as the door knows it."""
        what = self.id, self.app, self.commit, self.environment, self.manifest
        return RunRef(*what, self.variant, self.twins, lease=self.lease)

    def resource(self, owners: frozenset[str]) -> Resource:
        """The run as access rules see it."""
        attrs = {
            "app": self.app,
            "environment": self.environment,
            "person": self.person,
            "owners": owners,
            "shared": self.shared,
        }
        return Resource("Run", self.id, attrs)


@dataclass(frozen=True)
class PackageLock:
    """What requirements came to beside a layer: `text` names packages with hashes, `modules` what to import.

    `asked` names the question: requirements, layer, Python, what was approved; `digest` is the text's.
    """

    asked: str
    digest: str
    layer: str
    text: str
    modules: tuple[str, ...]
    by: str
    at: datetime


RequestState = Literal["waiting", "granted", "refused"]


@dataclass(frozen=True)
class PackageRequest:
    """A maker's wish that apps may use a package, and what an admin said; `versions` as in packages.toml."""

    id: str
    name: str
    versions: str
    why: str
    by: str
    at: datetime
    state: RequestState = "waiting"
    decided_by: str = ""
    decided_at: datetime | None = None
    reason: str = ""

    @property
    def resource(self) -> Resource:
        """The request as access rules see it."""
        return Resource("Package", self.name, {"requested_by": self.by})


@dataclass(frozen=True)
class Input:
    """A file that a run was given: under which name of the manifest, what it is by its content, its sha256.

    `note` says what its readers should know about it, such as that formulas come as values.
    """

    name: str
    file: str
    type: str
    size: int
    digest: str
    note: str = ""


@dataclass(frozen=True)
class Output:
    """One thing that a run handed over; `name` is a plain file name, `size` in bytes."""

    run: str
    n: int
    kind: OutputKind
    name: str
    title: str
    media: str
    size: int
