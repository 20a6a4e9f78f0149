"""Rules: what they say, when each fired and why, and what is told by them."""

import sqlalchemy as sa
from alembic import op

import hub.store.base

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = hub.store.base.UtcDateTime(timezone=True)
JSON = hub.store.base.Json


def upgrade() -> None:
    op.add_column("event", sa.Column("cause", NUMBER, nullable=True))
    op.create_table(
        "rule",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("asks", sa.Text(), nullable=False),
        sa.Column("after", NUMBER, nullable=False),
        sa.Column("conditions", JSON, nullable=False),
        sa.Column("actions", JSON, nullable=False),
        sa.Column("per_hour", NUMBER, nullable=False),
        sa.Column("is_on", sa.Boolean(), nullable=False),
        sa.Column("on_since", TIME, nullable=True),
        sa.Column("looked_at", TIME, nullable=True),
        sa.Column("created_by", NUMBER, nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("changed_at", TIME, nullable=False),
        sa.Column("removed_at", TIME, nullable=True),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["created_by"], ["user.id"], name=op.f("fk_rule_created_by"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rule")),
        sa.UniqueConstraint("public_id", name=op.f("uq_rule_public_id")),
    )
    op.create_index(op.f("ix_rule_is_on_asks"), "rule", ["is_on", "asks"])
    op.create_table(
        "rule_event",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("event_id", NUMBER, nullable=False),
        sa.ForeignKeyConstraint(["event_id"], ["event.id"], name=op.f("fk_rule_event_event_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rule_event")),
        sa.UniqueConstraint("event_id", name=op.f("uq_rule_event_event_id")),
    )
    op.create_table(
        "rule_firing",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("rule_id", NUMBER, nullable=False),
        sa.Column("occasion", sa.Text(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("happened_at", TIME, nullable=False),
        sa.Column("party_id", NUMBER, nullable=True),
        sa.Column("interaction_id", NUMBER, nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("brake", sa.Text(), nullable=False),
        sa.Column("reason", JSON, nullable=False),
        sa.Column("done", JSON, nullable=False),
        sa.Column("cause_id", NUMBER, nullable=True),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["rule_id"], ["rule.id"], name=op.f("fk_rule_firing_rule_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["party_id"], ["party.id"], name=op.f("fk_rule_firing_party_id")),
        sa.ForeignKeyConstraint(
            ["interaction_id"], ["interaction.id"], name=op.f("fk_rule_firing_interaction_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["cause_id"], ["rule_firing.id"], name=op.f("fk_rule_firing_cause_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rule_firing")),
        sa.UniqueConstraint("rule_id", "occasion", name=op.f("uq_rule_firing_rule_id_occasion")),
        sa.UniqueConstraint("public_id", name=op.f("uq_rule_firing_public_id")),
    )
    op.create_index(op.f("ix_rule_firing_rule_id_at"), "rule_firing", ["rule_id", "at"])
    op.create_index(op.f("ix_rule_firing_at_id"), "rule_firing", ["at", "id"])
    op.create_index(op.f("ix_rule_firing_party_id"), "rule_firing", ["party_id"])
    op.create_index(op.f("ix_rule_firing_interaction_id"), "rule_firing", ["interaction_id"])
    op.create_index(op.f("ix_rule_firing_cause_id"), "rule_firing", ["cause_id"])
    op.create_table(
        "rule_letter",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("firing_id", NUMBER, nullable=False),
        sa.Column("user_id", NUMBER, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("tried_at", TIME, nullable=True),
        sa.Column("unanswered", NUMBER, nullable=False),
        sa.Column("sent_at", TIME, nullable=True),
        sa.Column("given_up_at", TIME, nullable=True),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["firing_id"], ["rule_firing.id"], name=op.f("fk_rule_letter_firing_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_rule_letter_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rule_letter")),
    )
    op.create_index(op.f("ix_rule_letter_sent_at_given_up_at"), "rule_letter", ["sent_at", "given_up_at"])
    op.create_index(op.f("ix_rule_letter_firing_id"), "rule_letter", ["firing_id"])
    op.create_table(
        "rule_notice",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("firing_id", NUMBER, nullable=False),
        sa.Column("user_id", NUMBER, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("told_at", TIME, nullable=True),
        sa.Column("seen_at", TIME, nullable=True),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["firing_id"], ["rule_firing.id"], name=op.f("fk_rule_notice_firing_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_rule_notice_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rule_notice")),
        sa.UniqueConstraint("public_id", name=op.f("uq_rule_notice_public_id")),
    )
    op.create_index(op.f("ix_rule_notice_user_id_seen_at"), "rule_notice", ["user_id", "seen_at"])
    op.create_index(op.f("ix_rule_notice_told_at"), "rule_notice", ["told_at"])
    op.create_index(op.f("ix_rule_notice_firing_id"), "rule_notice", ["firing_id"])
