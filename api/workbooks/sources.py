"""Sources of a figure in words, without the file names and codes of the data."""

from __future__ import annotations

import re

from api.charts.material import SERVICES
from capitation.errors import CapitationError
from capitation.pack.parameters import Parameters
from capitation.pack.sources import DataPack


def source_in_words(source: str, pack: DataPack) -> str:
    """Where a line of a chain comes from, for those who do not know the data's file names.

    Example:
        "plan-2016: do_nothing, row Combined recurrent deficit before STF, column 2016/17" is
        "published: Combined recurrent deficit before STF, 2016/17".
    """
    if printed := _PRINTED.fullmatch(source):
        return f"published: {printed['row']}, {printed['column']}"
    if streams := _STREAMS.fullmatch(source):
        codes = streams["codes"].split(", ")
        return f"funding streams of the scenario: {', '.join(SERVICES.get(code, code).lower() for code in codes)}"
    if _PARAMETER.fullmatch(source):
        try:
            about = Parameters(pack).parameter(source).about
        except CapitationError:
            return source
        return f"assumed rate: {about.partition(':')[0].partition('. ')[0].rstrip('.').lower()}"
    return source


_PRINTED = re.compile(r"[\w-]+: \w+, row (?P<row>.+), column (?P<column>[^,]+)")
_STREAMS = re.compile(r"the scenario's streams (?P<codes>.+)")
_PARAMETER = re.compile(r"[a-z_]+\.[a-z_]+")
