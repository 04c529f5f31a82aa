"""Apps: what makers push, what of it may go to production, and with whom it is shared.
Every version is a git commit with its why; production runs exactly the tree that passed the gates.
"""

from typing import TYPE_CHECKING

from handrail.front_doors import open_when_asked

if TYPE_CHECKING:
    from handrail.apps.again import again
    from handrail.apps.ask import ask
    from handrail.apps.causes import Cause, Explained
    from handrail.apps.clone import clone
    from handrail.apps.directory import Directory
    from handrail.apps.due import claim_what_is_due
    from handrail.apps.events import AppPromoted, AppPushed, AppShared, MomentFailed, SchedulePaused
    from handrail.apps.explain_run import explain_run, explained, subscriptions
    from handrail.apps.find import app, apps, diff, files, promotions, version, versions
    from handrail.apps.find_cause import Explainer
    from handrail.apps.mail import send_what_waits
    from handrail.apps.models import App, Gate, Promotion, Prompt, SharePreview, Tier, Version, Visit
    from handrail.apps.new import new, starter
    from handrail.apps.own import add_coowner, hand_over
    from handrail.apps.promote import gates, promote, rollback, tier
    from handrail.apps.push import push
    from handrail.apps.run import open, run
    from handrail.apps.schedule import pause, resume, run_now, schedule
    from handrail.apps.scheduler import Scheduler
    from handrail.apps.scheduling import Moment, Plan, Subscription
    from handrail.apps.share import share, share_preview, unshare
    from handrail.apps.spoken import prompts
    from handrail.apps.subscribe import subscribe, unsubscribe
    from handrail.apps.turn import go_on
    from handrail.apps.visit import begin, bundle, enter, host, leave, shown, visitor, whose

__all__ = [
    "App",
    "AppPromoted",
    "AppPushed",
    "AppShared",
    "Cause",
    "Directory",
    "Explained",
    "Explainer",
    "Gate",
    "Moment",
    "MomentFailed",
    "Plan",
    "Promotion",
    "Prompt",
    "SchedulePaused",
    "Scheduler",
    "SharePreview",
    "Subscription",
    "Tier",
    "Version",
    "Visit",
    "add_coowner",
    "app",
    "apps",
    "again",
    "ask",
    "begin",
    "bundle",
    "claim_what_is_due",
    "clone",
    "diff",
    "enter",
    "explain_run",
    "explained",
    "files",
    "gates",
    "go_on",
    "hand_over",
    "host",
    "leave",
    "new",
    "open",
    "pause",
    "promote",
    "promotions",
    "prompts",
    "push",
    "resume",
    "rollback",
    "run",
    "run_now",
    "schedule",
    "send_what_waits",
    "share",
    "share_preview",
    "shown",
    "starter",
    "subscribe",
    "subscriptions",
    "tier",
    "unshare",
    "unsubscribe",
    "version",
    "versions",
    "visitor",
    "whose",
]

open_when_asked(__name__)
