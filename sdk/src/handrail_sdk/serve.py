"""The first program of a hosted app: `python -m handrail_sdk.serve app.py` serves what the script would
serve.

The script is run as it is. Where it would open a port (`app.run()`, `demo.launch()`, `uvicorn.run(app)`),
what it would serve there is taken instead and served on the socket that Handrail listens at; a script that
opens none is looked through for an application. Streamlit runs scripts itself.
"""

import ast
import os
import runpy
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from handrail_sdk import fonts, viewer

CODE = Path("/app")
_NAMES = ("app", "application", "demo", "server", "api")


class _Taken(BaseException):
    """What a script wanted to serve; no handler of the script's own catches it."""

    def __init__(self, app: Any) -> None:
        self.app = app


def main(arguments: list[str]) -> int:
    """Serve until the process is ended; gives 1 where there is nothing to serve."""
    script = CODE / arguments[0]
    sys.argv = [str(script), *arguments[1:]]
    sys.path.insert(0, str(script.parent))
    if script.parent != CODE:
        sys.path.insert(1, str(CODE))
    fonts.known()
    app = _streamlit(script) if _uses(script, "streamlit") else _application(_served_by(script))
    if app is None:
        print(
            f"{arguments[0]} serves nothing that Handrail knows: it looks for a Streamlit script, and for an "
            "application of FastAPI, Starlette, Flask, Dash, Gradio, or plain ASGI or WSGI in a variable "
            f"called {', '.join(_NAMES)}.",
            file=sys.stderr,
        )
        return 1
    _serve(viewer.asgi(app))
    return 0


def _uses(script: Path, package: str) -> bool:
    """Whether the script imports the package; a script that is no Python says so when it is run."""
    try:
        nodes = list(ast.walk(ast.parse(script.read_bytes())))
    except (SyntaxError, ValueError):
        return False
    found = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    found |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    return any(name.split(".")[0] == package for name in found)


def _streamlit(script: Path) -> Any:
    from streamlit import config  # noqa: PLC0415
    from streamlit.logger import set_log_level  # noqa: PLC0415
    from streamlit.starlette import App  # noqa: PLC0415

    for key, value in (
        ("server.headless", True), ("browser.gatherUsageStats", False), ("server.fileWatcherType", "none"),
        ("server.enableCORS", False), ("global.developmentMode", False), ("logger.level", "warning"),
    ):  # fmt: skip
        config.set_option(key, value)
    set_log_level("WARNING")  # the option alone leaves what is loaded by now telling everything it does
    return App(str(script))


def _served_by(script: Path) -> Any:
    """What the script would serve, or its variables when it serves nothing by itself."""
    _take_instead()
    try:
        return runpy.run_path(str(script), run_name="__main__")
    except _Taken as taken:
        return taken.app


def _take_instead() -> None:
    """Put ourselves where scripts open a port, in each framework once it is imported."""
    places = (
        ("flask", "Flask", "run"), ("dash", "Dash", "run"), ("gradio", "Blocks", "launch"),
        ("uvicorn", "", "run"), ("waitress", "", "serve"), ("werkzeug.serving", "", "run_simple"),
    )  # fmt: skip
    for module, owner, name in places:
        _when_imported(module, partial(_replace, owner, name))


def _replace(owner: str, name: str, module: Any) -> None:
    place = getattr(module, owner) if owner else module

    def taken(*given: Any, **named: Any) -> None:
        # A method is given its object first; run_simple(host, port, app) alone has it further behind.
        app = given[2] if name == "run_simple" and len(given) > 2 else given[0] if given else None
        raise _Taken(named.get("app", named.get("application", app)))

    setattr(place, name, taken)


def _when_imported(module: str, do: Callable[[Any], None]) -> None:
    """Do it now or when the module is first imported, so that a script pays for what it uses alone."""
    if module in sys.modules:
        do(sys.modules[module])
    else:
        sys.meta_path.insert(0, _Finder(module, do))


class _Finder:
    """Finds one module as it would be found, and does something once it has been loaded."""

    def __init__(self, module: str, do: Callable[[Any], None]) -> None:
        self._module, self._do = module, do

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        """The spec of the module with a loader that tells us; nothing for others."""
        if name != self._module:
            return None
        sys.meta_path.remove(self)
        from importlib.util import find_spec  # noqa: PLC0415

        spec = find_spec(name)
        if spec is None or spec.loader is None:
            return spec
        load = spec.loader.exec_module

        def loaded(module: Any) -> None:
            load(module)
            self._do(module)

        spec.loader.exec_module = loaded  # type: ignore[method-assign]
        return spec


def _application(found: Any) -> Any:
    """The ASGI application of what a script gave: an object of a framework, a callable, or its variables."""
    if isinstance(found, dict):
        objects = [found[name] for name in _NAMES if name in found]
        objects += [value for name, value in found.items() if name not in _NAMES and not name.startswith("_")]
        return next((app for one in objects if (app := _of_framework(one)) is not None), None)
    if isinstance(found, str):  # uvicorn.run("app:app")
        module, _, name = found.partition(":")
        found = runpy.run_module(module).get(name or "app")
    known = _of_framework(found)
    return known if known is not None or not callable(found) else found


def _of_framework(one: Any) -> Any:
    """An object of a framework that we know, as ASGI."""
    names = {f"{kind.__module__.split('.')[0]}.{kind.__name__}" for kind in type(one).__mro__}
    if "gradio.Blocks" in names:
        from fastapi import FastAPI  # noqa: PLC0415
        from gradio import mount_gradio_app  # noqa: PLC0415

        return mount_gradio_app(FastAPI(), one, path="")
    if "dash.Dash" in names:
        return _from_wsgi(one.server)
    if "flask.Flask" in names:
        return _from_wsgi(one)
    return one if "starlette.Starlette" in names else None


def _from_wsgi(app: Any) -> Any:
    from a2wsgi import WSGIMiddleware  # noqa: PLC0415

    return WSGIMiddleware(viewer.wsgi(app))


def _serve(app: Any) -> None:
    import uvicorn  # noqa: PLC0415

    listener = int(os.environ["HANDRAIL_LISTENER"])
    # What is asked for is what the browser asked Handrail for, which says so itself.
    uvicorn.Server(
        uvicorn.Config(
            app, fd=listener, log_level="warning", access_log=False, server_header=False,
            proxy_headers=True, forwarded_allow_ips="*", lifespan="auto", ws_max_size=64 << 20,
        )
    ).run()  # fmt: skip


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
