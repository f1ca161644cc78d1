"""Sessions of browsers, each for one key, kept as checksums."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table; nobody is signed in yet."""
    op.create_table(
        "browser_session",
        sa.Column("sha256", sa.String(64), primary_key=True),
        sa.Column("key_id", sa.String(16), nullable=False, index=True),
        sa.Column("expires", sa.Float(53), nullable=False),
    )
