"""What changed between two texts, line against line and word within line, coloured by language."""

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from markupsafe import Markup, escape
from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name, get_lexer_for_filename
from pygments.lexers.special import TextLexer
from pygments.token import STANDARD_TYPES, Token
from pygments.util import ClassNotFound

Kind = Literal["same", "changed", "added", "removed"]
Piece = tuple[str, str]  # CSS class of the token, its text
Span = tuple[int, int]  # first character, the one after the last

CONTEXT = 3
MAX_LINES = 4000
MAX_COLOURED = 200_000
MAX_WORDS = 400
WORDS_ALIKE = 0.5
_WORD = re.compile(r"\w+|\s+|[^\w\s]")


@dataclass(frozen=True)
class DiffLine:
    """One line: its number and markup on each side; None where a side has no such line."""

    kind: Kind
    old_number: int | None
    old: Markup | None
    new_number: int | None
    new: Markup | None


@dataclass(frozen=True)
class Hunk:
    """Changed lines with three lines around them; `heading` names where they are in the new file."""

    heading: str
    lines: tuple[DiffLine, ...]


@dataclass(frozen=True)
class Diff:
    """One file's change. `cut` says that lines past the first 4,000 are not shown."""

    filename: str
    status: Literal["added", "removed", "changed", "same", "binary"]
    added: int
    removed: int
    hunks: tuple[Hunk, ...]
    cut: bool = False


def diff(old: str | bytes | None, new: str | bytes | None, filename: str) -> Diff:
    """The change from `old` to `new`; None means that the file is not there. Binary files are only named."""
    before, after = _text(old), _text(new)
    if before is None or after is None:
        return Diff(filename, "same" if old == new else "binary", 0, 0, ())
    old_lines, new_lines = before.splitlines(), after.splitlines()
    cut = max(len(old_lines), len(new_lines)) > MAX_LINES
    old_lines, new_lines = old_lines[:MAX_LINES], new_lines[:MAX_LINES]
    matcher = difflib.SequenceMatcher(None, old_lines, new_lines, autojunk=False)
    lexer = _lexer(filename)
    shown = _Side(old_lines, lexer), _Side(new_lines, lexer)
    hunks = tuple(_hunk(group, *shown) for group in matcher.get_grouped_opcodes(CONTEXT))
    removed = sum(i2 - i1 for tag, i1, i2, _, _ in matcher.get_opcodes() if tag != "equal")
    added = sum(j2 - j1 for tag, _, _, j1, j2 in matcher.get_opcodes() if tag != "equal")
    return Diff(filename, _status(old, new, bool(hunks)), added, removed, hunks, cut)


def highlight(code: str, language: str) -> tuple[Markup, ...]:
    """Coloured lines of `code`; `language` is a file name ("app.py") or a language ("sql")."""
    lines = code.splitlines()
    side = _Side(lines, _lexer(language))
    return tuple(side.markup(number) for number in range(len(lines)))


def _text(content: str | bytes | None) -> str | None:
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text


def _status(old: object, new: object, differs: bool) -> Literal["added", "removed", "changed", "same"]:
    if old is None:
        return "added"
    if new is None:
        return "removed"
    return "changed" if differs else "same"


def _lexer(name: str) -> Lexer:
    try:
        return get_lexer_for_filename(name) if "." in name else get_lexer_by_name(name)
    except ClassNotFound:
        return TextLexer()


class _Side:
    """The lines of one side as coloured pieces; a text too long to colour quickly stays plain."""

    def __init__(self, lines: Sequence[str], lexer: Lexer) -> None:
        self.lines = lines
        text = "\n".join(lines)
        plain = len(text) > MAX_COLOURED
        self.pieces = [[("", line)] for line in lines] if plain else list(_coloured(text, len(lines), lexer))

    def markup(self, index: int, marked: Sequence[Span] = ()) -> Markup:
        """The line at `index`; characters in the `marked` ranges stand out."""
        return Markup("").join(_spans(self.pieces[index], marked))


def _coloured(text: str, count: int, lexer: Lexer) -> Iterator[list[Piece]]:
    # get_tokens_unprocessed keeps every character; get_tokens strips leading blank lines, shifting numbers
    line: list[Piece] = []
    made = 0
    for _, kind, value in lexer.get_tokens_unprocessed(text):
        first, *rest = value.split("\n")
        css = _css(kind)
        if first:
            line.append((css, first))
        for part in rest:
            yield line
            made += 1
            line = [(css, part)] if part else []
    yield line
    for _ in range(count - made - 1):
        yield []


def _css(kind: object) -> str:
    while kind is not Token and kind not in STANDARD_TYPES:
        kind = kind.parent  # type: ignore[attr-defined]
    return STANDARD_TYPES[kind]  # type: ignore[index]


def _spans(pieces: Sequence[Piece], marked: Sequence[Span]) -> Iterator[Markup]:
    at = 0
    for css, text in pieces:
        edges = {at, at + len(text)} | {
            edge for span in marked for edge in span if at < edge < at + len(text)
        }
        cuts = sorted(edges)
        for start, end in pairwise(cuts):
            part: Markup = escape(text[start - at : end - at])
            if css:
                part = Markup('<span class="t-{}">{}</span>').format(css, part)
            inside = any(low <= start and end <= high for low, high in marked)
            yield Markup("<mark>{}</mark>").format(part) if inside else part
        at += len(text)


def _hunk(group: Sequence[tuple[str, int, int, int, int]], old: _Side, new: _Side) -> Hunk:
    first, last = group[0], group[-1]
    lines: list[DiffLine] = []
    for tag, i1, i2, j1, j2 in group:
        if tag == "equal":
            for i, j in zip(range(i1, i2), range(j1, j2), strict=True):
                lines.append(DiffLine("same", i + 1, old.markup(i), j + 1, new.markup(j)))
        else:
            lines.extend(_replaced(range(i1, i2), range(j1, j2), old, new))
    return Hunk(f"Lines {first[3] + 1} to {max(last[4], first[3] + 1)}", tuple(lines))


def _replaced(before: range, after: range, old: _Side, new: _Side) -> Iterator[DiffLine]:
    for offset in range(max(len(before), len(after))):
        i = before[offset] if offset < len(before) else None
        j = after[offset] if offset < len(after) else None
        if i is not None and j is not None:
            left, right = _changed_words(old.lines[i], new.lines[j])
            yield DiffLine("changed", i + 1, old.markup(i, left), j + 1, new.markup(j, right))
        elif i is not None:
            yield DiffLine("removed", i + 1, old.markup(i), None, None)
        elif j is not None:
            yield DiffLine("added", None, None, j + 1, new.markup(j))


def _changed_words(before: str, after: str) -> tuple[list[Span], list[Span]]:
    """The character ranges of the words that differ, when the lines are alike enough for marks to help."""
    old, new = _WORD.findall(before), _WORD.findall(after)
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    if len(old) + len(new) > MAX_WORDS or matcher.ratio() < WORDS_ALIKE:
        return [], []
    changed = [code for code in matcher.get_opcodes() if code[0] != "equal"]
    return (
        [_span(old, i1, i2) for _, i1, i2, _, _ in changed if i2 > i1],
        [_span(new, j1, j2) for _, _, _, j1, j2 in changed if j2 > j1],
    )


def _span(words: Sequence[str], first: int, end: int) -> Span:
    start = sum(map(len, words[:first]))
    return start, start + sum(map(len, words[first:end]))
