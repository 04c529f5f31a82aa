"""Runs: app code executed in isolation, within limits, for one person, in one environment.

Nothing of a run reaches anybody but through its door, and what it shows is for the person it was made for.
"""

from typing import TYPE_CHECKING

from handrail.front_doors import open_when_asked

if TYPE_CHECKING:
    from handrail.runtime.borrow import Borrower
    from handrail.runtime.carries import Carries, carries
    from handrail.runtime.check_input import Given
    from handrail.runtime.compare import Comparison, compare
    from handrail.runtime.counted import Count, Counted, counted
    from handrail.runtime.decide_package import grant_package, package_requests, refuse_package
    from handrail.runtime.download import Kept, download, download_log, kept_name
    from handrail.runtime.events import RunFinished, RunsSwept, RunStarted
    from handrail.runtime.execute import execute
    from handrail.runtime.give import given_again, inputs
    from handrail.runtime.health import Health, health
    from handrail.runtime.hold import held, hold, release
    from handrail.runtime.host import host
    from handrail.runtime.host_certificates import host_certificates, issue_certificate, revoke_certificate
    from handrail.runtime.hosts import Hosts
    from handrail.runtime.invite import Invitation, invite
    from handrail.runtime.join import Joined, join
    from handrail.runtime.kept import kept
    from handrail.runtime.layer import build as build_layer
    from handrail.runtime.layer import importable, layer_digest, packages
    from handrail.runtime.lend import Lender
    from handrail.runtime.lock_packages import (
        LOCK,
        lock_packages,
        locked,
        no_longer_approved,
        of_lock,
        with_lock,
    )
    from handrail.runtime.look import log, may_see_outputs, output, outputs, recalled, run, runs, tried
    from handrail.runtime.models import Input, Output, Run
    from handrail.runtime.move import Moving
    from handrail.runtime.packages_known import approved_packages, resolve_packages
    from handrail.runtime.parking import Parking
    from handrail.runtime.peers import Papers, announced, may_ask, papers
    from handrail.runtime.place import Neighbour, Place, may_answer, place, take_seat
    from handrail.runtime.request_package import request_package
    from handrail.runtime.run_answer import RunAnswer
    from handrail.runtime.run_answer import run_answer as answer_of
    from handrail.runtime.seats import Elsewhere, Hosted, Seat, Sitting
    from handrail.runtime.sound import examined
    from handrail.runtime.start import start
    from handrail.runtime.stop import stop
    from handrail.runtime.supervise import Supervisor
    from handrail.runtime.sweep import plan as plan_sweep
    from handrail.runtime.sweep import sweep, sweep_what_is_due
    from handrail.runtime.sweep_layers import OldLayer, OldLayers, sweep_layers
    from handrail.runtime.sweeper import Sweeper
    from handrail.runtime.take_back import recover
    from handrail.runtime.trial import Tried, failure_of, trial
    from handrail.runtime.workers import Host, Workers, workers

subscriptions: list[tuple[type, object]] = []

__all__ = [
    "Borrower",
    "Carries",
    "Comparison",
    "Count",
    "Counted",
    "Given",
    "Elsewhere",
    "Health",
    "Host",
    "Hosted",
    "Hosts",
    "Input",
    "Invitation",
    "Joined",
    "Kept",
    "LOCK",
    "Lender",
    "Moving",
    "Neighbour",
    "OldLayer",
    "OldLayers",
    "Output",
    "Papers",
    "Parking",
    "Place",
    "Run",
    "RunAnswer",
    "RunFinished",
    "RunStarted",
    "RunsSwept",
    "Seat",
    "Sitting",
    "Supervisor",
    "Sweeper",
    "Tried",
    "Workers",
    "announced",
    "answer_of",
    "approved_packages",
    "build_layer",
    "carries",
    "download",
    "download_log",
    "examined",
    "execute",
    "failure_of",
    "given_again",
    "grant_package",
    "compare",
    "counted",
    "health",
    "held",
    "hold",
    "host",
    "host_certificates",
    "importable",
    "inputs",
    "invite",
    "issue_certificate",
    "join",
    "kept",
    "kept_name",
    "layer_digest",
    "lock_packages",
    "locked",
    "log",
    "may_answer",
    "may_ask",
    "may_see_outputs",
    "no_longer_approved",
    "of_lock",
    "output",
    "outputs",
    "package_requests",
    "packages",
    "papers",
    "place",
    "plan_sweep",
    "recalled",
    "recover",
    "refuse_package",
    "release",
    "request_package",
    "resolve_packages",
    "revoke_certificate",
    "run",
    "runs",
    "start",
    "stop",
    "subscriptions",
    "sweep",
    "sweep_layers",
    "sweep_what_is_due",
    "take_seat",
    "trial",
    "tried",
    "with_lock",
    "workers",
]

open_when_asked(__name__)
