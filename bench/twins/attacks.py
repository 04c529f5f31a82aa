"""anonymeter's attacks: `attacks.py TRAIN TWIN CONTROL`, Parquet files of the same columns; prints JSON.

Singling out by one column and by several, and linkability of the two halves of the columns; each is the risk
above what the same attack finds in rows that the twin never saw.
"""

import argparse
import json
import warnings

import known
import pandas as pd
from anonymeter.evaluators import LinkabilityEvaluator, SinglingOutEvaluator

ATTACKS = 300


def attacked(train, twin, control):
    """The risks, 0 to 1, or why an attack could not be tried."""
    found = {}
    columns = list(train.columns)
    halves = (columns[: len(columns) // 2], columns[len(columns) // 2 :])
    tries = min(ATTACKS, len(control) // 2)
    kinds = {
        "singling_out": lambda: _single(train, twin, control, tries, "univariate"),
        "singling_out_several": lambda: _single(train, twin, control, tries, "multivariate"),
        "linkability": lambda: LinkabilityEvaluator(
            ori=train, syn=twin, aux_cols=halves, n_attacks=tries, n_neighbors=5, control=control
        ).evaluate(n_jobs=1),
    }
    for name, attack in kinds.items():
        try:
            found[name] = round(float(attack().risk().value), 4)
        except Exception as failure:  # noqa: BLE001 - a rival's tool may fail on any table; that is a finding
            found[name] = f"{type(failure).__name__}: {failure}"[:200]
    return found


def _single(train, twin, control, tries, mode):
    evaluator = SinglingOutEvaluator(
        ori=train, syn=twin, control=control, n_attacks=tries, max_attempts=20_000, seed=0
    )
    return evaluator.evaluate(mode=mode)


def main():
    asked = argparse.ArgumentParser(description=__doc__)
    for name in ("train", "twin", "control"):
        asked.add_argument(name)
    told = asked.parse_args()
    warnings.simplefilter("ignore")
    train, twin, control = (known.read_file(path) for path in (told.train, told.twin, told.control))
    columns = [one for one in train.columns if one in twin.columns and not train[one].isna().all()]
    frames = [_numbered(frame[columns]) for frame in (train, twin, control)]
    print(json.dumps(attacked(*frames)))


def _numbered(frame):
    """Times as seconds: anonymeter knows numbers and texts."""
    out = {}
    for name in frame.columns:
        values = frame[name]
        if pd.api.types.is_datetime64_any_dtype(values):
            values = values.astype("datetime64[s]").astype("int64").where(values.notna()) / 86_400
        elif pd.api.types.is_bool_dtype(values):
            values = values.astype("int64")
        elif values.dtype == object:
            values = values.map(lambda one: None if one is None else str(one))
        out[name] = values
    return pd.DataFrame(out)


if __name__ == "__main__":
    main()
