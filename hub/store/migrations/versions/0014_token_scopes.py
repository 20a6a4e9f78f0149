"""What a token is limited to, and how often it may ask."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("api_token", sa.Column("scopes", sa.Text(), server_default="", nullable=False))
    op.add_column("api_token", sa.Column("rate", sa.Text(), server_default="", nullable=False))
