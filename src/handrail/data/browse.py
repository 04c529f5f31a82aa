"""Browse the catalog: find datasets by words and facets, a page at a time, however many there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from handrail.data import catalog_store, store
from handrail.data.catalog import CATALOG, assemble, contract_of, declared_purposes
from handrail.data.catalog_store import FACETS
from handrail.data.index import index
from handrail.data.models import Dataset
from handrail.data.state import lacks
from handrail.data.words import words
from handrail.kernel import Context, Refusal, access

PAGE = 25
_VALUES = 12  # of a facet


@dataclass(frozen=True)
class Wanted:
    """What somebody looks for in the catalog; empty means everything. A word is found by its beginning."""

    q: str = ""
    state: str = ""
    domain: str = ""
    classification: str = ""
    subject: str = ""
    owner: str = ""
    source: str = ""

    @property
    def facets(self) -> dict[str, str]:
        """The facets that are chosen."""
        return {name: value for name in FACETS if (value := getattr(self, name))}

    def but(self, facet: str, value: str) -> dict[str, str]:
        """These wishes as an address's parameters, with this facet chosen, or let go when it is already."""
        now = {"q": self.q, **{each: getattr(self, each) for each in FACETS}}
        now[facet] = "" if now[facet] == value else value
        return {key: text for key, text in now.items() if text}


@dataclass(frozen=True)
class Value:
    """One value of a facet, with how many of the datasets that otherwise fit have it."""

    value: str
    count: int
    chosen: bool


@dataclass(frozen=True)
class Found:
    """A page of the catalog: the datasets, how many fit in all, and what they could be narrowed by."""

    datasets: tuple[Dataset, ...]
    fitting: int
    total: int
    page: int
    pages: int
    facets: Mapping[str, tuple[Value, ...]]
    quality: Mapping[str, str]  # outcome of the newest check, by dataset


def browse(ctx: Context, wanted: Wanted, page: int = 1) -> Found:
    """A page of the datasets that fit, the best first. What it costs does not grow with the catalog."""
    access.require(ctx, "see-datasets", CATALOG)
    index(ctx)
    today = ctx.clock.now().date()
    sought = sorted(set(words(wanted.q)))[:10]
    combinations = catalog_store.combinations(ctx, sought, today)
    fitting = sum(n for values, n in combinations if _fits(values, wanted.facets))
    pages = max(1, -(-fitting // PAGE))
    page = min(max(page, 1), pages)
    rows = catalog_store.find(ctx, sought, wanted.facets, today, (page - 1) * PAGE, PAGE)
    names = [name for name, _ in rows]
    return Found(
        datasets=described(ctx, names),
        fitting=fitting,
        total=sum(n for _, n in combinations) if not sought else catalog_store.total(ctx),
        page=page,
        pages=pages,
        facets=_facets(combinations, wanted),
        quality=catalog_store.qualities(ctx, names),
    )


def waiting(ctx: Context, limit: int = 20) -> tuple[tuple[Dataset, ...], int, int]:
    """Datasets that wait for a steward, how many there are, and how many datasets at all."""
    access.require(ctx, "see-datasets", CATALOG)
    index(ctx)
    names, count = catalog_store.waiting(ctx, ctx.clock.now().date(), limit)
    return described(ctx, names), count, catalog_store.total(ctx)


def unreadable(ctx: Context) -> Mapping[str, str]:
    """Datasets whose contract file is missing or cannot be read, with the reason."""
    access.require(ctx, "see-datasets", CATALOG)
    index(ctx)
    return catalog_store.unreadable(ctx)


def described(ctx: Context, names: Sequence[str]) -> tuple[Dataset, ...]:
    """These datasets, each from its file as it is now; one whose file broke since is left out."""
    extracts = store.extracts_of(ctx, names)
    proposals, certifications = store.proposals_of(ctx, names), store.certifications_of(ctx, names)
    declared, today = declared_purposes(ctx), ctx.clock.now().date()
    found = []
    for name in names:
        try:
            stated = contract_of(ctx, name)
        except Refusal:
            continue
        missing = lacks(stated, declared, today)
        records = proposals.get(name, ()), certifications.get(name, ())
        found.append(assemble(ctx, stated, extracts[name], *records, missing))
    return tuple(found)


def _facets(
    combinations: Sequence[tuple[tuple[str, ...], int]], wanted: Wanted
) -> Mapping[str, tuple[Value, ...]]:
    """For each facet its commonest values, counted over what fits all other choices."""
    found = {}
    for place, facet in enumerate(FACETS):
        others = {name: value for name, value in wanted.facets.items() if name != facet}
        counts: Counter[str] = Counter()
        for values, count in combinations:
            if _fits(values, others):
                for value in values[place].split(",") if facet == "classification" else (values[place],):
                    counts[value] += count
        chosen = wanted.facets.get(facet, "")
        common = sorted((value for value, _ in counts.most_common(_VALUES) if value), key=str.lower)
        if len(counts) > 1 or chosen:
            found[facet] = tuple(Value(value, counts[value], value == chosen) for value in common)
    return found


def _fits(values: tuple[str, ...], chosen: Mapping[str, str]) -> bool:
    return all(
        value in values[FACETS.index(name)].split(",")
        if name == "classification"
        else value == values[FACETS.index(name)]
        for name, value in chosen.items()
    )
