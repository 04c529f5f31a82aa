"""How values read on a page: times, sizes, counts and states, in one voice."""

import datetime as dt
from collections.abc import Callable, Mapping, Sized
from decimal import Decimal
from typing import Any

from markupsafe import Markup, escape

TONES = ("neutral", "good", "info", "warn", "bad", "brass")

LOOKS: Mapping[str, tuple[str, str]] = {
    # state: (tone, icon); one table, so that a state looks the same on every page
    "certified": ("good", "badge-check"),
    "draft": ("neutral", "pencil-line"),
    "proposed": ("warn", "clock"),
    "expired": ("bad", "calendar-x"),
    "expiring": ("warn", "calendar-clock"),
    "edited": ("warn", "file-pen"),
    "changed": ("bad", "file-diff"),
    "due": ("warn", "calendar-clock"),
    "missed": ("bad", "octagon-alert"),
    "revoked": ("bad", "ban"),
    "queued": ("neutral", "clock"),
    "running": ("info", "loader"),
    "succeeded": ("good", "check"),
    "done": ("good", "check"),
    "failed": ("bad", "x"),
    "stopped": ("warn", "square"),
    "open": ("good", "check"),
    "waiting": ("warn", "clock"),
    "shut": ("bad", "lock"),
    "approved": ("good", "check"),
    "granted": ("good", "check"),
    "refused": ("bad", "x"),
    "requested": ("warn", "clock"),
    "skipped": ("neutral", "skip-forward"),
    "paused": ("warn", "circle-pause"),
    "superseded": ("neutral", "archive"),
    "sandbox": ("brass", "flask-conical"),
    "production": ("good", "landmark"),
    "synthetic": ("brass", "flask-conical"),
    "allowed": ("good", "check"),
    "denied": ("bad", "ban"),
    "active": ("good", "check"),
    "inactive": ("neutral", "minus"),
    "self-service": ("info", "user"),
    "handoff": ("brass", "users"),
    "blocking": ("bad", "octagon-alert"),
    "warning": ("warn", "triangle-alert"),
    "advice": ("info", "lightbulb"),
    "personal": ("warn", "user-round"),
    "sensitive": ("bad", "shield-alert"),
}


def look(state: object) -> tuple[str, str]:
    """The tone and icon of a state; an unknown state is neutral."""
    return LOOKS.get(_text(state).lower().replace("_", "-").replace(" ", "-"), ("neutral", "circle-dot"))


def _text(value: object) -> str:
    return str(getattr(value, "value", value))


def ago(moment: dt.datetime | dt.date | None, now: dt.datetime | None = None) -> str:
    """How long since (or until) a moment, in the largest fitting unit: "3 hours ago", "in 2 days"."""
    if moment is None:
        return "never"
    aware = _aware(moment)
    seconds = ((now or dt.datetime.now(dt.UTC)) - aware).total_seconds()
    size = abs(seconds)
    if size < 45:
        return "just now" if seconds >= 0 else "in a moment"
    unit, length = next((unit, length) for limit, unit, length in _UNITS if size < limit)
    count = max(1, round(size / length))
    text = f"{count} {unit}{'' if count == 1 else 's'}"
    return f"{text} ago" if seconds > 0 else f"in {text}"


_UNITS = (
    (3570, "minute", 60),
    (84600, "hour", 3600),
    (86400 * 26, "day", 86400),
    (86400 * 320, "month", 86400 * 30.44),
    (float("inf"), "year", 86400 * 365.25),
)


def _aware(moment: dt.datetime | dt.date) -> dt.datetime:
    if not isinstance(moment, dt.datetime):
        return dt.datetime(moment.year, moment.month, moment.day, tzinfo=dt.UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def when(moment: dt.datetime | dt.date | None) -> Markup:
    """A moment as a <time> element: relative words, the exact UTC time on hover and for machines."""
    if moment is None:
        return Markup('<span class="muted">never</span>')
    exact = on(moment)
    return Markup('<time datetime="{}" title="{}">{}</time>').format(moment.isoformat(), exact, ago(moment))


def on(moment: dt.datetime | dt.date | None) -> str:
    """The exact day, and the minute in UTC when there is one: "27 Nov 2026, 06:00 UTC"."""
    if moment is None:
        return "never"
    if not isinstance(moment, dt.datetime):
        return f"{moment.day} {moment:%b %Y}"
    utc = _aware(moment).astimezone(dt.UTC)
    return f"{utc.day} {utc:%b %Y, %H:%M} UTC"


def number(value: float | Decimal | None, digits: int | None = None) -> str:
    """Digits in groups of three; `digits` fixes the decimals. Nothing is an en dash."""
    if value is None:
        return "–"
    if digits is not None:
        return f"{value:,.{digits}f}"
    if isinstance(value, float):
        return f"{value:,.2f}".rstrip("0").rstrip(".")
    return f"{value:,}"


def size(count: float | None) -> str:
    """A number of bytes in binary units: "1.4 MiB"."""
    if count is None:
        return "–"
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if abs(count) < 1024:
            return f"{count:,.0f} {unit}" if unit == "bytes" else f"{count:,.1f} {unit}"
        count /= 1024
    return f"{count:,.1f} TiB"


def duration(seconds: float | dt.timedelta | None) -> str:
    """A span of time: "340 ms", "2.4 s", "3 min 20 s"."""
    if seconds is None:
        return "–"
    total = seconds.total_seconds() if isinstance(seconds, dt.timedelta) else float(seconds)
    if total < 1:
        return f"{total * 1000:.0f} ms"
    if total < 60:
        return f"{total:.1f} s"
    minutes, rest = divmod(round(total), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def percent(share: float | None, digits: int = 0) -> str:
    """A share of one as a percentage."""
    return "–" if share is None else f"{share * 100:.{digits}f} %"


def short(commit: str | None) -> str:
    """A commit or digest cut to what people compare: eight characters, without its algorithm."""
    return (commit or "–").rpartition(":")[2][:8]


def plural(count: int | Sized, one: str, many: str = "") -> str:
    """A count with its noun: `3|plural("app")` is "3 apps"; `many` for irregular nouns."""
    total = count if isinstance(count, int) else len(count)
    return f"{total:,} {one if total == 1 else many or one + 's'}"


def spoken(name: object) -> str:
    """A machine's word for people: "self_service" and "self-service" become "Self service"."""
    text = _text(name).replace("_", " ").replace("-", " ").strip()
    return text[:1].upper() + text[1:]


def coded(text: object) -> Markup:
    """Text in which `words between backticks` stand as code, the way refusals and findings write them."""
    parts = str(escape(text)).split("`")
    if len(parts) % 2 == 0:  # a lonely backtick is only a backtick
        return Markup(str(escape(text)))  # noqa: S704
    return Markup(  # noqa: S704 - escaped above
        "".join(f"<code>{part}</code>" if place % 2 else part for place, part in enumerate(parts))
    )


FILTERS: Mapping[str, Callable[..., Any]] = {
    "ago": ago,
    "bytes": size,
    "coded": coded,
    "duration": duration,
    "number": number,
    "on": on,
    "percent": percent,
    "plural": plural,
    "short": short,
    "spoken": spoken,
    "when": when,
}
