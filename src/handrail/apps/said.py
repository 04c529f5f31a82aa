"""What the commands of this room say to people."""

from pathlib import Path
from typing import Any

from rich.console import Group
from rich.text import Text

from handrail import kit
from handrail.apps.models import App, Gate, Promotion

HAND_OVER = "→ Hand a table over with show(df), a sentence with text(…), a file with save(…) of handrail_sdk."
MARKS = {"open": ("✓", "green"), "waiting": ("…", "yellow"), "shut": ("✗", "red")}


def made(made: dict[str, Any]) -> str:
    """What was written, and the next two commands."""
    files = "\n".join(f"  {path}" for path in made["files"])
    folder = Path(made["files"][0]).parent
    return f'{files}\n\nNext: change it, then\n  handrail push {folder} --why "…"\n  handrail run {folder}'


def pushed(version: dict[str, Any]) -> str:
    """The version, what was taken out of its words, and the next command."""
    taken = ", ".join(f"{count} × {kind}" for kind, count in version["redacted"].items())
    kept = f"\nTaken out before it was kept: {taken}." if taken else ""
    return (
        f"{version['app']} version {version['n']} is kept ({version['commit'][:10]}).{kept}\n"
        f"Next: handrail run {version['app']}"
    )


def ran(done: dict[str, Any]) -> Group:
    """The log, and what was handed over."""
    rows = [(output.n, output.kind, output.title or output.name, output.size) for output in done["outputs"]]
    saved = [Text(path) for path in done["saved"]]
    synthetic = Text("Synthetic data: the twin answered.", style="yellow")
    head = (
        *([Text(done["log"].rstrip())] if done["log"].strip() else []),
        *([synthetic] if done["environment"] == "sandbox" else []),
    )
    if not rows:
        return Group(
            *head, Text("It ended well and handed nothing over, so its page is empty."), Text(HAND_OVER)
        )
    return Group(
        *head,
        kit.cli.table(["#", "Kind", "Output", "Bytes"], rows),
        *(saved or [Text(f"Its page: /runs/{done['run']}; --out DIR saves them.", style="dim")]),
    )


def gates(found: tuple[Gate, ...]) -> Group:
    """Every gate with its mark, its reason, and what opens it."""
    lines = []
    for gate in found:
        mark, colour = MARKS[gate.state]
        lines.append(Text.assemble((f"{mark} {gate.title}", f"bold {colour}"), f"\n  {gate.because}"))
        if not gate.open and gate.next_step:
            who = f" ({gate.who})" if gate.who else ""
            lines.append(Text(f"  → {gate.next_step}{who}", style="bold"))
    return Group(*lines)


def promoted(done: Promotion) -> str:
    """What runs in production now."""
    return f"{done.app} version {done.n} is in production, as {done.tier}. Its page: /open/{done.app}"


def shared(done: dict[str, Any]) -> str:
    """With whom, and what that costs."""
    preview = done["preview"]
    lines = [f"{'Shared' if done['app'] else 'Would be shared'} with {', '.join(preview.adds)}."]
    if preview.after.name != preview.before.name:
        lines.append(f"It {'is' if done['app'] else 'would be'} {preview.after.name} now:")
        lines += [f"  {line}" for line in (*preview.after.reasons, *preview.costs)]
    return "\n".join(lines)


def handed_over(app: App) -> str:
    """Who answers for it now."""
    others = f", with {', '.join(app.coowners)} beside" if app.coowners else ""
    return f"{app.owner} owns {app.name} now{others}."


def apps(apps: tuple[App, ...]) -> Any:
    """A table of apps, or how to begin one."""
    if not apps:
        return "There is no app yet. Begin one: handrail new my-report"
    rows = [
        (app.name, app.owner, app.versions, f"v{app.promoted}" if app.promoted else "–", app.says)
        for app in apps
    ]
    return kit.cli.table(["App", "Owner", "Versions", "Production", "Says"], rows)
