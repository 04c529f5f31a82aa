"""The beginning of an app: a folder with a manifest and code that runs at once and teaches the rest."""

import re
from importlib import resources
from pathlib import Path

from handrail.kernel import Conflict, Manifest
from handrail.kernel.manifest import FILENAME


def starter(name: str, purpose: str = "sales-reporting") -> dict[str, bytes]:
    """The files of a first version; refuses Invalid for a name that is no slug."""
    code = (resources.files("handrail.apps") / "template" / "app.py.txt").read_bytes()
    return {FILENAME: Manifest.render(name, purpose=purpose).encode(), "app.py": code}


def new(directory: Path, name: str | None = None, purpose: str = "sales-reporting") -> tuple[Path, ...]:
    """Write the starter into a folder, made if need be, and give the paths.

    Without a name the app is called like the folder. Refuses Conflict when one of the files is there already.
    """
    plain = re.sub(r"[^a-z0-9]+", "-", directory.resolve().name.lower()).strip("-")
    files = starter(name or plain, purpose)
    for path in files:
        if (directory / path).exists():
            raise Conflict(f"{directory / path} is there already.", next_step="Choose another folder.")
    directory.mkdir(parents=True, exist_ok=True)
    for path, content in files.items():
        (directory / path).write_bytes(content)
    return tuple(directory / path for path in files)
