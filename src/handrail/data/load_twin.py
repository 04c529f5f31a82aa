"""Load what a contract says of its twin, and refuse what would show somebody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from handrail.data.models import Column
from handrail.data.personal import MEANINGS
from handrail.data.twin_terms import LEAST_K, VERBATIM, TwinTerms
from handrail.kernel.strict_yaml import File

_PLACE = ("customProperties", "twin", "value")


def load_twin(where: File, values: Mapping[str, Any], columns: Sequence[Column]) -> TwinTerms:
    """The custom property `twin` among `values`, all those of the contract: “verbatim”, or “k: 25”.

    Refuses other words, a k below 10, and “verbatim” for a table about which it would matter who sees it.
    """
    value = values.get("twin")
    if value is None:
        return TwinTerms()
    if value == VERBATIM:
        why = why_not_verbatim(columns, values.get("entityKey"), bool(values.get("rowFilters")))
        if why:
            raise where.wrong(f"the twin cannot be “verbatim”: {why}", *_PLACE)
        return TwinTerms(verbatim=True)
    if not isinstance(value, dict):
        raise where.wrong("“twin” is “verbatim”, or “k:” with a whole number", *_PLACE)
    for key in value:
        if key != "k":
            raise where.unknown(str(key), ("k",), *_PLACE, str(key))
    k = value.get("k")
    if type(k) is not int or k < LEAST_K:
        raise where.wrong(
            f"“k” must be a whole number of {LEAST_K} or more, since below that a sketch could show "
            "single people",
            *(*_PLACE, "k"),
        )
    return TwinTerms(k=k)


def why_not_verbatim(columns: Sequence[Column], entity_key: str | None, filtered: bool) -> str:
    """Why real rows of such a table may not stand in the sandbox, in words; "" when they may.

    Only a table that names nobody, and of which every reader sees everything, is a reference table.
    """
    for column in columns:
        said = (column.semantic or "").partition("@")[0]
        if column.classification or said in MEANINGS:
            return f"{column.name} is {column.classification or said.replace('_', ' ')}"
        if column.mask:
            return f"{column.name} is masked"
    if entity_key:
        return f"its rows are about somebody, known by {entity_key}"
    return "not everybody may see all of its rows" if filtered else ""
