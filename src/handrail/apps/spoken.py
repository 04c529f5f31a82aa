"""What was said to the assistant while an app was made: read, redacted, kept as a git note, shown to few."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from handrail.apps import find, store
from handrail.apps.models import Prompt
from handrail.apps.redact import redact
from handrail.kernel import Context, Invalid, LimitReached, NotFound, access, git

NOTES = "refs/notes/prompts"
MAKER = ("maker", "user", "human")


def read(content: str) -> tuple[Prompt, ...]:
    """Prompts from a file: a JSON list, JSON lines, or else the whole text as one.

    Items are texts, or objects with `role` and `text` (or `content`), as assistants export them. Refuses
    Invalid for JSON of another shape.
    """
    content = content.strip()
    if not content:
        return ()
    items = _items(content)
    return (Prompt("maker", content),) if items is None else tuple(_prompt(item) for item in items)


def _items(content: str) -> list[Any] | None:
    try:
        if content[0] == "[":
            items: list[Any] = json.loads(content)
            return items
        return [json.loads(line) for line in content.split("\n")] if content[0] == "{" else None
    except (ValueError, RecursionError):
        return None


def cleaned(said: Sequence[Prompt], limit: int) -> tuple[tuple[Prompt, ...], Mapping[str, int]]:
    """The prompts without secrets or identifiers, and what was taken; LimitReached above `limit` bytes."""
    if sum(len(prompt.text.encode()) for prompt in said) > limit:
        raise LimitReached(
            f"The prompts are larger than {limit // 1024} KB.",
            next_step="Keep what was asked, without the files and logs that were pasted along.",
        )
    taken: Counter[str] = Counter()
    kept = []
    for prompt in said:
        redacted = redact(prompt.text)
        taken.update(redacted.taken)
        kept.append(Prompt(prompt.role, redacted.text))
    return tuple(kept), dict(taken)


def written(said: Sequence[Prompt]) -> bytes:
    """Prompts as they are kept in a note: one JSON object a line."""
    return "".join(json.dumps(asdict(prompt), ensure_ascii=False) + "\n" for prompt in said).encode()


def prompts(ctx: Context, app: str, commit: str | None = None) -> tuple[Prompt, ...]:
    """What was said for a version. For all but owners, reviewers and support there is no such address."""
    found = store.find_app(ctx, app)
    if found is None or not access.decide(ctx, "see-prompts", found.resource).allowed:
        raise NotFound(
            "There is nothing here.", next_step="Go to your apps.", subject=f"app:{app[:63]}", about="prompts"
        )
    return of(ctx, app, find.chosen(ctx, app, commit).commit)


def of(ctx: Context, app: str, commit: str) -> tuple[Prompt, ...]:
    """What was said for a version. Asks no rule: for other verbs."""
    note = git.Repository(ctx.db, app).note(NOTES, commit) or b""
    return tuple(Prompt(**json.loads(line)) for line in note.decode().split("\n") if line)


def _prompt(item: Any) -> Prompt:
    if isinstance(item, str):
        return Prompt("maker", _sound(item))
    if isinstance(item, dict):
        text = item.get("text", item.get("content"))
        if isinstance(text, list):  # blocks, as in the messages of an API
            text = "\n".join(str(block.get("text", "")) for block in text if isinstance(block, dict)).strip()
        if isinstance(text, str):
            return Prompt("maker" if item.get("role", "user") in MAKER else "assistant", _sound(text))
    raise Invalid(
        "The prompts are JSON of a shape that is not known here.",
        next_step='Give a list of texts, or of {"role": "user", "text": "…"}, or plain text.',
    )


def _sound(text: str) -> str:
    """JSON can spell half a character; UTF-8 cannot."""
    return text.encode("utf-8", "replace").decode()
