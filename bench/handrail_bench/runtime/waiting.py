"""From the wish to run something to the first word of its code, in a sandbox that had waited."""

import threading

from handrail.kernel.sandbox import Isolation, Layer, Limits, Sandbox

_SAYS = "print('here', flush=True)"


class Waiting:
    """One sandbox after the other that waits with the layer's modules imported, and is used."""

    def __init__(self, isolation: Isolation, layer: Layer, imports: str) -> None:
        self._isolation, self._layer = isolation, layer
        self._command = (layer.python, "-P", "-c", f"{imports}; {_SAYS}")
        self._thread: threading.Thread | None = None
        self._used: list[bool] = []
        self.park()

    def use(self) -> None:
        """Run the program until it speaks."""
        heard, limits = threading.Event(), Limits()

        def run() -> None:
            sandbox = Sandbox(self._command, {"app.py": b""}, self._layer, limits, app="bench")
            outcome = self._isolation.run(sandbox, lambda _: heard.set(), threading.Event())
            self._used.append(outcome.parked and outcome.ended == "exited" and outcome.code == 0)
            heard.set()

        self._thread = threading.Thread(target=run)
        self._thread.start()
        heard.wait()

    def park(self) -> None:
        """Wait for the end of the one before, and let the next one wait."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if not all(self._used):
            raise RuntimeError("a sandbox was not one that had waited, or its program failed")
        if not self._isolation.waiting()[0]:
            like = Sandbox((self._layer.python, "-P"), {}, self._layer, Limits())
            self._isolation.park(like, listens=False, stop=threading.Event())
