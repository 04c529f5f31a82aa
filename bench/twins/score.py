"""How alike a twin is to the real tables, by sdmetrics: `score.py REAL TWIN [--schema FILE] [--worst N]`.

REAL is a SQLite file or a folder of Parquet and CSV files, TWIN a folder of Parquet files. Prints the score
of each property and the columns and pairs that score worst.
"""

import argparse
import json
import time
import warnings
from pathlib import Path

import known
from sdmetrics.reports import QualityReport

NAMES = {
    "Column Shapes": "shapes",
    "Column Pair Trends": "pairs",
    "Cardinality": "cardinality",
    "Intertable Trends": "intertable",
}


def score(real, made, facts):
    """The overall score, each property's by its key (None where there is none), and what each rests on."""
    tables = {name: frame for name, frame in real.items() if len(frame)}
    facts = _without(facts, set(tables))
    report = QualityReport()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        report.generate(tables, {name: made[name] for name in tables}, facts, verbose=False)
        properties = report.get_properties()
    found = dict.fromkeys(NAMES.values())
    for name, value in zip(properties["Property"], properties["Score"], strict=True):
        found[NAMES[name]] = _number(value)
    details = {key: _lines(report.get_details(name)) for name, key in NAMES.items() if found[key] is not None}
    return {"overall": _number(report.get_score()), **found}, details


def _without(facts, tables):
    links = [
        one
        for one in facts.get("relationships", [])
        if {one["parent_table_name"], one["child_table_name"]} <= tables
    ]
    return facts | {
        "tables": {name: one for name, one in facts["tables"].items() if name in tables},
        "relationships": links,
    }


def _lines(frame):
    """One line for each column or pair that counted: its names and its score."""
    if "Meets Threshold?" in frame:
        frame = frame[frame["Meets Threshold?"].fillna(False).astype(bool)]
    frame = frame[frame["Score"].notna()] if "Score" in frame else frame.iloc[:0]
    names = [
        one
        for one in ("Table", "Parent Table", "Child Table", "Foreign Key", "Column", "Column 1", "Column 2")
        if one in frame
    ]
    return [
        {
            "what": " ".join(str(row[one]) for one in names),
            "metric": row.get("Metric", ""),
            "score": float(row["Score"]),
        }
        for row in frame.to_dict("records")
    ]


def _number(value):
    return None if value is None or value != value else round(float(value), 4)


def main():
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("real")
    asked.add_argument("twin")
    asked.add_argument(
        "--schema", type=Path, help="keys and links as JSON; else schema.json, or as SQLite declares"
    )
    asked.add_argument("--texts", action="store_true", help="judge also texts whose values hardly come back")
    asked.add_argument("--json", action="store_true")
    asked.add_argument("--worst", type=int, default=12)
    told = asked.parse_args()
    began = time.perf_counter()
    real, made = known.conform(known.read(told.real), known.read(told.twin))
    facts = known.metadata(real, told.real, told.schema, told.texts)
    scores, details = score(real, made, facts)
    worst = {key: sorted(lines, key=lambda one: one["score"])[: told.worst] for key, lines in details.items()}
    if told.json:
        print(
            json.dumps(scores | {"worst": worst, "counted": {key: len(one) for key, one in details.items()}})
        )
        return
    for key, value in scores.items():
        counted = f"  of {len(details[key])}" if key in details else ""
        print(f"{key:12} {'–' if value is None else f'{value:.4f}'}{counted}")
    for key, lines in worst.items():
        print(f"\nworst {key}")
        for line in lines:
            print(f"  {line['score']:.3f}  {line['metric']:24} {line['what']}")
    print(f"\n{time.perf_counter() - began:.1f} s")


if __name__ == "__main__":
    main()
