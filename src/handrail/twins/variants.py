"""The other variants of a twin, `plain` and `drill`: made from what is stored when a run first wants them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow.parquet as pq

from handrail import data
from handrail.kernel import SYSTEM, Context, Instance, Invalid, Manifest, NotFound, NotReady
from handrail.twins import files, store
from handrail.twins.build import outside
from handrail.twins.drill import drill
from handrail.twins.files import all_or_nothing, folder, parquet, write_tables
from handrail.twins.generate import Twin, generate
from handrail.twins.models import Break, Variant

VARIANTS: Mapping[str, Variant] = {"plain": "plain", "hostile": "hostile", "drill": "drill"}
USUAL: Variant = "hostile"


def chosen(ctx: Context, wanted: str) -> tuple[Variant, dict[str, str]]:
    """What "drill", "twin_01…" or "drill@twin_01…" means: a variant, and builds by dataset to take it of.

    Without a build it is the one that answers now. Refuses Invalid any other words, and NotFound a build
    that is there no longer.
    """
    first, _, rest = wanted.partition("@")
    variant, build = (USUAL, wanted) if first.startswith("twin_") else (VARIANTS.get(first or USUAL), rest)
    if variant is None:
        raise Invalid(
            f"“{wanted[:60]}” is no twin to run on.",
            next_step=f"Say {', '.join(VARIANTS)}, a build (twin_…), or both, as in drill@twin_….",
        )
    if not build:
        return variant, {}
    names = store.datasets_of(ctx, build)
    if not names or build not in files.builds(ctx.settings.home):
        raise NotFound(
            f"There is no twin {build[:40]}, or no longer.",
            next_step="See the history of the dataset's twin; freeze a build to keep it.",
        )
    return variant, dict.fromkeys(names, build)


class Keeper:
    """Fills the `Twins` port."""

    def ready(
        self, instance: Instance, manifest: Manifest, variant: str, chosen: Mapping[str, str]
    ) -> Mapping[str, str]:
        """The build of each twin that an app so declared reads, in this variant, made where it is missing."""
        wanted = VARIANTS[variant]
        with instance.context(SYSTEM) as ctx:
            found = _builds(ctx, manifest, chosen)
        if wanted != USUAL:
            for build in sorted(set(found.values())):
                _make(instance, build, wanted)
        return found


def breaks(ctx: Context, dataset: str, build: str) -> tuple[Break, ...]:
    """What the drill of a build breaks of a dataset's contract; nothing until a drill was made."""
    made = data.rendition(ctx, dataset, build, "drill")
    listed = made.facts.get("breaks", []) if made else []
    assert isinstance(listed, list)
    return tuple(Break(**one) for one in listed)


def _builds(ctx: Context, manifest: Manifest, chosen: Mapping[str, str]) -> dict[str, str]:
    """The builds of all twins that the app may read, by dataset; refuses NotFound one whose file is gone."""
    metrics = {one.name: one.reads for one in data.metrics(ctx)} if manifest.metrics else {}
    named = {*manifest.datasets, *(name for one in manifest.metrics for name in metrics.get(one, ()))}
    found = {}
    for name in sorted(named):
        twin = data.rendition(ctx, name, chosen.get(name))
        if twin is None:
            continue
        if not twin.path.is_file():
            raise NotFound(
                f"The twin of {name} that this run reads is there no longer.",
                next_step="Run it on the newest twin, or freeze a build before you compare on it.",
                subject=f"dataset:{name}",
            )
        found[name] = str(twin.facts.get("build", ""))
    return {name: build for name, build in found.items() if build}


def _make(instance: Instance, build: str, variant: Variant) -> None:
    """Make one variant of all twins of a build from what is stored of it, unless somebody has."""
    home = instance.settings.home
    if build not in files.builds(home):
        raise NotReady(
            f"Of the build {build} no sketch is kept to make the {variant} variant from.",
            next_step="Ask the steward to build the twin again.",
        )
    with instance.context(SYSTEM) as ctx:
        datasets = store.datasets_of(ctx, build)
        facts = {name: twin.facts for name in datasets if (twin := data.rendition(ctx, name, build))}
        made_before = (data.rendition(ctx, name, build, variant) for name in facts)
        if all(one is not None and one.path.is_file() for one in made_before):  # not on another host
            return
        lent = outside(ctx, files.manifest_of(home, build).outside) if variant == "plain" else {}
    seed, sketch = _seed(facts), files.sketch_of(home, build)
    if variant == "plain":
        kept = {one.name: parquet(home, build, one.name) for one in sketch.tables if one.verbatim}
        real = {name: pq.read_table(path) for name, path in kept.items()}
        made: Mapping[str, Twin] = generate(sketch, seed, "plain", lent, real=real)
        broken: Sequence[Break] = ()
    else:
        whole = {name: pq.read_table(parquet(home, build, name)) for name in facts}
        tables, broken = drill(sketch, whole, seed)
        made = {name: Twin(one, files.hostile_cells(home, build, name)) for name, one in tables.items()}
    with all_or_nothing(folder(home, build, variant)) as draft:
        write_tables(draft, made)
    with instance.context(SYSTEM) as ctx:
        for name, about in facts.items():
            if data.rendition(ctx, name, build, variant) is None:
                mine = [{"table": one.table, "kind": one.kind, "column": one.column} for one in broken]
                told = {"variant": variant, "breaks": [one for one in mine if one["table"] == name]}
                data.set_rendition(ctx, name, parquet(home, build, name, variant), {**about, **told})


def _seed(facts: Mapping[str, Mapping[str, object]]) -> int:
    seed = next(iter(facts.values()))["seed"]
    assert isinstance(seed, int)
    return seed
