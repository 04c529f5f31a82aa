"""The review room: the short look before production, by rules that anybody can run and a person who decides.

It says what a person should act on, keeps what was found, and records who approved or refused which version.
"""

from handrail.review.check import check, grouped, summary
from handrail.review.models import Finding, KnownData

__all__ = ["Finding", "KnownData", "check", "grouped", "summary"]
