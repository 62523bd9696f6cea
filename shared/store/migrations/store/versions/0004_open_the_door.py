"""Open the door: sources and dead letters, subscriptions and deliveries, standings."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

KEY = sa.String().with_variant(sa.VARCHAR(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_index(
        op.f("ix_identities_account_id_contact_id"), "identities", ["account_id", "contact_id"], unique=False
    )
    op.create_table(
        "dead_letters",
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("dead_letter_id", KEY, nullable=False),
        sa.Column("source_id", KEY, nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("recipient", KEY, nullable=True),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "dead_letter_id", name=op.f("pk_dead_letters")),
    )
    op.create_index(
        op.f("ix_dead_letters_account_id_received_at"), "dead_letters", ["account_id", "received_at"], unique=False
    )
    op.create_table(
        "messages",
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("message_id", KEY, nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("occurred_at", sa.BigInteger(), nullable=False),
        sa.Column("contact_id", KEY, nullable=True),
        sa.Column("cause", sa.String(), nullable=True),
        sa.Column("data", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "message_id", name=op.f("pk_messages")),
    )
    op.create_index(op.f("ix_messages_account_id_contact_id"), "messages", ["account_id", "contact_id"], unique=False)
    op.create_index(op.f("ix_messages_account_id_occurred_at"), "messages", ["account_id", "occurred_at"], unique=False)
    op.create_table(
        "receipts",
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("source_id", KEY, nullable=False),
        sa.Column("receipt", KEY, nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "source_id", "receipt", name=op.f("pk_receipts")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_receipts_account_id_received_at"), "receipts", ["account_id", "received_at"], unique=False)
    op.create_table(
        "sources",
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("source_id", KEY, nullable=False),
        sa.Column("name", KEY, nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("creates_contacts", sa.Boolean(), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("last_received_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("account_id", "source_id", name=op.f("pk_sources")),
        sa.UniqueConstraint("account_id", "name", name=op.f("uq_sources_account_id_name")),
        sa.UniqueConstraint("source_id", name=op.f("uq_sources_source_id")),
    )
    op.create_table(
        "stale_contacts",
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("contact_id", KEY, nullable=False),
        sa.Column("first_touched_at", sa.BigInteger(), nullable=False),
        sa.Column("touched_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "contact_id", name=op.f("pk_stale_contacts")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "standings",
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("contact_id", KEY, nullable=False),
        sa.Column("capability", KEY, nullable=False),
        sa.Column("outcome", KEY, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("score", sa.Integer(), nullable=True),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("previous_state", sa.String(), nullable=True),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "contact_id", "capability", "outcome", name=op.f("pk_standings")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "subscriptions",
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("subscription_id", KEY, nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("event_types", sa.Text(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("connector", sa.String(), nullable=True),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.Column("sealed_headers", sa.Text(), nullable=True),
        sa.Column("model_changes", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("state_reason", sa.String(), nullable=True),
        sa.Column("state_at", sa.BigInteger(), nullable=False),
        sa.Column("failing_since", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "subscription_id", name=op.f("pk_subscriptions")),
    )
    op.create_table(
        "deliveries",
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("delivery_id", KEY, nullable=False),
        sa.Column("subscription_id", KEY, nullable=False),
        sa.Column("message_id", KEY, nullable=False),
        sa.Column("state", KEY, nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id", "message_id"],
            ["messages.account_id", "messages.message_id"],
            name=op.f("fk_deliveries_messages"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "subscription_id"],
            ["subscriptions.account_id", "subscriptions.subscription_id"],
            name=op.f("fk_deliveries_subscriptions"),
        ),
        sa.PrimaryKeyConstraint("account_id", "delivery_id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint(
            "account_id",
            "subscription_id",
            "message_id",
            name=op.f("uq_deliveries_account_id_subscription_id_message_id"),
        ),
    )
    op.create_index(
        op.f("ix_deliveries_account_id_subscription_id_state_due_at"),
        "deliveries",
        ["account_id", "subscription_id", "state", "due_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_deliveries_account_id_message_id"), "deliveries", ["account_id", "message_id"], unique=False
    )
    op.create_index(
        op.f("ix_deliveries_account_id_created_at"), "deliveries", ["account_id", "created_at"], unique=False
    )
    op.create_table(
        "source_secrets",
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("source_id", KEY, nullable=False),
        sa.Column("secret_id", KEY, nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id", "source_id"],
            ["sources.account_id", "sources.source_id"],
            name=op.f("fk_source_secrets_sources"),
        ),
        sa.PrimaryKeyConstraint("account_id", "source_id", "secret_id", name=op.f("pk_source_secrets")),
    )
    op.create_table(
        "subscription_secrets",
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("subscription_id", KEY, nullable=False),
        sa.Column("secret_id", KEY, nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id", "subscription_id"],
            ["subscriptions.account_id", "subscriptions.subscription_id"],
            name=op.f("fk_subscription_secrets_subscriptions"),
        ),
        sa.PrimaryKeyConstraint("account_id", "subscription_id", "secret_id", name=op.f("pk_subscription_secrets")),
    )
    op.create_table(
        "attempts",
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("delivery_id", KEY, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("attempted_at", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("milliseconds", sa.Integer(), nullable=False),
        sa.Column("error", sa.String(), nullable=True),
        sa.Column("response", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id", "delivery_id"],
            ["deliveries.account_id", "deliveries.delivery_id"],
            name=op.f("fk_attempts_deliveries"),
        ),
        sa.PrimaryKeyConstraint("account_id", "delivery_id", "number", name=op.f("pk_attempts")),
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_identities_account_id_contact_id"), table_name="identities")
    op.drop_table("attempts")
    op.drop_table("subscription_secrets")
    op.drop_table("source_secrets")
    op.drop_table("deliveries")
    op.drop_table("subscriptions")
    op.drop_table("standings")
    op.drop_table("stale_contacts")
    op.drop_table("sources")
    op.drop_table("receipts")
    op.drop_table("messages")
    op.drop_table("dead_letters")
