"""The list of fonts that matplotlib makes where it finds none: made once for each layer, in a sandbox.

To make it takes a quarter of a second of each run that draws. matplotlib wants a folder that it may write to,
so the SDK copies the list there before an app begins.
"""

import json
import re
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import structlog

from handrail.kernel import Instance, Refusal
from handrail.kernel.sandbox import Layer, Limits, Sandbox
from handrail.runtime.layer import OWN, PACKAGES, alone, fonts_of
from handrail.runtime.layer_build import into
from handrail.runtime.layer_use import use

FONTS = "/fonts"  # inside; the SDK looks there
_LIMITS = Limits(seconds=60, memory=512 << 20, processes=16, printed=4 << 20, file=4 << 20)
_NAME = re.compile(r"fontlist-v[0-9A-Za-z.]{1,30}\.json")
# What it prints is the layer's word, and goes to all apps on that layer: so the packages that one of them
# brings have no part in it.
_PROGRAM = """
import json, os
import matplotlib
import matplotlib.font_manager
folder = matplotlib.get_cachedir()
names = [name for name in os.listdir(folder) if name.startswith("fontlist-")]
print(json.dumps({name: open(os.path.join(folder, name), encoding="utf-8").read() for name in names}))
"""
_logger = structlog.get_logger(__name__)


def with_fonts(instance: Instance, layer: Layer, stop: threading.Event) -> Layer:
    """The layer with the list of its fonts; as it is where none could be made, which costs time alone.

    `stop` ends the making of one.
    """
    place = fonts_of(layer.binds[PACKAGES])
    held = use(place)
    if held is None:
        with suppress(Refusal, OSError), alone(place.parent, "-fonts"):
            if not place.is_dir() and (made := _made(instance, layer, stop)) is not None:
                into(place, _written(made))
        held = use(place)
    if held is None:
        return layer
    return replace(layer, binds={**layer.binds, FONTS: place}, held=(*layer.held, held))


def _made(instance: Instance, layer: Layer, stop: threading.Event) -> dict[str, str] | None:
    """The lists by their names: none where the layer has no matplotlib or prints what is none; None where the
    sandbox came to no end of its own, so that it may be tried again.
    """
    printed = bytearray()
    command = (layer.python, "-P", "-c", _PROGRAM)
    layers = {inside: place for inside, place in layer.binds.items() if inside != OWN}
    sandbox = Sandbox(command, {}, replace(layer, binds=layers), _LIMITS)
    outcome = instance.ports.isolation.run(sandbox, printed.extend, stop)
    if outcome.ended != "exited":
        _logger.warning("fonts.unlisted", layer=layer.digest, ended=outcome.ended, detail=outcome.detail)
        return None
    try:
        said = dict(json.loads(printed)) if outcome.code == 0 else {}
        return {name: content for name, content in said.items() if _is_list(name, content)}
    except (ValueError, TypeError):
        return {}


def _is_list(name: str, content: object) -> bool:
    return bool(_NAME.fullmatch(name)) and isinstance(content, str) and isinstance(json.loads(content), dict)


def _written(lists: dict[str, str]) -> Callable[[Path], None]:
    def fill(draft: Path) -> None:
        draft.mkdir()
        for name, content in lists.items():
            (draft / name).write_text(content, encoding="utf-8")

    return fill
