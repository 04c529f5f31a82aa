"""Growth: the catalog's page and a decision, with few and with many datasets and viewers."""

import datetime
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from handrail import data
from handrail.data import odcs, store
from handrail.data.query import decided
from handrail.kernel import Caller, Instance, Person, definitions
from handrail_bench.house import PURPOSE, READERS, STEWARDS, people
from handrail_bench.measure import fastest
from handrail_bench.serve import Served

DATASETS = (10, 1_000, 10_000)
VIEWERS = (1, 100, 10_000)


def growth(
    instance: Instance, caller: Caller, served: Served, like: str, turns: int, most: Mapping[str, int]
) -> dict[str, Any]:
    """How many times as long each takes at its slowest size as at the smallest. `like` is copied as further
    datasets; `most` says where to stop counting datasets and viewers, for a quick run.
    """
    pages: dict[int, float] = {}
    decisions: dict[int, float] = {}
    known_datasets, known_viewers = 0, 1
    for datasets, viewers in zip(DATASETS, VIEWERS, strict=True):
        datasets, viewers = min(datasets, most["datasets"]), min(viewers, most["viewers"])
        _more_datasets(instance, like, known_datasets, datasets)
        _more_viewers(instance, known_viewers, viewers)
        known_datasets, known_viewers = max(datasets, known_datasets), max(viewers, known_viewers)
        served.get("/datasets")  # which takes up the new files
        pages[datasets] = fastest(lambda: served.get("/datasets"), turns)
        decisions[datasets] = fastest(lambda: _decide(instance, caller, like), turns * 4)
    return {
        "catalog_growth_ratio": max(pages.values()) / next(iter(pages.values())),
        "decision_growth_ratio": max(decisions.values()) / next(iter(decisions.values())),
        "catalog_page_ms": pages,
        "decision_ms": decisions,
    }


def _decide(instance: Instance, caller: Caller, dataset: str) -> None:
    with instance.context(caller) as ctx:
        decided(ctx, data.Request(f"SELECT count(*) AS n FROM {dataset}", purpose=PURPOSE)).statement()


def _more_datasets(instance: Instance, like: str, start: int, end: int) -> None:
    """Copies of a certified dataset under other names: its contract, extract and certification."""
    with instance.context(Caller(STEWARDS[0], "cli")) as ctx:
        text = (definitions.read(ctx, odcs.path_of(like)) or b"").decode()
        extract = store.extracts_of(ctx, [like])[like]
    until = datetime.datetime.now(datetime.UTC).date() + datetime.timedelta(days=300)
    folder = instance.settings.home / "definitions"
    made = {}
    with instance.context(Caller(STEWARDS[0], "cli")) as ctx:
        for number in range(start, end):
            name = f"{like}_{number:05}"
            content = re.sub(rf"(?m)^name: {like}$", f"name: {name}", text).encode()
            (folder / odcs.path_of(name)).write_bytes(content)
            store.put_extract(ctx, replace(extract, dataset=name))
            made[name] = store.add_proposal(ctx, name, definitions.digest(content))
    with instance.context(Caller(STEWARDS[1], "cli")) as ctx:
        for proposal in made.values():
            store.add_certification(ctx, proposal, until)


def _more_viewers(instance: Instance, start: int, end: int) -> None:
    people(
        instance,
        tuple(
            Person(f"more.{n}", f"More {n}", f"more.{n}@bench.example", frozenset(), frozenset({READERS}))
            for n in range(start, end)
        ),
    )
