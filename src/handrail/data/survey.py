"""Look at a whole source: copy each table into Parquet, profile it, find its keys, draft its contract."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import duckdb

from handrail.data import odcs
from handrail.data.draft import Found, draft, server_of
from handrail.data.keys import declared_keys, find_keys
from handrail.data.load import load
from handrail.data.models import Contract
from handrail.data.profile import profile
from handrail.data.sources import LiveSource, Source, Table, open_source
from handrail.data.words import slug, unused
from handrail.kernel import Invalid

Progress = Callable[[str, int, int], None]
_VIEW = 'The view "{}" was left out: it is a question, which the twins of its tables answer.'


def survey(
    location: str,
    folder: Path,
    k: int,
    encoding: str | None = None,
    progress: Progress | None = None,
    notes: dict[str, list[str]] | None = None,
) -> tuple[tuple[Contract, Path], ...]:
    """Draft contracts of a source without an instance, each with its extract, a Parquet file in `folder`.

    `notes` gets what was left out or read otherwise than it stands there, by dataset, "" for the source.
    Beside tables, views are left out: they are questions, which the twins of their tables answer too.
    What fewer than `k` rows share stays out of the drafts. Asks no rule: it reads with the rights of whoever
    runs it, for stand-alone tools. Refuses what `import_source` refuses about the source itself.
    """
    with closing(open_source(location, encoding)) as source:
        every = tables_of(source)
        tables = [table for table in every if table.kind != "view"] or every
        views = [table.name for table in every if table not in tables]
        names: dict[str, str] = {}
        for table in tables:
            names[table.key] = unused(slug(table.name), names.values())
        found = look(source, tables, names, folder, k, progress or silent)
        server = server_of("source", source.kind, source.location)
        if notes is not None:
            notes[""] = [*source.left_out, *map(_VIEW.format, views)]
            for one in found:
                said = [f"{column}: {text}" if column else text for column, text in one.extracted.notes]
                notes[one.dataset] = [*said, *one.keys.doubts]
    drafts = [odcs.render(draft(one, found, "source", server)) for one in found]
    return tuple(
        (load(content, odcs.path_of(one.dataset)), one.profile.path)
        for one, content in zip(found, drafts, strict=True)
    )


def tables_of(source: Source) -> Sequence[Table]:
    """The tables of a source; refuses Invalid when there is none."""
    if tables := source.tables():
        return tables
    raise Invalid(
        "There is no table in that source. " + " ".join(source.left_out),
        next_step="Check that it is the right file or database, and that it holds tables.",
    )


def look(
    source: Source,
    tables: Sequence[Table],
    names: Mapping[str, str],
    folder: Path,
    k: int,
    progress: Progress,
) -> tuple[Found, ...]:
    """Extract and profile every table into `folder`, by its dataset's name; nothing else is touched."""
    extracted = {}
    with duckdb.connect() as con, ThreadPoolExecutor(1, "handrail-survey") as beside:
        waiting = {}
        for done, table in enumerate(tables):
            label = names[table.key]
            progress(label, done, len(tables))
            target = folder / f"{label}.parquet"
            extracted[table.key] = source.extract(
                table, target, _counting(progress, label, done, len(tables))
            )
            waiting[table.key] = beside.submit(profile, con, target, k)  # while the next is read
        profiles = {key: found.result() for key, found in waiting.items()}
        # Of a table that stays at its source only a sample is here, and a sample proves no key.
        stays = isinstance(source, LiveSource)
        keys = declared_keys(tables) if stays else find_keys(con, tables, profiles)
    progress("checked", len(tables), len(tables))
    return tuple(Found(names[t.key], t, profiles[t.key], extracted[t.key], keys[t.key]) for t in tables)


def _counting(progress: Progress, label: str, done: int, total: int) -> Callable[[int], None]:
    def tick(rows: int) -> None:
        progress(f"{label}: {rows:,} rows", done, total)

    return tick


def silent(_label: str, _done: int, _total: int) -> None:
    """Nobody wants to know."""
