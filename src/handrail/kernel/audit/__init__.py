"""The audit trail: an RFC 6962 Merkle log with signed checkpoints, written in groups.

`Trail` is what a context carries; `Log` owns the writing; `verify` and `prove` need no trust in either.
"""

from handrail.kernel.audit.export import Chosen, consistency, lines, newest
from handrail.kernel.audit.log import Log, Note
from handrail.kernel.audit.trail import Entry, Trail, between, recent
from handrail.kernel.audit.verify import Proof, Verification, prove, verify

__all__ = [
    "Chosen",
    "Entry",
    "Log",
    "Note",
    "Proof",
    "Trail",
    "Verification",
    "between",
    "consistency",
    "lines",
    "newest",
    "prove",
    "recent",
    "verify",
]
