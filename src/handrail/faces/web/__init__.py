"""Handrail in the browser and over HTTP: one application around the rooms' pages and REST routes.
It decides who is asking and how a refusal looks; what anybody may do is asked in the verbs.
"""

from handrail.faces.web.build import build

__all__ = ["build"]
