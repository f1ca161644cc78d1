"""The query of an address: what it does not have is refused with the name that may be meant, as it is in bodies."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from api.service.records.failures import ServiceError
from capitation.errors import Faults, suggest


async def check_query(request: Request) -> None:
    """Refuse what an address does not have, and what it has once given twice.

    Raises:
        ServiceError: 422, with every fault.
    """
    route = request.scope.get("route")
    if not request.scope["query_string"] or not isinstance(route, APIRoute) or not route.path.startswith("/v1/"):
        return
    once, repeated, whole = _parameters(route)
    faults = Faults()
    for name, times in Counter(key for key, _ in request.query_params.multi_items()).items():
        known = sorted(once | repeated)
        if name not in once | repeated:
            expected = "a parameter of this address" if known else "no parameter"
            faults.add(f"query: {name[:64]}", "a parameter that is not known", expected, suggest(name[:64], known))
        elif name in once and times > 1:
            faults.add(f"query: {name}", f"{times} values", "one value")
        elif name in whole and not _WHOLE.fullmatch(request.query_params[name]):
            faults.add(f"query: {name}", repr(request.query_params[name][:40]), "a whole number")
    if len(faults):
        raise ServiceError("invalid", "the query does not fit the address", list(faults))


def _parameters(route: APIRoute) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """Names of the parameters that an address takes once, of those it takes several times, and of the whole numbers among the first."""
    named = route.path, route.name
    if named in _KEPT:
        return _KEPT[named]
    fields = {
        each.alias: str(each.field_info.annotation)
        for below in needs_of(route.dependant)
        for each in below.query_params
    }
    several = frozenset(name for name, kind in fields.items() if kind.startswith("list"))
    whole = frozenset(name for name, kind in fields.items() if kind in _WHOLE_KINDS)
    _KEPT[named] = frozenset(fields) - several, several, whole
    return _KEPT[named]


_KEPT: dict[tuple[str, str], tuple[frozenset[str], frozenset[str], frozenset[str]]] = {}
"""Parameters by address and name of a route; routes themselves cannot be keys."""

_WHOLE = re.compile(r"-?[0-9]{1,18}")
_WHOLE_KINDS = frozenset({str(int), str(int | None)})
"""How the framework names the kind of a whole number, which it would also read from 1_0, +5 and 1.0."""


def needs_of(dependant: Dependant) -> Iterator[Dependant]:
    """What a route needs, and what that needs."""
    yield dependant
    for each in dependant.dependencies:
        yield from needs_of(each)
