"""What a run hands over: checked, named safely, and kept. Everything in it was chosen by the app."""

import json
import re
from typing import Any, cast

from handrail.kernel import SYSTEM, Instance, Invalid, LimitReached
from handrail.runtime import store
from handrail.runtime.models import KINDS, Output, OutputKind, Run

_MEDIA = {"table": "application/json", "text": "text/plain", "markdown": "text/markdown"}
_PICTURES = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}
_LONGEST_NAME, _LONGEST_TITLE = 120, 200


class HandedOver:
    """The outputs of one run, within its limits; used by one thread, the door's. A trial keeps nothing."""

    def __init__(self, instance: Instance, run: Run, *, keep: bool = True) -> None:
        self._instance = instance
        self._run = run
        self._keep = keep
        self._count = 0
        self._room = instance.settings.runtime.outputs_mb << 20

    def admit(self, kind: str, name: str, title: str, size: int) -> None:
        """Refuse Invalid for an unknown kind, LimitReached for one piece or byte too many."""
        most = self._instance.settings.runtime.outputs
        if kind not in KINDS:
            raise Invalid(
                f"There is no output of kind {kind[:20]!r}.", next_step="Use show(), text(), save()."
            )
        if self._count >= most:
            raise LimitReached(
                f"A run can hand over {most} outputs.", next_step="Put several into one table or file."
            )
        if size > self._room:
            raise LimitReached(
                f"This output has {size:,} bytes, and the run may hand over {self._room:,} more.",
                next_step="Let the query aggregate, or save a smaller file.",
            )

    def deliver(self, kind: str, name: str, title: str, content: bytes) -> None:
        """Keep one output; refuses Invalid when the content is not of its kind."""
        if kind == "file" and content.startswith(tuple(_PICTURES)):
            kind = "image"  # a chart that was saved is a chart
        self.admit(kind, name, title, len(content))
        media = _media(kind, content)
        self._count += 1
        self._room -= len(content)
        if not self._keep:
            return
        output = Output(
            run=self._run.id,
            n=self._count,
            kind=cast("OutputKind", kind),  # admitted above
            name=safe_name(name),
            title=_plain(title)[:_LONGEST_TITLE],
            media=media,
            size=len(content),
        )
        with self._instance.context(SYSTEM) as ctx:
            store.add_output(ctx, output, content)

    @property
    def count(self) -> int:
        """How many outputs were kept."""
        return self._count


def safe_name(name: str) -> str:
    """A plain file name: no path, no control or quoting characters, not hidden, not long."""
    plain = re.sub(r'[/\\:*?"<>|;%]+', "-", _plain(name)).strip(" .-")
    stem, dot, ending = plain.rpartition(".")
    if len(plain) > _LONGEST_NAME and dot:
        plain = stem[: _LONGEST_NAME - 13] + dot + ending[:12]
    return plain[:_LONGEST_NAME] or "output"


def table_of(content: bytes) -> dict[str, Any]:
    """A table output as the SDK sends it: `columns` (names), `rows` (lists), `total`; refuses Invalid."""
    try:
        table = json.loads(content)
        columns, rows, total = table["columns"], table["rows"], table["total"]
        whole = all(isinstance(name, str) for name in columns) and isinstance(total, int)
        if whole and all(isinstance(row, list) and len(row) == len(columns) for row in rows):
            return {"columns": columns, "rows": rows, "total": total}
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    raise Invalid("That is not a table as the SDK sends it.", next_step="Use handrail_sdk.show().")


def _plain(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)


def _media(kind: str, content: bytes) -> str:
    if kind == "image":
        for beginning, media in _PICTURES.items():
            if content.startswith(beginning):
                return media
        raise Invalid("That is not a PNG or JPEG picture.", next_step="Use show(figure).")
    if kind == "table":
        table_of(content)
    elif kind in ("text", "markdown"):
        try:
            content.decode()
        except UnicodeDecodeError:
            raise Invalid("That text is not UTF-8.", next_step="Use save() for other bytes.") from None
    return _MEDIA.get(kind, "application/octet-stream")
