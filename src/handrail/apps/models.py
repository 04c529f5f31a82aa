"""The nouns of the apps room: apps, their versions, what went to production, and with whom it is shared."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from handrail.kernel import Environment, Manifest, Resource

GateState = Literal["open", "shut", "waiting"]
TierName = Literal["self-service", "handoff"]
SpeakerRole = Literal["maker", "assistant"]


@dataclass(frozen=True)
class App:
    """An app: one owner, any number of co-owners, and the groups and people it is shared with."""

    name: str
    owner: str
    coowners: tuple[str, ...]
    groups: tuple[str, ...]
    people: tuple[str, ...]
    created: datetime
    says: str = ""
    versions: int = 0
    promoted: int | None = None  # number of the version in production

    @property
    def resource(self) -> Resource:
        """The app as access rules see it."""
        return Resource(
            "App",
            self.name,
            {
                "owner": self.owner,
                "coowners": frozenset(self.coowners),
                "groups": frozenset(self.groups),
                "people": frozenset(self.people),
            },
        )

    @property
    def shared(self) -> bool:
        """Whether anybody beyond owner and co-owners may open it."""
        return bool(self.groups or set(self.people) - {self.owner, *self.coowners})


@dataclass(frozen=True)
class Version:
    """One immutable version: a git commit, numbered from 1 within its app."""

    app: str
    n: int
    commit: str
    tree: str
    manifest: Manifest
    why: str
    by: str
    at: datetime
    prompts: int  # how many were kept with it
    redacted: Mapping[str, int]  # what was taken out of why and prompts, by kind


@dataclass(frozen=True)
class Prompt:
    """One thing that was said while the app was made, redacted before it was kept."""

    role: SpeakerRole
    text: str


@dataclass(frozen=True)
class Promotion:
    """A version's passage to production: exactly this tree, manifest and layer, at this tier."""

    app: str
    n: int
    commit: str
    tree: str
    manifest_digest: str
    layer: str
    tier: TierName
    by: str
    at: datetime


@dataclass(frozen=True)
class Tier:
    """What an app needs to survive, computed from facts, with every reason."""

    name: TierName
    reasons: tuple[str, ...]

    @property
    def handoff(self) -> bool:
        """Whether engineering joins."""
        return self.name == "handoff"


@dataclass(frozen=True)
class Gate:
    """One condition between a version and production; `who` can open it."""

    key: str
    title: str
    state: GateState
    because: str
    next_step: str = ""
    who: str = ""
    ask: bool = False  # whether asking a reviewer is what comes next

    @property
    def open(self) -> bool:
        """Whether it lets the version pass."""
        return self.state == "open"


@dataclass(frozen=True)
class SharePreview:
    """What sharing would mean, told before it is done."""

    app: str
    adds: tuple[str, ...]
    before: Tier
    after: Tier
    costs: tuple[str, ...]


@dataclass(frozen=True)
class Chosen:
    """The version that counts in an environment."""

    version: Version
    environment: Environment


@dataclass(frozen=True)
class Visit:
    """Somebody at an app's own origin; `n` is the version that is tried in the sandbox, `proof` the session
    or the token that it was begun with, where there was one.
    """

    id: str
    app: str
    environment: Environment
    person: str
    n: int | None = None
    proof: str = ""
