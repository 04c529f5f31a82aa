"""Keep the catalog's rows true to the contract files, whoever edited them and by whichever way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import PurePosixPath
from typing import Any

from handrail.data import catalog_store, odcs, quality_store, store
from handrail.data.catalog import contract_of
from handrail.data.catalog_store import Entry
from handrail.data.models import Contract
from handrail.data.words import words
from handrail.kernel import Context, Refusal, definitions

_FOLDER = "contracts"
_LONGEST = 60  # letters of a word


def index(ctx: Context, *, look: bool = False) -> None:
    """Read what changed among the contract files into the catalog's rows; nothing when nothing did.

    A file that comes, goes or is replaced changes its folder, which is one look. With `look` each file is
    looked at, so that one edited in place is found too; the server does that now and then.
    """
    now = definitions.stamp(ctx, _FOLDER)
    if not look and now == catalog_store.folder_stamp(ctx, _FOLDER):
        return
    there = {_dataset(path): stamp for path, stamp in definitions.stamps(ctx, _FOLDER).items()}
    known = catalog_store.stamps(ctx)
    held = store.all_extracts(ctx).keys()
    changed = {name: there.get(name, "gone") for name in held if known.get(name) != there.get(name, "gone")}
    if changed:
        new = changed.keys() - known.keys()
        catalog_store.put(
            ctx, [_entry(ctx, name, changed[name]) for name in sorted(changed)], _facts(ctx, new)
        )
    if now != catalog_store.folder_stamp(ctx, _FOLDER):
        catalog_store.set_folder_stamp(ctx, _FOLDER, now)


def lines_of(contract: Contract) -> str:
    """The cron lines at which the contract wants the data checked, a line each; "" when it has none."""
    return "\n".join(sorted({rule.schedule for rule in contract.quality if rule.schedule}))


def _dataset(path: str) -> str:
    return PurePosixPath(path).name.removesuffix(odcs.SUFFIX)


def _entry(ctx: Context, name: str, stamp: str) -> Entry:
    try:
        contract = contract_of(ctx, name)
    except Refusal as refusal:
        return Entry(name, stamp, problem=refusal.message, words=dict.fromkeys(words(name), 8))
    classes = sorted({column.classification for column in contract.columns if column.classification})
    return Entry(
        dataset=name,
        stamp=stamp,
        digest=contract.digest,
        owner=contract.owner or "",
        domain=contract.domain or "",
        subject=contract.subject or "",
        source=contract.source,
        classification=",".join(classes) or "none",
        schedules=lines_of(contract),
        words=_words(contract),
        purposes=contract.purposes,
    )


def _words(contract: Contract) -> Mapping[str, int]:
    """The words under which a dataset is found; those of its name weigh most, those of columns least."""
    about = (contract.domain, contract.subject, contract.owner, contract.source, *contract.purposes)
    texts = [(8, contract.name), *((4, text) for text in about), (2, contract.description)]
    for column in contract.columns:
        texts += [(1, column.name), (1, column.description), (1, column.semantic)]
    found: Counter[str] = Counter()
    for weight, text in texts:
        for word in words(text or ""):
            found[word[:_LONGEST]] = max(found[word[:_LONGEST]], weight)
    return found


def _facts(ctx: Context, names: Collection[str]) -> Mapping[str, Mapping[str, Any]]:
    """What was recorded of datasets whose rows are new."""
    if not names:
        return {}
    only = sorted(names) if len(names) < 100 else None
    proposals, certifications = store.proposals_of(ctx, only), store.certifications_of(ctx, only)
    checks = quality_store.newest(ctx)
    found: dict[str, dict[str, Any]] = {name: {} for name in names}
    for name, facts in found.items():
        if mine := proposals.get(name):
            facts |= {
                "proposed": mine[0].digest,
                "proposed_at": mine[0].at,
                "renews": mine[0].until is not None,
            }
        if yes := certifications.get(name):
            facts |= {"certified": yes[0].digest, "certified_at": yes[0].at, "until": yes[0].until}
            facts["revoked"] = yes[0].revoked_at is not None
        if name in checks:
            facts |= dict(zip(("quality", "checked_at"), checks[name], strict=True))
    return found
