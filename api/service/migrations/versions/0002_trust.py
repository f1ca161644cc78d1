"""What finance systems rely on: keys, the audit log, approvals, journals, data packs that were sent, files of results.

`upgrade` is longer than a screen because a migration is one list of tables, read once and never changed.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""A whole number that the database counts up."""

WIDER = (("document", "author"), ("job", "author"), ("result", "author"), ("idempotency", "client"))
"""Columns that hold names of callers, which may be longer than 128 characters; SQLite never limited them."""

APPEND_ONLY = ("audit_record", "approval", "journal")
"""Tables whose rows the database itself refuses to change or delete."""


# Reason: a migration is one list of tables, kept as it was run.
def upgrade() -> None:
    """Add the tables, and the time at which a lease was given."""
    if op.get_bind().dialect.name != "sqlite":
        for table, column in WIDER:
            op.alter_column(table, column, type_=sa.Text)
    op.add_column("job", sa.Column("leased_at", sa.Float(53)))
    op.create_table(
        "asker",
        sa.Column("job", sa.String(32), primary_key=True),
        sa.Column("subject", sa.Text, primary_key=True),
    )
    op.execute("INSERT INTO asker (job, subject) SELECT id, author FROM job")
    op.create_table(
        "result_file",
        sa.Column("kind", sa.String(32), primary_key=True),
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("media", sa.Text, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "api_key",
        sa.Column("seq", SERIAL, primary_key=True, autoincrement=True),
        sa.Column("key_id", sa.String(16), nullable=False, unique=True),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("organisation", sa.Text, nullable=False),
        sa.Column("role", sa.String(32), nullable=False),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("created", sa.Float(53), nullable=False),
        sa.Column("expires", sa.Float(53)),
        sa.Column("revoked", sa.Float(53)),
    )
    op.create_table(
        "audit_record",
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
    )
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
    )
    op.execute(f"INSERT INTO audit_head (id, number, sha256) VALUES (1, 0, '{'0' * 64}')")
    op.create_table(
        "approval",
        sa.Column("seq", SERIAL, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String(32), nullable=False, unique=True),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("result", sa.String(64), nullable=False),
        sa.Column("made_by", sa.Text, nullable=False),
        sa.Column("approved_by", sa.Text, nullable=False),
        sa.Column("organisation", sa.Text, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("created", sa.Float(53), nullable=False),
        sa.UniqueConstraint("kind", "result"),
    )
    op.create_table(
        "journal",
        sa.Column("seq", SERIAL, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String(16), nullable=False, unique=True),
        sa.Column("slot", sa.String(255), nullable=False, unique=True),
        sa.Column("result", sa.String(64), nullable=False),
        sa.Column("organisation", sa.Text, nullable=False),
        sa.Column("period", sa.String(16), nullable=False),
        sa.Column("source", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("linked_to", sa.String(64), nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("total_pence", sa.BigInteger, nullable=False),
        sa.Column("lines", sa.Integer, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("created", sa.Float(53), nullable=False),
    )
    op.create_table(
        "data_pack",
        sa.Column("seq", SERIAL, primary_key=True, autoincrement=True),
        sa.Column("digest", sa.String(64), nullable=False, unique=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("about", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("archive", sa.LargeBinary, nullable=False),
        sa.Column("created", sa.Float(53), nullable=False),
    )
    for table in APPEND_ONLY:
        _only_added_to(table)
    if op.get_bind().dialect.name == "sqlite":  # INSERT OR REPLACE would go round the other two
        op.execute(
            "CREATE TRIGGER audit_record_no_replace BEFORE INSERT ON audit_record "
            "WHEN EXISTS (SELECT 1 FROM audit_record WHERE number = NEW.number) "
            "BEGIN SELECT RAISE(ABORT, 'audit_record is only ever added to'); END"
        )


def _only_added_to(table: str) -> None:
    says = f"{table} is only ever added to"
    if op.get_bind().dialect.name == "sqlite":
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{change.lower()} BEFORE {change} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{says}'); END"
            )
        return
    op.execute(
        f"CREATE FUNCTION {table}_is_kept() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{says}'; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {table}_is_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_is_kept()"
    )
