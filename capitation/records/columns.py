"""Columns that many tables share, each declared once: its type, unit and meaning are the same wherever it stands.

A schema takes one as it is (`year = YEAR`) or with what differs there (`year = YEAR.but(about="Year of the map")`).
"""

import polars as pl

from capitation.records.frames import Column

RATINGS = ("red", "amber", "green")
"""How good a figure's evidence is, and how much it matters."""

YEAR = Column(pl.String, "financial year", "Financial year, such as 2016/17", key=True)
STREAM = Column(pl.String, "code", "Stream of money, such as ccg, primary-medical or specialised", key=True)
PRACTICE = Column(pl.String, "code", "Code of the practice", key=True)
LOCALITY = Column(pl.String, "code", "Locality", key=True)
PLACE = Column(pl.String, "code", "Place of the locality")
AREA_CODE = Column(pl.String, "code", "Code of the area", key=True)
COMMISSIONER = Column(pl.String, "code", "Who pays", key=True)
PROVIDER = Column(pl.String, "code", "Provider", key=True)
SERVICE = Column(pl.String, "code", "Service", key=True)
ORGANISATION = Column(pl.String, "code", "Organisation", key=True)
POINT_OF_DELIVERY = Column(pl.String, "code", "Point of delivery", key=True)
COST_LINE = Column(pl.String, "code", "Point of delivery, or spend that none counts", key=True)
REGISTERED_PERSONS = Column(pl.Float64, "persons", "Registered persons", ge=0)
WEIGHTED_PERSONS = Column(pl.Float64, "weighted persons", "Persons weighted for need and unavoidable cost", ge=0)
NEED_INDEX = Column(pl.Float64, "index, system 1", "Weighted over registered persons", ge=0, nullable=True)
ALLOCATION_PENCE = Column(pl.Int64, "pence", "Recurrent allocation of the year", ge=0)
OPENING_PENCE = Column(pl.Int64, "pence", "Recurrent allocation carried in from the year before", ge=0)
TARGET_PENCE = Column(pl.Int64, "pence", "Fair share of the quantum", ge=0)
CLOSING_DFT_PENCE = Column(pl.Int64, "pence", "Allocation less target")
CLOSING_DFT_SHARE = Column(
    pl.Float64, "share of target", "Closing distance over target; empty where the target is nil", nullable=True
)
SOURCE = Column(pl.String, "source", 'Id of a source, or "assumption"')
QUALITY = Column(pl.String, "rating", "How good the evidence is", one_of=RATINGS)
IMPACT = Column(pl.String, "rating", "How much it matters", one_of=RATINGS)
CONTRACT = Column(pl.String, "id", "Contract", key=True)
OPTION = Column(pl.String, "id", "Contract option", key=True)
SCENARIO = Column(pl.String, "label", "Scenario, empty where the contract has none", key=True)
PERIOD = Column(pl.String, "year", "Period, empty where the contract has none", key=True)
ACCOUNT = Column(pl.String, "code", "The other parts of the row's key", key=True)
PARTY = Column(pl.String, "code", "Who receives or pays", key=True)
COUNTERPARTY = Column(pl.String, "code", "The other side, as the contract calls it", key=True)
TERM_NUMBER = Column(pl.Int64, "order", "Order of the term among the contract's payments", key=True, ge=1)
SOLUTION = Column(pl.String, "id", "Solution", key=True)
ACTIVITY_CASE = Column(pl.String, "id", "Activity case", key=True)
PLACE_TARGET_PENCE = Column(pl.Int64, "pence", "Target of the area over all streams", ge=0)
OTHER_STREAMS_PENCE = Column(pl.Int64, "pence", "Allocations of the area's other streams", ge=0)
