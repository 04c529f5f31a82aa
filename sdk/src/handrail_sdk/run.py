"""The first program of a sandbox: `python -m handrail_sdk.run app.py` runs an app and hands over its outputs.

Besides what the app shows itself, figures that it left open and files that it wrote to its working directory
become outputs when it ends well. What this program sends is as untrusted as the app: it shares its process.
"""

from __future__ import annotations

import os
import runpy
import stat
import sys
import warnings

from handrail_sdk import TYPE_CHECKING, fonts
from handrail_sdk.refused import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

CODE = "/app"
_MOST_FILES = 50


def main(arguments: list[str]) -> int:
    """Run the script named by the first argument; gives the exit code."""
    script = os.path.join(CODE, arguments[0])  # noqa: PTH118 - pathlib takes long to load
    folder = os.path.dirname(script)  # noqa: PTH120
    sys.argv = [script, *arguments[1:]]
    sys.path.insert(0, folder)
    if folder != CODE:
        sys.path.insert(1, CODE)
    warnings.filterwarnings("ignore", message=".*non-interactive.*")
    fonts.known()
    code = _run(script)
    sys.stdout.flush()
    return code or _hand_over()


def _run(script: str) -> int:
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as ended:
        if ended.code is None or isinstance(ended.code, int):
            return ended.code or 0
        print(ended.code, file=sys.stderr)
        return 1
    except BaseException as error:  # noqa: BLE001 - whatever an app raises is told in its log
        _tell(error)
        return 1
    return 0


def _tell(error: BaseException) -> None:
    """The traceback from the app's own first frame on, without this program and runpy."""
    import traceback  # noqa: PLC0415 - most runs have none to tell

    sys.stdout.flush()
    if isinstance(error, Refused):  # the answer counts, not how the SDK came by it
        frames = traceback.extract_tb(error.__traceback__)
        print("Traceback (most recent call last):", file=sys.stderr)
        own = [frame for frame in frames if frame.filename.startswith(f"{CODE}/")]
        print(*traceback.format_list(own), *traceback.format_exception_only(error), sep="", file=sys.stderr)
        return
    first = error.__traceback__
    while first is not None and not first.tb_frame.f_code.co_filename.startswith(f"{CODE}/"):
        first = first.tb_next
    traceback.print_exception(type(error), error, first or error.__traceback__)


def _hand_over() -> int:
    try:
        _hand_over_figures()
        _hand_over_files(os.getcwd())  # noqa: PTH109
    except Refused as refused:
        print(f"Outputs were not all taken: {refused}", file=sys.stderr)
        return 1
    return 0


def _hand_over_figures() -> None:
    pyplot: Any = sys.modules.get("matplotlib.pyplot")
    numbers = pyplot.get_fignums() if pyplot else ()
    if not numbers:
        return
    from handrail_sdk.outputs import picture, shown_figures  # noqa: PLC0415 - they load the way to Handrail,
    from handrail_sdk.transport import connected  # noqa: PLC0415 - which not every run needs

    for number in numbers:
        figure = pyplot.figure(number)
        if figure not in shown_figures:
            connected().deliver("image", f"figure-{number}.png", _title(figure), picture(figure))


def _title(figure: Any) -> str:
    titles = [figure.get_suptitle(), *(axes.get_title() for axes in figure.axes)]
    return next((title for title in titles if title), "")


def _hand_over_files(root: str) -> None:
    files = sorted(_files(root))
    if len(files) > _MOST_FILES:
        raise Refused(f"The app wrote {len(files)} files.", f"{_MOST_FILES} are the most; put them into one.")
    if not files:
        return
    from handrail_sdk.outputs import save  # noqa: PLC0415 - see above

    for name in files:
        descriptor = os.open(f"{root}/{name}", os.O_RDONLY | os.O_NOFOLLOW)
        with os.fdopen(descriptor, "rb") as file:
            save(name, file.read())


def _files(root: str) -> Iterator[str]:
    """The plain files below a folder by their names from there, without hidden ones; no link is followed."""
    for folder, below, names in os.walk(root):
        below[:] = [name for name in below if not name.startswith(".")]
        for name in names:
            path = f"{folder}/{name}"
            if not name.startswith(".") and stat.S_ISREG(os.lstat(path).st_mode):
                yield path[len(root) + 1 :]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
