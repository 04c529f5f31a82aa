"""Points links that share columns, so that the keys of a row agree: an order line, what it sells and by whom.

One link after the other, the wider first. What earlier links have written into a row says which parents are
left for the next; where nothing is left a column that may be null becomes null (SQL's MATCH SIMPLE), and
parents after whom nothing would be left are not chosen in the first place.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np

from handrail.twins.assign import point
from handrail.twins.groups import NULL, UNKNOWN, coded_alike, dealt, grouped, repeats
from handrail.twins.models import LinkSketch, TableSketch
from handrail.twins.values import Ints, Mask, Values, dtype_of

SELDOM = 0.1  # share of rows without a parent up to which a link has a say in what others choose
TRIES = 20  # to change parents with another row, of each whose key repeats


def overruled(table: TableSketch, invented: Collection[str]) -> tuple[LinkSketch, ...]:
    """Links to `invented` keys that share a column with one to real keys, which has its way there."""
    real = {
        name
        for link in table.links
        if link.kind in ("inside", "outside") and link.name not in invented
        for name in link.columns
    }
    return tuple(link for link in table.links if link.name in invented and real & set(link.columns))


def together(table: TableSketch, without: Collection[LinkSketch] = ()) -> tuple[LinkSketch, ...]:
    """The links that are pointed here: those that share a column with another, and those of several columns
    of which only some may be null, or belong to the key. `without` these."""
    links = [link for link in table.links if link.kind in ("inside", "outside") and link not in without]
    key = {column.name for column in table.columns if column.primary_key}
    found = []
    for link in links:
        own = set(link.columns)
        shares = any(own & set(other.columns) for other in links if other is not link)
        needed = {name for name in own if table.column(name).required}
        if shares or any(0 < len(own & some) < len(own) for some in (needed, key)):
            found.append(link)
    return tuple(found)


class Together:
    """The rows of one table while such links are pointed, and what their columns hold so far."""

    def __init__(
        self, table: TableSketch, links: Sequence[LinkSketch], keys: Mapping[str, Sequence[Values]], rows: int
    ) -> None:
        """`keys` are by link the columns that it points at, each in the unit of the column that points."""
        self.points: dict[str, Ints] = {}
        self._table, self._links, self._rows = table, links, rows
        self._keys = {
            (link.name, name): one
            for link in links
            for name, one in zip(link.columns, keys[link.name], strict=True)
        }
        names = dict.fromkeys(name for link in links for name in link.columns)
        self._codes: dict[tuple[str, str], Ints] = {}
        for name in names:
            of = [link.name for link in links if name in link.columns]
            coded = coded_alike([self._keys[link, name] for link in of])
            self._codes |= {(link, name): codes for link, codes in zip(of, coded, strict=True)}
        self._known = {name: np.full(rows, UNKNOWN, dtype=np.int64) for name in names}
        self._from = {name: np.full(rows, -1, dtype=np.int64) for name in names}  # number of the link
        self._usable = self._reduced()

    def _reduced(self) -> dict[str, Mask]:
        """By link the parents after whom something is left for each link that comes later (semi-joins)."""
        usable: dict[str, Mask] = {}
        for place, link in reversed(list(enumerate(self._links))):
            there = np.logical_and.reduce([self._codes[link.name, name] >= 0 for name in link.columns])
            for other in self._links[place + 1 :]:
                common = [name for name in link.columns if name in other.columns]
                if not common or (self._open(other) and other.null_share > SELDOM):
                    continue
                own, theirs = grouped(
                    [self._codes[link.name, name] for name in common],
                    [self._codes[other.name, name][usable[other.name]] for name in common],
                )
                fits = there & np.isin(own, theirs)
                there = fits if fits.any() else there
            usable[link.name] = there
        return usable

    def _open(self, link: LinkSketch) -> list[str]:
        """The columns of a link that may be null, those first that fewest links need."""
        free = [name for name in link.columns if not self._table.column(name).required]
        return sorted(free, key=lambda name: sum(name in other.columns for other in self._links))

    def towards(
        self, link: LinkSketch, children: Mapping[str, Ints]
    ) -> tuple[tuple[tuple[str, tuple[float, ...]], ...], dict[str, Ints]]:
        """How narrower links, which follow this one, share their children; for `assign.matched`.

        `children` are by link how many each of its parents should have. By the name of the link: the share of
        each parent, and for each parent of this link the one that it stands for.
        """
        shares, rows = [], {}
        for other in self._links:
            wanted = children.get(other.name)
            if wanted is None or not wanted.any() or not set(other.columns) < set(link.columns):
                continue
            theirs, own = grouped(
                [self._codes[other.name, name] for name in other.columns],
                [self._codes[link.name, name] for name in other.columns],
            )
            place = np.full(int(max(theirs.max(initial=0), own.max(initial=0))) + 1, -1, dtype=np.int64)
            place[theirs] = np.arange(len(theirs))
            shares.append((f"→{other.name}", tuple((wanted / wanted.sum()).tolist())))
            rows[f"→{other.name}"] = place[own]
        return tuple(shares), rows

    def point(self, link: LinkSketch, degrees: Ints | None, first: bool, rng: np.random.Generator) -> None:
        """Choose the parent of each row; `degrees` are how many children each parent should have."""
        found = np.full(self._rows, -1, dtype=np.int64)
        todo = np.logical_and.reduce([self._known[name] != NULL for name in link.columns])
        if (missing := round(link.null_share * self._rows) - int((~todo).sum())) > 0:
            empty = [self._known[name] == UNKNOWN for name in self._open(link)]
            may = np.flatnonzero(todo & np.logical_or.reduce(empty)) if empty else np.zeros(0, dtype=np.int64)
            chosen = rng.choice(may, size=min(missing, len(may)), replace=False)
            todo[chosen] = False
            self._empty(link, chosen)
        filled = np.zeros(self._rows, dtype=np.int64)
        for place, name in enumerate(link.columns):
            filled += (self._known[name] >= 0).astype(np.int64) << place
        for pattern in sorted(np.unique(filled[todo]).tolist(), reverse=True):
            at = np.flatnonzero(todo & (filled == pattern))
            fixed = [name for place, name in enumerate(link.columns) if pattern >> place & 1]
            found[at] = (
                self._fitting(link, fixed, at, degrees, rng)
                if fixed
                else self._freely(link, len(at), degrees, first, rng)
            )
            if degrees is not None:
                given = np.bincount(found[at][found[at] >= 0], minlength=len(degrees))
                degrees = np.maximum(degrees - given, 0)
        self._empty(link, np.flatnonzero(todo & (found < 0)))
        self.points[link.name] = found
        self._note(link)

    def _note(self, link: LinkSketch) -> None:
        """Write down what the columns of a link hold now."""
        found, number = self.points[link.name], self._links.index(link)
        for name in link.columns:
            new = (found >= 0) & (self._known[name] == UNKNOWN)
            self._known[name][new] = self._codes[link.name, name][found[new]]
            self._from[name][new] = number

    def _empty(self, link: LinkSketch, rows: Ints) -> None:
        """Let rows point nowhere: one column of the link that is open yet becomes null."""
        for name in self._open(link):
            here = self._known[name][rows] == UNKNOWN
            self._known[name][rows[here]] = NULL
            rows = rows[~here]

    def _freely(
        self, link: LinkSketch, rows: int, degrees: Ints | None, first: bool, rng: np.random.Generator
    ) -> Ints:
        """Parents for rows of which no column is known."""
        usable, alone = self._usable[link.name], replace(link, null_share=0.0)
        if link.unique:
            (groups, _), among = self._grouped(link, link.columns, np.zeros(0, dtype=np.int64)), usable
            _, once = np.unique(np.where(among, groups, -1), return_index=True)
            among_rows = np.sort(once[among[once]])
            found = point(alone, len(among_rows), None, rows, first, rng)
            return np.where(found < 0, -1, among_rows[found]) if len(among_rows) else found
        weights = usable.astype(np.int64) if degrees is None else np.where(usable, degrees, 0)
        if not weights.any():
            weights = usable.astype(np.int64)
        return point(alone, len(usable) if usable.any() else 0, weights, rows, first, rng)

    def _fitting(
        self,
        link: LinkSketch,
        fixed: Sequence[str],
        rows: Ints,
        degrees: Ints | None,
        rng: np.random.Generator,
    ) -> Ints:
        """Parents for rows of which the columns `fixed` are known."""
        theirs, own = self._grouped(link, fixed, rows)
        among = np.flatnonzero(self._usable[link.name])
        if len(fixed) == len(link.columns):  # whichever row it is, it must be found
            among = np.arange(len(theirs))
        weights = np.ones(len(theirs)) if degrees is None else degrees.astype(float)
        place = dealt(own, theirs[among], weights[among], link.unique, rng)
        return np.where(place < 0, -1, among[place]) if len(among) else place

    def _grouped(self, link: LinkSketch, names: Sequence[str], rows: Ints) -> tuple[Ints, Ints]:
        """One number for what the columns hold together: in the parents, and in these rows."""
        return grouped(
            [self._codes[link.name, name] for name in names], [self._known[name][rows] for name in names]
        )

    def held(self, names: Sequence[str]) -> list[Ints]:
        """What columns hold, as numbers that differ where the values do."""
        return [self._known[name] - UNKNOWN for name in names if name in self._known]

    def differ(self, key: Sequence[str], rng: np.random.Generator) -> None:
        """Let rows whose keys repeat change parents with others where that makes two keys that no row has."""
        held, link = self.held(key), self._last(key)
        again = repeats(held) if held else np.zeros(0, dtype=np.int64)
        if not len(again) or link is None:
            return
        number = self._links.index(link)
        mine = [name for name in link.columns if (self._from[name] == number).any()]
        moved = [one for one in self._links[number:] if set(one.columns) <= set(link.columns)]
        changed = [*(self.points[one.name] for one in moved), *(self._known[name] for name in mine)]
        group = _numbered([np.where(self._from[n] == number, UNKNOWN, self._known[n]) for n in link.columns])
        rest = _numbered([self._known[name] for name in key if name in self._known and name not in mine])
        own = _numbered([self._known[name] for name in key if name in mine])
        rest = rest if len(rest) else np.zeros(self._rows, dtype=np.int64)
        taken = set(zip(rest.tolist(), own.tolist(), strict=True))
        order = np.argsort(group, kind="stable")
        starts = np.searchsorted(group[order], group[again])
        sizes = np.bincount(group)[group[again]]
        places = np.floor(rng.random((len(again), TRIES)) * sizes[:, None]).astype(np.int64)
        tried = order[starts[:, None] + places]
        for row, others in zip(again.tolist(), tried.tolist(), strict=True):
            for other in others:
                new = (int(rest[row]), int(own[other])), (int(rest[other]), int(own[row]))
                if new[0] == new[1] or new[0] in taken or new[1] in taken:
                    continue
                taken.update(new)  # and what both had, of which there is plenty
                for one in (*changed, own):
                    one[row], one[other] = one[other], one[row]
                break

    def _last(self, key: Sequence[str]) -> LinkSketch | None:
        """The last link that wrote into the key, if no other than narrower ones rests on it."""
        for number, link in reversed(list(enumerate(self._links))):
            if any(name in link.columns and (self._from[name] == number).any() for name in key):
                rest = [one for one in self._links[number + 1 :] if set(one.columns) & set(link.columns)]
                return link if all(set(one.columns) <= set(link.columns) for one in rest) else None
        return None

    def values(self, rng: np.random.Generator) -> dict[str, Values]:
        """What the columns hold. One that must not be null and points nowhere takes any of its keys."""
        made = {}
        for name, source in self._from.items():
            column = self._table.column(name)
            array = np.full(self._rows, "" if dtype_of(column.kind) is object else 0, dtype_of(column.kind))
            valid = np.zeros(self._rows, dtype=bool)
            for number, link in enumerate(self._links):
                keys, here = self._keys.get((link.name, name)), source == number
                if keys is None or not len(keys.array):
                    continue
                if column.required:
                    lost = (source < 0) & ~valid
                    array[lost] = keys.array[rng.integers(0, len(keys.array), int(lost.sum()))]
                    valid |= lost
                got = keys.take(self.points[link.name][here])
                array[here], valid[here] = got.array, got.valid
            made[name] = Values(array, valid)
        return made


def _numbered(held: Sequence[Ints]) -> Ints:
    """One number for what each row holds in these columns; none without columns."""
    return (
        grouped(held, [np.zeros(0, dtype=np.int64)] * len(held))[0] if held else np.zeros(0, dtype=np.int64)
    )
