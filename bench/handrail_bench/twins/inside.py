"""Run `handrail` with these arguments and print what it took, without Python's start and imports, as JSON.

The same command as from outside; its `--help` is asked first, so that all it loads at its start is loaded.
"""

import contextlib
import io
import json
import resource
import sys
import time

from handrail.server import command


def main(arguments: list[str]) -> None:
    """Run it; what it prints is kept back unless it fails."""
    run = command()
    with contextlib.redirect_stdout(io.StringIO()):
        run([*arguments[:2], "--help"], standalone_mode=False)
    said = io.StringIO()
    began, worked = time.perf_counter(), _work()
    try:
        with contextlib.redirect_stdout(said):
            run(arguments, standalone_mode=False)
    except BaseException:
        sys.stderr.write(said.getvalue())
        raise
    sys.stdout.write(json.dumps({"seconds": time.perf_counter() - began, "work": _work() - worked}))


def _work() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


if __name__ == "__main__":
    main(sys.argv[1:])
