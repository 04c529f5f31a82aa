"""The list of fonts of the layer, put where matplotlib looks for it and may write."""

from __future__ import annotations

import os

_LAYERS = "/fonts"


def known(there: str = _LAYERS) -> None:
    """Copy the list, as far as there is one; whatever hinders that, matplotlib makes its own."""
    folder = os.environ.get("MPLCONFIGDIR", "")
    try:
        names = os.listdir(there) if folder else []  # noqa: PTH208 - pathlib takes long to load
        if names:
            os.makedirs(folder, exist_ok=True)  # noqa: PTH103
        for name in names:
            with open(f"{there}/{name}", "rb") as made, open(f"{folder}/{name}", "xb") as own:  # noqa: PTH123
                own.write(made.read())
    except OSError:
        return
