"""Apps: what makers push, what of it may go to production, and with whom it is shared.
Every version is a git commit with its why; production runs exactly the tree that passed the gates.
"""

from handrail.apps.directory import Directory
from handrail.apps.find import app, apps, diff, files, version, versions

__all__ = ["Directory", "app", "apps", "diff", "files", "version", "versions"]
