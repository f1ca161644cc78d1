"""The tables of the store, as the newest migration leaves them."""

from __future__ import annotations

import sqlalchemy as sa

meta = sa.MetaData()
serial = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text) for name in names]


def _times(*names: str) -> list[sa.Column[float]]:
    return [sa.Column(name, sa.Float(53)) for name in names]


document = sa.Table(
    "document",
    meta,
    sa.Column("seq", serial, primary_key=True),
    *_texts("kind", "name", "digest", "title", "bytes", "author"),
    sa.Column("version", sa.Integer),
    *_times("created"),
)
job = sa.Table(
    "job",
    meta,
    sa.Column("seq", serial, primary_key=True),
    *_texts("id", "kind", "request", "status", "result", "problem", "owner", "author"),
    sa.Column("attempts", sa.Integer),
    *_times("leased_at", "lease_until", "created", "changed"),
)
asker = sa.Table("asker", meta, *_texts("job", "subject"))
job_event = sa.Table(
    "job_event", meta, sa.Column("seq", serial, primary_key=True), *_texts("job", "name", "says"), *_times("created")
)
message = sa.Table(
    "message",
    meta,
    sa.Column("seq", serial, primary_key=True),
    *_texts("job", "kind", "status", "result"),
    sa.Column("attempts", sa.Integer),
    *_times("ended", "due"),
)
result = sa.Table(
    "result",
    meta,
    sa.Column("seq", serial, primary_key=True),
    *_texts("kind", "id", "job", "bytes", "author"),
    *_times("created"),
)
result_frame = sa.Table(
    "result_frame",
    meta,
    *_texts("kind", "id", "name", "sha256", "bytes"),
    sa.Column("rows", sa.Integer),
)
result_file = sa.Table("result_file", meta, *_texts("kind", "id", "name", "media", "sha256", "bytes"))
kept_bytes = sa.Table(
    "kept_bytes",
    meta,
    sa.Column("seq", serial, primary_key=True),
    *_texts("sha256", "label", "base"),
    sa.Column("packed", sa.LargeBinary),
)
idempotency = sa.Table(
    "idempotency",
    meta,
    *_texts("client", "key", "fingerprint", "holder", "headers"),
    *_times("held_until", "created"),
    sa.Column("status", sa.Integer),
    sa.Column("body", sa.LargeBinary),
)
api_key = sa.Table(
    "api_key",
    meta,
    sa.Column("seq", serial, primary_key=True),
    *_texts("key_id", "sha256", "subject", "organisation", "role", "scopes"),
    *_times("created", "expires", "revoked"),
)
browser_session = sa.Table(
    "browser_session", meta, sa.Column("sha256", sa.Text, primary_key=True), *_texts("key_id"), *_times("expires")
)
audit_record = sa.Table(
    "audit_record", meta, sa.Column("number", sa.BigInteger, primary_key=True), *_texts("previous", "event", "sha256")
)
audit_head = sa.Table(
    "audit_head",
    meta,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("number", sa.BigInteger),
    *_texts("sha256"),
)
approval = sa.Table(
    "approval",
    meta,
    sa.Column("seq", serial, primary_key=True),
    *_texts("id", "kind", "result", "made_by", "approved_by", "organisation", "note"),
    sa.Column("round", sa.Integer),
    *_times("created"),
)
approval_withdrawal = sa.Table(
    "approval_withdrawal",
    meta,
    sa.Column("seq", serial, primary_key=True),
    *_texts("approval", "withdrawn_by", "organisation", "reason"),
    *_times("created"),
)
posting = sa.Table(
    "posting",
    meta,
    sa.Column("seq", serial, primary_key=True),
    *_texts("journal", "root", "key", "money", "account", "profile"),
    sa.Column("first_month", sa.Integer),
    sa.Column("last_month", sa.Integer),
)
journal = sa.Table(
    "journal",
    meta,
    sa.Column("seq", serial, primary_key=True),
    *_texts("id", "slot", "result", "organisation", "period", "source", "kind", "linked_to", "author"),
    sa.Column("total_pence", sa.BigInteger),
    sa.Column("lines", sa.Integer),
    sa.Column("content", sa.LargeBinary),
    *_times("created"),
)
data_pack = sa.Table(
    "data_pack",
    meta,
    sa.Column("seq", serial, primary_key=True),
    *_texts("digest", "name", "title", "about", "author"),
    sa.Column("size", sa.BigInteger),
    sa.Column("archive", sa.LargeBinary),
    *_times("created"),
)
