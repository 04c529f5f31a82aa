"""Hosted apps in the browser: each at an origin of its own, where nothing of Handrail's or another app's is
in reach. What comes there goes to the app with the viewer's name on it; who may come is asked in the apps
room.
"""

from handrail.faces.origins.serve import KNOCK, Origins
from handrail.faces.origins.where import Place, origin_of

__all__ = ["KNOCK", "Origins", "Place", "origin_of"]
