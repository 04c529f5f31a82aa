"""Where an app is: the origin of each app and environment, and the app that an origin belongs to."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from handrail.kernel import Environment, NotReady
from handrail.kernel.manifest import SLUG
from handrail.settings import ServerSettings

LOCAL = "localhost"
_SANDBOX = "sandbox--"  # no app's name has two dashes in a row
_LONGEST_LABEL = 63  # RFC 1035, 2.3.4


@dataclass(frozen=True)
class Place:
    """An app in an environment; what one environment's pages keep in the browser, the other's cannot read."""

    app: str
    environment: Environment

    @property
    def label(self) -> str:
        """Its name below the domain of the apps."""
        return self.app if self.environment == "production" else _SANDBOX + self.app


def place_of(settings: ServerSettings, host: str) -> Place | None:
    """The app that a Host header belongs to; None where it is Handrail's own."""
    domain = settings.apps_domain.lower() or LOCAL
    label, _, rest = _name(host).partition(".")
    if rest != domain or not label:
        return None
    app = label.removeprefix(_SANDBOX)
    if not SLUG.fullmatch(app):
        return None
    return Place(app, "sandbox" if label.startswith(_SANDBOX) else "production")


def astray(settings: ServerSettings, host: str) -> bool:
    """Whether a Host header is at or below the domain of the apps and belongs to none of them.

    Nothing is there, and above all not Handrail: any app may set cookies for that domain, and so choose as
    whom somebody would be signed in.
    """
    domain, name = settings.apps_domain.lower(), _name(host)
    if not domain or name == urlsplit(settings.public_url).hostname:
        return False
    return (name == domain or name.endswith(f".{domain}")) and place_of(settings, host) is None


def _name(host: str) -> str:
    """The name in a Host header, without its port, and a dot at its end."""
    return host.lower().partition(":")[0].rstrip(".")


def origin_of(settings: ServerSettings, place: Place, main: str) -> str:
    """The origin of an app, for who came to Handrail at the address `main`.

    Refuses NotReady where no domain for apps is set and the browser is on another machine, and where the name
    of the app is too long for one.
    """
    came = urlsplit(settings.public_url or main)
    port = f":{came.port}" if came.port else ""
    if len(place.label) > _LONGEST_LABEL:
        raise NotReady(
            f"{place.app} is too long a name for an address of its own.",
            next_step="Push it under a shorter one.",
            subject=f"app:{place.app}",
        )
    if settings.apps_domain:
        return f"{came.scheme}://{place.label}.{settings.apps_domain}{port}"
    if came.hostname not in (LOCAL, "127.0.0.1", "::1"):
        raise NotReady(
            "Web apps have no addresses on this server yet.",
            next_step="An admin points a domain with all its subdomains here, and names it as "
            "server.apps_domain in handrail.toml.",
        )
    return f"{came.scheme}://{place.label}.{LOCAL}{port}"
