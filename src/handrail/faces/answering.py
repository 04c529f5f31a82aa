"""What somebody answers for across the rooms: what needs another name before, or after, they leave."""

from dataclasses import dataclass

from handrail import apps, data
from handrail.kernel import Context


@dataclass(frozen=True)
class Answering:
    """One thing that somebody answers for: "app" or "dataset", its name, and as what."""

    kind: str
    name: str
    as_what: str

    @property
    def href(self) -> str:
        """Its page."""
        return f"/{self.kind}s/{self.name}"


def answers_for(ctx: Context, person: str) -> tuple[Answering, ...]:
    """Somebody's apps, and the datasets that they own or stand in for, as far as the caller sees them."""
    owned = [Answering("app", one.name, "owner") for one in apps.apps(ctx) if one.owner == person]
    roles = ((one, as_what) for one in data.datasets(ctx) for as_what in ("owner", "deputy"))
    kept = [
        Answering("dataset", one.name, as_what)
        for one, as_what in roles
        if getattr(one.contract, as_what) == person
    ]
    return (*owned, *kept)
