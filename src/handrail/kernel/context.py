"""The context every verb takes first, and the instance that opens it."""

import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa

from handrail import settings as configuration
from handrail.kernel import definitions, edits, migrate, storage
from handrail.kernel.access import Policies
from handrail.kernel.audit import Log, Note, Trail
from handrail.kernel.audit.checkpoint import Signer
from handrail.kernel.clock import Clock, SystemClock
from handrail.kernel.edits import Edit
from handrail.kernel.errors import Invalid, Refusal, Upstream
from handrail.kernel.events import Events, Subscription, Subscriptions
from handrail.kernel.held import Lease
from handrail.kernel.kept import Files
from handrail.kernel.outage import outage
from handrail.kernel.people import SYSTEM, Caller
from handrail.kernel.ports import Ports
from handrail.kernel.presence import Presence
from handrail.settings import Settings

_KEY = 32  # bytes


@dataclass
class Context:
    """One caller, one database transaction, one audit trail, the events, the clock and the ports.

    A face opens and commits it (`Instance.context`); a verb never does.
    """

    instance: "Instance"
    caller: Caller
    db: sa.Connection
    lease: Lease | None = None  # without which nothing of this is committed
    audit: Trail = field(init=False)
    events: Events = field(init=False)
    presence: Presence = field(default_factory=Presence, init=False)  # of whoever asks, where a face knows
    edits: list[Edit] = field(default_factory=list, init=False)  # of definitions, one with the transaction

    def __post_init__(self) -> None:
        run = self.caller.run
        about = {"run": run.id, "app": run.app, "commit": run.commit} if run else {}
        self.lease = self.lease or (run.lease if run else None)
        who = self.caller.person.id, self.caller.via
        self.audit = Trail(self.instance.log, self.db, self.clock, *who, about, self.lease)
        self.events = Events(self, self.instance.subscriptions)

    @property
    def clock(self) -> Clock:
        """The time."""
        return self.instance.clock

    @property
    def ports(self) -> Ports:
        """Everything outside."""
        return self.instance.ports

    @property
    def settings(self) -> Settings:
        """What the operator set."""
        return self.instance.settings


class Instance:
    """One installation: a directory, its database, its keys, its rules and its plugs.

    `rooms` are the packages whose access rules apply; `subscriptions` say who listens to whom.
    """

    def __init__(
        self,
        settings: Settings,
        ports: Ports,
        *,
        rooms: Iterable[str] = (),
        subscriptions: Iterable[Subscription] = (),
        clock: Clock | None = None,
    ) -> None:
        self.settings = settings
        self.ports = ports
        self.clock = clock or SystemClock()
        self.files = Files()
        self.definitions = settings.home / "definitions"
        self._keys = settings.home / "keys"
        self.subscriptions = Subscriptions(subscriptions)
        self.engine = storage.open_engine(
            _address(settings) or storage.sqlite_url(settings.home / "handrail.db")
        )
        migrate.upgrade(self.engine)
        edits.recover(self.engine, self.definitions)
        storage.sweep(settings.home)
        self.log = Log(self.engine, Signer("handrail", self.secret("audit")), self.witness)
        self.rooms = tuple(rooms)
        self._rules = Policies.load(self.rooms, self.own_rules())

    @staticmethod
    def create(home: Path, *, files: Mapping[str, bytes]) -> None:
        """Make the directory of a new instance; `files` are its first definitions. Refuses a used directory.

        The settings file is written last, so that a half-made instance is never taken for one.
        """
        if home.exists() and any(home.iterdir()):
            raise Invalid(f"{home} is not empty.", next_step="Name a new directory, or empty this one.")
        home.mkdir(parents=True, exist_ok=True)
        home.chmod(0o700)
        definitions.create(home / "definitions", files)
        storage.write_file(home / "handrail.toml", configuration.render().encode())

    @property
    def witness(self) -> Path:
        """The newest signed checkpoint, kept outside the database."""
        return self.settings.home / "audit.checkpoint"

    @property
    def policies(self) -> Policies:
        """The access rules in force."""
        return self._rules

    def secret(self, name: str) -> bytes:
        """32 random bytes for one use, made at first need and readable by this user alone.

        Refuses Upstream a key that is damaged: another in its place would change every pseudonym.
        """
        file = f"{self._keys}/{name}.key"
        found = self.files.read(file)
        if found is None and self.settings.hosts.source:  # one of its own would give pseudonyms of its own
            raise Upstream(
                f"The key {name} of this instance is not here.",
                next_step="See that the server lends its files to this host.",
                subject="instance",
            )
        if found is None:
            storage.create_file(Path(file), secrets.token_bytes(_KEY), mode=0o600)
            found = Path(file).read_bytes()
        if len(found) != _KEY:
            raise Upstream(
                f"The key {name} of this instance is damaged.",
                next_step="An admin restores the folder keys/ from its backup.",
                subject="instance",
            )
        return found

    def reload_policies(self) -> None:
        """Take up edited access rules; on a refusal the old ones stay in force."""
        self._rules = Policies.load(self.rooms, self.own_rules())

    @contextmanager
    def context(self, caller: Caller, lease: Lease | None = None) -> Iterator[Context]:
        """Open a context for `caller`: commit at the end; undo all on a refusal, which goes on the trail.

        Under a lease, the caller's run's or this one, all that is written is written while it is held, or
        else Lost is raised and nothing is. Refuses Upstream when the database or a disk gives way; that
        alone the trail cannot say.
        """
        try:
            with self._transaction(caller, lease) as ctx:
                yield ctx
        except (sa.exc.OperationalError, OSError) as error:
            if (refusal := outage(error)) is None:
                raise
            raise refusal from error

    @contextmanager
    def _transaction(self, caller: Caller, lease: Lease | None = None) -> Iterator[Context]:
        with self.engine.connect() as db:
            ctx, committed = Context(self, caller, db, lease), False
            try:
                yield ctx
                if ctx.lease is not None and (ctx.audit.pending or storage.has_written(db)):
                    ctx.lease.hold(db)
                signed = ctx.audit.flush()
                db.commit()
                committed = True
            except Refusal as refusal:
                db.rollback()
                self.log.write(_refused(ctx, refusal))
                if ctx.events.failures:
                    with self._transaction(caller, ctx.lease) as own:
                        for make in ctx.events.failures:
                            own.events.publish(make(refusal))
                raise
            finally:
                for edit in reversed(ctx.edits):
                    edit.close(committed)
        self.log.publish(signed)

    def system(self) -> Caller:
        """Handrail itself as the caller: starts and recoveries. It has no rights that a rule would give."""
        return SYSTEM

    def close(self) -> None:
        """End the audit writer, let go of what the plugs keep, and close the database."""
        self.log.close()
        self.ports.close()
        self.engine.dispose()

    def own_rules(self) -> dict[str, str]:
        """The instance's own access rules as they lie there now, by file name; refuses what is no text."""
        found = {}
        for file in sorted((self.definitions / "policies").glob("*.cedar")):
            try:
                found[file.name] = file.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError):
                raise Invalid(
                    f"policies/{file.name} cannot be read as text in UTF-8.",
                    next_step="Correct that file, or take it away.",
                    subject="definitions",
                ) from None
        return found


def _address(settings: Settings) -> str:
    """Where the database is, by the one of three settings that says so; empty: in the directory."""
    told = settings.storage
    if [bool(told.url), bool(told.url_env), bool(told.url_file)].count(True) > 1:
        raise Invalid(
            "Two settings say where the database is.",
            next_step="Give one of storage.url, storage.url_env and storage.url_file.",
        )
    if told.url_env:
        found = os.environ.get(told.url_env, "")
    elif told.url_file:
        try:
            found = (settings.home / told.url_file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            found = ""
    else:
        return told.url
    if not found.startswith("postgresql://"):  # or state would be kept in a file that nobody else sees
        raise Invalid(
            f"{told.url_env or told.url_file} holds no postgresql:// address.",
            next_step="Put the address of the database there, or take the setting out of handrail.toml.",
        )
    return found


_SUBJECT = 300  # characters of what was refused, which may be a name that somebody made up


def _refused(ctx: Context, refusal: Refusal) -> Note:
    run = ctx.caller.run
    about = {"run": run.id, "app": run.app, "commit": run.commit} if run else {}
    facts = {key: value for key, value in refusal.facts.items() if key != "subject"}
    return Note(
        ctx.clock.now(),
        ctx.caller.person.id,
        ctx.caller.via,
        "request.refused",
        str(refusal.facts.get("subject", "request"))[:_SUBJECT],
        {**about, **facts, "code": refusal.code, "message": refusal.message},
        ctx.lease,
    )
