"""The command line of the trail: list it, prove it, export it, and let others verify it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

import click
from rich.console import RenderableType

from handrail import data, kit
from handrail.kernel import Context, NotReady, storage, trail
from handrail.kernel.audit import Chosen, Entry, Verification


@click.group()
def audit() -> None:
    """The trail: list it, prove it, export it."""


@audit.command("verify")
@kit.cli.verb(
    human=lambda found: f"{found}\nRoot {found.root}",
    far=lambda remote: _whole(remote.read("GET /audit/verify", {}, Verification)),
)
def audit_verify(ctx: Context) -> Verification:
    """Prove every entry of the trail against what was signed; exit status 1 when not whole."""
    return _whole(trail.verify(ctx))


def _whole(found: Verification) -> Verification:
    if not found.ok:
        raise NotReady(
            str(found),
            next_step="Stop the server, keep the directory as it is, and compare with the last backup.",
            subject="instance:trail",
        )
    return found


@audit.command("proof")
@click.argument("seq", type=click.IntRange(0))
@kit.cli.verb(far="GET /audit/{seq}/proof")
def audit_proof(ctx: Context, seq: int) -> Any:
    """Prove that entry SEQ is in the signed log."""
    return trail.prove(ctx, seq)


_moment = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"])


@audit.command("export")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), required=False)
@click.option("--person", default="", help="Only what this person did.")
@click.option("--verb", default="", help="Only verbs that begin so.")
@click.option("--subject", default="", help="Only what was done to this, such as dataset:sales_orders.")
@click.option("--start", type=_moment, help="From this moment (UTC) on.")
@click.option("--end", type=_moment, help="Before this moment (UTC).")
@kit.cli.verb(human=lambda _: None, far=lambda *a, **which: _export_there(*a, **which))
def audit_export(
    ctx: Context,
    file: Path | None,
    person: str,
    verb: str,
    subject: str,
    start: datetime | None,
    end: datetime | None,
) -> None:
    """Write the trail, or a part of it, as JSON Lines with proofs, to FILE or stdout.

    FILE is written as a whole or not at all. `handrail audit verifier` prints the program that checks it
    anywhere, without Handrail.
    """
    start, end = (moment and moment.replace(tzinfo=UTC) for moment in (start, end))
    _write(trail.export(ctx, Chosen(person, verb, subject, start, end)), file)


def _export_there(
    remote: kit.Remote, file: Path | None, start: datetime | None, end: datetime | None, **chosen: str
) -> None:
    moments = {"start": start and start.replace(tzinfo=UTC), "end": end and end.replace(tzinfo=UTC)}
    with remote.opened("GET", kit.remote.addressed("/audit/export", {**chosen, **moments})) as answer:
        _write(iter(lambda: answer.read(1 << 16), b""), file)


def _write(pieces: Iterator[bytes], file: Path | None) -> None:
    if file:
        storage.write_pieces(file, pieces)
        return
    for piece in pieces:
        sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()


@audit.command("verifier")
def audit_verifier() -> None:
    """Print the program of one file that verifies exports and consistency proofs without Handrail."""
    click.echo(trail.verifier(), nl=False)


@audit.command("key")
@kit.cli.verb(human=lambda key: key, far=lambda remote: remote.fetch("GET", "/audit/key").decode())
def audit_key(ctx: Context) -> str:
    """Print the public key that the trail is signed with; note it where the server cannot write."""
    return ctx.instance.log.verifier_key


@audit.command("checkpoint")
@kit.cli.verb(
    human=lambda _: None,
    far=lambda remote: click.echo(remote.fetch("GET", "/audit/checkpoint").decode(), nl=False),
)
def audit_checkpoint(ctx: Context) -> None:
    """Print the newest signed checkpoint, for you to keep where the server cannot write."""
    click.echo(trail.checkpoint(ctx), nl=False)


@audit.command("consistency")
@click.argument("checkpoint", type=click.File())
@kit.cli.verb(
    human=lambda _: None,
    far=lambda remote, checkpoint: click.echo(
        json.dumps(remote.post("/audit/consistency", {"checkpoint": checkpoint.read()}))
    ),
)
def audit_consistency(ctx: Context, checkpoint: TextIO) -> None:
    """Write the proof that the log of an older CHECKPOINT (a file) is the beginning of today's, as JSON."""
    click.echo(json.dumps(trail.consistency(ctx, checkpoint.read())))


def _listed(entries: Iterable[Entry]) -> RenderableType:
    rows = [(e.seq, f"{e.at:%Y-%m-%d %H:%M:%S}", e.person, e.via, e.verb, e.subject) for e in entries]
    return kit.cli.table(
        ("no.", "at (UTC)", "person", "via", "what", "to what"), rows, none="No entry is so."
    )


@audit.command("list")
@click.option("--person", default="", help="Only what this person did.")
@click.option("--verb", default="", help="Only verbs that begin so.")
@click.option("--subject", default="", help="Only what was done to this, such as dataset:sales_orders.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@kit.cli.verb(human=_listed, far="GET /audit")
def audit_list(ctx: Context, person: str, verb: str, subject: str, limit: int) -> tuple[Entry, ...]:
    """The newest entries first."""
    return trail.entries(ctx, person=person, verb=verb, subject=subject, limit=limit)


@audit.command("who-saw")
@click.argument("about")
@click.argument("entity")
@kit.cli.verb(human=lambda found: _sightings(found), far="POST /who-saw")
def audit_who_saw(ctx: Context, about: str, entity: str) -> tuple[data.Sighting, ...]:
    """Who saw this ENTITY (4711) of a kind or dataset (customer), when, through which app and query."""
    return data.who_saw(ctx, about, entity)


def _sightings(found: Iterable[data.Sighting]) -> RenderableType:
    rows = [
        (
            f"{s.at:%Y-%m-%d %H:%M:%S}",
            s.person,
            s.app or "no app",
            s.query,
            s.in_words,
        )
        for s in found
    ]
    return kit.cli.table(
        ("at (UTC)", "person", "through", "query", "saw it"), rows, none="Nobody was shown that."
    )


commands: list[click.Command] = [audit]
