"""Who may do what, and which rows they see: tables of scopes, roles and organisations, and nothing that is not in them.

A thing is allowed when the caller's role may hold the scope it needs, the caller was given that scope, and the
caller's organisation may do it. Writing, approving and exporting belong to the organisation that runs the system;
partners read. Two hands: who made a run cannot approve it, and only an approved run leaves as a journal.

Results of each kind of job stand under the kind's address; `visibility.py` says which of their rows a partner sees.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from api.service.kinds import KINDS
from api.service.records.failures import ProblemError
from api.service.records.job_kind import Who
from api.service.security.hands import same_hand

Scope = Literal["run:read", "run:write", "approve", "journal:export", "admin"]
"""What a key or token was given: read, make, approve, export journals, administer."""

Role = Literal["analyst", "approver", "finance", "partner", "administrator"]
"""What its holder is: makes runs, approves them, exports journals, reads as a partner, keeps keys and the audit log."""

Resource = str
"""What the service holds, by its word in addresses."""

Verb = Literal["read", "create", "change", "delete"]
"""What is done to it: GET is read, POST create, PUT and PATCH change, DELETE delete or cancel."""

SCOPES: tuple[Scope, ...] = get_args(Scope)
ROLES: tuple[Role, ...] = get_args(Role)
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

_REVISED: tuple[Resource, ...] = ("scenarios", "formulas", "contracts", "problems", "options")
_DERIVED: tuple[Resource, ...] = ("allocations", "positions", "figures", "jobs", "catalogue", "approvals")

RULES: Mapping[tuple[Resource, Verb], Rule] = {
    **{(resource, "read"): _READ for resource in (*_REVISED, *_DERIVED, "data-packs")},
    **{(resource, verb): _MAKE for resource in _REVISED for verb in ("create", "change")},
    ("data-packs", "create"): _MAKE,
    **{(kind.address, "read"): Rule("run:read", kind.read_by) for kind in KINDS.values()},
    **{(kind.address, "create"): _MAKE for kind in KINDS.values()},
    ("jobs", "delete"): _MAKE,
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

RESOURCES: frozenset[Resource] = frozenset(resource for resource, _ in RULES)
"""Everything the service holds."""


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


class AccessError(ProblemError):
    """A known caller may not do this; `code` is stable and names the rule."""

    kind = "forbidden"

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


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


def check_second_hand(caller: Caller, made_by: str, result: str) -> None:
    """Refuse an approval by the subject that made the result, whatever key, role or spelling of their name they come with.

    Raises:
        AccessError: maker and approver are one, or the maker is not known.
    """
    if not made_by.strip():
        raise AccessError("maker-unknown", f"{result}: found no maker; expected one, so that a second hand approves")
    if same_hand(made_by, caller.subject):
        raise AccessError("maker-approves", f"{result}: found {caller.subject}, who made it; expected another approver")


def _holders(scope: Scope) -> str:
    return ", ".join(role for role in ROLES if scope in ROLE_SCOPES[role])
