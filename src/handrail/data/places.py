"""Where the rows of a dataset are: in its extract, or at its source, by an engine that its contract names."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

from handrail.data import store
from handrail.data.govern import SCHEMA
from handrail.data.models import Contract, Extract
from handrail.data.sources.table import quote, write
from handrail.kernel import Context, NotReady, storage
from handrail.kernel.ports import EngineLimits, Place, Remote

_COPIES = "copies"
_A_DAY = 24 * 60 * 60
_COPYING = 60 * 60  # seconds that copying one table may take


def place_of(contract: Contract, extract: Extract | None) -> Place | None:
    """The place that answers for the dataset as its contract states it; None when there is no extract yet."""
    if contract.engine:
        columns = tuple((column.name, column.type) for column in contract.columns)
        return Remote(contract.engine, contract.physical_name, columns, contract.server)
    return extract.path if extract else None


def there(ctx: Context, contract: Contract) -> Place:
    """The place of a dataset in any state; refuses NotReady when an extract should be there and is not."""
    place = place_of(contract, store.get_extract(ctx, contract.name))
    if place is None or (isinstance(place, Path) and not place.is_file()):
        raise NotReady(f"The data of {contract.name} is not there.", next_step="Import its source again.")
    return place


def copied(ctx: Context, place: Remote) -> Path:
    """All rows of a table that stays at its source as a file, for what has to see them all, such as a twin.

    It is production data: it lies in the instance until `forget_copies`, or a day when that never happens.
    """
    folder = ctx.settings.home / _COPIES
    folder.mkdir(mode=0o700, exist_ok=True)
    for old in folder.iterdir():
        if old.stat().st_mtime < time.time() - _A_DAY:
            old.unlink(missing_ok=True)
    names = ", ".join(quote(name) for name, _ in place.columns)
    sql = f"SELECT {names} FROM {quote(SCHEMA)}.{quote('t')}"  # noqa: S608
    limits = EngineLimits(_COPYING, ctx.settings.data.memory_mb, ctx.settings.data.threads)
    rows = ctx.ports.engine.run(sql, {}, SCHEMA, {"t": place}, limits)
    path = folder / f"{storage.new_id('copy')}.parquet"
    write(path, rows.schema, rows.batches(), lambda _: None)
    return path


def forget_copies(paths: Iterable[Path]) -> None:
    """Remove the copies among these files; an extract stays."""
    for path in paths:
        if path.parent.name == _COPIES:
            path.unlink(missing_ok=True)
