"""Keep what a run handed over: a file for the person it was made for, counted, and on the trail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from handrail.kernel import Context, Invalid, access
from handrail.runtime import look, store
from handrail.runtime.carries import carries
from handrail.runtime.models import Output, Run
from handrail.runtime.table_forms import FORMS, MEDIA, TableForm, written
from handrail.runtime.tables import arrow

# A browser may open these once they are kept: it is told what they are, since we made or checked them.
_KNOWN = frozenset({"image", "table"})


USUAL = "usual"  # the form of a table that its name says


@dataclass(frozen=True)
class Kept:
    """A file: its name, its media type, its content."""

    name: str
    media: str
    content: bytes


def download(ctx: Context, run_id: str, n: int, form: str = "") -> Kept:
    """One output as a file. A table in a form: `csv`, `xlsx`, `parquet`, `arrow`, or the `usual` one, which
    its name says; without a form what `show` handed over stays JSON.

    For whom the run was made, and in the sandbox for the app's owners. In production everybody whom the run
    was shown counts again on a later day (`look.again`). Refuses NotFound, Invalid a form that there is not,
    LimitReached beyond a budget.
    """
    run = _allowed(ctx, run_id)
    output, content = look.found_output(ctx, run_id, n)
    # Before it is counted: a large workbook takes many seconds, and counting holds locks.
    kept = _as_table(output, content, form) if output.kind == "table" else _as_it_is(output, content, form)
    _note(ctx, run, kept, look.again(ctx, run), output=n, kind=output.kind)
    return kept


def download_log(ctx: Context, run_id: str) -> Kept:
    """All that a run has printed so far, as a file; refuses as `download` does: an app may print rows."""
    run = _allowed(ctx, run_id)
    kept = Kept(f"{run_id}.txt", "text/plain; charset=utf-8", store.find_log(ctx, run_id))
    _note(ctx, run, kept, look.again(ctx, run), kind="log")
    return kept


def form_of(output: Output) -> TableForm:
    """The form in which a table is kept where none is named: what its name says, or CSV."""
    ending = output.name.rpartition(".")[2].lower()
    return next((one for one in get_args(TableForm) if one == ending), "csv")


def kept_name(output: Output, form: str = "") -> str:
    """How the file is called as which an output is kept in a form (""; none was named)."""
    if output.kind != "table" or (not form and output.media == "application/json"):
        return output.name
    stem = output.name.removesuffix(".json").removesuffix(f".{form_of(output)}")
    return f"{stem}.{form or form_of(output)}"


def _allowed(ctx: Context, run_id: str) -> Run:
    run, resource = look.shown_run(ctx, run_id)
    access.require(ctx, "download-output", resource, run_person=run.person)
    look.must_be_kept(run)
    return run


def _as_table(output: Output, content: bytes, form: str) -> Kept:
    if not form and output.media == "application/json":
        return Kept(output.name, output.media, content)  # what `show` shows is JSON
    wanted = form_of(output) if form in ("", USUAL) else form
    chosen = next((one for one in FORMS if one == wanted), None)
    if chosen is None:
        raise Invalid(
            f"A table is not kept as {form[:20]!r}.", next_step=f"Choose one of {', '.join(FORMS)}."
        )
    name = kept_name(output, chosen)
    title = output.title or name.rpartition(".")[0]
    return Kept(name, MEDIA[chosen], written(arrow(content), chosen, title))


def _as_it_is(output: Output, content: bytes, form: str) -> Kept:
    if form not in ("", USUAL):
        raise Invalid("This output is not a table, and has one form.", next_step="Leave the form out.")
    media = output.media if output.kind in _KNOWN and output.media != "image/svg+xml" else None
    return Kept(output.name, media or "application/octet-stream", content)


def _note(ctx: Context, run: Run, kept: Kept, facts: Mapping[str, object], **about: object) -> None:
    ctx.audit.note(
        "output.downloaded",
        f"run:{run.id}",
        app=run.app,
        environment=run.environment,
        bytes=len(kept.content),
        media=kept.media,
        classification=carries(ctx, run.id).classification or None,
        **about,
        **facts,
    )
