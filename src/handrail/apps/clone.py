"""Read an app's whole history with a git client, as far as the caller may."""

from handrail.apps import find, spoken
from handrail.kernel import Context, access, git


def clone(ctx: Context, name: str) -> git.Repository:
    """The app's repository, for sending it; without the prompts for those who may not see them.

    Refuses NotFound and NotAllowed for those who may not read the code.
    """
    repository = readable(ctx, name)
    ctx.audit.note("app.cloned", f"app:{name}", prompts=not repository.hidden)
    return repository


def readable(ctx: Context, name: str) -> git.Repository:
    """The same for a look at its refs, which leaves no trail; refuses as `clone` does."""
    found = find.reach(ctx, name, "clone")
    prompts = access.decide(ctx, "see-prompts", found.resource).allowed
    return git.Repository(ctx.db, name, hidden=() if prompts else (spoken.NOTES,))
