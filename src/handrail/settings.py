"""Everything an operator can set, read once from an instance's `handrail.toml`; an unknown key is refused."""

import dataclasses
import difflib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_type_hints


class SettingsError(Exception):
    """The settings file cannot be used: the file and key, and what to do about it."""

    def __init__(self, message: str, next_step: str) -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step


@dataclass(frozen=True)
class ServerSettings:
    """Where the server listens and what it calls itself."""

    host: str = "127.0.0.1"
    port: int = 8400
    # The address people type, when a proxy stands in front; cookies are marked Secure when it is https.
    public_url: str = ""
    # The domain below which each web app has an origin of its own, such as apps.example.com for
    # https://my-app.apps.example.com; empty: localhost, for a browser on this machine.
    apps_domain: str = ""


@dataclass(frozen=True)
class StorageSettings:
    """Where the state lives."""

    # Empty: SQLite in the instance directory. Otherwise a postgresql:// address without a password;
    # the password comes from PGPASSWORD or a pgpass file.
    url: str = ""
    # Instead: the environment variable, or the file, that holds the address, password and all.
    url_env: str = ""
    url_file: str = ""


@dataclass(frozen=True)
class IdentitySettings:
    """How long a proof of identity lasts."""

    session_hours: int = 12
    rotate_minutes: int = 15
    link_minutes: int = 60
    token_days: int = 90
    # Failed sign-ins for one e-mail address within a quarter of an hour before further ones are refused.
    sign_in_attempts: int = 10


@dataclass(frozen=True)
class DataSettings:
    """Limits of one governed query."""

    max_rows: int = 1_000_000
    max_mb: int = 512
    seconds: int = 60
    memory_mb: int = 1024
    threads: int = 2
    # Questions that are answered at the same time: of one viewer, through one app, and in all; a further one
    # waits so many seconds for its turn.
    viewer_questions: int = 8
    app_questions: int = 16
    questions: int = 32
    wait_seconds: int = 5
    # A folder of this server whose files stewards may import over the network; empty: uploads only.
    import_from: str = ""
    # How much one upload may bring.
    upload_mb: int = 2048
    # Distinct entities per viewer and day where a contract with an entity key says nothing else; 0: no limit.
    budget: int = 0
    # The same per app and day, over all its viewers together.
    app_budget: int = 0
    # When datasets are checked whose contracts name no schedule: a cron line in UTC; empty: on demand only.
    check_at: str = "0 4 * * *"
    # A grouped row with fewer entities than this shows them, and they count.
    least: int = 5
    # Up to so many entities a viewer's day counts exactly and each is kept; beyond, sketches count.
    exact: int = 8192


@dataclass(frozen=True)
class TwinsSettings:
    """How twins are made."""

    # A value or combination seen in fewer rows than this never leaves the production plane.
    k: int = 10
    # When twins are made again by themselves: "changed" (once their data or contract is another), "never", or
    # a cron line in UTC; a steward can say otherwise of a dataset.
    refresh: str = "changed"
    # How many builds of each twin are kept, besides frozen ones, to go back to.
    keep: int = 3


@dataclass(frozen=True)
class RuntimeSettings:
    """Limits of one run."""

    # What keeps a run in: bubblewrap on this machine, or kubernetes as [kubernetes] says.
    isolation: str = "bubblewrap"
    memory_mb: int = 1024
    processes: int = 64
    seconds: int = 120
    # What a run may print.
    output_mb: int = 16
    # What a run may hand over as tables, pictures and files together, and in how many pieces.
    outputs_mb: int = 64
    outputs: int = 100
    # What a run may be given as files together; a request over the network may have 16 MB, as text of which
    # 12 are a file.
    inputs_mb: int = 10
    # How often a run may ask: queries, metrics and outputs together.
    questions: int = 5000
    # The largest file that a run may write, and the size of its working directory.
    file_mb: int = 128
    # Runs at the same time. One more than processors keeps them busy: a run that starts or ends waits for the
    # kernel and the disk.
    concurrent: int = 3
    # How long a run stays with a process that is not heard of; then another begins it anew.
    lease_seconds: int = 60
    # How long a worker that is told to stop waits for its runs, before it gives them back to the queue.
    drain_seconds: int = 120
    # Runs of one person that may wait or go on at the same time; nobody fills the queue for all others.
    waiting: int = 20
    # Web apps that are awake at the same time on one server, and of these for one person; minutes without a
    # request until one sleeps.
    hosted: int = 24
    hosted_each: int = 8
    # Seconds for which a web app may answer nothing at all before it is ended, and woken for who comes next.
    silent_seconds: int = 120
    # Processes and threads of one web app, which serves many at a time.
    hosted_processes: int = 512
    idle_minutes: int = 15
    # Sandboxes that wait for a run, of each layer that apps used in the last hour, and the memory beyond
    # which no more are started, together. None wait where a machine has no memory to spare; 0: none ever.
    parked: int = 1
    parked_mb: int = 512
    # As whom sandboxes are started when Handrail itself runs as root: user ids that nothing else uses, from
    # `uid` on `uids` of them. Each app that runs has one to itself; with 1, all share it.
    uid: int = 64321
    uids: int = 1000
    # Where Python layers are kept; empty: a cache that the sandbox user can reach.
    layers: str = ""


@dataclass(frozen=True)
class KubernetesSettings:
    """The cluster in which runs are Jobs, where `runtime.isolation` is kubernetes."""

    # A kubeconfig file, below the instance's directory unless it begins with a slash; empty: the service
    # account of the pod that Handrail is in.
    kubeconfig: str = ""
    # Which of its contexts; empty: the current one.
    context: str = ""
    # The namespace of runs, and of nothing else.
    namespace: str = "handrail-runs"
    # The RuntimeClass of their pods: one with a kernel of its own.
    runtime_class: str = "gvisor"
    # What app and relay start from, by digest (name@sha256:…): an image with a Python of the layers' version.
    image: str = ""
    # Where that Python is in the image.
    python: str = "/usr/local/bin/python3"
    # The PersistentVolumeClaim of the volume that is mounted here at runtime.layers.
    claim: str = ""
    # Where this process waits for its pods; port 0: any that is free.
    listen: str = "0.0.0.0:0"
    # How pods reach it, as IP address and port; empty: by the address that it has towards the API server.
    address: str = ""
    # The namespace of Handrail's own pods, where the network knows pods by labels only; empty: none.
    server_namespace: str = ""
    # Thousandths of a processor that a run has.
    millicores: int = 1000
    # How long a pod may take to begin, images and all.
    start_seconds: int = 120


@dataclass(frozen=True)
class RetentionSettings:
    """How long runs and what they leave are kept, in days after the end of each; 0: for ever."""

    # What a run handed over and printed, which columns it read, and whom it showed.
    outputs_days: int = 90
    # The content of the files that it was given.
    inputs_days: int = 30
    # That there was a run, how it ended and what it took; at most so long all else of it is kept, too.
    records_days: int = 730
    # When what is due is deleted: a cron line in UTC; empty: on demand only.
    sweep_at: str = "30 2 * * *"
    # How long a Python layer lies there that no living version needs and nothing used.
    layers_days: int = 30


@dataclass(frozen=True)
class HostsSettings:
    """How hosts reach each other: for files that one borrows, and for the web apps that each has."""

    # Where this host answers others for the web apps that it has, such as 0.0.0.0:8444; empty: each server
    # has those that are opened through it, and workers have none.
    apps: str = ""
    # An app that is awake on another host than the one that it belongs to, as after that one was away, moves
    # there once nobody is at it, or after so many seconds, whoever is.
    move_seconds: int = 300
    # How long a web app stays with a host that is not heard of, where others can have it; then the next one
    # does. A host that cannot reach the database for so long ends its own.
    lease_seconds: int = 20

    # On a server: the host:port where it lends its files to workers; empty: to nobody.
    listen: str = ""
    # On a worker: the host:port from which it borrows them; empty: its directory is the server's own.
    source: str = ""
    # The folder of this host's certificate: authority.pem, host.pem and host.key.
    certificates: str = "hosts"
    # The name in the certificate of whoever lends.
    name: str = "handrail-lender"


@dataclass(frozen=True)
class PackagesSettings:
    """Where the packages come from that makers ask for beside a layer."""

    # The approved index, such as https://packages.example/simple; empty: what this machine is set up to use.
    index: str = ""
    # Instead: the environment variable that holds its address, password and all.
    index_env: str = ""
    # How long resolving, or installing, may take.
    seconds: int = 300
    # What the packages that one app adds may take on the disk.
    largest_mb: int = 1024


@dataclass(frozen=True)
class AppsSettings:
    """Limits of one pushed version, and what is done for its runs."""

    max_files: int = 2000
    max_mb: int = 50
    # Everything that was said for one version, together.
    prompts_kb: int = 1024
    # Whether a server repeats failed sandbox runs to find the rows they failed on; else on demand.
    explain: bool = True


@dataclass(frozen=True)
class MailSettings:
    """By which server mail is sent; none is, unless a host is named. Mail holds a link and no data."""

    host: str = ""
    port: int = 587
    # starttls, tls (from the first byte) or none.
    tls: str = "starttls"
    # Who signs in there, where it wants that,
    user: str = ""
    # and the environment variable that holds the password,
    password_env: str = ""
    # or the file that does, below the instance's directory.
    password_file: str = ""
    # Whom it comes from: an address.
    sender: str = ""


@dataclass(frozen=True)
class ConnectorsSettings:
    """Where the credentials of other systems may be kept; a definition can name no other place."""

    # env:NAME reads variables of the environment that begin so, and no other.
    env_prefix: str = "CONNECTOR_"
    # file:NAME reads a file in this folder, below the instance's directory unless it begins with a slash.
    secrets_folder: str = "secrets"


@dataclass(frozen=True)
class LineageSettings:
    """Whom lineage events are told to, as OpenLineage has them; nobody unless a file or a url is named."""

    # A file that grows by a line an event; below the instance's directory unless it begins with a slash.
    file: str = ""
    # Or an address that each event is posted to, such as https://lineage.example/api/v1/lineage.
    url: str = ""
    # The environment variable that holds the address's key,
    key_env: str = ""
    # or the file that does, below the instance's directory.
    key_file: str = ""
    # What this instance's jobs and datasets are filed under; different for each instance.
    namespace: str = "handrail"


@dataclass(frozen=True)
class EngineSettings:
    """A server that answers for tables that stay there; each is a section of its own, [engines.NAME]."""

    # postgres or spark.
    kind: str = ""
    # Its address without a password: postgresql://…, sc://… (Spark Connect), or local[2] (Spark in here).
    url: str = ""
    # Instead: the environment variable that holds the whole address, password and all,
    url_env: str = ""
    # or the file that does, below the instance's directory.
    url_file: str = ""
    # Questions that it answers at the same time; further ones wait for a while, and are refused then.
    connections: int = 8


@dataclass(frozen=True)
class Settings:
    """One instance's settings, one attribute a room."""

    home: Path
    server: ServerSettings = field(default_factory=ServerSettings)
    storage: StorageSettings = field(default_factory=StorageSettings)
    identity: IdentitySettings = field(default_factory=IdentitySettings)
    data: DataSettings = field(default_factory=DataSettings)
    twins: TwinsSettings = field(default_factory=TwinsSettings)
    runtime: RuntimeSettings = field(default_factory=RuntimeSettings)
    kubernetes: KubernetesSettings = field(default_factory=KubernetesSettings)
    retention: RetentionSettings = field(default_factory=RetentionSettings)
    hosts: HostsSettings = field(default_factory=HostsSettings)
    packages: PackagesSettings = field(default_factory=PackagesSettings)
    apps: AppsSettings = field(default_factory=AppsSettings)
    mail: MailSettings = field(default_factory=MailSettings)
    connectors: ConnectorsSettings = field(default_factory=ConnectorsSettings)
    lineage: LineageSettings = field(default_factory=LineageSettings)
    engines: Mapping[str, EngineSettings] = field(default_factory=dict)


SECTIONS: dict[str, type[Any]] = {
    name: kind for name, kind in get_type_hints(Settings).items() if name not in ("home", "engines")
}
ENGINE_KINDS = ("postgres", "spark")
ISOLATIONS = ("bubblewrap", "kubernetes")
_ENGINE_NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")


def load(home: Path) -> Settings:
    """Read `home/handrail.toml`; refuses a missing file, broken TOML, an unknown key or a wrong type."""
    file = home / "handrail.toml"
    try:
        text = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(
            f"{home} is not a Handrail instance: it has no handrail.toml.",
            "Make one with `handrail init DIR`, or name another with --home.",
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{file} is not valid TOML: {error}.", "Correct that line and try again."
        ) from None
    return parse(home, text, str(file))


def parse(home: Path, values: dict[str, Any], origin: str) -> Settings:
    """Check `values` against the dataclasses above; `origin` names the file in a refusal."""
    rooms: dict[str, Any] = {}
    for section, content in values.items():
        if section not in (*SECTIONS, "engines"):
            raise SettingsError(f"{origin}: unknown section [{section}].", _nearest(section, list(SECTIONS)))
        if not isinstance(content, dict):
            raise SettingsError(f"{origin}: {section} must be a section.", f"Write it as [{section}].")
        if section == "engines":
            rooms[section] = {name: _engine(name, one, origin) for name, one in content.items()}
        else:
            rooms[section] = _section(section, SECTIONS[section], content, origin)
    found = Settings(home=home, **rooms)
    if found.runtime.isolation not in ISOLATIONS:
        raise SettingsError(
            f"{origin}: runtime.isolation is “{found.runtime.isolation}”.",
            f"Give one of {', '.join(ISOLATIONS)}.",
        )
    return found


def _engine(name: str, content: Any, origin: str) -> EngineSettings:
    if not isinstance(content, dict) or not _ENGINE_NAME.fullmatch(name):
        raise SettingsError(
            f"{origin}: engines.{name} is not an engine.",
            "Write each engine as a section, [engines.NAME], its name in small letters, digits and _.",
        )
    found: EngineSettings = _section(f"engines.{name}", EngineSettings, content, origin)
    if found.kind not in ENGINE_KINDS:
        raise SettingsError(
            f"{origin}: engines.{name}.kind is “{found.kind}”.", f"Give one of {', '.join(ENGINE_KINDS)}."
        )
    if [bool(found.url), bool(found.url_env), bool(found.url_file)].count(True) != 1:
        raise SettingsError(
            f"{origin}: engines.{name} needs exactly one of url, url_env and url_file.",
            "Use url_env or url_file for an address that holds a password.",
        )
    if re.search(r"://[^/@]*:[^/@]+@|password=|token=", found.url):
        raise SettingsError(
            f"{origin}: engines.{name}.url holds a password.", "Move the address to url_env or url_file."
        )
    return found


def _section(name: str, kind: type[Any], content: dict[str, Any], origin: str) -> Any:
    hints = get_type_hints(kind)
    for key, value in content.items():
        if key not in hints:
            raise SettingsError(f"{origin}: unknown key {name}.{key}.", _nearest(key, list(hints)))
        wanted = hints[key]
        if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
            raise SettingsError(
                f"{origin}: {name}.{key} is {type(value).__name__}.",
                f"Give a value of type {wanted.__name__}.",
            )
        if wanted is int and value < 0:
            raise SettingsError(f"{origin}: {name}.{key} is negative.", "Give zero or more.")
    return kind(**content)


def _nearest(word: str, known: list[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f"Did you mean {close[0]}?" if close else f"Known here: {', '.join(sorted(known))}."


def render() -> str:
    """The `handrail.toml` of a new instance: every setting with its default, commented out."""
    lines = [
        "# Settings of this Handrail instance. Uncomment a line to change it; unknown keys are refused.",
        "",
    ]
    for section, kind in SECTIONS.items():
        lines.append(f"[{section}]")
        for item in dataclasses.fields(kind):
            value = f'"{item.default}"' if isinstance(item.default, str) else str(item.default).lower()
            lines.append(f"# {item.name} = {value}")
        lines.append("")
    lines += [
        "## Servers that answer for tables that stay there (docs/operate/engines.md), a section each:",
        '## [engines.warehouse] with kind = "postgres" and url_env = "WAREHOUSE_URL"',
        "## [kubernetes] counts where runtime.isolation is kubernetes (docs/operate/kubernetes.md): it was",
        "## tested against written API exchanges only, never on a live cluster.",
        "",
    ]
    return "\n".join(lines)
