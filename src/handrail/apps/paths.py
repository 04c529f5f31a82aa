"""Which file names an app may have: plain relative ones that mean one file everywhere and none of git's."""

import unicodedata
from collections.abc import Iterable

from handrail.kernel import Invalid

LONGEST_PATH = 240  # bytes; leaves room for the place where the app is unpacked
# Characters that HFS+ ignores in names, so that a name with one inside could be read as ".git" there.
IGNORED_BY_HFS = dict.fromkeys(
    [*range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF], None
)
DEVICES = {"con", "prn", "aux", "nul", *(f"{kind}{n}" for kind in ("com", "lpt") for n in range(1, 10))}
GITS_OWN = {".git", "git~1"}  # the second is what Windows' short names call the first


def wrong_with_path(path: str) -> str | None:
    """Why this is not a safe relative path, in a clause; None when it is one."""
    if not path:
        return "is empty"
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in path):
        return "has control characters"
    if len(path.encode()) > LONGEST_PATH:
        return f"is longer than {LONGEST_PATH} bytes"
    if "\\" in path:
        return "has a backslash"
    if path.startswith("/") or path[1:2] == ":":
        return "is absolute"
    parts = path.split("/")
    if ".." in parts:
        return "climbs out of the app with .."
    if any(part in ("", ".") for part in parts):
        return "has an empty step"
    if any(part != part.strip() or part.endswith(".") for part in parts):
        return "has a name that ends in a space or a dot"
    if any(part.translate(IGNORED_BY_HFS).casefold() in GITS_OWN for part in parts):
        return "is inside a .git folder"
    if any(unicodedata.category(letter) == "Cf" for letter in path):
        return "has a letter that nobody sees, which can make it look like another name"
    if any(part.partition(".")[0].casefold() in DEVICES for part in parts):
        return "is the name of a device on Windows"
    return None


def check(paths: Iterable[str]) -> None:
    """Refuse Invalid for an unsafe path, and for two that somewhere are one file, or a file and a folder."""
    files: dict[str, str] = {}
    folders: dict[str, str] = {}
    for path in paths:
        if because := wrong_with_path(path):
            raise Invalid(f"The file name {path[:80]!r} {because}.", next_step="Rename it or leave it out.")
        key = unicodedata.normalize("NFC", path).casefold()
        steps = key.split("/")
        inside = {"/".join(steps[:depth]): path for depth in range(1, len(steps))}
        other = files.get(key) or folders.get(key) or next((files[up] for up in inside if up in files), None)
        if other is not None:
            raise Invalid(
                f"{path[:80]!r} and {other[:80]!r} are the same name on some systems.",
                next_step="Keep one of the two.",
            )
        files[key] = path
        folders.update(inside)
