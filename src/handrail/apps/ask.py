"""Put a version before a reviewer, with everything that a decision needs."""

from handrail import review
from handrail.apps import facts, find
from handrail.kernel import Context, NotReady


def ask(ctx: Context, name: str, commit: str | None = None) -> review.Report:
    """Ask for a person's yes to a version (the newest, without a commit); asking twice changes nothing.

    Refuses all but owners; NotReady while another gate is not open, so that no reviewer's time is lost.
    """
    app = find.reach(ctx, name, "promote")
    version = find.chosen(ctx, name, commit)
    shut = [gate for gate in facts.gates_of(ctx, app, version) if not gate.open and gate.key != "sign-off"]
    if shut:
        raise NotReady(
            f"Before a reviewer looks at it: {' '.join(f'{gate.title}: {gate.because}' for gate in shut)}",
            next_step=" ".join(gate.next_step for gate in shut if gate.next_step),
            subject=f"app:{name}",
            gates={gate.key: gate.state for gate in shut},
        )
    return review.request(ctx, facts.submission(ctx, app, version))
