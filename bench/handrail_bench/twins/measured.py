"""Every figure of `handrail bench twins` in one run: ours and SDV beside it, judged from outside."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import pyarrow.parquet as pq

from handrail_bench.fidelity.recall import recall
from handrail_bench.measure import geomean
from handrail_bench.twins import databases, privacy, scale
from handrail_bench.twins.integrity import integrity
from handrail_bench.twins.run import Ran, rival, timed_build

SCORES = ("overall", "shapes", "pairs", "cardinality", "intertable")
_WAIT = 6  # times its limit is waited for SDV by the clock, where other programs take the processors
WHOLE = ("orphans", "duplicate_keys", "contract_violations")
ON_DATABASES = frozenset({"databases", "privacy"})  # the parts that need them; the others make their own
# Tables of which a half is large enough for nearness to mean something.
PRIVATE: tuple[str, ...] = (
    "demo.customers",
    "demo.sales_orders",
    "payments.transfers",
    "market.orders",
    "sensors.sensors",
)
PRIVATE += ("tpch.orders", "ledger.balances", "flights.flights", "wide.readings")


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    scale: float
    rows: int  # of each of the four tables
    most: int  # rows of the one table that grows
    limit: int  # seconds of processors that SDV's HMA has
    seeds: tuple[int, ...]


FULL = Size(1, 1_000_000, 10_000_000, 600, (0,))
SMALL = Size(0.1, 2_000, 10_000, 60, (0,))


@dataclass(frozen=True)
class Asked:
    """What is tried, and where."""

    size: Size
    names: tuple[str, ...]
    cache: Path
    shared: Path
    parts: frozenset[str]
    alone: bool  # without SDV, and without the judges that live beside it


def measured(asked: Asked, say: Callable[[str], None]) -> dict[str, Any]:
    """Every figure by its key, and how they were measured."""
    found: list[databases.Source] = []
    details: dict[str, Any] = {}
    out: dict[str, Any] = {}
    if asked.parts & ON_DATABASES:
        say("making databases")
        found, details["left_out"] = databases.sources(
            asked.names, asked.cache, asked.shared, asked.size.scale
        )
    if "databases" in asked.parts:
        details["databases"] = each = {}
        for source in found:
            each[source.name] = database(source, None if asked.alone else asked.size.limit, say)
        out |= summed(each)
    if "privacy" in asked.parts:
        details["privacy"] = tables = privately(found, not asked.alone, say)
        out |= worst_privacy(tables)
    if "scale" in asked.parts:
        grown = scale.scale(asked.size.rows, say)
        details |= grown.pop("details")
        details |= scale.growth(asked.size.most, say)
        out |= grown
    if "fidelity" in asked.parts:
        told = recall(asked.size.seeds, say)
        out["fidelity_recall"] = round(told.recall, 4)
        details["fidelity"] = asdict(told)
    return out | {"details": details, "how": _how(asked)}


def database(source: databases.Source, limit: int | None, say: Callable[[str], None]) -> dict[str, Any]:
    """One database: our twin, SDV's unless there is no limit, seconds, scores, and what is broken in ours."""
    found: dict[str, Any] = {}
    known = json.loads(source.schema.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = Path(folder) / "ours", Path(folder) / "theirs"
        say(f"{source.name}: ours")
        done = timed_build(source.at, ours)
        if done.code != 0:
            return {"failed": (done.err or done.out).strip()[-400:]}
        found |= {key: round(value, 2) for key, value in json.loads(done.out).items()}
        found["peak_mb"] = round(done.peak_mb)
        found |= integrity(source.at, ours, known)
        if limit is None:
            return found
        say(f"{source.name}: judging ours")
        found |= _scored(source, ours)
        say(f"{source.name}: SDV")
        found["sdv"] = sdv = _sdv(source, theirs, limit)
        if sdv is not None and theirs.is_dir():
            say(f"{source.name}: judging SDV's")
            sdv |= _scored(source, theirs)
    return found


def _scored(source: databases.Source, twin: Path) -> dict[str, Any]:
    done = rival("score.py", source.at, twin, "--schema", source.schema, "--json", "--worst", "6")
    if done is None:
        return {}
    if done.code != 0:
        return {"not_scored": _last(done)}
    found: dict[str, Any] = json.loads(done.out.splitlines()[-1])
    return found


def _sdv(source: databases.Source, out: Path, limit: int) -> dict[str, Any] | None:
    """SDV's twin by HMA, or table by table where that fails or takes too long; None where there is no SDV."""
    why: dict[str, Any] = {}
    for method in ("hma", "each"):
        shutil.rmtree(out, ignore_errors=True)
        asked = (source.at, out, "--method", method, "--schema", source.schema)
        done = rival("rival.py", *asked, limit=_WAIT * limit, work=limit if method == "hma" else None)
        if done is None:
            return None
        if done.code == 0:
            told = json.loads(done.out.splitlines()[-1])
            return {key: round(told[key], 2) for key in ("seconds", "work")} | {"method": method} | why
        why[f"{method}_failed"] = f"did not end in {limit} s of work" if done.code is None else _last(done)
    return why


def _last(done: Ran) -> str:
    lines = [line for line in done.err.strip().splitlines() if "Error" in line or "rror:" in line]
    return (lines or done.err.strip().splitlines() or ["nothing was said"])[-1][:300]


def summed(each: dict[str, Any]) -> dict[str, Any]:
    """Means over databases, sums of what is broken, and the geometric mean of SDV's seconds over ours."""
    out: dict[str, Any] = {}
    both = [one for one in each.values() if (one.get("sdv") or {}).get("seconds") is not None]
    for key, clock in (("speed_ratio", "seconds"), ("work_ratio", "work")):
        ratios = [one["sdv"][clock] / one[clock] for one in both]
        out[key] = round(geomean(ratios), 2) if ratios else None
        out[f"{key}_worst"] = round(min(ratios), 2) if ratios else None
    for key in SCORES:
        values = [one[key] for one in each.values() if one.get(key) is not None]
        out[key] = round(fmean(values), 4) if values else None
        out[f"{key}_worst"] = min(values, default=None)
    theirs = [one["sdv"]["overall"] for one in both if one["sdv"].get("overall") is not None]
    out["sdv_overall"] = round(fmean(theirs), 4) if theirs else None
    margins = {
        name: round(one["overall"] - one["sdv"]["overall"], 4)
        for name, one in each.items()
        if one.get("overall") is not None and ((one.get("sdv") or {}).get("overall")) is not None
    }
    out["overall_margin_worst"] = min(margins.values(), default=None)
    out["lost_to_sdv"] = sorted(name for name, margin in margins.items() if margin < 0)
    out["failed"] = sorted(name for name, one in each.items() if "failed" in one)
    return out | {key: sum(one.get(key, 0) for one in each.values()) for key in WHOLE}


def privately(found: list[databases.Source], attacks: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """The privacy measures by table, of tables large enough for them."""
    by_name = {source.name: source for source in found}
    out: dict[str, Any] = {}
    for place, one in enumerate(PRIVATE):
        name, table = one.split(".")
        if name in by_name and (path := by_name[name].at / f"{table}.parquet").is_file():
            real = pq.read_table(path)
            if real.num_rows >= 2 * privacy.LEAST:
                say(f"privacy: {one}")
                out[one] = privacy.given_away(real, place, attacks)
    return out


def worst_privacy(tables: dict[str, Any]) -> dict[str, Any]:
    """The table that gives away most, by measure; copies over all tables together."""
    made = [one for one in tables.values() if "failed" not in one]
    if not made:
        return {"closer_to_train": None, "membership_auc": None, "copy_ratio": None, "canaries_found": None}
    usual = sum(one["unseen_like_seen"] for one in made)
    return {
        "closer_to_train": max((one["closer_to_train"] for one in made), key=lambda share: abs(share - 0.5)),
        "membership_auc": max(one["membership_auc"] for one in made),
        "copy_ratio": round(sum(one["copies"] for one in made) / max(usual, 1), 3),
        "canaries_found": sum(one["canaries"] for one in made),
    }


def _how(asked: Asked) -> dict[str, Any]:
    return {
        "scale": asked.size.scale,
        "cpus": os.cpu_count(),
        "load_per_minute": round(os.getloadavg()[0], 1),
        "ours": "handrail twin build --from … --variant plain, the whole command but for imports",
        "sdv": f"HMA, {asked.size.limit} s of work at most, else GaussianCopula by table; fit and generate",
        "scores": "means over databases; the worst one under _worst",
        "privacy": "made from a half of the rows; the worst table, copies over all tables together",
    }
