"""Import: copy a source's tables once into Parquet, look at them, and draft a contract for each."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from open_data_contract_standard.model import OpenDataContractStandard, Server

from handrail.data import odcs, store
from handrail.data.catalog import found as find_dataset
from handrail.data.check_quality import checked
from handrail.data.checks import breaches, plain
from handrail.data.draft import Found, draft, live_server, server_of
from handrail.data.drift import Drift, as_result, drift
from handrail.data.events import CertificationEnded, DataRefreshed, SchemaChanged, SourceImported, WorkFailed
from handrail.data.load import load, parse
from handrail.data.merge import merge
from handrail.data.models import Contract, Dataset, Extract, ImportReport, Note
from handrail.data.names import check_location, dataset_names, shown_location, source_name
from handrail.data.sources import LiveSource, Source, engine_of, open_source
from handrail.data.survey import Progress, look, silent, tables_of
from handrail.data.touched import Touched, touched
from handrail.kernel import Conflict, Context, Resource, access, definitions, storage
from handrail.kernel.ports import EngineLimits

_LOCK = "lock"


@dataclass
class _Outcome:
    """What an import will write, gathered before anything is written."""

    files: dict[str, bytes] = field(default_factory=dict)
    drafted: list[str] = field(default_factory=list)
    refreshed: list[str] = field(default_factory=list)
    changed: dict[str, tuple[str, ...]] = field(default_factory=dict)
    drifts: dict[str, Drift] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)


def import_source(
    ctx: Context,
    location: str,
    name: str | None = None,
    progress: Progress | None = None,
    encoding: str | None = None,
) -> ImportReport:
    """Import every table of a source: SQLite, DuckDB, CSV or Parquet file or folder, postgresql:// address.

    From engine:NAME, a server of the settings, nothing is copied: contracts are drafted from a sample that is
    gone afterwards, and the engine answers where the tables are.
    Extracts and contracts come into being together or not at all: files go to a directory of their own that
    counts only when the transaction names it. A source imported again refreshes the data; where the data has
    another shape, the contract is brought up to date, what stewards wrote in it stays, and its certification
    ends. `progress(label, done, total)` is told of tables. `encoding` says how CSV files are written.
    Refuses anybody but stewards, what cannot be read whole, and a name that another source has.
    """
    access.require(ctx, "import", Resource("Source", name or "new"))
    check_location(ctx, location)
    with closing(_opened(ctx, location, encoding)) as source:
        called = source_name(ctx, source, name)
        ctx.events.if_refused(lambda refusal: WorkFailed("import", called, refusal.code))
        extracts = ctx.settings.home / "extracts" / called
        with _alone(extracts, called):
            staging = extracts / storage.new_id("import")
            staging.mkdir()
            try:
                read = _read(ctx, source, called, staging, progress or silent)
                report = _record(ctx, source, called, read)
            except BaseException:
                shutil.rmtree(staging, ignore_errors=True)
                raise
            kept = set() if isinstance(source, LiveSource) else {staging}
            _forget(extracts, keep={*kept, *(one.path.parent for one in read.before.values())})
    return report


def _opened(ctx: Context, location: str, encoding: str | None) -> Source:
    engine, limits = engine_of(location), ctx.settings.data
    if engine is None:
        return open_source(location, encoding)
    return LiveSource(
        ctx.ports.engine, engine, EngineLimits(limits.seconds, limits.memory_mb, limits.threads)
    )


@contextmanager
def _alone(extracts: Path, called: str) -> Iterator[None]:
    """One import of a source at a time; the lock goes with the process, however that ends.

    A first import that came to nothing leaves nothing, not even its lock.
    """
    extracts.mkdir(parents=True, exist_ok=True)
    with (extracts / _LOCK).open("w") as lock:
        busy = Conflict(f"{called} is being imported right now.", next_step="Wait until that import is done.")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise busy from None
        if not os.fstat(lock.fileno()).st_nlink:  # whoever had it before has just removed it
            raise busy
        try:
            yield
        finally:
            if [one.name for one in extracts.iterdir()] == [_LOCK]:
                shutil.rmtree(extracts)


@dataclass(frozen=True)
class _Read:
    tables: tuple[Found, ...]
    before: Mapping[str, Extract]  # this source's extracts so far


def _read(ctx: Context, source: Source, called: str, staging: Path, progress: Progress) -> _Read:
    before = {name: one for name, one in store.all_extracts(ctx).items() if one.source == called}
    tables = tables_of(source)
    names = dataset_names(ctx, called, [(table.key, table.name) for table in tables])
    k = ctx.settings.twins.k  # what is rarer stays out of drafts too
    return _Read(look(source, tables, names, staging, k, progress), before)


def _record(ctx: Context, source: Source, called: str, read: _Read) -> ImportReport:
    """Write sources, extracts and contracts, and say what was done."""
    location = shown_location(ctx, source)
    stays = isinstance(source, LiveSource)
    server = _server(called, source, location)
    paths = {one.dataset: one.profile.path for one in read.tables}
    outcome = _Outcome(notes=[Note("", text) for text in source.left_out])
    for one in read.tables:
        before = read.before[one.dataset].path if one.dataset in read.before else None
        _settle(ctx, one, draft(one, read.tables, called, server), paths, before, outcome, stays)
    standing = {name: find_dataset(ctx, name) for name in outcome.changed if name in read.before}
    store.put_source(ctx, called, source.kind, location)
    moment = ctx.clock.now()
    for one in read.tables:
        path, rows = ctx.settings.home if stays else one.profile.path, one.extracted.rows
        store.put_extract(ctx, Extract(one.dataset, called, one.table.key, path, rows, moment))
    if outcome.files:
        definitions.write_all(ctx, outcome.files, f"Draft the contracts of {called}.")
    ctx.events.publish(SourceImported(called, tuple(one.dataset for one in read.tables)))
    for name in outcome.changed:
        _announce_change(ctx, name, outcome, standing.get(name))
    for name in outcome.refreshed:
        ctx.events.publish(DataRefreshed(name))
    for one in read.tables:
        found = outcome.drifts.get(one.dataset)
        schema = () if one.dataset in outcome.drafted else (as_result(found),)
        checked(ctx, one.dataset, "import", schema, asdict(found) if found else None)
    gone = sorted(set(read.before) - set(paths))
    outcome.notes += [Note(name, "It is no longer in the source; its last data stays.") for name in gone]
    report = ImportReport(
        source=called,
        drafted=tuple(outcome.drafted),
        refreshed=tuple(outcome.refreshed),
        changed=tuple(outcome.changed),
        rows={one.dataset: one.extracted.rows for one in read.tables},
        notes=tuple(outcome.notes),
        drift={name: found.sentences() for name, found in outcome.drifts.items() if found},
    )
    ctx.audit.note(
        "source.imported",
        f"source:{called}",
        kind=source.kind,
        location=location,
        datasets=len(read.tables),
        rows=sum(report.rows.values()),
        changed=sorted(outcome.changed),
    )
    return report


def _server(called: str, source: Source, location: str) -> Server:
    if isinstance(source, LiveSource):
        return live_server(called, source)
    return server_of(called, source.kind, location)


def _announce_change(ctx: Context, name: str, outcome: _Outcome, before: Dataset | None) -> None:
    """A changed contract is a new proposal, unless it never was more than a draft."""
    differences = outcome.changed[name]
    if before and before.state != "draft":
        store.add_proposal(ctx, name, definitions.digest(outcome.files[odcs.path_of(name)]))
    if before and before.certified:
        ctx.events.publish(CertificationEnded(name, f"its data has another shape. {' '.join(differences)}"))
    lost = outcome.drifts[name].lost
    who = touched(ctx, name, lost) if lost else Touched()
    if who.apps or who.metrics:
        readers = ", ".join((*who.metrics, *who.apps))
        outcome.notes.append(Note(name, f"What changed is read by: {readers}."))
    ctx.events.publish(SchemaChanged(name, differences, lost, who.apps, who.metrics))
    ctx.audit.note("dataset.changed", f"dataset:{name}", differences=list(differences), apps=list(who.apps))


def _settle(
    ctx: Context,
    one: Found,
    drafted: OpenDataContractStandard,
    paths: Mapping[str, Path],
    before: Path | None,
    outcome: _Outcome,
    stays: bool,
) -> None:
    """Decide what becomes of one table's contract: drafted, left alone, or brought up to date."""
    path = odcs.path_of(one.dataset)
    content = definitions.read(ctx, path)
    outcome.notes += [Note(one.dataset, text) for text in _said(one)]
    if content is None:
        outcome.files[path] = odcs.render(drafted)
        outcome.drafted.append(one.dataset)
        return
    stated = load(content, path)

    def extract_of(dataset: str) -> Path | None:
        other = paths.get(dataset)
        kept = None if other else store.get_extract(ctx, dataset)
        return kept.path if kept else other

    # What a sample cannot tell about a table that stays is counted at its source, by the check that follows.
    held, fresh = plain(stated) if stays else stated, load(odcs.render(drafted), path)
    differences = (*_moved(stated, fresh), *breaches(held, one.profile.path, extract_of))
    if not differences:
        outcome.refreshed.append(one.dataset)
        return
    found = outcome.drifts[one.dataset] = drift(stated, fresh, before, one.profile.path)
    merged = merge(stated, fresh, {guess.new: guess.old for guess in found.renamed})
    document = parse(content, path)
    if _moved(stated, fresh):
        document = document.model_copy(update={"servers": drafted.servers})
    outcome.files[path] = odcs.render(odcs.update(document, merged), odcs.header_of(content))
    outcome.changed[one.dataset] = differences
    outcome.notes += [Note(one.dataset, text) for text in (*differences, *_guesses(found))]


def _moved(stated: Contract, fresh: Contract) -> tuple[str, ...]:
    """Another place that answers, in words; of extracts it does not matter where they were taken."""
    before, now = ((one.engine, one.server if one.engine else "") for one in (stated, fresh))
    if before == now:
        return ()
    was, is_now = (f"the engine {one[0]} at {one[1]}" if one[0] else "its extract" for one in (before, now))
    return (f"It is answered by {is_now} now, and the contract says by {was}.",)


def _guesses(found: Drift) -> list[str]:
    kept = "It keeps the mask, class and description; correct the contract if that is wrong."
    guesses = zip(found.renamed, found.sentences(), strict=False)
    return [f"{said} {kept}" for _, said in guesses]


def _said(one: Found) -> Iterable[str]:
    for column, text in one.extracted.notes:
        yield f"{column}: {text}" if column else text
    yield from one.keys.doubts


def _forget(extracts: Path, keep: set[Path]) -> None:
    """Remove the directories of imports before the last one; a query may still be reading the last."""
    for old in extracts.iterdir():
        if old not in keep and old.name != _LOCK:
            shutil.rmtree(old, ignore_errors=True)
