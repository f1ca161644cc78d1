"""Bytes of results by their digest: tables, files and contents that several results share are kept once."""

from __future__ import annotations

import hashlib
import zlib

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

MOVED = {
    "document": ("content", ("kind", "name", "version"), "document/{kind}"),
    "result": ("content", ("kind", "id"), "{kind}/"),
    "result_frame": ("parquet", ("kind", "id", "name"), "{kind}/{name}"),
    "result_file": ("content", ("kind", "id", "name"), "{kind}/{name}"),
}
"""Tables, the column that holds their bytes until now, what names a row, and what its bytes are labelled with."""


def upgrade() -> None:
    """Add the table of bytes, and move what is there; the room that this frees is used again by what comes."""
    op.create_table(
        "kept_bytes",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("sha256", sa.String(64), nullable=False, unique=True),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("base", sa.String(64), nullable=True),
        sa.Column("packed", sa.LargeBinary, nullable=False),
    )
    op.create_index("kept_bytes_label", "kept_bytes", ["label", "base", "seq"])
    for table, (column, key, label) in MOVED.items():
        op.add_column(table, sa.Column("bytes", sa.String(64), nullable=False, server_default=""))
        _move(table, column, key, label)
        op.drop_column(table, column)


def _move(table: str, column: str, key: tuple[str, ...], label: str) -> None:
    """Keep the bytes of each row whole, one row at a time, so that a large store needs little memory."""
    bind = op.get_bind()
    one = " AND ".join(f"{each} = :{each}" for each in key)
    find = sa.text(f"SELECT {column} FROM {table} WHERE {one}")
    there = sa.text("SELECT 1 FROM kept_bytes WHERE sha256 = :sha256")
    add = sa.text("INSERT INTO kept_bytes (sha256, label, packed) VALUES (:sha256, :label, :packed)")
    point = sa.text(f"UPDATE {table} SET bytes = :sha256 WHERE {one}")
    for named in bind.execute(sa.text(f"SELECT {', '.join(key)} FROM {table}")).mappings().all():
        found = bind.execute(find, dict(named)).scalar_one()
        content = found.encode() if isinstance(found, str) else bytes(found)
        sha256 = hashlib.sha256(content).hexdigest()
        if bind.execute(there, {"sha256": sha256}).first() is None:
            row = {"sha256": sha256, "label": label.format_map(named), "packed": zlib.compress(content, 9)}
            bind.execute(add, row)
        bind.execute(point, {**named, "sha256": sha256})
