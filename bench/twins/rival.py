"""SDV's twin of a database: `rival.py REAL OUT --method hma|each [--schema FILE]`; prints seconds as JSON.

`hma` gives tables that hang together to HMASynthesizer and lone ones to GaussianCopulaSynthesizer; `each`
gives every table to the latter and draws foreign keys from the keys that it made. The seconds are those of
fitting and of generating, without imports, reading and writing.
"""

import argparse
import json
import time
import warnings
from pathlib import Path

import known
import numpy as np
from sdv.metadata import Metadata
from sdv.multi_table import HMASynthesizer
from sdv.single_table import GaussianCopulaSynthesizer


def together(facts):
    """The tables in groups that hang together by links."""
    groups = {name: {name} for name in facts["tables"]}
    for link in facts.get("relationships", []):
        joined = groups[link["parent_table_name"]] | groups[link["child_table_name"]]
        groups |= dict.fromkeys(joined, joined)
    return list({id(group): sorted(group) for group in groups.values()}.values())


def part(facts, names):
    """The metadata of some tables alone."""
    links = [one for one in facts.get("relationships", []) if one["child_table_name"] in names]
    tables = {name: facts["tables"][name] for name in names}
    return Metadata.load_from_dict(
        {"tables": tables, "relationships": links, "METADATA_SPEC_VERSION": facts["METADATA_SPEC_VERSION"]}
    )


def hma(real, facts):
    """Every group by HMA."""
    made = {}
    for names in together(facts):
        if len(names) == 1:
            made[names[0]] = copula(names[0], real[names[0]], part(facts, names))
            continue
        synthesizer = HMASynthesizer(part(facts, names), verbose=False)
        synthesizer.fit({name: real[name] for name in names})
        made |= synthesizer.sample_scale(1.0)
    return made


def each(real, facts):
    """Every table by itself, its links drawn anew."""
    made = {}
    alone = json.loads(json.dumps(facts | {"relationships": []}))
    for link in facts.get("relationships", []):
        del alone["tables"][link["child_table_name"]]["columns"][link["child_foreign_key"]]
    for name, table in alone["tables"].items():
        if table.get("primary_key") not in table["columns"]:
            table.pop("primary_key", None)
        columns = list(table["columns"])
        made[name] = (
            copula(name, real[name][columns], part(alone, [name])) if columns else real[name][[]].copy()
        )
    rng = np.random.default_rng(0)
    for link in facts.get("relationships", []):
        keys = made[link["parent_table_name"]][link["parent_primary_key"]]
        child = made[link["child_table_name"]]
        child[link["child_foreign_key"]] = rng.choice(keys, len(child)) if len(keys) else None
    return made


def copula(name, frame, metadata):
    """One table, as many rows as it has."""
    if not len(frame):
        return frame.copy()
    synthesizer = GaussianCopulaSynthesizer(metadata)
    synthesizer.fit({name: frame})
    return synthesizer.sample(len(frame))[name]


def main():
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("real")
    asked.add_argument("out", type=Path)
    asked.add_argument("--method", choices=("hma", "each"), required=True)
    asked.add_argument("--schema", type=Path)
    told = asked.parse_args()
    warnings.simplefilter("ignore")
    real = known.read(told.real)
    real, _ = known.conform(real, real)
    facts = known.metadata(real, told.real, told.schema)
    for name, frame in real.items():  # SDV fits neither a table without rows nor a column without values
        if not len(frame):
            facts = _without_table(facts, name)
    real = {name: real[name] for name in facts["tables"]}
    began, worked = time.perf_counter(), time.process_time()
    made = {"hma": hma, "each": each}[told.method](real, facts)
    took = {"seconds": time.perf_counter() - began, "work": time.process_time() - worked}
    told.out.mkdir(parents=True, exist_ok=True)
    for name, frame in made.items():
        frame.to_parquet(told.out / f"{name}.parquet")
    print(json.dumps(took | {"method": told.method}))


def _without_table(facts, name):
    links = [
        one
        for one in facts.get("relationships", [])
        if name not in (one["child_table_name"], one["parent_table_name"])
    ]
    tables = {other: table for other, table in facts["tables"].items() if other != name}
    return facts | {"tables": tables, "relationships": links}


if __name__ == "__main__":
    main()
