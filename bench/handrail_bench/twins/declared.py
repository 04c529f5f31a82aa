"""Keys and links of a source, by `schema.json` or as SQLite declares them; needs the standard library alone.

`{"tables": {T: {"key": [C…], "required": [C…]}}, "links": [{"child": T, "columns": [C…], "parent": T,
"parent_columns": [C…]}], "rules": {WHAT: SQL that counts the rows which break it}}`
"""

import json
import re
import sqlite3
from pathlib import Path
from typing import Any

Schema = dict[str, Any]


def schema(source: Path, file: Path | None = None) -> Schema | None:
    """What is known: of the file, of `schema.json` in the source or above it, or as SQLite declares."""
    for path in [file] if file else [source / "schema.json", source.parent / "schema.json"]:
        if path.is_file():
            found: Schema = json.loads(path.read_text(encoding="utf-8"))
            return found
    return of_sqlite(source) if source.is_file() else None


def of_sqlite(path: Path) -> Schema:
    """What a SQLite file declares."""
    tables: dict[str, Any] = {}
    links: list[dict[str, Any]] = []
    with opened(path) as con:
        for name in table_names(con):
            info = con.execute(f'PRAGMA table_info("{name}")').fetchall()
            keyed = sorted((row[5], row[1]) for row in info if row[5])
            required = [row[1] for row in info if row[3]]
            tables[name] = {"key": [column for _, column in keyed], "required": required}
        for name in tables:
            joined: dict[int, dict[str, Any]] = {}
            pointing = con.execute(f'PRAGMA foreign_key_list("{name}")').fetchall()
            for number, place, parent, column, to, *_ in pointing:
                new = {"child": name, "columns": [], "parent": parent, "parent_columns": []}
                link = joined.setdefault(number, new)
                link["columns"].append(column)
                link["parent_columns"].append(to or tables[parent]["key"][place])
            links += joined.values()
    return {"tables": tables, "links": links, "rules": {}}


def opened(path: Path) -> sqlite3.Connection:
    """A SQLite file that nobody writes to."""
    return sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)


def table_names(con: sqlite3.Connection) -> list[str]:
    """Its own tables."""
    found = con.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    return [name for (name,) in found.fetchall()]


def slug(name: str) -> str:
    """Names that differ only in case and in what joins their words are the same."""
    return re.sub(r"[^a-z0-9]+", "", str(name).lower())
