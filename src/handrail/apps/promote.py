"""Put a version into production: through every gate, or not at all."""

from handrail.apps import facts, find, store
from handrail.apps.events import AppPromoted
from handrail.apps.models import Gate, Promotion, Tier, Version
from handrail.kernel import Conflict, Context, NotReady


def gates(ctx: Context, name: str, commit: str | None = None) -> tuple[Gate, ...]:
    """The gates of a version (the newest, without a commit), computed now; for those who may read code."""
    app = find.reach(ctx, name, "clone")
    return facts.gates_of(ctx, app, find.chosen(ctx, name, commit))


def tier(ctx: Context, name: str) -> Tier:
    """The tier of an app as it is now, with the reasons; refuses those whom the app does not concern."""
    return facts.tier_of(ctx, find.app(ctx, name))


def promote(ctx: Context, name: str, commit: str | None = None) -> Promotion:
    """Make a version (the newest, without a commit) the one that production runs, as exactly its tree.

    An earlier version goes back by the same gates. Refuses all but owners; Conflict when it runs there
    already; NotReady with every gate that is not open and what opens it.
    """
    app = find.reach(ctx, name, "promote")
    version = find.chosen(ctx, name, commit)
    if app.promoted == version.n:
        raise Conflict(f"Version {version.n} is in production already.", next_step=f"Open it: /open/{name}")
    shut = [gate for gate in facts.gates_of(ctx, app, version) if not gate.open]
    if shut:
        raise NotReady(
            f"Version {version.n} of {name} is not ready for production. "
            + " ".join(f"{gate.because.rstrip('.')}." for gate in shut),
            next_step=" ".join(dict.fromkeys(f"{g.next_step.rstrip('.')}." for g in shut if g.next_step)),
            subject=f"app:{name}",
            n=version.n,
            commit=version.commit,
            gates={gate.key: gate.state for gate in shut},
        )
    return _put(ctx, version, facts.tier_of(ctx, app, version.manifest).name)


def rollback(ctx: Context, name: str) -> Promotion:
    """Promote the version that was in production before this one, by the same gates; Conflict without one."""
    app = find.reach(ctx, name, "promote")
    earlier = [past for past in store.find_promotions(ctx, name) if past.n != app.promoted]
    if not earlier:
        raise Conflict(f"{name} has no earlier version to go back to.", next_step="Push a mended version.")
    return promote(ctx, name, earlier[0].commit)


def _put(ctx: Context, version: Version, tier: str) -> Promotion:
    promotion = Promotion(
        app=version.app,
        n=version.n,
        commit=version.commit,
        tree=version.tree,
        manifest_digest=version.manifest.digest,
        layer=facts.layer_of(ctx, version),
        tier="handoff" if tier == "handoff" else "self-service",
        by=ctx.caller.person.id,
        at=ctx.clock.now(),
    )
    store.add_promotion(ctx, promotion)
    ctx.audit.note(
        "app.promoted",
        f"app:{version.app}",
        n=version.n,
        commit=version.commit,
        tree=version.tree,
        manifest=promotion.manifest_digest,
        layer=promotion.layer,
        tier=promotion.tier,
    )
    ctx.events.publish(AppPromoted(version.app, version.n, version.commit, promotion.tier, promotion.by))
    return promotion
