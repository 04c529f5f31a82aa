"""Name sources and datasets: stable over imports, apart from each other, and easy to type in SQL."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from handrail.data import odcs, store
from handrail.data.catalog import contract_of
from handrail.data.sources import Source, engine_of, is_postgres
from handrail.data.words import slug, unused
from handrail.kernel import Conflict, Context, Invalid, NotAllowed, Refusal, definitions

UPLOADS = "uploads"  # below the instance's directory
_TRUSTED = ("cli", "system")


def shown_location(ctx: Context, source: Source) -> str:
    """Where the source is, as it is stored and shown: a file that was uploaded is only known by its name."""
    if source.kind in ("postgres", "engine"):
        return source.location
    path, uploads = Path(source.location).resolve(), ctx.settings.home.resolve() / UPLOADS
    return f"upload of {path.name}" if path.is_relative_to(uploads) else str(path)


def source_name(ctx: Context, source: Source, wanted: str | None) -> str:
    """The name of a source: the one wanted, or from its file or database.

    Refuses a derived name that another location has already: a wanted one says that it is the same source.
    """
    parts = urlsplit(source.location) if source.kind == "postgres" else None
    derived = parts.path.strip("/") or "postgres" if parts else Path(source.location).stem
    derived = engine_of(source.location) or derived
    name = slug(wanted or derived)
    known = store.get_source(ctx, name)
    if known and not wanted and known.location != shown_location(ctx, source):
        raise Conflict(
            f"A source named {name} was imported from {known.location} already.",
            next_step=f"Add --name {name} if this is the same source in a new place, or --name with another.",
        )
    return name


def dataset_names(ctx: Context, source: str, tables: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Dataset names by table key. A table keeps the name it has; new names avoid every other dataset's."""
    known = {(one.source, one.physical_name): name for name, one in store.all_extracts(ctx).items()}
    taken = {name for (owner, _), name in known.items() if owner != source}
    taken |= _contracts_of_others(ctx, source, set(known.values()))
    result = {key: known[source, key] for key, _ in tables if (source, key) in known}
    for key, name in tables:
        if key not in result:
            wanted = slug(name) if slug(name) not in taken else slug(f"{source}_{name}")
            result[key] = unused(wanted, taken | set(result.values()))
    return result


def check_location(ctx: Context, location: str) -> None:
    """Refuse what somebody may not reach through the server: its files, and databases by its password.

    On the command line the operating system decides; over the network these rules do. Refuses Invalid what
    is no name of anything.
    """
    if "\0" in location:
        raise Invalid("No file's name has a null character in it.", next_step="Write the name again.")
    if ctx.caller.via in _TRUSTED:
        return
    if engine_of(location):
        return  # an admin named it in the settings, with an account of its own
    if is_postgres(location):
        if not urlsplit(location).password:
            raise Invalid(
                "Over the network an address needs its own password; the server's is not used for it.",
                next_step="Write postgresql://user:password@host/database; the password is not kept.",
            )
        return
    path = Path(location).resolve()
    allowed = [ctx.settings.home.resolve() / UPLOADS]
    if ctx.settings.data.import_from:
        allowed.append(Path(ctx.settings.data.import_from).resolve())
    if not any(path.is_relative_to(folder) for folder in allowed):
        raise NotAllowed(
            "Files of the server are not imported over the network.",
            next_step="Upload the file, use handrail import on the server, or ask an admin to set "
            "data.import_from to a folder for this.",
        )


def _contracts_of_others(ctx: Context, source: str, known: Collection[str]) -> set[str]:
    """Names of contracts that came by git and have no data yet; one written for this source is taken up."""
    paths = definitions.names(ctx, "contracts")
    waiting = {Path(path).name.removesuffix(odcs.SUFFIX) for path in paths} - set(known)
    return {name for name in waiting if not _is_for(ctx, name, source)}


def _is_for(ctx: Context, name: str, source: str) -> bool:
    try:
        return contract_of(ctx, name).source == source
    except Refusal:
        return False
