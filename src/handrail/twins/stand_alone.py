"""Twins of a source that no instance knows, as a stand-alone tool: nothing certified, nothing published."""

from __future__ import annotations

import errno
import secrets
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import duckdb
import orjson
import pyarrow as pa

from handrail import data
from handrail.kernel import Conflict, Invalid, LimitReached, NotAllowed, NotFound, storage
from handrail.kernel.clock import SystemClock
from handrail.twins import codec
from handrail.twins.abreast import abreast
from handrail.twins.build import LEAST_K
from handrail.twins.drill import drill
from handrail.twins.generate import write
from handrail.twins.make import Made, make, mean_of
from handrail.twins.models import Break, Progress, Table, TwinRefused, TwinReport, Variant
from handrail.twins.roles import layout, links_of
from handrail.twins.scratch import Scratch
from handrail.twins.semantics import shared
from handrail.twins.tables import table_of
from handrail.twins.whom import about_companies

MANIFEST = "twin.json"
ASKED = (
    "Its rows are the real ones: whoever built this twin named the table as one to keep verbatim. No column "
    "of it looks personal, which nobody certified."
)


def stand_alone(
    source: str,
    out: Path,
    variant: Variant = "hostile",
    seed: int = 0,
    progress: Progress | None = None,
    encoding: str | None = None,
    verbatim: Collection[str] = (),
) -> TwinReport:
    """Write a twin of every table of a source into the directory `out`, as Parquet, all of it or nothing.

    Beside the tables stand `twin.json`, which says how they were made and how alike they are, the sketch they
    were made from and, per table, the awkward cells. Keys and personal columns are found by looking, as an
    import drafts them, for nobody has confirmed them. The same source, variant and seed give the same Parquet
    bytes. A column that would show real rows is invented from its meaning instead and named in the report.
    Keys that point at each other in a circle are let go, and what of the source could not be read is said.
    The tables `verbatim`, by their own names or their datasets', keep their real rows. Rows are counted
    where those whom they are about are companies, people where they may be people (`whom.py`).
    Refuses what `data.import_source` refuses about a source, TwinRefused where even that does not help,
    NotFound a table to keep verbatim that is not there, Invalid one that may be about people,
    Conflict a directory that holds anything but an earlier twin, and LimitReached on a full disk.
    """
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not (out / MANIFEST).is_file())):
        raise Conflict(
            f"{out} holds something else already.", next_step="Name a new directory, or empty this one."
        )
    with _room_for(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        return _stand_alone(source, out, variant, seed, progress, encoding, verbatim)


def _stand_alone(
    source: str,
    out: Path,
    variant: Variant,
    seed: int,
    progress: Progress | None,
    encoding: str | None,
    verbatim: Collection[str],
) -> TwinReport:
    notes: dict[str, list[str]] = {}
    with Scratch("handrail-twin-") as folder:
        drafts = data.survey(source, folder, LEAST_K, encoding, progress, notes)
        kept = _kept_verbatim([contract for contract, _ in drafts], verbatim)
        companies = about_companies(drafts)
        for name, why in companies.items():
            notes.setdefault(name, []).append(why)
        guessed = [_counting(_guessed(table_of(*draft)), companies, kept) for draft in drafts]
        tables = _opened(guessed, notes)
        made, withheld = _made(tables, "plain" if variant == "plain" else "hostile", seed, progress)
    written = {name: twin.table for name, twin in made.twins.items()}
    breaks: list[Break] = []
    if variant == "drill":
        written, breaks = drill(made.sketch, written, seed)
    report = TwinReport(
        id=storage.new_id("twin"),
        seed=seed,
        k=LEAST_K,
        variant=variant,
        built_at=SystemClock().now(),
        built_by="",
        seconds=made.seconds,
        overall=mean_of(made.reports),
        tables=tuple(
            replace(one, simplifications=(*one.simplifications, *notes.get(one.dataset, ())))
            for one in made.reports
        ),
        breaks=tuple(breaks),
        withheld=withheld,
        left_out=tuple(notes[""]),
    )
    _write(out, report, made, written)
    return report


def _made(
    tables: list[Table], variant: Variant, seed: int, progress: Progress | None
) -> tuple[Made, tuple[tuple[str, str], ...]]:
    """Twins that pass the gate; a column that betrays rows becomes personal, for no steward can say so."""
    withheld: list[tuple[str, str]] = []
    while True:
        try:
            return make(tables, LEAST_K, seed, variant, None, progress), tuple(withheld)
        except TwinRefused as refusal:
            found = (
                str(refusal.facts["subject"]).removeprefix("dataset:"),
                str(refusal.facts.get("column") or ""),
            )
            if not found[1] or found in withheld:
                raise
            withheld.append(found)
            tables = [_without(table, found[1]) if table.name == found[0] else table for table in tables]


def _guessed(table: Table) -> Table:
    """Nobody has said that a column is personal: what many share is drawn as any category is."""
    return replace(
        table,
        fields=tuple(
            replace(one, personal=one.personal and not shared(one.semantic, one.name)) for one in table.fields
        ),
    )


def _counting(table: Table, companies: Collection[str], verbatim: Collection[str]) -> Table:
    """Rows are counted where they are about companies, and not at all where they are kept as they are."""
    if table.name in companies:
        table = replace(table, entity=None, company=table.entity)
    return replace(table, verbatim=ASKED) if table.name in verbatim else table


def _kept_verbatim(drafts: Sequence[data.Contract], wanted: Collection[str]) -> frozenset[str]:
    """The datasets of the tables that are to be kept; refuses those that are not there, or about people."""
    found = set()
    for name in wanted:
        one = next((one for one in drafts if name in (one.name, one.physical_name)), None)
        if one is None:
            raise NotFound(
                f"There is no table {name[:60]} to keep verbatim.",
                next_step=f"Name one of {', '.join(one.name for one in drafts)}.",
            )
        if why := data.why_not_verbatim(one.columns, one.entity_key, filtered=False):
            raise Invalid(
                f"{name} cannot be kept verbatim: {why}.",
                next_step="Leave it out, and it is imitated; only tables that name nobody are kept.",
            )
        found.add(one.name)
    return frozenset(found)


@contextmanager
def _room_for(out: Path) -> Iterator[None]:
    """Say it in words when disk, memory or rights are missing."""
    try:
        yield
    except (OSError, duckdb.IOException, duckdb.OutOfMemoryException) as error:
        if isinstance(error, PermissionError):
            raise NotAllowed(
                f"{error.filename} may not be read or written.",
                next_step="Ask for the right to, or name another.",
            ) from error
        full = isinstance(error, OSError) and error.errno == errno.ENOSPC
        if full or isinstance(error, duckdb.OutOfMemoryException) or "No space left" in str(error):
            raise LimitReached(
                f"There was no room to make a twin in {out}: disk or memory is full. Nothing is left.",
                next_step="Make room, or name a directory on another disk; TMPDIR says where copies go.",
            ) from error
        raise


def _opened(tables: list[Table], notes: dict[str, list[str]]) -> list[Table]:
    """The tables without the references that close a circle of keys: no row of it could be made first."""
    found = {table.name: table for table in tables}
    while True:
        try:
            layout(list(found.values()))
            return list(found.values())
        except Invalid:
            table, link = next(
                (table, link)
                for table in found.values()
                for link in links_of(table, found)
                if {one.name for one in table.fields if one.primary_key or one.unique} >= set(link.columns)
                and link.to != table.name
                and table.name in _reached(link.to, found)
            )
            found[table.name] = replace(
                table,
                fields=tuple(
                    replace(one, references=None)
                    if one.name in link.columns and one.references and one.references[0] == link.to
                    else one
                    for one in table.fields
                ),
                combined=tuple(
                    one for one in table.combined if (one.columns, one.dataset) != (link.columns, link.to)
                ),
            )
            notes.setdefault(table.name, []).append(
                f"{', '.join(link.columns)} points at {link.to} in a circle of keys: "
                "its values are invented and fit only by chance."
            )


def _reached(name: str, tables: Mapping[str, Table]) -> set[str]:
    """The tables that links lead to from one, and that one."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        name = waiting.pop()
        if name in tables and name not in found:
            found.add(name)
            waiting += [link.to for link in links_of(tables[name], tables)]
    return found


def _without(table: Table, column: str) -> Table:
    fields = (
        replace(one, personal=True, withheld=True) if one.name == column else one for one in table.fields
    )
    return replace(table, fields=tuple(fields))


def _write(out: Path, report: TwinReport, made: Made, tables: Mapping[str, pa.Table]) -> None:
    draft = out.parent / f".{out.name}.{secrets.token_hex(6)}"
    try:
        draft.mkdir(mode=0o700)
        with abreast(lambda name: write(tables[name], draft / f"{name}.parquet"), tables) as written:
            for _ in written:
                pass
        for name in tables:
            (draft / f"{name}.hostile.json").write_bytes(orjson.dumps(made.twins[name].hostile))
        (draft / "sketch.json").write_bytes(codec.to_json(made.sketch))
        (draft / MANIFEST).write_bytes(orjson.dumps(report, option=orjson.OPT_INDENT_2))
        draft.chmod(0o755)
        _swap(draft, out)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def _swap(draft: Path, out: Path) -> None:
    """Put the new twin where the old one is, which stays when that fails."""
    old = draft.with_name(f"{draft.name}.old")
    if out.exists():
        out.rename(old)
    try:
        draft.rename(out)
    except BaseException:
        if old.exists() and not out.exists():
            old.rename(out)
        raise
    shutil.rmtree(old, ignore_errors=True)
