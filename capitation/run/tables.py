"""The tables of a run, each by its name and with the schema of its rows; listed once, for readers and for checks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Generic, TypeVar, cast, overload

import polars as pl

from capitation.activity.spread import LocalityActivity
from capitation.activity.unit_costs import UnitCost
from capitation.allocation.ledger import LedgerLine
from capitation.allocation.providers import LocalityFlow, ProviderAllocation, ServiceLine
from capitation.allocation.services import ServiceEnvelope
from capitation.allocation.spendable import HeldMoney
from capitation.allocation.top_slices import LocalitySlice
from capitation.allocation.tree import LevelAllocation
from capitation.chain.accounts import OrganisationAccount, OrganisationPosition
from capitation.chain.bridge import BridgeLine
from capitation.chain.sustainability import SustainabilityFund
from capitation.errors import UnknownNameError
from capitation.pace.opening import PracticeOpening
from capitation.pace.path import TotalAllocation
from capitation.pace.place_rule import PlaceLift
from capitation.pace.round import PacedAllocation, PaceSummary, Relaxation
from capitation.pace.statutory import CommissionerAllocation
from capitation.pace.target import AreaTarget, DistanceFromTarget, PlaceDistance
from capitation.pack.assumptions import Assumption
from capitation.places.membership import Membership
from capitation.records.columns import NEED_INDEX, PRACTICE, REGISTERED_PERSONS, STREAM, WEIGHTED_PERSONS
from capitation.records.frames import Column, Frame, Schema
from capitation.streams.control_total import ControlTotalStep, Deployable, GapBridge, StreamTotal, TotalCheck
from capitation.weighting.population import ProjectedList
from capitation.weighting.practice_weights import PracticeWeight

S = TypeVar("S", bound=Schema)


class PracticeNeed(Schema):
    """A practice's need in the base year by the formula of one stream."""

    stream = STREAM
    practice_code = PRACTICE
    formula = Column(pl.String, "id", "Need formula of the stream")
    registered_persons = REGISTERED_PERSONS.but(about="Registered persons of the base year")
    weighted_persons = WEIGHTED_PERSONS
    need_index = NEED_INDEX


class CodeName(Schema):
    """What a code of the run is called, for display; codes identify."""

    kind = Column(
        pl.String,
        "kind",
        "What the code is of",
        key=True,
        one_of=("system", "place", "locality", "practice", "provider", "organisation"),
    )
    code = Column(pl.String, "code", "Code", key=True)
    name = Column(pl.String, "name", "Name for people; the code where none is published")


class SetAside(Schema):
    """Something a run met and did not use, with its size and the reason."""

    subject = Column(pl.String, "words", "What was set aside", key=True)
    amount = Column(pl.Float64, "as the unit says", "Its size")
    unit = Column(pl.String, "unit", "Unit of the size")
    reason = Column(pl.String, "words", "Why")


class RunTable(Generic[S]):
    """One table of a run, read as an attribute: `run.allocation` is a `Frame[LevelAllocation]`."""

    def __init__(self, schema: type[S]) -> None:
        self.schema, self.name = schema, ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    if TYPE_CHECKING:

        @overload
        def __get__(self, run: None, owner: type) -> RunTable[S]: ...
        @overload
        def __get__(self, run: RunTables, owner: type) -> Frame[S]: ...

    def __get__(self, run: RunTables | None, owner: type) -> RunTable[S] | Frame[S]:
        return self if run is None else cast("Frame[S]", run.frame(self.name))


class RunTables:
    """The tables that the evaluation of a scenario gives, typed by the schema of their rows."""

    frames: Mapping[str, pl.DataFrame]

    allocation = RunTable(LevelAllocation)
    assumption = RunTable(Assumption)
    code_name = RunTable(CodeName)
    commissioner_allocation = RunTable(CommissionerAllocation)
    control_total_step = RunTable(ControlTotalStep)
    deployable = RunTable(Deployable)
    distance_from_target = RunTable(DistanceFromTarget)
    flow = RunTable(LocalityFlow)
    bridge = RunTable(BridgeLine)
    gap_bridge = RunTable(GapBridge)
    held_money = RunTable(HeldMoney)
    ledger = RunTable(LedgerLine)
    locality_activity = RunTable(LocalityActivity)
    locality_slice = RunTable(LocalitySlice)
    locality_total = RunTable(TotalAllocation)
    membership = RunTable(Membership)
    organisation_account = RunTable(OrganisationAccount)
    organisation_position = RunTable(OrganisationPosition)
    pace = RunTable(PacedAllocation)
    pace_summary = RunTable(PaceSummary)
    place_distance = RunTable(PlaceDistance)
    place_lift = RunTable(PlaceLift)
    population = RunTable(ProjectedList)
    practice_need = RunTable(PracticeNeed)
    practice_opening = RunTable(PracticeOpening)
    practice_weight = RunTable(PracticeWeight)
    provider_allocation = RunTable(ProviderAllocation)
    relaxation = RunTable(Relaxation)
    service_envelope = RunTable(ServiceEnvelope)
    service_line = RunTable(ServiceLine)
    set_aside = RunTable(SetAside)
    spendable = RunTable(LevelAllocation)
    stream_total = RunTable(StreamTotal)
    sustainability_fund = RunTable(SustainabilityFund)
    target = RunTable(AreaTarget)
    total_check = RunTable(TotalCheck)
    unit_cost = RunTable(UnitCost)

    def frame(self, name: str) -> pl.DataFrame:
        """One table by a name that is data; a name that is known is read as an attribute, such as `run.allocation`.

        Raises:
            UnknownNameError: there is no table of this name.
        """
        if name not in self.frames:
            raise UnknownNameError("frame", name, self.frames, where=str(self))
        return self.frames[name]


SCHEMAS: dict[str, type[Schema]] = {
    name: each.schema for name, each in vars(RunTables).items() if isinstance(each, RunTable)
}
"""Schemas of a run's frames by name."""
