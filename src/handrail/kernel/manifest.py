"""What an app says about itself: `handrail.toml`, read strictly, so that it can be held to its word."""

import hashlib
import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from difflib import get_close_matches
from functools import cached_property
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any, NoReturn, TypeVar

from handrail.kernel.call_patterns import CallPattern
from handrail.kernel.errors import Invalid
from handrail.kernel.inputs import DeclaredInput, read_inputs
from handrail.kernel.schedule import (
    CATCH_UPS,
    MOST_RETRIES,
    OVERLAPS,
    RETRY_ONS,
    Schedule,
    Unattended,
    wrong_with_cron,
)

FILENAME = "handrail.toml"
KINDS = ("job", "web", "static")
REPORT = "report"
LAYERS = (REPORT, "data", "dashboard")  # the sets of packages that an app may run on
SLUG = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
DATASET = re.compile(r"[a-z][a-z0-9_]*")
TABLES = ("app", "data", "metrics", "connectors", "inputs", "schedule")
_Word = TypeVar("_Word", bound=str)
MOST_SHOWN = 12  # names in a next step
_USUAL = Unattended()
_SCHEDULE = ("cron", "timezone", "catch_up", "overlap", "retries", "retry_on")
MOST_DAYS = 36_500
LARGEST = 64 * 1024  # characters; a manifest is read by people
TEMPLATE = """\
[app]
name = {name}
kind = {kind}                 # job (runs and ends) | web (a server) | static (an HTML/JS bundle)
entrypoint = {entrypoint}
purpose = {purpose}    # one of your organisation's declared purposes
says = {says}

# layer = "report"            # what it may import: report | data (more to compute with) | dashboard (web)
# keep_days = 30              # what its runs leave is kept no longer than that, however long all else is

# One table for each dataset the app reads, with the columns it needs and no others:
# [data.sales_orders]
# columns = ["order_date", "region", "net_amount"]

# Metrics that somebody certified already:
# [metrics]
# use = ["revenue"]

# Other systems that it calls, by the connectors that your organisation has:
# [connectors.crm]
# reads = ["GET /customers/{{id}}"]
# writes = ["POST /tickets"]   # this makes it a handoff app: engineering joins

# Files that whoever runs it gives it (csv, xlsx, parquet, arrow, json, text, pdf, png, jpeg):
# [inputs.targets]
# types = ["csv", "xlsx"]
# required = true
# max_mb = 5
# says = "Targets by region and month"

# Runs by itself (this makes it a handoff app: engineering joins):
# [schedule]
# cron = "0 6 * * MON"
# timezone = "Europe/Berlin"
# catch_up = "latest"        # or "skip": what becomes of the last moment that was missed while no server ran
# overlap = "skip"           # or "queue": what becomes of a moment that comes while an earlier one goes on
# retries = 0                # further tries of a moment whose run failed, at growing distances
# retry_on = "platform"      # or "any": also when the app itself failed
"""


@dataclass(frozen=True)
class DeclaredCalls:
    """What an app says it calls by a connector: what it reads there, and what it changes there."""

    reads: tuple[str, ...] = ()  # each as `CallPattern.parse` reads it
    writes: tuple[str, ...] = ()

    @cached_property
    def reading(self) -> frozenset[str]:
        """The keys of what it reads."""
        return frozenset(CallPattern.parse(one).key for one in self.reads)

    @cached_property
    def writing(self) -> frozenset[str]:
        """The keys of what it changes."""
        return frozenset(CallPattern.parse(one).key for one in self.writes)


@dataclass(frozen=True)
class Manifest:
    """An app's declaration: what it is, what it is for, and everything it may read."""

    name: str
    kind: str
    entrypoint: str
    purpose: str
    says: str = ""
    datasets: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    metrics: tuple[str, ...] = ()
    schedule: Schedule | None = None
    layer: str = REPORT
    connectors: Mapping[str, DeclaredCalls] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    unattended: Unattended = _USUAL  # what is done about its moments; means nothing without a schedule
    inputs: Mapping[str, DeclaredInput] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    keep_days: int = 0  # days after its end for which a run's leavings may be kept; 0: it does not say
    text: str = field(default="", compare=False, repr=False)

    @classmethod
    def parse(cls, text: str) -> "Manifest":
        """Read `handrail.toml`; refuses Invalid with the line, the key and the nearest known one."""
        return _Reader(text).manifest()

    @cached_property
    def digest(self) -> str:
        """sha256 over what is declared; comments, spacing and the order of keys do not change it."""
        content: dict[str, Any] = {
            "name": self.name,
            "kind": self.kind,
            "entrypoint": self.entrypoint,
            "purpose": self.purpose,
            "says": self.says,
            "datasets": {name: sorted(columns) for name, columns in self.datasets.items()},
            "metrics": sorted(self.metrics),
            "schedule": [self.schedule.cron, self.schedule.timezone] if self.schedule else None,
        }
        if self.layer != REPORT:  # a digest that somebody approved before there were others stays what it was
            content["layer"] = self.layer
        if self.unattended != _USUAL:  # so that what was declared before keeps its digest
            content["unattended"] = asdict(self.unattended)
        if self.connectors:  # likewise
            content["connectors"] = {
                name: [sorted(calls.reading), sorted(calls.writing)]
                for name, calls in self.connectors.items()
            }
        if self.inputs:
            content["inputs"] = {name: one.digested for name, one in self.inputs.items()}
        if self.keep_days:
            content["keep_days"] = self.keep_days
        canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()

    @property
    def shows_all_the_same(self) -> bool:
        """Whether it reads no data and calls no other system, so that nothing differs by who looks."""
        return not (self.datasets or self.metrics or self.connectors)

    @staticmethod
    def render(
        name: str,
        *,
        kind: str = "job",
        entrypoint: str = "app.py",
        purpose: str = "sales-reporting",
        says: str = "One sentence: what this app answers, and for whom",
    ) -> str:
        """A commented first manifest for `handrail new`; refuses Invalid when a value would not parse."""
        values = {"name": name, "kind": kind, "entrypoint": entrypoint, "purpose": purpose, "says": says}
        # A JSON string without escapes beyond TOML's own is a TOML basic string.
        text = TEMPLATE.format(
            **{key: json.dumps(value, ensure_ascii=False) for key, value in values.items()}
        )
        return Manifest.parse(text).text


class _Reader:
    """One strict pass over the text that knows on which line each key stands."""

    def __init__(self, text: str) -> None:
        if len(text) > LARGEST:
            raise Invalid(
                f"{FILENAME} has {len(text):,} characters; {LARGEST:,} are the most.",
                next_step="Keep data and prompts out of the manifest.",
            )
        self.text = text.removeprefix("\ufeff").replace("\r\n", "\n")
        try:
            self.document = tomllib.loads(self.text)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            at = re.search(r"at line (\d+)", str(error))
            line = int(at[1]) if at else self.text.count("\n") + 1
            raise Invalid(
                f"{FILENAME} line {line} is not TOML: {error}",
                next_step='Write strings in double quotes, lists as ["a", "b"], and each key once.',
                line=line,
            ) from error

    def manifest(self) -> Manifest:
        self.known_keys(self.document, TABLES, ())
        app = self.table("app", required=True)
        self.known_keys(
            app, ("name", "kind", "entrypoint", "purpose", "says", "layer", "keep_days"), ("app",)
        )
        return Manifest(
            name=self.slug(app, "name"),
            kind=self.kind(app),
            entrypoint=self.path(app, "entrypoint"),
            purpose=self.slug(app, "purpose"),
            says=self.string(app, ("app", "says"), required=False),
            datasets=self.datasets(),
            metrics=self.metrics(),
            schedule=self.schedule(),
            layer=self.layer(app),
            connectors=self.connectors(),
            unattended=self.unattended(),
            inputs=read_inputs(self, self.kind(app), "schedule" in self.document),
            keep_days=self.keep_days(app),
            text=self.text,
        )

    def datasets(self) -> Mapping[str, tuple[str, ...]]:
        declared: dict[str, tuple[str, ...]] = {}
        for name, table in self.table("data").items():
            where = ("data", name)
            if not DATASET.fullmatch(name):
                self.refuse(where, f"'{name}' is not a dataset name", "Use the name that the catalog shows.")
            if not isinstance(table, dict):
                self.refuse(where, "a dataset is a table of its own", f"Write [data.{name}], columns below.")
            self.known_keys(table, ("columns",), where)
            declared[name] = self.strings(table, (*where, "columns"))
        return MappingProxyType(declared)

    def metrics(self) -> tuple[str, ...]:
        table = self.table("metrics")
        self.known_keys(table, ("use",), ("metrics",))
        return self.strings(table, ("metrics", "use"))

    def connectors(self) -> Mapping[str, DeclaredCalls]:
        declared: dict[str, DeclaredCalls] = {}
        for name, table in self.table("connectors").items():
            where = ("connectors", name)
            if not SLUG.fullmatch(name):
                self.refuse(where, f"'{name[:80]}' is no connector", "Use the name that its page shows.")
            if not isinstance(table, dict):
                self.refuse(where, "a connector is a table of its own", f"Write [connectors.{name}].")
            self.known_keys(table, ("reads", "writes"), where)
            calls = DeclaredCalls(self.calls(table, (*where, "reads")), self.calls(table, (*where, "writes")))
            keys = [CallPattern.parse(one).key for one in (*calls.reads, *calls.writes)]
            if not keys:
                self.refuse(where, "it names no call", 'Write reads = ["GET /…"] as its page shows them.')
            if twice := sorted({key for key in keys if keys.count(key) > 1}):
                self.refuse(where, f"'{twice[0]}' is listed twice", "List each call once.")
            declared[name] = calls
        return MappingProxyType(declared)

    def calls(self, table: dict[str, Any], where: tuple[str, ...]) -> tuple[str, ...]:
        try:
            return tuple(str(CallPattern.parse(one)) for one in self.strings(table, where))
        except ValueError as error:
            self.refuse(where, f"a call is not understood: {error}", 'Write it as "GET /customers/{id}".')

    def schedule(self) -> Schedule | None:
        table = self.table("schedule")
        if not table and "schedule" not in self.document:
            return None
        self.known_keys(table, _SCHEDULE, ("schedule",))
        if self.kind(self.table("app")) != "job":
            self.refuse(
                ("schedule",), "only jobs run by a schedule", "Take [schedule] out; people open this app."
            )
        cron = self.string(table, ("schedule", "cron"))
        timezone = self.string(table, ("schedule", "timezone"))
        try:
            return Schedule.parse(cron, timezone)
        except Invalid as refusal:
            key = "cron" if wrong_with_cron(cron) else "timezone"
            self.refuse(("schedule", key), refusal.message.rstrip("."), refusal.next_step)

    def unattended(self) -> Unattended:
        table, usual = self.table("schedule"), _USUAL
        retries = table.get("retries", usual.retries)
        if type(retries) is not int or not 0 <= retries <= MOST_RETRIES:
            self.refuse(
                ("schedule", "retries"),
                f"'retries' must be a whole number from 0 to {MOST_RETRIES}",
                "Write retries = 3, or leave it out.",
            )
        return Unattended(
            self.one_of(table, "catch_up", CATCH_UPS, usual.catch_up),
            self.one_of(table, "overlap", OVERLAPS, usual.overlap),
            retries,
            self.one_of(table, "retry_on", RETRY_ONS, usual.retry_on),
        )

    def one_of(self, table: dict[str, Any], key: str, known: tuple[_Word, ...], usual: _Word) -> _Word:
        where = ("schedule", key)
        value = self.string(table, where) if key in table else usual
        found = next((word for word in known if word == value), None)
        if found is None:
            self.refuse(where, f"{key} '{value[:80]}' is not known", nearest(value, known))
        return found

    def table(self, name: str, *, required: bool = False) -> dict[str, Any]:
        value = self.document.get(name, {})
        if required and name not in self.document:
            self.refuse((name,), f"there is no [{name}] table", "`handrail new` shows a whole one.")
        if not isinstance(value, dict):
            self.refuse((name,), f"'{name}' must be a table", f"Write it as [{name}].")
        return value

    def string(self, table: dict[str, Any], where: tuple[str, ...], *, required: bool = True) -> str:
        key = where[-1]
        if key not in table:
            if required:
                self.refuse(where, f"'{key}' is missing", f'Add {key} = "…" to [{".".join(where[:-1])}].')
            return ""
        value = table[key]
        if not isinstance(value, str) or (required and not value.strip()):
            self.refuse(where, f"'{key}' must be a text that is not empty", f'Write {key} = "…".')
        if any(ord(letter) < 32 for letter in value):
            self.refuse(where, f"'{key}' must be one line of plain text", "Take the control characters out.")
        return value.strip()

    def strings(self, table: dict[str, Any], where: tuple[str, ...]) -> tuple[str, ...]:
        value = table.get(where[-1], [])
        if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
            self.refuse(where, f"'{where[-1]}' must be a list of names", f'Write {where[-1]} = ["…", "…"].')
        if twice := sorted({item for item in value if value.count(item) > 1}):
            self.refuse(where, f"'{twice[0]}' is listed twice", "List each name once.")
        return tuple(value)

    def slug(self, app: dict[str, Any], key: str) -> str:
        value = self.string(app, ("app", key))
        if not SLUG.fullmatch(value) or len(value) > 63:
            self.refuse(
                ("app", key),
                f"{key} '{value[:80]}' is not a slug",
                'Use lower-case letters, digits and single dashes, at most 63: "regional-velocity".',
            )
        return value

    def kind(self, app: dict[str, Any]) -> str:
        value = self.string(app, ("app", "kind"))
        if value not in KINDS:
            self.refuse(("app", "kind"), f"kind '{value[:80]}' is not known", nearest(value, KINDS))
        return value

    def layer(self, app: dict[str, Any]) -> str:
        value = self.string(app, ("app", "layer")) if "layer" in app else REPORT
        if value not in LAYERS:
            self.refuse(("app", "layer"), f"there is no layer '{value[:80]}'", nearest(value, LAYERS))
        return value

    def keep_days(self, app: dict[str, Any]) -> int:
        value = app.get("keep_days", 0)
        if type(value) is not int or not ("keep_days" not in app or 1 <= value <= MOST_DAYS):
            self.refuse(
                ("app", "keep_days"),
                f"'keep_days' must be a whole number of days from 1 to {MOST_DAYS:,}",
                "Write keep_days = 30, or leave it out.",
            )
        return value

    def path(self, app: dict[str, Any], key: str) -> str:
        value = self.string(app, ("app", key))
        path = PurePosixPath(value)
        if path.is_absolute() or ".." in path.parts or "\\" in value or str(path) != value:
            self.refuse(("app", key), f"'{value[:80]}' is not a plain path inside the app", 'As in "app.py".')
        return value

    def known_keys(self, table: dict[str, Any], known: Iterable[str], where: tuple[str, ...]) -> None:
        known = tuple(known)
        for key in table:
            if key not in known:
                place = f" in [{'.'.join(where)}]" if where else ""
                self.refuse((*where, key), f"unknown key '{key[:80]}'{place}", nearest(key, known))

    def refuse(self, where: tuple[str, ...], message: str, next_step: str) -> NoReturn:
        line = self.line(where)
        raise Invalid(
            f"{FILENAME} line {line}: {message}.", next_step=next_step, line=line, key=".".join(where)
        )

    def line(self, where: tuple[str, ...]) -> int:
        """The line on which this key, or else the nearest table around it, is written."""
        nearest, current = 1, tuple[str, ...]()
        for number, line in enumerate(self.text.split("\n"), 1):
            if header := re.match(r"\s*\[+([^\]]+)\]", line):
                current = _dotted(header[1])
                if current == where:
                    return number
                if current and where[: len(current)] == current:
                    nearest = number
            elif (found := re.match(r"\s*([^=#]+?)\s*=", line)) and (*current, *_dotted(found[1])) == where:
                return number
        return nearest


def _dotted(key: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in key.split("."))


def nearest(wrong: str, known: Iterable[str]) -> str:
    """The next step for a name that is not known: the nearest one, or else a few of those that are."""
    names = tuple(known)
    close = get_close_matches(wrong, names, n=1, cutoff=0.5)
    shown = ", ".join(names[:MOST_SHOWN]) + (", …" if len(names) > MOST_SHOWN else "")
    return f"Did you mean '{close[0]}'?" if close else f"Known here: {shown or 'none yet'}."
