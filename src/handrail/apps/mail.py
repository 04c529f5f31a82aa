"""Send the mail that waits: a link to what somebody may open, never what is there.

Mail leaves at least once: should a server die between sending one and noting that, it leaves again, under the
same Message-ID, by which mail programs take it for the same.
"""

from __future__ import annotations

import os
import smtplib
import ssl
import threading
from datetime import timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from urllib.parse import quote, urlsplit

import structlog

from handrail.apps import mail_store
from handrail.apps import schedules_store as schedules
from handrail.apps import store as apps
from handrail.apps.mail_store import Mail
from handrail.apps.scheduling import backoff
from handrail.apps.subscribe import wanted
from handrail.kernel import SYSTEM, Context, Instance, Invalid, NotFound, Person, identity
from handrail.settings import MailSettings, Settings

SECONDS = 10.0  # that the other side may take for one step
MOST_TRIES = 8  # an hour apart at the end
_LEASE = timedelta(minutes=2)
_TLS = ("starttls", "tls", "none")
_HERE = ("localhost", "127.0.0.1", "::1")
_FOREVER = 500  # SMTP's replies from here on are final (RFC 5321, section 4.2.1)
_logger = structlog.get_logger(__name__)

_SAYS = {
    "delivered": (
        "{app} has new results for you",
        "{app} ran as scheduled, and once more for you, with the rows that you may see.\n\n"
        "Open it: {open}\n\n"
        "You get this mail because you, or a group of yours, subscribed to the app. The same page ends it.\n",
    ),
    "failed": (
        "A scheduled run of {app} failed",
        "{app}, which you answer for, failed at a moment of its schedule, after its last try.\n\n"
        "What is known of it: {page}\n",
    ),
    "paused": (
        "The schedule of {app} is paused",
        "{app}, which you answer for, can no longer run as the person it ran as. Its schedule is paused.\n\n"
        "To let it run as you, resume it: {page}\n",
    ),
}


class _Refused(Exception):
    """The mail server will never take this mail; `str` says what it answered, as a number."""


def check(settings: Settings) -> None:
    """Refuse Invalid settings by which no mail could be sent, or a password would travel for all to read."""
    told = settings.mail
    if not told.host:
        return
    wrong = (
        (told.tls not in _TLS, f"mail.tls is “{told.tls}”.", f"Give one of {', '.join(_TLS)}."),
        ("@" not in told.sender, "mail.sender is no address.", "Write whom mail comes from."),
        (
            urlsplit(settings.server.public_url).scheme not in ("http", "https"),
            "Mail needs server.public_url for its links.",
            "Write the address that people type, such as https://handrail.example.",
        ),
        (
            bool(told.password_env and told.password_file),
            "[mail] names two passwords.",
            "Leave one of password_env and password_file out.",
        ),
        (
            told.tls == "none" and bool(told.user) and told.host not in _HERE,
            "mail.tls is “none”, and there is a password, which anybody on the way could read.",
            'Set tls = "starttls" or "tls".',
        ),
    )
    for is_so, message, next_step in wrong:
        if is_so:
            raise Invalid(message, next_step=next_step)
    if told.user:
        _password(settings)


def send_what_waits(instance: Instance, shutdown: threading.Event | None = None) -> int:
    """Send every mail that is due; gives how many left. One that cannot be sent now is tried again later."""
    sent = 0
    while not (shutdown and shutdown.is_set()):
        with instance.context(SYSTEM) as ctx:
            mail = mail_store.take_next(ctx, _LEASE)
            message = _message(ctx, mail) if mail else None
            if mail and message is None:  # who it was for may not open it any more, or has no address
                mail_store.change(ctx, mail, state="dropped")
        if mail is None:
            break
        if message is not None:
            sent += _sent(instance, mail, message)
    return sent


def _sent(instance: Instance, mail: Mail, message: EmailMessage) -> bool:
    try:
        _hand_over(instance.settings, message)
    except _Refused as refused:
        _give_up(instance, mail, f"the mail server answered {refused}")
    except (OSError, smtplib.SMTPException) as error:
        _logger.warning("mail.waits", because=type(error).__name__)
        if mail.tries >= MOST_TRIES:
            _give_up(instance, mail, "the mail server could not be reached")
        else:
            with instance.context(SYSTEM) as ctx:
                mail_store.change(ctx, mail, due_at=ctx.clock.now() + backoff(mail.tries))
    else:
        with instance.context(SYSTEM) as ctx:
            mail_store.change(ctx, mail, state="sent")
            ctx.audit.note("mail.sent", f"app:{mail.app}", about=mail.kind, for_person=mail.person)
        return True
    return False


def _give_up(instance: Instance, mail: Mail, because: str) -> None:
    with instance.context(SYSTEM) as ctx:
        mail_store.change(ctx, mail, state="failed")
        ctx.audit.note(
            "mail.failed", f"app:{mail.app}", about=mail.kind, for_person=mail.person, because=because
        )


def _message(ctx: Context, mail: Mail) -> EmailMessage | None:
    """The mail as it is sent, or None when this person is no longer to get it, or has no address."""
    person = _still_for(ctx, mail)
    if person is None:
        return None
    try:
        to = Address(person.name, addr_spec=person.email)
        sender = Address("Handrail", addr_spec=ctx.settings.mail.sender)
    except (ValueError, IndexError):
        return None
    at = ctx.settings.server.public_url.rstrip("/")
    name = quote(mail.app, safe="")
    subject, body = (
        text.format(app=mail.app, open=f"{at}/open/{name}", page=f"{at}/apps/{name}")
        for text in _SAYS[mail.kind]
    )
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, to, subject
    message["Date"] = ctx.clock.now()
    message["Message-ID"] = f"<{mail.id}@{sender.domain}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's holiday notice answers it
    message.set_content(body)
    return message


def _still_for(ctx: Context, mail: Mail) -> Person | None:
    app = apps.find_app(ctx, mail.app)
    try:
        person = identity.found(ctx, mail.person)
    except NotFound:
        return None
    if app is None or not person.active or not person.email:
        return None
    if mail.kind == "delivered":
        return person if person.id in wanted(ctx, mail.app) else None
    paused = mail.kind != "paused" or schedules.standing(ctx, mail.app).paused_at
    return person if paused and person.id in (app.owner, *app.coowners) else None


def _hand_over(settings: Settings, message: EmailMessage) -> None:
    told = settings.mail
    trusted = ssl.create_default_context() if told.tls != "none" else None
    with _connected(told, trusted) as server:
        if told.tls == "starttls":
            server.starttls(context=trusted)
        if told.user:
            server.login(told.user, _password(settings))
        try:
            server.send_message(message)
        except smtplib.SMTPRecipientsRefused as refused:
            code = max((code for code, _ in refused.recipients.values()), default=0)
            if code >= _FOREVER:
                raise _Refused(str(code)) from None
            raise
        except smtplib.SMTPDataError as refused:
            if refused.smtp_code >= _FOREVER:
                raise _Refused(str(refused.smtp_code)) from None
            raise


def _connected(told: MailSettings, trusted: ssl.SSLContext | None) -> smtplib.SMTP:
    if told.tls == "tls":
        return smtplib.SMTP_SSL(told.host, told.port, timeout=SECONDS, context=trusted)
    return smtplib.SMTP(told.host, told.port, timeout=SECONDS)


def _password(settings: Settings) -> str:
    """The password, from the environment or a file. Refuses a missing one."""
    told = settings.mail
    if told.password_env:
        if not (found := os.environ.get(told.password_env, "")):
            raise Invalid(
                f"The environment has no {told.password_env}, which mail.password_env names.",
                next_step="Set it for the server, or name another.",
            )
        return found
    try:
        return (settings.home / (told.password_file or "?")).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise Invalid(
            f"The password of mail.user cannot be read: {error.strerror}.",
            next_step="Name it by mail.password_env or mail.password_file.",
        ) from None
