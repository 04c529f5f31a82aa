"""The page of a run: what it shows, what it printed, how it ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import Request, Response
from fastapi.responses import HTMLResponse

from handrail import data, kit
from handrail.kernel import Context, LimitReached, NotFound, NotReady, access
from handrail.runtime import look, panels
from handrail.runtime.answers import downloaded, shown
from handrail.runtime.carries import carries
from handrail.runtime.compare import compare, has_earlier
from handrail.runtime.download import USUAL, download, download_log, form_of
from handrail.runtime.give import inputs
from handrail.runtime.kept import RETENTION, kept
from handrail.runtime.markup import markdown
from handrail.runtime.models import Output, Run
from handrail.runtime.stop import stop
from handrail.runtime.table_forms import FORMS
from handrail.runtime.tables import beginning

router = kit.pages()
kit.templates_from("handrail.runtime")
PANELS = (panels.how_it_runs, panels.how_long_kept)  # registered by being imported

_SHOWN_ROWS = 200
_SHOWN_LOG = 20_000  # characters; the whole is a download
_SHOWN_TEXT = 100_000
_FRAMED = frozenset({"image", "html", "pdf"})


@dataclass(frozen=True)
class Shown:
    """An output with what the page needs of its content."""

    output: Output
    href: str
    text: str = ""
    table: dict[str, Any] | None = None
    forms: tuple[str, ...] = ()  # in which a table can be kept, the usual one first


@router.get("/runs/{run_id}", response_class=HTMLResponse)
def run_page(run_id: str, ctx: kit.Ctx, request: Request) -> HTMLResponse:
    """One run; while it goes on, the page asks again by itself."""
    values = _values(ctx, run_id)
    return kit.render(
        request, "runtime/run.html", **values, panels=kit.panels(ctx, request, "run", values["run"])
    )


@router.get("/runs/{run_id}/live", response_class=HTMLResponse)
def live_part(run_id: str, ctx: kit.Ctx, request: Request, seen: str = "") -> Response:
    """The part of the page that changes while the run goes on; nothing while it is as it was `seen`."""
    if seen and seen == look.mark(ctx, run_id):
        return Response(status_code=204)
    return HTMLResponse(str(kit.fragment(request, "runtime/live.html", **_values(ctx, run_id))))


@router.post("/runs/{run_id}/stop")
def stop_form(run_id: str, ctx: kit.Ctx, request: Request) -> Response:
    """End a run."""
    stop(ctx, run_id)
    return kit.back(request, f"/runs/{run_id}", toast="The run is being stopped.")


@router.get("/runs/{run_id}/compare", response_class=HTMLResponse)
def compare_page(run_id: str, ctx: kit.Ctx, request: Request, other: str = "") -> HTMLResponse:
    """What changed since the run before, or another."""
    return kit.render(request, "runtime/compare.html", found=compare(ctx, run_id, other))


@router.get("/runs/{run_id}/log", response_class=Response)
def log_file(run_id: str, ctx: kit.Ctx) -> Response:
    """The whole log as a text file."""
    return downloaded(download_log(ctx, run_id))


@router.get("/runs/{run_id}/outputs/{n}", response_class=Response)
def output_file(run_id: str, n: kit.number, ctx: kit.Ctx, form: str = USUAL) -> Response:
    """One output as a file; a table in the form that is asked for."""
    return downloaded(download(ctx, run_id, n, form))


@router.get("/runs/{run_id}/outputs/{n}/shown", response_class=Response)
def output_shown(run_id: str, n: kit.number, ctx: kit.Ctx) -> Response:
    """A picture, an HTML page or a PDF as it stands in the page of the run."""
    output, content = look.output(ctx, run_id, n)
    return shown(output, content) if output.kind in _FRAMED else downloaded(download(ctx, run_id, n))


def _values(ctx: Context, run_id: str) -> dict[str, Any]:
    mark = look.mark(ctx, run_id)  # before all else: what changes meanwhile is then shown anew, not missed
    run = look.run(ctx, run_id)
    may_see = visible = look.may_see_outputs(ctx, run_id)
    withheld = None
    seen = look.Seen((), "", 0)
    try:
        seen = look.seen(ctx, run_id, _SHOWN_LOG) if visible else seen
    except (LimitReached, NotFound, NotReady) as refusal:
        visible, withheld = False, refusal
    return {
        "run": run,
        "mark": mark,
        "comparable": visible and has_earlier(ctx, run),
        "visible": visible,
        "withheld": withheld,
        "carried": carries(ctx, run_id),
        "given": inputs(ctx, run_id) if visible or (may_see and run.outputs_swept) else (),
        "log": seen.log,
        "kept": kept(ctx, run_id),
        "may_hold": access.decide(ctx, "hold-run", RETENTION).allowed,
        "log_cut": seen.cut,
        "outputs": [_shown(output, content) for output, content in seen.outputs],
        "rows_shown": _SHOWN_ROWS,
        "broken": _broken(ctx, run) if visible else {},
    }


def _broken(ctx: Context, run: Run) -> dict[str, Any]:
    """What a drill broke of each dataset's contract."""
    twins = {name: data.rendition(ctx, name, build, run.variant) for name, build in run.twins.items()}
    return {name: twin.facts.get("breaks", ()) for name, twin in twins.items() if twin}


def _shown(output: Output, content: bytes) -> Shown:
    href = f"/runs/{output.run}/outputs/{output.n}"
    if output.kind == "table":
        usual = form_of(output)
        forms = (usual, *(one for one in FORMS if one != usual))
        return Shown(output, href, table=_table(content), forms=forms)
    if output.kind == "text":
        return Shown(output, href, text=content.decode(errors="replace")[:_SHOWN_LOG])
    if output.kind == "markdown":
        return Shown(output, href, text=markdown(content.decode(errors="replace")[:_SHOWN_TEXT]))
    return Shown(output, href)


def _table(content: bytes) -> dict[str, Any]:
    """The first rows of a table, written for people; a column of numbers stands to the right."""
    table = beginning(content, _SHOWN_ROWS)
    rows = table["rows"]
    columns, written = [], []
    for place, name in enumerate(table["columns"]):
        values = [row[place] for row in rows]
        right = any(value is not None for value in values) and all(
            value is None or _is_number(value) for value in values
        )
        columns.append(
            {"label": name, "align": "right" if right else "left", "sort": "number" if right else "text"}
        )
        written.append([(words, value, right) for words, value in zip(_words(values), values, strict=True)])
    return {"columns": columns, "rows": list(zip(*written, strict=True)), "total": table["total"]}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _words(values: Sequence[object]) -> list[str]:
    """A column in words: fractions with places as the column needs, whole numbers plain (years, keys)."""
    fractions = [abs(value) for value in values if isinstance(value, float) and not value.is_integer()]
    places = 0 if not fractions else 2 if max(fractions) >= 1 else 4
    return [
        "" if value is None else f"{value:,.{places}f}" if isinstance(value, float) else str(value)
        for value in values
    ]
