"""Who is asking: people, and the caller that a context acts for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from handrail.kernel.held import Lease
from handrail.kernel.manifest import Manifest

Environment = Literal["sandbox", "production"]
Via = Literal["web", "rest", "cli", "socket", "app", "mcp", "git", "system"]

ROLES = ("maker", "reviewer", "steward", "support", "compliance", "lead", "admin")


@dataclass(frozen=True)
class Person:
    """Somebody with an account. Everybody active may view what is shared with them; `roles` add to that."""

    id: str
    name: str
    email: str
    roles: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    attributes: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    active: bool = True


@dataclass(frozen=True)
class RunRef:
    """The run that a question comes from: which code, where, and what it declared."""

    id: str
    app: str
    commit: str
    environment: Environment
    manifest: Manifest
    # In the sandbox: the variant of the twins that it reads, and of which dataset it reads which build.
    variant: str = "hostile"
    twins: Mapping[str, str] = field(default_factory=dict, hash=False)
    # Of a trial: the files that answer in place of the twins of these datasets.
    instead: Mapping[str, Path] = field(default_factory=dict, hash=False)
    # By which its process holds it; whatever is written for the run is written while that is so.
    lease: Lease | None = field(default=None, hash=False, compare=False, repr=False)


@dataclass(frozen=True)
class Caller:
    """One person, by one way in. `scopes` narrows what an API token may do to these actions, and `purposes`
    what it may ask data for; `run` is set by the app socket alone, from the socket it listens on, never from
    anything a client says. `proof` is the id of the session or the token that says who it is, where one does.
    """

    person: Person
    via: Via
    scopes: frozenset[str] | None = None
    run: RunRef | None = None
    purposes: frozenset[str] | None = None
    proof: str = field(default="", compare=False)

    @property
    def narrowed(self) -> bool:
        """Whether it may do less than its person: a token for some actions or some purposes."""
        return self.scopes is not None or self.purposes is not None


# Handrail itself: starts, recoveries, sign-in before anybody is known. It has no role and so no rights.
SYSTEM = Caller(Person("handrail", "Handrail", ""), "system")
