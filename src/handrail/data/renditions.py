"""The twin that answers for a dataset in the sandbox: which file it is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from handrail.data import renditions_store as store
from handrail.data.catalog import contract_of
from handrail.data.models import Rendition
from handrail.kernel import Context, Invalid


def set_rendition(
    ctx: Context, name: str, path: Path, facts: Mapping[str, object], digest: str | None = None
) -> None:
    """Make the Parquet file at `path`, inside the instance, the twin of this dataset; `facts` are about it.

    Its facts `build` and `variant` are what it can be asked for by; of the usual variant the one set last
    answers. `digest` names the contract that it was made by, when that is not the contract of today.
    Asks no rule: the twins room decides who may build a twin.
    """
    if not path.resolve().is_relative_to(ctx.settings.home.resolve()) or not path.is_file():
        raise Invalid(f"{path.name} is not a file of this instance.", next_step="Build the twin again.")
    store.add_rendition(ctx, name, path, facts, digest or contract_of(ctx, name).digest)
    ctx.audit.note("rendition.set", f"dataset:{name}", file=path.name)


def rendition(
    ctx: Context, name: str, build: str | None = None, variant: str = store.USUAL
) -> Rendition | None:
    """The twin that answers for the dataset in the sandbox, or one of another build or variant; or None."""
    return next(iter(store.newest_renditions(ctx, name, build, variant)), None)


def renditions(ctx: Context, name: str) -> tuple[Rendition, ...]:
    """Every twin that answered for the dataset, newest first; one that was gone back to is there again."""
    return store.newest_renditions(ctx, name)
