"""Read an app's whole history with a git client, as far as the caller may."""

from handrail.apps import find, spoken
from handrail.kernel import Context, access, git


def clone(ctx: Context, name: str) -> git.Repository:
    """The app's repository for reading; without the prompts for those who may not see them.

    Refuses NotFound and NotAllowed for those who may not read the code.
    """
    found = find.reach(ctx, name, "clone")
    prompts = access.decide(ctx, "see-prompts", found.resource).allowed
    ctx.audit.note("app.cloned", f"app:{name}", prompts=prompts)
    return git.Repository(ctx.db, name, hidden=() if prompts else (spoken.NOTES,))
