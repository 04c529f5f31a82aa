"""What lower rooms may ask about apps, through a port: which version's declaration counts where."""

from collections.abc import Collection, Mapping

from handrail.apps import find, schedules_store, store
from handrail.apps.living_locks import living_locks
from handrail.apps.needed import needed
from handrail.apps.run import in_use
from handrail.kernel import Context, Environment, Manifest, access
from handrail.kernel.ports import AppUse, Occasion


class Directory:
    """Fills the `AppDirectory` port."""

    def declared(self, ctx: Context, app: str, environment: Environment) -> tuple[str, Manifest]:
        """The commit and manifest of the promoted version, or in the sandbox of the newest.

        Refuses NotFound and NotAllowed as running the app there would; NotReady with nothing in production.
        """
        if environment == "sandbox":
            find.reach(ctx, app, "run-sandbox")
            counts = find.chosen(ctx, app)
        else:
            counts = in_use(ctx, app)
        return counts.commit, counts.manifest

    def owners(self, ctx: Context, app: str) -> frozenset[str]:
        """Owner and co-owners; nobody for an app that does not exist. Asks no rule."""
        found = store.find_app(ctx, app)
        return frozenset((found.owner, *found.coowners)) if found else frozenset()

    def known(
        self, ctx: Context, about: Collection[str] = (), names: Collection[str] | None = ()
    ) -> tuple[AppUse, ...]:
        """Those of these apps that concern the caller: see the port."""
        uses = []
        for app, counts in find.declaring(ctx, about, names):
            newest = counts if app.versions == counts.n else find.chosen(ctx, app.name)
            environment: Environment = "production" if app.promoted else "sandbox"
            code = access.decide(ctx, "clone", app.resource).allowed
            uses.append(AppUse(app.name, environment, counts.manifest, newest.commit, code))
        return tuple(uses)

    def living_locks(self, ctx: Context) -> frozenset[str]:
        """The locks of versions that may run tomorrow: see the port. Asks no rule."""
        return living_locks(ctx)

    def needed(self, ctx: Context, runs: Mapping[str, tuple[str, str, Environment]]) -> Mapping[str, str]:
        """Which of these runs something needs: see the port. Asks no rule."""
        return needed(ctx, runs)

    def occasion(self, ctx: Context, run: str) -> Occasion | None:
        """For which moment of a schedule a run is. Asks no rule."""
        turn = schedules_store.turn_of_run(ctx, run)
        return Occasion(turn.moment, turn.key, turn.tries + turn.unlucky + 1) if turn else None
