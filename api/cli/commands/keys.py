"""`capitation keys`: who may use the service: issue, list and revoke keys, directly in its store."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import typer

from api.boards.tables import notices, print_json, show
from api.cli.options import DataOption, JsonOption, StoreOption
from api.cli.service_store import opened_store, settings_of


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(no_args_is_help=True, help="API keys: who may use the service, and for what.")
    group.command("issue")(issue)
    group.command("list")(listed)
    group.command("revoke")(revoke)
    app.add_typer(group, name="keys")


def issue(
    subject: Annotated[str, typer.Argument(help="The person or system that will use it; the same for all their keys.")],
    role: Annotated[str, typer.Option(help="analyst, approver, finance, partner or administrator.")],
    organisation: Annotated[
        str | None, typer.Option(help="Code of their organisation; the one that runs the system by default.")
    ] = None,
    scope: Annotated[
        list[str] | None, typer.Option(help="What it may be used for; by default everything the role allows.")
    ] = None,
    days: Annotated[int | None, typer.Option(min=1, help="Days until it expires; never by default.")] = None,
    store: StoreOption = None,
    data: DataOption = None,
) -> None:
    """Issue a key and print it once; only its checksum is stored. Once a first key exists, everybody needs one."""
    import polars as pl

    from api.service.records.pack import pack_at
    from api.service.runtime.service import system_of
    from api.service.security.access import ROLE_SCOPES, ROLES
    from api.service.security.audit import event
    from api.service.security.proofs.api_keys import issue_key

    setting = settings_of(store=store, data=data)
    pack = pack_at(setting.data)
    system = setting.organisation or system_of(pack)
    named = organisation or system
    with opened_store(setting) as kept:
        now = dt.datetime.fromtimestamp(kept.clock(), dt.UTC)
        scopes = scope or sorted(next((ROLE_SCOPES[known] for known in ROLES if known == role), ()))
        lives = None if days is None else dt.timedelta(days=days)
        issued = issue_key(subject, named, role, scopes, now=now, lives=lives)  # type: ignore[arg-type]  # it checks the role
        about = {"role": role, "holder": subject, "for": named}
        kept.add_key(
            issued.record, event(now, "command line", system, "keys.create", f"keys/{issued.record.key_id}", **about)
        )
    codes = pl.read_csv(pack.paths["places/organisations.csv"], infer_schema=False).get_column("code")
    if named != system and named not in codes.to_list():
        notices.print(f"note: the data pack has no organisation {named}; its partners will see totals only")
    notices.print(f"key {issued.record.key_id} for {subject}, {role} of {named}: keep it, it is not shown again")
    typer.echo(issued.text.get_secret_value())


def listed(
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the keys issued; their secret parts are not stored."""
    import polars as pl

    with opened_store(settings_of(store=store), is_there=True) as kept:
        records = [record for _, record in kept.keys(0, 100_000)]
    rows = [record.model_dump(mode="json", exclude={"sha256"}) for record in records]
    if as_json:
        print_json(rows)
        return
    names = ["key_id", "subject", "organisation", "role", "created", "expires", "revoked"]
    show(
        pl.DataFrame([{n: row[n] or "" for n in names} for row in rows], schema=dict.fromkeys(names, pl.String)), "Keys"
    )


def revoke(
    key_id: Annotated[str, typer.Argument(help="Public part of the key: the 16 digits after cap_.")],
    store: StoreOption = None,
) -> None:
    """Revoke a key; running servers refuse it within seconds."""
    from api.service.security.audit import event
    from capitation.errors import UnknownNameError

    with opened_store(settings_of(store=store), is_there=True) as kept:
        now = dt.datetime.fromtimestamp(kept.clock(), dt.UTC)
        record = kept.revoke_key(key_id, event(now, "command line", "", "keys.delete", f"keys/{key_id[:16]}"))
        if record is None:
            kind = "key"
            raise UnknownNameError(kind, key_id, [known.key_id for _, known in kept.keys(0, 100_000)])
    typer.echo(f"revoked: key {record.key_id} of {record.subject}")
