"""Create the tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

KEY = sa.String().with_variant(sa.VARCHAR(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("name", KEY, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_accounts")),
    )
    op.create_table(
        "attributes",
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("contact_id", KEY, nullable=False),
        sa.Column("name", KEY, nullable=False),
        sa.Column("valid_from", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("dated", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint(
            "account_id", "contact_id", "name", "valid_from", "recorded_at", name=op.f("pk_attributes")
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "events",
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("contact_id", KEY, nullable=False),
        sa.Column("event_id", KEY, nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("occurred_at", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("currency", sa.String(), nullable=True),
        sa.Column("message_id", sa.String(), nullable=True),
        sa.Column("campaign_id", sa.String(), nullable=True),
        sa.Column("item", sa.String(), nullable=True),
        sa.Column("properties", sa.Text(), nullable=True),
        sa.Column("human", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("account_id", "contact_id", "event_id", name=op.f("pk_events")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "account_states",
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("newest_event_at", sa.BigInteger(), nullable=True),
        sa.Column("all_static", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.name"], name=op.f("fk_account_states_accounts")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_account_states")),
    )
    op.create_table(
        "champions",
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("capability", KEY, nullable=False),
        sa.Column("outcome", KEY, nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("promoted_at", sa.BigInteger(), nullable=False),
        sa.Column("previous_version", sa.String(), nullable=True),
        sa.Column("previous_digest", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.name"], name=op.f("fk_champions_accounts")),
        sa.PrimaryKeyConstraint("account_id", "capability", "outcome", name=op.f("pk_champions")),
    )
    op.create_table(
        "contacts",
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("contact_id", KEY, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=True),
        sa.Column("timezone", sa.String(), nullable=True),
        sa.Column("consent", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.name"], name=op.f("fk_contacts_accounts")),
        sa.PrimaryKeyConstraint("account_id", "contact_id", name=op.f("pk_contacts")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "default_outcomes",
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("capability", KEY, nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.name"], name=op.f("fk_default_outcomes_accounts")),
        sa.PrimaryKeyConstraint("account_id", "capability", name=op.f("pk_default_outcomes")),
    )
    op.create_table(
        "identities",
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("kind", KEY, nullable=False),
        sa.Column("key_hash", KEY, nullable=False),
        sa.Column("contact_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.name"], name=op.f("fk_identities_accounts")),
        sa.PrimaryKeyConstraint("account_id", "kind", "key_hash", name=op.f("pk_identities")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "identity_merges",
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("kind", KEY, nullable=False),
        sa.Column("key_hash", KEY, nullable=False),
        sa.Column("merged_at", sa.BigInteger(), nullable=False),
        sa.Column("to_contact_id", KEY, nullable=False),
        sa.Column("from_contact_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.name"], name=op.f("fk_identity_merges_accounts")),
        sa.PrimaryKeyConstraint(
            "account_id", "kind", "key_hash", "merged_at", "to_contact_id", name=op.f("pk_identity_merges")
        ),
    )
    op.create_table(
        "keys",
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("public_id", KEY, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("last_used_at", sa.BigInteger(), nullable=True),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.name"], name=op.f("fk_keys_accounts")),
        sa.PrimaryKeyConstraint("account_id", "public_id", name=op.f("pk_keys")),
        sa.UniqueConstraint("public_id", name=op.f("uq_keys_public_id")),
    )
    op.create_table(
        "outcomes",
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("capability", KEY, nullable=False),
        sa.Column("name", KEY, nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.name"], name=op.f("fk_outcomes_accounts")),
        sa.PrimaryKeyConstraint("account_id", "capability", "name", name=op.f("pk_outcomes")),
    )
    op.create_table(
        "plots",
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("capability", KEY, nullable=False),
        sa.Column("outcome", KEY, nullable=False),
        sa.Column("version", KEY, nullable=False),
        sa.Column("name", KEY, nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.name"], name=op.f("fk_plots_accounts")),
        sa.PrimaryKeyConstraint("account_id", "capability", "outcome", "version", "name", name=op.f("pk_plots")),
    )
    op.create_table(
        "promotions",
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("capability", KEY, nullable=False),
        sa.Column("outcome", KEY, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("promoted_at", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("replaced_version", KEY, nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.name"], name=op.f("fk_promotions_accounts")),
        sa.PrimaryKeyConstraint("account_id", "capability", "outcome", "number", name=op.f("pk_promotions")),
    )
    op.create_table(
        "static_attributes",
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("name", KEY, nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.name"], name=op.f("fk_static_attributes_accounts")),
        sa.PrimaryKeyConstraint("account_id", "name", name=op.f("pk_static_attributes")),
    )
    op.create_table(
        "versions",
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("capability", KEY, nullable=False),
        sa.Column("outcome", KEY, nullable=False),
        sa.Column("version", KEY, nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("grade", sa.String(), nullable=False),
        sa.Column("trained_at", sa.BigInteger(), nullable=False),
        sa.Column("horizon_days", sa.Integer(), nullable=True),
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("figures", sa.Text(), nullable=False),
        sa.Column("report", sa.Text(), nullable=False),
        sa.Column("card", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.name"], name=op.f("fk_versions_accounts")),
        sa.PrimaryKeyConstraint("account_id", "capability", "outcome", "version", name=op.f("pk_versions")),
    )


def downgrade() -> None:
    op.drop_table("versions")
    op.drop_table("static_attributes")
    op.drop_table("promotions")
    op.drop_table("plots")
    op.drop_table("outcomes")
    op.drop_table("keys")
    op.drop_table("identity_merges")
    op.drop_table("identities")
    op.drop_table("default_outcomes")
    op.drop_table("contacts")
    op.drop_table("champions")
    op.drop_table("account_states")
    op.drop_table("events")
    op.drop_table("attributes")
    op.drop_table("accounts")
