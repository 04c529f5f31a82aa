"""The requests that `handrail bench query` times, in our words and in metricflow's, beside one model.

`python -m tests.oracles.sample` writes it to `bench/oracles/sample.json`; a test keeps it current.
"""

from __future__ import annotations

import json
from typing import Any

from handrail.data.models import MetricRequest
from tests.oracles import shop, to_metricflow
from tests.oracles.answers import DEFINITIONS, HERE
from tests.oracles.requests import REQUESTS

FILE = HERE / "sample.json"
_KINDS = ("revenue", "buyers", "net", "web_share", "growth", "so_far", "on_hand", "eu_revenue")


def sample() -> dict[str, Any]:
    """`model`: the text of our model file; `ours` and `metricflow`: the same requests, in the same order."""
    chosen = [one for one in REQUESTS if one[0] in _KINDS and one[1].get("grain") == "month"]
    chosen += [("net", {"by": ("category",)}), ("buyers", {"by": ("continent",)})]
    return {
        "model": shop.model(shop.METRICS).decode(),
        "ours": [{"name": name, **more} for name, more in chosen],
        "metricflow": {
            "manifest": to_metricflow.manifest(DEFINITIONS),
            "requests": [
                to_metricflow.request(DEFINITIONS[name], MetricRequest(name, **more)) for name, more in chosen
            ],
            "repeat": 5,
        },
    }


def text() -> str:
    """As it stands in the file."""
    return json.dumps(sample(), indent=1) + "\n"


if __name__ == "__main__":
    FILE.write_text(text())
