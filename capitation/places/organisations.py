"""Organisations of a system: who they are and what each provides to whom.

An organisation is known by its national code; the few that have none carry a code of the pack, and the file says so.
"""

from __future__ import annotations

import polars as pl

from capitation.pack.sources import DataPack
from capitation.records.columns import SOURCE
from capitation.records.frames import Column, Frame, Schema

ORGANISATIONS_FILE = "places/organisations.csv"
"""Path of the table inside a data pack."""

KINDS = (
    "ccg",
    "council",
    "specialised-commissioner",
    "acute",
    "community",
    "mental-health",
    "community-and-mental-health",
    "ambulance",
    "general-practice",
)
"""What an organisation can be; the first three hold allocations or budgets, the others provide care."""

COMMISSIONING_KINDS = ("ccg", "council", "specialised-commissioner")
"""Kinds that hold an allocation or a budget to commission with."""


class Organisation(Schema):
    """One organisation that takes part in the system."""

    code = Column(pl.String, "code", "National code, or the pack's own where there is none", key=True)
    name = Column(pl.String, "name", "Name the organisation went by at the time")
    kind = Column(pl.String, "kind", "What sort of body it is", one_of=KINDS)
    role = Column(pl.String, "sentence", "What it commissions or provides, and for whom")
    source = SOURCE.but(about="Id of the source that names the organisation and its role")
    where = Column(pl.String, "locator", "Table and row of that source")
    code_source = Column(pl.String, "source", 'Id of the source that gives the code, or "assumption"')
    code_where = Column(pl.String, "locator", "Table and column of that source, or what the assumption rests on")


def organisations(pack: DataPack) -> Frame[Organisation]:
    """All organisations of the pack, in order of their codes.

    Raises:
        SourceError: the table is missing or a cell cannot be read.
        FrameError: a kind that is not known, or a code given twice.
    """
    return pack.rows(ORGANISATIONS_FILE, Organisation)
