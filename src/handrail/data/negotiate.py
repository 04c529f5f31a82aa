"""In which form an answer leaves: what a request accepts, and what it says outright."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from handrail.data import formats
from handrail.data.formats import Codec, Dialect, Format
from handrail.kernel import Invalid

MEDIA_OF: dict[Format, str] = {form: media for media, form in formats.MEDIA.items()}
_PART = re.compile(r'(?:[^,"]|"[^"]*")+')
_PARAMETER = re.compile(r';\s*([\w-]+)\s*=\s*("[^"]*"|[^;,\s]*)')


@dataclass(frozen=True)
class Form:
    """A format with its variant: the codec of Arrow bodies, the dialect of CSV."""

    format: Format
    codec: Codec | None = None
    dialect: Dialect = "plain"

    @property
    def media(self) -> str:
        """As the Content-Type says it."""
        if self.format == "csv":
            return "text/csv; charset=utf-8"
        return MEDIA_OF[self.format] + (f'; codecs="{self.codec}"' if self.codec else "")


def form_of(
    accept: str, said: Format | None = None, codec: Codec | None = None, dialect: Dialect = "plain"
) -> Form:
    """The form of an answer: what was said outright, else the acceptable format of the highest quality.

    Of Arrow, the parameter `codecs` of Accept lists what the reader can decompress, as Arrow's own examples
    of HTTP have it; without it bodies are plain, which every reader understands. Refuses Invalid when nothing
    here is acceptable.
    """
    offers = list(_offers(accept.lower()))
    form = said or next((form for _, form, _ in sorted(offers, key=lambda o: -o[0]) if form), None)
    if form is None:
        raise Invalid(
            "An answer cannot be written as any of what you accept.",
            next_step=f"Accept one of: {', '.join(formats.MEDIA)}.",
        )
    if form != "arrow":
        return Form(form, dialect=dialect)
    known = (codec for _, of, codecs in offers if of == "arrow" for codec in codecs)
    return Form(form, codec or next(known, None))


def _offers(accept: str) -> Iterator[tuple[float, Format | None, tuple[Codec, ...]]]:
    """Each part of an Accept header: its quality, the format that it means, and the codecs that it names."""
    for part in _PART.findall(accept):
        media = part.partition(";")[0].strip()
        said = {key: value.strip('"') for key, value in _PARAMETER.findall(part)}
        form: Format | None = "json" if media in ("*/*", "application/*") else formats.MEDIA.get(media)
        if media == "text/*":
            form = "csv"
        quality = _quality(said.get("q", "1"))
        listed = [one.strip() for one in said.get("codecs", "").split(",")]
        yield quality, form if quality else None, tuple(one for one in formats.CODECS if one in listed)


def _quality(text: str) -> float:
    try:
        return min(max(float(text), 0.0), 1.0)
    except ValueError:
        return 1.0
