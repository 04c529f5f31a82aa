"""What a run hands over: checked, named safely, and kept. Everything in it was chosen by the app."""

import re
from typing import cast

from handrail.kernel import SYSTEM, Instance, Invalid, LimitReached
from handrail.runtime import inputs_store, store
from handrail.runtime.markup import SVG, checked_svg, is_svg
from handrail.runtime.models import KINDS, Output, OutputKind, Run
from handrail.runtime.tables import media_of

_MEDIA = {"text": "text/plain", "markdown": "text/markdown", "html": "text/html", "pdf": "application/pdf"}
_PICTURES = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}
_PDF = b"%PDF-"
_LONGEST_NAME, _LONGEST_TITLE = 120, 200


class HandedOver:
    """The outputs of one run, within its limits; used by one thread, the door's. A trial keeps nothing."""

    def __init__(self, instance: Instance, run: Run, *, keep: bool = True) -> None:
        self._instance = instance
        self._run = run
        self._keep = keep
        self._count = 0
        self._room = instance.settings.runtime.outputs_mb << 20

    def given(self, name: str) -> tuple[dict[str, str], bytes] | None:
        """A file that this run was given; refuses Invalid a name that its manifest does not declare."""
        if name not in self._run.manifest.inputs:
            raise Invalid(
                f"The manifest declares no input {name[:40]!r}.", next_step=f"Add [inputs.{name[:40]}] to it."
            )
        with self._instance.context(SYSTEM) as ctx:
            found = inputs_store.find_input(ctx, self._run.id, name)
        if found is None:
            return None
        given, content = found
        return {"file": given.file, "type": given.type}, content

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
        kind = _kind(kind, name, content)
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
        with self._instance.context(SYSTEM, self._run.lease) as ctx:
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


def _plain(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)


def _kind(kind: str, name: str, content: bytes) -> str:
    """What a file is that can be looked at: a chart that was saved is a chart, a report a report."""
    if kind != "file":
        return kind
    ending = name.rpartition(".")[2].lower()
    if content.startswith(tuple(_PICTURES)) or (ending == "svg" and is_svg(content)):
        return "image"
    if content.startswith(_PDF):
        return "pdf"
    looked_at = {"html": "html", "htm": "html", "md": "markdown"}.get(ending, "file")
    return looked_at if looked_at == "file" or _is_text(content) else "file"


def _media(kind: str, content: bytes) -> str:
    """The media type by the content; refuses Invalid what is not of its kind."""
    if kind == "image":
        for beginning, media in _PICTURES.items():
            if content.startswith(beginning):
                return media
        if is_svg(content):
            checked_svg(content)
            return SVG
        raise Invalid("That is not a PNG, JPEG or SVG picture.", next_step="Use show(figure).")
    if kind == "table":
        return media_of(content)
    if kind == "pdf" and not content.startswith(_PDF):
        raise Invalid("That is not a PDF.", next_step="Use save() for other bytes.")
    if kind in ("text", "markdown", "html") and not _is_text(content):
        raise Invalid("That text is not UTF-8.", next_step="Use save() for other bytes.")
    return _MEDIA.get(kind, "application/octet-stream")


def _is_text(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True
