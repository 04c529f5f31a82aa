"""Write the definition of a connector: checked first, committed in the caller's name."""

from __future__ import annotations

from handrail.connectors.load import load, path_of
from handrail.connectors.models import Connector
from handrail.kernel import Context, Invalid, NotFound, Resource, access, definitions, identity


def save_connector(ctx: Context, name: str, content: bytes) -> Connector:
    """Keep this text as the definition of a connector, new or changed.

    Refuses all but stewards, and Invalid a text that `load` does or whose owner or deputy has no account.
    """
    access.require(ctx, "save-connector", Resource("Connector", name[:80], {"owner": "", "deputy": ""}))
    made = load(content, name)
    for key, person in (("owner", made.owner), ("deputy", made.deputy)):
        try:
            active = identity.found(ctx, person).active
        except NotFound:
            active = False
        if not active:
            raise Invalid(
                f"{path_of(name)}: “{key}” is {person[:80]}, who has no active account.",
                next_step="Name somebody who does, as the page People has them.",
                key=key,
            )
    if definitions.read(ctx, path_of(name)) != content:
        definitions.write(ctx, path_of(name), content, f"Define the connector {name}.")
        ctx.audit.note("connector.defined", f"connector:{name}", definition=made.digest, host=made.host)
    return made


def definition(ctx: Context, name: str) -> str:
    """The text of a definition as it lies there now; refuses all but stewards, and NotFound."""
    access.require(ctx, "save-connector", Resource("Connector", name[:80], {"owner": "", "deputy": ""}))
    content = definitions.read(ctx, path_of(name))
    if content is None:
        raise NotFound(f"There is no connector {name[:80]}.", next_step="Begin one on the page Connectors.")
    return content.decode("utf-8", "replace")
