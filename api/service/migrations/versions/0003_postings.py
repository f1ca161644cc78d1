"""What is posted, by account and month, so that no money is posted twice; approvals that can be withdrawn; guards against replacing rows."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

from api.service.records.claims import claims_of_content

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""A whole number that the database counts up."""

GUARDED = {
    "approval": "(kind = NEW.kind AND result = NEW.result AND round = NEW.round) OR id = NEW.id OR seq = NEW.seq",
    "approval_withdrawal": "approval = NEW.approval OR seq = NEW.seq",
    "journal": "id = NEW.id OR slot = NEW.slot OR seq = NEW.seq",
    "posting": "(journal = NEW.journal AND key = NEW.key) OR seq = NEW.seq",
}
"""Tables that are only ever added to, and which row a new one would stand in the way of."""


def upgrade() -> None:
    """Add the tables, make room for a second approval after a withdrawn one, and guard them all."""
    _approvals_in_rounds()
    op.create_table(
        "approval_withdrawal",
        sa.Column("seq", SERIAL, primary_key=True, autoincrement=True),
        sa.Column("approval", sa.String(32), nullable=False, unique=True),
        sa.Column("withdrawn_by", sa.Text, nullable=False),
        sa.Column("organisation", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("created", sa.Float(53), nullable=False),
    )
    op.create_table(
        "posting",
        sa.Column("seq", SERIAL, primary_key=True, autoincrement=True),
        sa.Column("journal", sa.String(16), nullable=False),
        sa.Column("root", sa.String(16), nullable=False, index=True),
        sa.Column("key", sa.String(32), nullable=False, index=True),
        sa.Column("money", sa.String(32), nullable=False, index=True),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("profile", sa.Text, nullable=False),
        sa.Column("first_month", sa.Integer, nullable=False),
        sa.Column("last_month", sa.Integer, nullable=False),
        sa.UniqueConstraint("journal", "key"),
    )
    _claim_what_was_posted()
    for table in ("approval", "approval_withdrawal", "posting"):
        _only_added_to(table)
    if op.get_bind().dialect.name == "sqlite":  # INSERT OR REPLACE would go round the other two
        for table, there in GUARDED.items():
            op.execute(
                f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} "
                f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {there}) "
                f"BEGIN SELECT RAISE(ABORT, '{table} is only ever added to'); END"
            )


def _approvals_in_rounds() -> None:
    """The approvals as they are, each the first round of its result."""
    columns = "seq, id, kind, result, made_by, approved_by, organisation, note, created"
    if op.get_bind().dialect.name != "sqlite":
        op.execute("DROP TRIGGER approval_is_kept ON approval")
        op.execute("DROP FUNCTION approval_is_kept()")
        op.add_column("approval", sa.Column("round", sa.Integer, nullable=False, server_default="1"))
        op.drop_constraint("approval_kind_result_key", "approval", type_="unique")
        op.create_unique_constraint("approval_kind_result_round_key", "approval", ["kind", "result", "round"])
        return
    for change in ("update", "delete"):
        op.execute(f"DROP TRIGGER approval_no_{change}")
    op.rename_table("approval", "approval_before")
    op.create_table(
        "approval",
        sa.Column("seq", SERIAL, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String(32), nullable=False, unique=True),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("result", sa.String(64), nullable=False),
        sa.Column("round", sa.Integer, nullable=False, server_default="1"),
        sa.Column("made_by", sa.Text, nullable=False),
        sa.Column("approved_by", sa.Text, nullable=False),
        sa.Column("organisation", sa.Text, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("created", sa.Float(53), nullable=False),
        sa.UniqueConstraint("kind", "result", "round"),
    )
    op.execute(f"INSERT INTO approval ({columns}) SELECT {columns} FROM approval_before ORDER BY seq")
    op.drop_table("approval_before")


def _claim_what_was_posted() -> None:
    """Each journal that takes no other back claims its accounts, in the chain of the first that it goes back to."""
    bind = op.get_bind()
    query = sa.text("SELECT id, kind, linked_to, organisation, content FROM journal ORDER BY seq")
    roots: dict[str, str] = {}
    add = sa.text(
        "INSERT INTO posting (journal, root, key, money, account, profile, first_month, last_month) "
        "VALUES (:journal, :root, :key, :money, :account, :profile, :first_month, :last_month)"
    )
    for journal, kind, linked_to, owner, content in bind.execute(query).all():
        if kind == "reversal":
            continue
        roots[journal] = roots.get(linked_to, journal) if kind == "replacement" else journal
        for claim in claims_of_content(json.loads(bytes(content)), owner):
            bind.execute(add, {"journal": journal, "root": roots[journal], **vars(claim)})


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
