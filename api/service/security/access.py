"""Who may do what, and which rows they see: tables of scopes, roles and organisations, and nothing that is not in them.

A thing is allowed when the caller's role may hold the scope it needs, the caller was given that scope, and the
caller's organisation may do it. Writing, approving and exporting belong to the organisation that runs the system;
partners read. Two hands: who made a run cannot approve it, and only an approved run leaves as a journal.

A partner sees the totals of the system and its own detail. `SIGHT` says for each frame of a run which columns make a
row one's own and which rows are totals of the system; a frame that is not in the table is shown to no partner.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import polars as pl

from capitation.errors import CapitationError, UnknownNameError

Scope = Literal["run:read", "run:write", "approve", "journal:export", "admin"]
"""What a key or token was given: read, make, approve, export journals, administer."""

Role = Literal["analyst", "approver", "finance", "partner", "administrator"]
"""What its holder is: makes runs, approves them, exports journals, reads as a partner, keeps keys and the audit log."""

Resource = Literal[
    "scenarios",
    "data-packs",
    "formulas",
    "contracts",
    "problems",
    "options",
    "runs",
    "allocations",
    "settlements",
    "positions",
    "simulations",
    "optimisations",
    "comparisons",
    "figures",
    "exports",
    "jobs",
    "journals",
    "approvals",
    "catalogue",
    "keys",
    "audit",
    "metrics",
]
"""What the service holds, as in its addresses."""

Verb = Literal["read", "create", "change", "delete"]
"""What is done to it: GET is read, POST create, PUT and PATCH change, DELETE delete or cancel."""

Who = Literal["anyone", "system"]
"""Whose callers may: those of any organisation, or of the one that runs the system."""

SCOPES: tuple[Scope, ...] = get_args(Scope)
ROLES: tuple[Role, ...] = get_args(Role)
RESOURCES: tuple[Resource, ...] = get_args(Resource)
VERBS: tuple[Verb, ...] = get_args(Verb)

ROLE_SCOPES: Mapping[Role, frozenset[Scope]] = {
    "analyst": frozenset({"run:read", "run:write"}),
    "approver": frozenset({"run:read", "approve"}),
    "finance": frozenset({"run:read", "journal:export"}),
    "partner": frozenset({"run:read"}),
    "administrator": frozenset({"run:read", "admin"}),
}
"""The scopes a role may hold; a key that names others is refused, a token's others count for nothing."""


@dataclass(frozen=True)
class Rule:
    """What one thing needs: a scope, and an organisation that may."""

    scope: Scope
    who: Who


_READ = Rule("run:read", "anyone")
_MAKE = Rule("run:write", "system")
_EXPORT = Rule("journal:export", "system")
_ADMIN = Rule("admin", "system")

_MADE: tuple[Resource, ...] = (
    "scenarios",
    "data-packs",
    "formulas",
    "contracts",
    "problems",
    "options",
    "runs",
    "settlements",
    "simulations",
    "optimisations",
    "comparisons",
)
_DERIVED: tuple[Resource, ...] = ("allocations", "positions", "figures", "jobs", "catalogue", "approvals")
_REVISED: tuple[Resource, ...] = ("scenarios", "contracts", "problems", "options", "formulas")

RULES: Mapping[tuple[Resource, Verb], Rule] = {
    **{(resource, "read"): _READ for resource in (*_MADE, *_DERIVED)},
    **{(resource, "create"): _MAKE for resource in _MADE},
    **{(resource, "change"): _MAKE for resource in _REVISED},
    ("jobs", "delete"): _MAKE,
    ("exports", "read"): Rule("run:read", "system"),  # a workbook holds every organisation's rows
    ("exports", "create"): _MAKE,
    ("approvals", "create"): Rule("approve", "system"),
    ("journals", "read"): _EXPORT,
    ("journals", "create"): _EXPORT,
    ("keys", "read"): _ADMIN,
    ("keys", "create"): _ADMIN,
    ("keys", "delete"): _ADMIN,
    ("audit", "read"): _ADMIN,
    ("metrics", "read"): _ADMIN,
}
"""What each resource and verb needs; what is not listed nobody may do."""


@dataclass(frozen=True)
class Caller:
    """Who is asking, once a key or token has been checked.

    Args:
        subject: the person or system; the same for all keys of one person, for two hands compare it.
        organisation: code of the organisation they act for.
        role: what they are.
        scopes: what the key or token was given.
        means: how they proved it; `local` where no key was issued yet and they are at this machine.
        credential: id of the key or token, which is no secret.
    """

    subject: str
    organisation: str
    role: Role
    scopes: frozenset[Scope]
    means: Literal["key", "token", "local"]
    credential: str = ""

    @property
    def client(self) -> str:
        """What idempotency keys and rate limits are counted for: the subject in its organisation."""
        return f"{self.organisation}/{self.subject}"


class AccessError(CapitationError):
    """A known caller may not do this; `code` is stable and names the rule."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


def held(caller: Caller) -> frozenset[Scope]:
    """The scopes that count: given to the caller and allowed to the role."""
    return caller.scopes & ROLE_SCOPES[caller.role]


def refusal(caller: Caller, resource: Resource, verb: Verb, system: str) -> AccessError | None:
    """Why the caller may not do this to the resource, or nothing where they may.

    Args:
        caller: who asks.
        resource: what it is done to.
        verb: what is done.
        system: code of the organisation that runs the system.
    """
    rule = RULES.get((resource, verb))
    if rule is None:
        return AccessError("not-offered", f"{verb} of {resource}: nobody may do this")
    if rule.scope not in ROLE_SCOPES[caller.role]:
        return AccessError(
            "role", f"{verb} of {resource}: found role {caller.role}; expected one of {_holders(rule.scope)}"
        )
    if rule.scope not in caller.scopes:
        given = ", ".join(sorted(caller.scopes)) or "no scope"
        return AccessError(
            "scope",
            f"{verb} of {resource}: found {given}; expected scope {rule.scope}. Ask for a key or token that has it",
        )
    if rule.who == "system" and caller.organisation != system:
        return AccessError(
            "organisation",
            f"{verb} of {resource}: found organisation {caller.organisation}; expected {system}, which runs the system",
        )
    return None


def allow(caller: Caller, resource: Resource, verb: Verb, system: str) -> None:
    """Let the caller pass, or say why not.

    Raises:
        AccessError: the role, the scope or the organisation is not one that may.
    """
    found = refusal(caller, resource, verb, system)
    if found is not None:
        raise found


def check_second_hand(caller: Caller, made_by: str, run: str) -> None:
    """Refuse an approval by the subject that made the run, whatever key, role or spelling of case they come with.

    Raises:
        AccessError: maker and approver are one, or the maker is not known.
    """
    if not made_by.strip():
        raise AccessError("maker-unknown", f"run {run}: found no maker; expected one, so that a second hand approves")
    if made_by.strip().casefold() == caller.subject.strip().casefold():
        raise AccessError(
            "maker-approves", f"run {run}: found {caller.subject}, who made it; expected another approver"
        )


def check_approved(approved_by: str | None, run: str) -> None:
    """Refuse a journal of a run that nobody has approved.

    Raises:
        AccessError: the run is not approved.
    """
    if not approved_by:
        raise AccessError("run-not-approved", f"run {run}: found no approval; expected one before its journals leave")


@dataclass(frozen=True)
class Sight:
    """Which rows of a frame a partner sees.

    Args:
        own: columns that make a row one's own where any holds one's code or a code of one's area.
        area: columns among `own` that hold codes of areas and practices rather than of organisations.
        totals: column and value that mark totals of the system; every row is one where it is "*".
    """

    own: tuple[str, ...] = ()
    area: tuple[str, ...] = ()
    totals: tuple[str, str] | Literal["*"] | None = None


_OPEN = Sight(totals="*")
_BY_AREA = Sight(own=("area_code",), area=("area_code",))
_BY_LEVEL = Sight(own=("code",), area=("code",), totals=("level", "system"))
_BY_PRACTICE = Sight(own=("practice_code",), area=("practice_code",))
_BY_ORGANISATION = Sight(own=("organisation_code",))

SIGHT: Mapping[str, Sight] = {
    "allocation": _BY_LEVEL,
    "spendable": _BY_LEVEL,
    "ledger": Sight(own=("subject_code",), area=("subject_code",), totals=("subject_kind", "system")),
    "provider_allocation": Sight(
        own=("provider_code", "commissioner_code", "locality_code"),
        area=("locality_code",),
    ),
    "service_envelope": Sight(own=("commissioner_code", "locality_code"), area=("locality_code",)),
    "flow": Sight(own=("provider_code", "locality_code"), area=("locality_code",)),
    "held_money": Sight(own=("locality_code",), area=("locality_code",)),
    "locality_slice": Sight(own=("locality_code",), area=("locality_code",)),
    "locality_activity": Sight(own=("locality_code",), area=("locality_code",)),
    "locality_total": _BY_AREA,
    "target": _BY_AREA,
    "pace": _BY_AREA,
    "place_distance": _BY_AREA,
    "place_lift": _BY_AREA,
    "relaxation": _BY_AREA,
    "distance_from_target": _BY_AREA,
    "population": _BY_PRACTICE,
    "practice_need": _BY_PRACTICE,
    "practice_weight": _BY_PRACTICE,
    "practice_opening": Sight(own=("commissioner_code", "practice_code"), area=("practice_code",)),
    "membership": _OPEN,
    "code_name": _OPEN,
    "assumption": _OPEN,
    "set_aside": _OPEN,
    "control_total_step": _OPEN,
    "stream_total": _OPEN,
    "total_check": _OPEN,
    "deployable": _OPEN,
    "gap_bridge": _OPEN,
    "pace_summary": _OPEN,
    "service_line": _OPEN,
    "unit_cost": _OPEN,
    "commissioner_money": Sight(own=("commissioner_code",)),
    "contract_notice": _OPEN,
    "option_terms": _OPEN,
    "expected_gap": Sight(own=("provider_code",)),
    "option_difference": _BY_ORGANISATION,
    "outturn": Sight(own=("commissioner", "provider")),
    "payment": Sight(own=("commissioner_code", "provider_code")),
    "position": _BY_ORGANISATION,
    "position_bridge": Sight(own=("subject_code",)),
    "transfer": _BY_ORGANISATION,
    "who_pays": _BY_ORGANISATION,
    "statement": Sight(own=("party",)),
    "positions": Sight(own=("party",)),
    "entries": Sight(own=("party",)),
    "draws": _OPEN,
    "money": _OPEN,
    "activity": _OPEN,
    "regret": _OPEN,
    "credit": _OPEN,
    "organisations": Sight(own=("organisation",), totals=("organisation", "system")),
    "mix": Sight(own=("place",), area=("place",), totals=("place", "ALL")),
}
"""Rows a partner sees of each frame of a run, an evaluation of options, a settlement, an optimisation and a simulation."""


def sees_everything(caller: Caller, system: str) -> bool:
    """Whether all rows are the caller's to read: they act for the organisation that runs the system, not as a partner."""
    return caller.organisation == system and caller.role != "partner"


def area_codes(organisation: str, membership: pl.DataFrame) -> frozenset[str]:
    """Codes of places, localities and practices that are wholly the organisation's: a commissioner's or a place's.

    Args:
        organisation: a commissioner, place, locality or practice; another has no area of its own.
        membership: practice_code, locality_code, place_code, commissioner_code, as in a run.
    """
    levels = ["practice_code", "locality_code", "place_code"]
    is_own = pl.any_horizontal(pl.col(name) == organisation for name in [*levels, "commissioner_code"])
    return frozenset(
        code
        for level in levels
        for code in membership.group_by(level).agg(is_own.all().alias("own")).filter("own").get_column(level)
    )


def visible(name: str, frame: pl.DataFrame, caller: Caller, system: str, area: Iterable[str] = ()) -> pl.DataFrame:
    """The rows of a frame that the caller may see, in their own order.

    Args:
        name: the frame's name in its run.
        frame: its rows.
        caller: who asks.
        system: code of the organisation that runs the system.
        area: codes of the caller's area, as `area_codes` gives them.

    Raises:
        UnknownNameError: the frame is not in the table, so no partner is shown it.
    """
    if sees_everything(caller, system):
        return frame
    if name not in SIGHT:
        raise UnknownNameError("frame with rules of sight", name, SIGHT)
    sight = SIGHT[name]
    if sight.totals == "*":
        return frame
    mine, around = [caller.organisation], sorted({caller.organisation, *area})
    tests = [pl.col(column).is_in(around if column in sight.area else mine) for column in sight.own]
    if sight.totals is not None:
        column, value = sight.totals
        tests.append(pl.col(column) == value)
    return frame.filter(pl.any_horizontal(tests))


def _holders(scope: Scope) -> str:
    return ", ".join(role for role in ROLES if scope in ROLE_SCOPES[role])


__all__ = [
    "RESOURCES",
    "ROLES",
    "ROLE_SCOPES",
    "RULES",
    "SCOPES",
    "SIGHT",
    "VERBS",
    "AccessError",
    "Caller",
    "Resource",
    "Role",
    "Rule",
    "Scope",
    "Sight",
    "Verb",
    "allow",
    "area_codes",
    "check_approved",
    "check_second_hand",
    "held",
    "refusal",
    "sees_everything",
    "visible",
]
