"""Which data pack a request is computed with: the one it names, or the service's own."""

from __future__ import annotations

from api.service.http.problems import BODY, ServiceError
from api.service.runtime.request import Service
from capitation.errors import Fault


def chosen_pack(service: Service, asked: str | None) -> str:
    """The digest of the data pack that a request names; of the service's own where it names none.

    Raises:
        ServiceError: no pack of that digest was sent.
    """
    own = service.pack.digest
    if asked is None or asked == own:
        return own
    if service.store.pack(asked) is None:
        fault = Fault(
            f"{BODY}: data_pack", repr(asked), "the digest of a data pack that is stored", "See /v1/data-packs."
        )
        raise ServiceError("invalid", f"there is no data pack {asked!r}", [fault])
    return asked
