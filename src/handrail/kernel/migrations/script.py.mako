"""${message}."""

import sqlalchemy as sa
from alembic import op

from handrail.kernel.storage import Instant
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this shape."""
    ${upgrades if upgrades else "pass"}
