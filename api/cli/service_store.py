"""The settings and the store of the web service, for the commands that run it or look into it.

The web framework and the database are imported by the command that needs them, so that the other commands start without them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from capitation.errors import DocumentError, Fault

if TYPE_CHECKING:
    from api.service.settings import Settings
    from api.service.store import Store

STOP_SECONDS = 10
"""How long requests may go on once the server is asked to stop."""


def settings_of(**given: str | Path | int | None) -> Settings:
    """The settings from file and environment, with what was given on the command line put over them.

    Raises:
        DocumentError: every setting that is wrong.
    """
    from api.service.settings import Settings

    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]  # checked by the model
    except ValidationError as error:
        from api.service.runtime.request_faults import in_words

        faults = [
            Fault(
                _place_of(str(each["loc"][0]), given) if each["loc"] else "settings",
                repr(each["input"]) if each["loc"] else "one without the other",
                in_words(each),
            )
            for each in error.errors()
        ]
        message = "the settings cannot be used"
        raise DocumentError(message, faults) from error


def _place_of(name: str, given: Mapping[str, object]) -> str:
    """Where a setting was made: on the command line, in the environment or in the settings' file."""
    from api.service.settings import settings_file

    variable = f"CAPITATION_{name.upper()}"
    if given.get(name) is not None:
        return f"--{name.replace('_', '-')}"
    file = settings_file()
    return variable if variable in {each.upper() for each in os.environ} or file is None else f"{file}: {name}"


@contextmanager
def opened_store(setting: Settings, *, is_there: bool = False) -> Iterator[Store]:
    """The store, migrated to this version, and closed afterwards.

    Args:
        setting: where it is.
        is_there: whether it must be there already, as for commands that only look into it.

    Raises:
        StoreError: it cannot be reached, a newer version wrote it, or it is not there.
    """
    from api.service.store import Store, check_is_there

    if is_there:
        check_is_there(setting.store_url)
    kept = Store(setting.store_url)
    try:
        kept.migrate()
        yield kept
    finally:
        kept.close()
