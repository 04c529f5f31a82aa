"""Where the rows of a dataset are: in its extract, or at its source, by an engine that its contract names."""

from __future__ import annotations

from pathlib import Path

from handrail.data import store
from handrail.data.models import Contract, Extract
from handrail.kernel import Context, NotReady
from handrail.kernel.ports import Place, Remote


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
